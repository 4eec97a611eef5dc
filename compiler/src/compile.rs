//! All stages in a row.

use std::collections::BTreeMap;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::provenance::Provenance;
use mesh_snapshot::{Conflict, Digest};
use rayon::prelude::*;

use crate::api::{self, Mesh};
use crate::check;
use crate::diagnostic::{Date, Diagnostic, Finding, Severity, finish, may_fail};
use crate::environment;
use crate::lower::{self, Locator, Lowered};
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
    /// Nobody keeps the snapshot: what rides beside it, of where its parts and the repository's files came from, is left out.
    pub checks_only: bool,
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
    let (allowances, resolved) = rayon::join(
        || Allowances::read(&parsed, options.today, &mut diagnostics),
        || resolve::resolve(&mesh),
    );
    let finished = |diagnostics: Vec<Diagnostic>| {
        let mut findings = finish(diagnostics, &parsed, &mesh.faults, &levels);
        let used = allowances.set_aside(&mut findings);
        (findings, used)
    };
    let is_error = |finding: &Finding| finding.severity == Severity::Error;

    check::all(&resolved, options.today, &mut diagnostics);
    check::hold_back(&parsed, &mut diagnostics);
    // Most repositories are without a fault, and then what lowering finds is to be told with the rest.
    let early = may_fail(&diagnostics, &levels).then(|| finished(diagnostics.clone()));
    let fails = early.as_ref().is_some_and(|(findings, _)| findings.iter().any(is_error));
    let (mut lowered, mut fault) = (None, None);
    let mut digests = BTreeMap::new();
    let mut late = None;
    if !fails {
        let known = diagnostics.len();
        let locator = (!options.checks_only).then(|| Locator::new(&parsed, root));
        let digest = || locator.is_some().then(|| inputs(&parsed, root));
        let lower = || lower::lower(&resolved, locator.as_ref(), &mut diagnostics);
        let (loose, inputs) = rayon::join(lower, digest);
        digests = inputs.unwrap_or_default();
        // One thread puts the snapshot together; the others need not wait for it.
        let is_told = early.is_some() && diagnostics.len() == known;
        let tell = || {
            drop(resolved);
            (!is_told).then(|| finished(diagnostics.clone()))
        };
        let (sealed, told) = rayon::join(|| loose.seal(), tell);
        late = told;
        match sealed {
            Ok(it) => lowered = Some(it),
            Err(conflict) => fault = Some(conflict),
        }
    }
    let (mut findings, used) = late.or(early).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::{Options, compile};
    use crate::source::Input;
    use crate::testing::Folder;

    const POLICY: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: shop}
spec: {hosts: [a.example.com], http: [{route: [{destination: {host: nobody.example.com}}]}]}
";

    #[test]
    fn where_things_come_from_is_told_beside_the_same_snapshot() {
        let folder = Folder::new();
        folder.write("a.yaml", POLICY);
        let inputs = [Input::Path(folder.path().into())];
        let compiled =
            |checks_only| compile(&inputs, &Options { checks_only, ..Options::default() });
        let (kept, checked) = (compiled(false), compiled(true));
        assert_eq!(kept.findings, checked.findings);
        let (kept, checked) = (kept.bundle.unwrap(), checked.bundle.unwrap());
        assert_eq!(kept.snapshot.digest(), checked.snapshot.digest());
        assert_ne!(kept.source_map, checked.source_map);
        assert_eq!((kept.provenance.inputs.len(), checked.provenance.inputs.len()), (1, 0));
    }
}
