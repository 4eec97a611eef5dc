//! All stages in a row.

use std::borrow::Cow;
use std::collections::BTreeMap;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::provenance::Provenance;
use mesh_snapshot::{Conflict, Digest};
use rayon::prelude::*;

use crate::api::{self, KeptResources, Mesh};
use crate::beside::Beside;
use crate::diagnostic::{Date, Diagnostic, Finding, Levels, Severity, finish, may_fail};
use crate::lower::{self, Locator, Lowered};
use crate::memory::Ground;
use crate::parse::Parsed;
use crate::resolve::Before;
use crate::source::{Input, SourceFile, relative, root_of};
use crate::status::{self, ResourceStatus};
use crate::suppress::{Allowances, Used};
use crate::{Memory, check, environment, ownership, resolve};

/// What the compiler cannot know by itself.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is asked for by itself")]
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
    /// Nobody rolls the snapshot out, it is asked about alone: what no proxy of this release serves is in it, with a warning.
    pub unserved: bool,
    /// Somebody asks what the snapshot does not hold ([`Beside`]).
    pub beside: bool,
    /// Somebody wants the statuses of the Gateway API's resources.
    pub statuses: bool,
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
    /// What a controller would write of the resources, whether or not there is a snapshot of them; empty unless somebody asked.
    pub statuses: Vec<ResourceStatus>,
    /// What the snapshot does not hold; empty where there is none, or nobody asked.
    pub beside: Beside,
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
    all_stages(parsed, root_of(inputs), options, diagnostics, None)
}

/// Hears what is found, beside a compilation that has no findings yet.
pub type Early<'e> = &'e mut dyn FnMut(&Compilation, &[Finding]);

/// The same for whoever waits for each change of a repository: what has not changed since the time before is neither parsed
/// nor decoded again, and what rules found in it is kept.
///
/// Where anything is new and a snapshot can be made, `early` hears what is found before it is made. That may tell more, and
/// takes nothing back.
#[must_use]
pub fn compile_again(
    inputs: &[Input],
    options: &Options,
    memory: &mut Memory<'_>,
    early: Option<Early<'_>>,
) -> Compilation {
    let mut diagnostics = Vec::new();
    let parsed = memory.read(inputs, &options.context, &mut diagnostics);
    let early = early.filter(|_| memory.has_news());
    let (resources, kept, ground) = memory.of_resources();
    let round = Round { resources, kept, ground, early };
    all_stages(parsed, root_of(inputs), options, diagnostics, Some(round))
}

/// What one compilation of many of a repository has of those before it.
struct Round<'k, 'g, 'e> {
    resources: &'k mut KeptResources,
    kept: &'k mut check::Kept,
    ground: Option<&'k mut Ground<'g>>,
    early: Option<Early<'e>>,
}

/// What follows after reading.
fn all_stages(
    mut parsed: Parsed,
    root: String,
    options: &Options,
    mut diagnostics: Vec<Diagnostic>,
    round: Option<Round<'_, '_, '_>>,
) -> Compilation {
    environment::select(&mut parsed, &root, options.environment.as_deref(), &mut diagnostics);
    let mut once = check::Kept::once();
    let (resources, kept, ground, early) = match round {
        Some(it) => (Some(it.resources), it.kept, it.ground, it.early),
        None => (None, &mut once, None, None),
    };
    let mesh = api::decode_by(&parsed, resources, &mut diagnostics);
    let (findings, statuses) = (Vec::new(), Vec::new());
    let (beside, bundle, fault) = (Beside::default(), None, None);
    let read = Compilation { root, parsed, mesh, findings, statuses, beside, bundle, fault };
    let before = ground.and_then(|ground| ground.after(read.mesh.changed.parts));
    let mut examined = examine(&read, options, Known { before, kept }, diagnostics);
    let statuses = if options.statuses { examined.statuses() } else { Vec::new() };
    let told = examined.found.tell_early(early);
    let Outcome { findings, beside, bundle, fault } = lower(examined, told, options);
    Compilation { findings, statuses, beside, bundle, fault, ..read }
}

/// A repository in which everything was looked for that can be found before it is lowered.
struct Examined<'c> {
    /// Absent where nobody had to look at it.
    resolved: Option<resolve::Mesh<'c>>,
    /// What is known of it from before.
    before: Option<Before<'c, 'c>>,
    found: Found<'c>,
}

/// What was found so far, and how it is to be told.
struct Found<'c> {
    read: &'c Compilation,
    levels: Levels,
    allowances: Allowances,
    /// What is kept for the next time is not copied.
    diagnostics: Vec<Cow<'c, Diagnostic>>,
}

/// What the user is told.
struct Told {
    findings: Vec<Finding>,
    /// The comments that allowed what is not among them.
    used: Used,
}

/// What a compilation ends with.
#[derive(Default)]
struct Outcome {
    findings: Vec<Finding>,
    beside: Beside,
    bundle: Option<Bundle>,
    fault: Option<Conflict>,
}

/// What was resolved of a repository before, and what was found.
struct Known<'c> {
    before: Option<Before<'c, 'c>>,
    kept: &'c mut check::Kept,
}

