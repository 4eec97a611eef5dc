//! `mesh diff`: what a change of policy changes, and for whom.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;

use clap::{Args, ValueEnum};
use mesh_compiler::Compilation;
use mesh_compiler::diagnostic::{Finding, Severity};
use mesh_compiler::source::{Input, Role, SourceFile};
use mesh_snapshot::Location;
use mesh_snapshot::container::Bundle;

use super::{Exit, NOTHING, note};
use crate::difference::{Change, Difference, Policy, PolicyError, Side};
use crate::environment::Surroundings;
use crate::render::counts::{counts, shown};
use crate::render::difference::Refused;
use crate::render::{self, Color, Paths, Stream, Terminal};
use crate::source::Source;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A policy repository, what it was at a Git revision (`git:REVISION[:PATH]`), or a snapshot: what there was.
    before: String,
    /// The same: what there will be.
    after: String,
    #[command(flatten)]
    place: Surroundings,
    /// Exit with 1 where anything differs.
    #[arg(long)]
    exit_code: bool,
    /// How the difference is written to standard output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// One object, `mesh.diff/v1`.
    Json,
    /// A comment on a pull request, the verdict in its first line.
    Markdown,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let named = [&arguments.before, &arguments.after].into_iter().chain(&arguments.place.context);
    if let Some(exit) = super::refuse_several_stdins(named) {
        return exit;
    }
    let read = |path: &str| Policy::read(path, &arguments.place);
    // Not all of what a compilation does is done on all cores.
    let (before, after) = rayon::join(|| read(&arguments.before), || read(&arguments.after));
    let (before, after) = match (
        side(&arguments.before, before, arguments),
        side(&arguments.after, after, arguments),
    ) {
        (Ok(before), Ok(after)) => (before, after),
        (before, after) => {
            let exit =
                before.as_ref().err().or(after.as_ref().err()).map_or(Exit::Broken, |it| it.exit);
            let refused = [("before", before.err()), ("after", after.err())];
            let named = refused.into_iter().filter_map(|(side, why)| Some(why?.of(side)));
            refuse(&named.collect::<Vec<_>>(), arguments.format);
            return exit;
        }
    };
    let difference = Difference::between(&before.side, &after.side);
    let terminal = Terminal::detect(arguments.color);
    super::write(&match arguments.format {
        Format::Human => render::difference::human(&difference, &terminal),
        Format::Markdown => {
            let paths = super::revision::paths();
            let place = |change, place: &Location| {
                let read = if change == Change::Removed { &before } else { &after };
                read.told(place, &paths)
            };
            render::difference::markdown(&difference, &place)
        }
        Format::Json => format!("{:#}\n", render::difference::json(&difference)),
    });
    if arguments.exit_code && !difference.is_empty() { Exit::Negative } else { Exit::Ok }
}

/// Why there is nothing to compare.
struct NoSide {
    exit: Exit,
    path: String,
    why: String,
}

impl NoSide {
    /// Says it on standard error, too, in words that name the path. `why` stands beside the path.
    fn because(exit: Exit, path: &str, told: &dyn Display, why: &dyn Display) -> Self {
        Self { exit: exit.because(told), path: path.to_owned(), why: why.to_string() }
    }

    fn of(self, side: &'static str) -> Refused {
        Refused { side, path: self.path, why: self.why }
    }
}

/// Whoever reads a format of programs or a comment is told there, too, that nothing could be compared, and why.
fn refuse(refused: &[Refused], format: Format) {
    match format {
        Format::Human => {}
        Format::Markdown => super::write(&render::difference::markdown_refused(refused)),
        Format::Json => {
            super::write(&format!("{:#}\n", render::difference::json_refused(refused)));
        }
    }
}

/// One side as it was read.
struct Read {
    side: Side,
    /// The files that it was read from: by the names that places have, the paths by which they were reached.
    files: BTreeMap<String, String>,
}

impl Read {
    /// A snapshot does not tell where its files lay.
    fn snapshot(bundle: Bundle) -> Self {
        Self { side: Side { bundle, beside: None }, files: BTreeMap::new() }
    }

    /// A place from the root of the repository, as findings of a comment have theirs; of what lies elsewhere the place is as it
    /// is. Which file it means was known when it was read, and what lies in the working directory now does not matter.
    fn told(&self, place: &Location, paths: &Paths) -> String {
        let reached = self.files.get(&*place.file);
        let inside = reached.and_then(|path| paths.inside_root(Source::path(path)));
        inside.map_or_else(|| place.to_string(), |file| format!("{file}:{}", place.line))
    }
}

