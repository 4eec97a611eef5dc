//! All stages in a row.

use std::collections::BTreeMap;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::provenance::Provenance;
use mesh_snapshot::{Conflict, Digest};
use rayon::prelude::*;

use crate::api::{self, Mesh};
use crate::check;
use crate::diagnostic::{Date, Diagnostic, Finding, Severity, finish};
use crate::environment;
use crate::lower::{self, Lowered};
use crate::ownership;
use crate::parse::Parsed;
use crate::resolve;
use crate::source::{Input, SourceFile, relative};
use crate::status::{self, ResourceStatus};
use crate::suppress::Allowances;

/// What the compiler cannot know by itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The Git commit that is compiled, in full; empty: not known.
    pub commit: String,
    /// Whether files differ from it.
    pub dirty: bool,
    /// By which comments that allow a finding expire, and certificates; absent: none does.
    pub today: Option<Date>,
    /// Which of the project's environments is compiled; absent: all files are one.
    pub environment: Option<String>,
    /// What says what is in the cluster, and is no policy.
    pub context: Vec<Input>,
}

impl Options {
    /// On this day, and nothing else is known.
    #[must_use]
    pub fn on(today: Date) -> Self {
        Self { today: Some(today), ..Self::default() }
    }
}

/// A repository, and what became of it.
#[derive(Debug)]
pub struct Compilation {
    /// The folder that places are relative to, as files in it are shown; empty: none.
    pub root: String,
    pub parsed: Parsed,
    pub mesh: Mesh,
    /// Sorted by file, place and check.
    pub findings: Vec<Finding>,
    /// There is none exactly when some finding is an error, or there is a `fault`.
    pub bundle: Option<Bundle>,
    /// A fault of the compiler's own, for which there is no snapshot either.
    pub fault: Option<Conflict>,
}

impl Compilation {
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// What a controller would write of the resources, whether or not there is a snapshot of them.
    #[must_use]
    pub fn statuses(&self) -> Vec<ResourceStatus> {
        status::statuses(&self.mesh, &self.parsed)
    }

    /// A file of `parsed` by its path below the root: the same wherever the repository lies.
    #[must_use]
    pub fn below_root<'p>(&self, path: &'p str) -> &'p str {
        relative(path, &self.root)
    }
}

/// Compiles everything that `inputs` lead to. Places and provenance are relative to the first, if that is a folder.
#[must_use]
pub fn compile(inputs: &[Input], options: &Options) -> Compilation {
    let mut diagnostics = Vec::new();
    let parsed = crate::read(inputs, &options.context, &mut diagnostics);
    compile_read(parsed, &root(inputs), options, diagnostics)
}

fn compile_read(
    mut parsed: Parsed,
    root: &str,
    options: &Options,
    mut diagnostics: Vec<Diagnostic>,
) -> Compilation {
    environment::select(&mut parsed, root, options.environment.as_deref(), &mut diagnostics);
    compile_parsed(parsed, root, options, diagnostics)
}

/// What follows after reading.
fn compile_parsed(
    parsed: Parsed,
    root: &str,
    options: &Options,
    mut diagnostics: Vec<Diagnostic>,
) -> Compilation {
    let mesh = api::decode(&parsed, &mut diagnostics);
    let levels = crate::levels(&mesh, &parsed, &mut diagnostics);
    ownership::check(&mesh.project, &parsed, root, &mut diagnostics);
    let allowances = Allowances::read(&parsed, options.today, &mut diagnostics);
    let finished = |diagnostics: Vec<Diagnostic>| {
        let mut findings = finish(diagnostics, &parsed, &mesh.faults, &levels);
        let used = allowances.set_aside(&mut findings);
        (findings, used)
    };
    let is_error = |finding: &Finding| finding.severity == Severity::Error;

    let resolved = resolve::resolve(&mesh);
    check::all(&resolved, options.today, &mut diagnostics);
    check::hold_back(&parsed, &mut diagnostics);
    let (mut findings, mut used) = finished(diagnostics.clone());
    let (mut lowered, mut fault) = (None, None);
    let mut digests = BTreeMap::new();
    if !findings.iter().any(is_error) {
        let known = diagnostics.len();
        let lower = || lower::lower(&resolved, &parsed, root, &mut diagnostics);
        let (result, inputs) = rayon::join(lower, || inputs(&parsed, root));
        match result {
            Ok(it) => lowered = Some(it),
            Err(conflict) => fault = Some(conflict),
        }
        digests = inputs;
        if diagnostics.len() > known {
            (findings, used) = finished(diagnostics.clone());
        }
    }
    // While there are errors, not every check has run.
    let unused =
        if findings.iter().any(is_error) { Vec::new() } else { allowances.unused(&used, &parsed) };
    if !unused.is_empty() {
        diagnostics.extend(unused);
        (findings, _) = finished(diagnostics);
    }
    // A project may have made errors of what lowering found.
    let lowered = lowered.filter(|_| !findings.iter().any(is_error));
    let bundle = lowered.map(|lowered| bundle(lowered, digests, options));
    Compilation { root: root.to_owned(), parsed, mesh, findings, bundle, fault }
}

pub(crate) fn bundle(
    lowered: Lowered,
    inputs: BTreeMap<String, Digest>,
    options: &Options,
) -> Bundle {
    let Lowered { snapshot, source_map, inventory } = lowered;
    let provenance = Provenance {
        compiler: concat!("mesh ", env!("CARGO_PKG_VERSION")).to_owned(),
        commit: options.commit.clone(),
        dirty: options.dirty,
        inputs,
    };
    Bundle { snapshot, inventory, source_map, provenance, signatures: Vec::new() }
}

pub(crate) fn inputs(parsed: &Parsed, root: &str) -> BTreeMap<String, Digest> {
    let files: Vec<_> = parsed.sources().iter().map(|(_, file)| file).collect();
    let named = |file: &SourceFile| (relative(&file.path, root).to_owned(), file.digest());
    files.into_par_iter().map(named).collect()
}

/// The folder that places are relative to, as files in it are shown; empty: none.
pub(crate) fn root(inputs: &[Input]) -> String {
    inputs.first().and_then(crate::source::root).unwrap_or_default()
}