/// Resolves and checks; what is known is not resolved again, nor looked for.
fn examine<'c>(
    read: &'c Compilation,
    options: &Options,
    known: Known<'c>,
    mut diagnostics: Vec<Diagnostic>,
) -> Examined<'c> {
    let Known { before, kept } = known;
    let Compilation { parsed, mesh, root, .. } = read;
    let mut levels = crate::levels(mesh, parsed, &mut diagnostics);
    if options.unserved {
        lower::admit_unserved(&mut levels);
    }
    ownership::check(&mesh.project, parsed, root, &mut diagnostics);
    let is_to_look = kept.forget(mesh.changed.parts, options.today);
    let (allowances, resolved) = rayon::join(
        || Allowances::read(parsed, options.today, &mut diagnostics),
        || is_to_look.then(|| resolve::resolve_upon(mesh, before)),
    );
    if let Some(resolved) = &resolved {
        kept.look(resolved);
    }
    let mut diagnostics: Vec<_> = diagnostics.into_iter().map(Cow::Owned).collect();
    diagnostics.extend(kept.all().map(Cow::Borrowed));
    check::leave_to_others(mesh, &mut diagnostics);
    check::hold_back(parsed, &mesh.awaited, &mut diagnostics);
    Examined { resolved, before, found: Found { read, levels, allowances, diagnostics } }
}

impl Examined<'_> {
    /// What is resolved for them is not resolved again to be lowered.
    fn statuses(&mut self) -> Vec<ResourceStatus> {
        let Compilation { parsed, mesh, .. } = self.found.read;
        let resolve = || resolve::resolve_upon(mesh, self.before);
        status::statuses(self.resolved.get_or_insert_with(resolve), parsed)
    }
}

impl Found<'_> {
    fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().map(AsRef::as_ref)
    }

    fn add(&mut self, more: Vec<Diagnostic>) {
        self.diagnostics.extend(more.into_iter().map(Cow::Owned));
    }

    fn tell(&self) -> Told {
        let Compilation { parsed, mesh, .. } = self.read;
        let mut findings = finish(self.diagnostics(), parsed, &mesh.faults, &self.levels);
        let used = self.allowances.set_aside(&mut findings);
        Told { findings, used }
    }

    /// What is found so far, where somebody waits for it or it may be that no snapshot can be made. Most repositories are
    /// without a fault, and then it is told with what lowering finds.
    fn tell_early(&self, early: Option<Early<'_>>) -> Option<Told> {
        let is_asked = early.is_some() || may_fail(self.diagnostics(), &self.levels);
        let told = is_asked.then(|| self.tell())?;
        if let Some(early) = early.filter(|_| !told.has_errors()) {
            early(self.read, &told.findings);
        }
        Some(told)
    }
}

impl Told {
    fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Makes the snapshot, unless there are errors among what was `told` already.
fn lower(examined: Examined<'_>, told: Option<Told>, options: &Options) -> Outcome {
    let told = match told {
        // While there are errors, not every check has run, so that nobody knows which comments allow nothing.
        Some(told) if told.has_errors() => {
            return Outcome { findings: told.findings, ..Outcome::default() };
        }
        told => told,
    };
    let Examined { resolved, before, mut found } = examined;
    let Compilation { parsed, mesh, root, .. } = found.read;
    let resolved = resolved.unwrap_or_else(|| resolve::resolve_upon(mesh, before));
    // Who checks alone asks for no place in the snapshot's words.
    let locator = (options.beside || !options.checks_only).then(|| Locator::new(parsed, root));
    let beside = locator.as_ref().filter(|_| options.beside);
    let beside = beside.map(|locator| Beside::of(&resolved, locator)).unwrap_or_default();
    let mut late = Vec::new();
    let locator = locator.filter(|_| !options.checks_only);
    let (loose, digests) = rayon::join(
        || lower::lower(&resolved, locator.as_ref(), &mut late),
        || locator.as_ref().map(|_| inputs(parsed, root)).unwrap_or_default(),
    );
    let told = told.filter(|_| late.is_empty());
    found.add(late);
    // One thread puts the snapshot together; the others need not wait for it.
    let (sealed, mut told) = rayon::join(
        || loose.seal(),
        || {
            drop(resolved);
            told.unwrap_or_else(|| found.tell())
        },
    );
    if !told.has_errors() {
        let unused = found.allowances.unused(&told.used, parsed);
        if !unused.is_empty() {
            found.add(unused);
            told = found.tell();
        }
    }
    let (has_errors, findings) = (told.has_errors(), told.findings);
    match sealed {
        // A project may have made errors of what lowering found.
        Ok(_) if has_errors => Outcome { findings, ..Outcome::default() },
        Ok(lowered) => {
            let bundle = Some(bundle(lowered, digests, options));
            Outcome { findings, beside, bundle, fault: None }
        }
        Err(conflict) => Outcome { findings, fault: Some(conflict), ..Outcome::default() },
    }
}

fn bundle(lowered: Lowered, inputs: BTreeMap<String, Digest>, options: &Options) -> Bundle {
    let Lowered { snapshot, source_map, inventory } = lowered;
    let provenance = Provenance {
        compiler: concat!("mesh ", env!("CARGO_PKG_VERSION")).to_owned(),
        commit: options.commit.clone(),
        dirty: options.dirty,
        inputs,
    };
    Bundle { snapshot, inventory, source_map, provenance, signatures: Vec::new() }
}

fn inputs(parsed: &Parsed, root: &str) -> BTreeMap<String, Digest> {
    let files: Vec<_> = parsed.sources().iter().map(|(_, file)| file).collect();
    let named = |file: &SourceFile| (relative(&file.path, root).to_owned(), file.digest());
    files.into_par_iter().map(named).collect()
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
