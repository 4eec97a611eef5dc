//! The same as [`crate::compile`] for whoever waits for each change of a repository: what was known before is not looked at
//! again, and what is found is told before the snapshot is made.
//!
//! ```text
//! Memory ─read, decode▶ ─resolve, check▶ Checked ─lower▶ Compilation
//! ```

use crate::compile::{bundle, inputs, root};
use crate::diagnostic::{Diagnostic, Finding, Levels, Severity, finish};
use crate::lower::Locator;
use crate::suppress::{Allowances, Used};
use crate::{
    Compilation, Memory, Options, api, check, environment, lower, ownership, resolve, source,
};

/// A repository of which no snapshot is made yet.
pub struct Checked {
    /// Of its findings those are absent that only lowering tells; there is no bundle.
    pub compilation: Compilation,
    diagnostics: Vec<Diagnostic>,
    levels: Levels,
    allowances: Allowances,
    used: Used,
    has_errors: bool,
    options: Options,
}

/// Reads and checks what has changed since the time before, and all that depends on it.
#[must_use]
pub fn check_again(inputs: &[source::Input], options: &Options, memory: &mut Memory) -> Checked {
    let (root, mut diagnostics) = (root(inputs), Vec::new());
    let mut parsed = memory.read(inputs, &options.context, &mut diagnostics);
    let environment = options.environment.as_deref();
    environment::select(&mut parsed, &root, environment, &mut diagnostics);
    let mesh = api::decode_again(&parsed, memory.decoded(), &mut diagnostics);
    let levels = crate::levels(&mesh, &parsed, &mut diagnostics);
    ownership::check(&mesh.project, &parsed, &root, &mut diagnostics);
    let (allowances, resolved) = rayon::join(
        || Allowances::read(&parsed, options.today, &mut diagnostics),
        || resolve::resolve(&mesh),
    );
    check::all(&resolved, options.today, &mut diagnostics);
    drop(resolved);
    check::hold_back(&parsed, &mut diagnostics);
    let compilation =
        Compilation { root, parsed, mesh, findings: Vec::new(), bundle: None, fault: None };
    let mut checked = Checked {
        compilation,
        diagnostics,
        levels,
        allowances,
        used: Used::new(),
        has_errors: false,
        options: options.clone(),
    };
    checked.finish();
    checked
}

/// Compiles a repository that was compiled before: what has not changed since is neither parsed nor decoded again.
#[must_use]
pub fn compile_again(
    inputs: &[source::Input],
    options: &Options,
    memory: &mut Memory,
) -> Compilation {
    check_again(inputs, options, memory).lower()
}

impl Checked {
    /// Whether nothing is to follow: there are errors, so that no snapshot is made.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.has_errors
    }

    /// Makes the snapshot, if there is no error.
    #[must_use]
    pub fn lower(mut self) -> Compilation {
        // While there are errors, not every check has run.
        if self.has_errors {
            return self.compilation;
        }
        let Compilation { root, parsed, mesh, .. } = &self.compilation;
        let resolved = resolve::resolve(mesh);
        let locator = (!self.options.checks_only).then(|| Locator::new(parsed, root));
        let lower = || lower::lower(&resolved, locator.as_ref(), &mut self.diagnostics).seal();
        let digest = || locator.is_some().then(|| inputs(parsed, root));
        let (lowered, digests) = rayon::join(lower, digest);
        let digests = digests.unwrap_or_default();
        drop(resolved);
        self.finish();
        let unused = self.allowances.unused(&self.used, &self.compilation.parsed);
        if !self.has_errors && !unused.is_empty() {
            self.diagnostics.extend(unused);
            self.finish();
        }
        match lowered {
            // A project may have made errors of what lowering found.
            Ok(_) if self.has_errors => {}
            Ok(lowered) => self.compilation.bundle = Some(bundle(lowered, digests, &self.options)),
            Err(conflict) => self.compilation.fault = Some(conflict),
        }
        self.compilation
    }

    /// Tells what was found so far.
    fn finish(&mut self) {
        let Compilation { parsed, mesh, findings, .. } = &mut self.compilation;
        *findings = finish(self.diagnostics.clone(), parsed, &mesh.faults, &self.levels);
        self.used = self.allowances.set_aside(findings);
        self.has_errors = findings.iter().any(|it: &Finding| it.severity == Severity::Error);
    }
}