/// By the names that places have. Two have one name where `--context` names a file as a file of the policy is called from the
/// policy's root; it is the policy's then, which is what changes.
fn files(compiled: &Compilation) -> BTreeMap<String, String> {
    let files: Vec<_> = compiled.parsed.sources().iter().map(|(_, file)| file).collect();
    let (context, policy): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.role == Role::Context);
    let named = |file: &SourceFile| (compiled.below_root(&file.path).to_owned(), file.path.clone());
    context.into_iter().chain(policy).map(named).collect()
}

/// Of a side that is no snapshot and makes none the errors are shown as `mesh compile` shows them, on standard error.
fn side(
    path: &str,
    read: Result<Policy, PolicyError>,
    arguments: &Arguments,
) -> Result<Read, NoSide> {
    let refused = |exit: Exit, told: &dyn Display, why: &dyn Display| {
        Err(NoSide::because(exit, path, told, why))
    };
    let compiled = match read {
        Ok(Policy::Snapshot(bundle)) => return Ok(Read::snapshot(bundle)),
        Ok(Policy::Repository(compiled)) => compiled,
        Err(error) => return refused(Exit::Input, &error, &error.beside_path()),
    };
    let files = files(&compiled);
    if let Some(bundle) = compiled.bundle {
        note_findings(path, &compiled.findings);
        // An empty folder is a policy that says nothing; other things without resources are likely no policy.
        return if compiled.mesh.count > 0 || is_folder(path) {
            Ok(Read { side: Side { bundle, beside: Some(compiled.beside) }, files })
        } else {
            refused(Exit::Input, &format_args!("{path}: {NOTHING}"), &NOTHING)
        };
    }
    if let Some(fault) = compiled.fault {
        return refused(Exit::Broken, &fault, &fault);
    }
    let why = first_error(path, &compiled);
    let is_input = compiled.findings.iter().any(Finding::is_unreadable);
    let is_error = |it: &Finding| it.severity == Severity::Error;
    let (errors, others): (Vec<_>, Vec<_>) = compiled.findings.into_iter().partition(is_error);
    let (parsed, mesh) = (&compiled.parsed, &compiled.mesh);
    let report = render::Report { parsed, mesh, findings: &errors, snapshot: None };
    let terminal = Terminal::of(Stream::Error, arguments.color);
    // Whoever closed standard error does not want to know.
    drop(render::human::write(&report, &terminal, &mut io::stderr().lock()));
    note_findings(path, &others);
    let exit = if is_input { Exit::Input } else { Exit::Negative };
    refused(exit, &format_args!("{path} does not compile"), &why)
}

/// What keeps a side from being compiled, in a line: of its errors the first, with its place in the side, and how many there are.
fn first_error(path: &str, compiled: &Compilation) -> String {
    let errors = compiled.findings.iter().filter(|it| it.severity == Severity::Error);
    let errors: Vec<_> = errors.cloned().collect();
    let Some(first) = errors.first() else { return "does not compile".to_owned() };
    let file = compiled.parsed.source(first.primary.file);
    let named = format!("{}: ", file.path);
    let message = first.message.strip_prefix(&named).unwrap_or(&first.message);
    let line = first.primary.span.map(|span| file.position(span.start).line);
    let place = match line {
        // The side itself.
        None if file.path == path => return message.to_owned(),
        Some(line) if file.path == path => format!("line {line}"),
        None => compiled.below_root(&file.path).to_owned(),
        Some(line) => format!("{}:{line}", compiled.below_root(&file.path)),
    };
    let others = counts(&shown(&errors)).filter(|_| errors.len() > 1);
    let others = others.map_or_else(String::new, |count| format!(" ({count})"));
    format!("does not compile: {place}: {message}{others}")
}

/// How much is found in a side that does not keep it from being compared, as `mesh compile` counts it for people. What it says may
/// explain a difference, or the want of one.
fn note_findings(path: &str, findings: &[Finding]) {
    if let Some(found) = counts(&shown(findings)) {
        note(&format_args!("{path}: {found}; `mesh compile --check` shows what it says"));
    }
}

/// What was at a revision is looked up there.
fn is_folder(path: &str) -> bool {
    let folder = |input: &Input| match input {
        Input::Path(path) | Input::Called { path, .. } => path.is_dir(),
        _ => false,
    };
    Source::open(path).is_ok_and(|source| folder(&source.input))
}
