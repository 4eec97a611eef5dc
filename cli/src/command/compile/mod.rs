//! `mesh compile`: from a policy repository to a snapshot.

mod out;
mod project;
mod watch;

use std::collections::HashSet;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use clap::{Args, ValueEnum};
use mesh_compiler::diagnostic::{Date, Finding, Severity};
use mesh_compiler::parse::{Parsed, Unrendered};
use mesh_compiler::{Compilation, Memory, Options};
use rayon::prelude::*;

use super::revision::{self, Revision};
use super::{Exit, statuses};
use crate::difference::Policy;
use crate::environment::{Round, Surroundings, compile_each};
use crate::findings::{self, Choice, Past, SelectError, Selected};
use crate::mend::{self, Mending};
use crate::render::counts::{counted, verdict};
use crate::render::jsonl;
use crate::render::{self, Color, Format, Setting, Stream, Terminal};
use crate::source::Source;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Files and directories; `-` is standard input, and `git:REVISION[:PATH]` what was there at a Git revision.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<String>,
    /// Check alone, and write no snapshot.
    #[arg(long, conflicts_with_all = ["out", "sign"])]
    check: bool,
    /// Begin anew whenever a file is saved, until it is interrupted. What has not changed is not parsed again.
    #[arg(long, conflicts_with_all = ["fix", "diff", "write_baseline"])]
    watch: bool,
    /// Where the snapshot is written: a file, or, with a `/` at its end, a directory in the form of an OCI image.
    #[arg(short, long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// A file with the Ed25519 private key (PEM, PKCS #8) that signs the snapshot.
    #[arg(long, value_name = "KEY", requires = "out")]
    sign: Option<PathBuf>,
    /// The mesh that alone may serve a signed snapshot.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        requires = "sign",
        hide_default_value = true
    )]
    mesh: String,
    /// Where the statuses of Gateway API resources are written, as a controller would write them: YAML, a document each.
    #[arg(long, value_name = "FILE")]
    statuses: Option<PathBuf>,
    /// Take a repository without resources for a policy: its snapshot takes all routes away.
    #[arg(long)]
    allow_empty: bool,
    /// How findings are written to standard output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    place: Surroundings,
    #[command(flatten)]
    mending: Mending,
    /// The lightest findings that make the command fail.
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
    // Last: its heading holds for all that follows.
    #[command(flatten)]
    choice: Choice,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
}

impl FailOn {
    const fn severity(self) -> Severity {
        match self {
            Self::Error => Severity::Error,
            Self::Warning => Severity::Warning,
            Self::Info => Severity::Info,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let run = Run::of(arguments);
    if let Some(path) = arguments.paths.iter().find(|path| Policy::is_snapshot(Path::new(path))) {
        let advice = "this is a snapshot already; name the repository that it was made of";
        return Exit::Input.because(&format_args!("{path}: {advice}"));
    }
    if arguments.mending.fix && arguments.paths.iter().any(|path| path == "-") {
        return Exit::Usage.because(&"standard input cannot be mended; name the file");
    }
    let named = arguments.paths.iter().chain(&arguments.place.context);
    if let Some(exit) = super::refuse_several_stdins(named) {
        return exit;
    }
    if arguments.mending.fix && arguments.paths.iter().any(|path| Source::is_past(path)) {
        return Exit::Usage.because(&"what was there at a revision cannot be mended");
    }
    if arguments.watch {
        return watch::run(arguments);
    }
    match run.compile(None, None) {
        Ok((compiled, selected)) => {
            // The process ends with this. To give the memory of a large repository back piece by piece takes longer than to say what was found.
            let mut compiled = ManuallyDrop::new(compiled);
            if arguments.mending.diff {
                run.show(&mut compiled, &selected)
            } else if arguments.mending.fix {
                run.mend(&compiled, &selected)
            } else {
                run.report(&mut compiled, &selected, Stream::Output)
            }
        }
        Err(exit) => exit,
    }
}

/// Hears what was compiled so far, and what is to be said of it.
type Tell<'t> = &'t mut dyn FnMut(&Compilation, Selected);

struct Run<'a> {
    arguments: &'a Arguments,
    start: Instant,
    /// The findings that stand on the terminal already.
    shown: Option<Vec<Finding>>,
    /// The names of those that were written already.
    begun: Option<HashSet<String>>,
    /// What the findings of the round before are called, where somebody saw them.
    known: Option<&'a HashSet<String>>,
}

/// When findings are written.
#[derive(Clone, Copy)]
enum Stage {
    /// Before there is a snapshot, making which may tell more.
    Early,
    Whole,
}

/// As many findings are shown again in each round; of more only those that are new, since nobody reads the others again, and
/// most terminals take longer to show thousands than it takes to find them.
const AGAIN_MAX: usize = 100;

impl<'a> Run<'a> {
    /// One that begins now, with nothing said before.
    fn of(arguments: &'a Arguments) -> Self {
        Self { arguments, start: Instant::now(), shown: None, begun: None, known: None }
    }

    /// What was compiled, by what is known of the time before, and what is to be said of it; `tell` hears it before a snapshot
    /// is made, if anything is new.
    fn compile(
        &self,
        memory: Option<&mut Memory<'_>>,
        mut tell: Option<Tell<'_>>,
    ) -> Result<(Compilation, Selected), Exit> {
        let Arguments { paths, choice, place, .. } = self.arguments;
        let sources = paths.iter().map(|path| Source::open(path)).collect::<Result<Vec<_>, _>>();
        let sources = sources.map_err(|error| Exit::Input.because(&error))?;
        let today = Some(Date::at(mesh_control::clock::wall()));
        let checks_only = self.arguments.out.is_none();
        let (context, statuses) = (place.inputs(), self.arguments.statuses.is_some());
        let options = Options { context, today, checks_only, statuses, ..Options::default() };
        let inputs: Vec<_> = sources.iter().map(|source| source.input.clone()).collect();
        let is_of_one = self.arguments.out.is_some() || self.arguments.statuses.is_some();
        let environments = if is_of_one {
            place.only(&inputs).map(|name| name.into_iter().collect())
        } else {
            place.chosen(&inputs)
        };
        let environments: Vec<_> = environments.map_err(|error| Exit::Usage.because(&error))?;
        let select = |compiled: &Compilation, findings: Vec<Finding>| {
            let past = Past { paths, today, environments: &environments, place };
            let mut selected = findings::select(findings, compiled, choice, &past)?;
            if let [_, _, ..] = environments.as_slice() {
                selected.notes.push(format!("checked as {}", environments.join(", ")));
            }
            if let Some(project) = project::above(paths) {
                selected.notes.push(format!(
                    "the settings of {} are not in force; compile the folder that holds it",
                    project.display()
                ));
            }
            Ok(selected)
        };
        let mut early = |compiled: &Compilation, findings: &[Finding]| {
            // What stands in the way is said when all is known.
            if let Some(tell) = &mut tell
                && let Ok(selected) = select(compiled, findings.par_iter().cloned().collect())
            {
                tell(compiled, selected);
            }
        };
        let round = memory.map(|memory| Round { memory, early: &mut early });
        // Git looks at the files while they are compiled; only what is written says of which commit it is.
        let (mut compiled, revision) = thread::scope(|scope| {
            let revision = self.arguments.out.as_ref();
            let revision =
                revision.map(|_| scope.spawn(|| Revision::of(&sources, &place.inputs())));
            let compiled = compile_each(&inputs, &options, &environments, round);
            (compiled, revision.and_then(|revision| revision.join().ok()))
        });
        if let (Some(bundle), Some(revision)) = (&mut compiled.bundle, revision) {
            revision.note(&mut bundle.provenance);
        }
        let findings = std::mem::take(&mut compiled.findings);
        match select(&compiled, findings) {
            Ok(selected) => Ok((compiled, selected)),
            Err(SelectError::Name(error)) => Err(Exit::Usage.because(&error)),
            Err(error) => Err(Exit::Input.because(&error)),
        }
    }

    /// Shows how files would change, and reports what is found in them as they are.
    ///
    /// Standard output has what is for a program: the patch, or the findings in a format for one.
    fn show(&self, compiled: &mut Compilation, selected: &Selected) -> Exit {
        let plan = mend::plan(&selected.findings, &compiled.parsed);
        let paths = revision::paths_of(&self.arguments.paths);
        let patch = plan.patch(&compiled.parsed, &paths);
        let findings = if self.arguments.format.is_for_people() {
            super::write(&patch.text);
            Stream::Error
        } else {
            // Whoever closed standard error does not want to know.
            let _ = io::stderr().write_all(patch.text.as_bytes());
            Stream::Output
        };
        notes(&plan.notes("would be made"));
        notes(&patch.notes);
        match self.report(compiled, selected, findings) {
            Exit::Ok if !plan.is_empty() => Exit::Negative,
            exit => exit,
        }
    }

    /// Changes files; then what is left is reported.
    fn mend(&self, compiled: &Compilation, selected: &Selected) -> Exit {
        let plan = mend::plan(&selected.findings, &compiled.parsed);
        if let Err(error) = plan.write(&compiled.parsed) {
            return Exit::Unreachable.because(&error);
        }
        notes(&plan.notes("made"));
        match self.compile(None, None) {
            Ok((mut compiled, selected)) => self.report(&mut compiled, &selected, Stream::Output),
            Err(exit) => exit,
        }
    }

    /// Writes the snapshot if nothing stands in the way, and says what was found.
    fn report(&self, compiled: &mut Compilation, selected: &Selected, to: Stream) -> Exit {
        let arguments = self.arguments;
        if let Some(path) = &arguments.statuses
            && let Err(error) = statuses::write(&compiled.statuses, path)
        {
            return Exit::Unreachable.because(&format_args!("{}: {error}", path.display()));
        }
        let Compilation { parsed, mesh, bundle, fault, .. } = compiled;
        let findings = selected.findings.as_slice();
        let mut report = render::Report { parsed, mesh, findings, snapshot: None };
        let is_empty = report.is_of_nothing() && !arguments.allow_empty;
        let mut bundle = bundle.as_mut().filter(|_| !is_empty);
        report.snapshot = bundle.as_ref().map(|bundle| bundle.snapshot.digest());
        let exit = exit_of(findings, arguments.fail_on.severity());
        // Before it is told of: whoever reads that there is a snapshot may fetch it at once.
        let written = match (&mut bundle, &arguments.out) {
            (Some(bundle), Some(out)) if exit == Exit::Ok => {
                out::write(bundle, out, arguments.sign.as_deref(), &arguments.mesh)
            }
            _ => Ok(()),
        };
        let is_shown = self.shown.as_deref() == Some(findings);
        if !is_shown && self.begun.is_none() {
            notes(&selected.notes);
        }
        // Whoever stopped reading has seen enough; the verdict is the exit code.
        drop(if is_shown {
            self.complete(&report)
        } else {
            self.print(&report, selected, (to, Stage::Whole))
        });
        if let Some(fault) = fault {
            return Exit::Broken.because(&fault);
        }
        if let Err(error) = written {
            return error.into();
        }
        if is_empty && exit == Exit::Ok {
            let advice = self.advice_on_nothing(report.parsed);
            return Exit::Negative.because(&format_args!("{}; {advice}", super::NOTHING));
        }
        if bundle.is_none() && arguments.out.is_some() && exit == Exit::Ok {
            return unwritten(selected);
        }
        exit
    }

    /// What to do where there is no resource: render what makes some, if there is such.
    fn advice_on_nothing(&self, parsed: &Parsed) -> String {
        let check = if self.arguments.check { "--check " } else { "" };
        match Unrendered::of(parsed) {
            Some(Unrendered { what, command }) => {
                format!("{what} is rendered first, as in `{command} | mesh compile {check}-`")
            }
            None => {
                "`--allow-empty` makes a snapshot of it, which takes all routes away".to_owned()
            }
        }
    }

    /// The findings; for people, also the verdict, to standard error.
    fn print(
        &self,
        report: &render::Report<'_>,
        selected: &Selected,
        (to, stage): (Stream, Stage),
    ) -> io::Result<()> {
        let arguments = self.arguments;
        let terminal = Terminal::of(to, arguments.color);
        let is_for_people = arguments.format.is_for_people();
        let paths = if is_for_people { revision::paths_from_here() } else { revision::paths() };
        let fail_on = arguments.fail_on.severity();
        let fingerprints = &selected.fingerprints;
        let setting = Setting { terminal, fail_on, paths: &paths, fingerprints };
        let mut out = io::BufWriter::new(to.open());
        if arguments.format == Format::Jsonl {
            return match stage {
                Stage::Early => jsonl::begin(report, &setting, &mut out),
                Stage::Whole => jsonl::go_on(report, &setting, self.begun.as_ref(), &mut out),
            };
        }
        let Some((findings, gone)) = self.news(selected) else {
            arguments.format.write(report, &setting, &mut out)?;
            return if is_for_people { self.close(report, &terminal) } else { Ok(()) };
        };
        let new = render::Report { findings: &findings, ..*report };
        arguments.format.write(&new, &setting, &mut out)?;
        drop(out);
        let shown = |findings| arguments.format.shown(findings).len();
        let before = shown(report.findings).saturating_sub(shown(&findings));
        notes(&[format!("{} as before, not shown again; {gone} gone", counted(before, "finding"))]);
        self.close(report, &terminal)
    }

    /// Of many findings those that were not there in the round before, and how many are gone since.
    fn news(&self, selected: &Selected) -> Option<(Vec<Finding>, usize)> {
        let shown = self.arguments.format.shown(&selected.findings).len();
        let known = self.known.filter(|_| shown > AGAIN_MAX)?;
        let named = selected.findings.iter().zip(&selected.fingerprints);
        let new: Vec<_> = named.filter(|(_, name)| !known.contains(*name)).collect();
        let left = selected.findings.len() - new.len();
        let new = new.into_iter().map(|(finding, _)| finding.clone()).collect();
        Some((new, known.len().saturating_sub(left)))
    }

    /// The verdict.
    fn close(&self, report: &render::Report<'_>, terminal: &Terminal) -> io::Result<()> {
        let seconds = self.start.elapsed().as_secs_f64();
        let (mark, found) = verdict(&self.arguments.format.shown(report.findings));
        let closing = render::human::closing((mark, &found), report, terminal, seconds);
        writeln!(io::stderr(), "{closing}")
    }

    /// What is found, before there is a snapshot.
    fn announce(&self, compiled: &Compilation, selected: &Selected) -> io::Result<()> {
        let Compilation { parsed, mesh, .. } = compiled;
        let findings = selected.findings.as_slice();
        notes(&selected.notes);
        let report = render::Report { parsed, mesh, findings, snapshot: None };
        self.print(&report, selected, (Stream::Output, Stage::Early))?;
        if !self.arguments.format.is_for_people() {
            return Ok(());
        }
        writeln!(io::stderr(), "  the snapshot is being made, which may tell more")
    }

    /// What is left to say where making the snapshot told nothing more.
    fn complete(&self, report: &render::Report<'_>) -> io::Result<()> {
        let seconds = self.start.elapsed().as_secs_f64();
        match report.snapshot {
            Some(digest) => writeln!(io::stderr(), "  {digest} ({seconds:.2} s)"),
            None => Ok(()),
        }
    }
}

/// A snapshot is asked for, and errors that are not reported stand in its way.
fn unwritten(selected: &Selected) -> Exit {
    let errors = counted(selected.hidden_errors, "error");
    let advice = "`lints` in `mesh.yaml` and `mesh:allow` allow what is not reported";
    Exit::Negative.because(&format_args!("{errors}, so no snapshot is written; {advice}"))
}

/// What is told besides the findings.
fn notes(notes: &[String]) {
    for note in notes {
        super::note(note);
    }
}

/// Input that nobody could read comes first: what else was found may follow from it.
fn exit_of(findings: &[Finding], fail_on: Severity) -> Exit {
    if findings.iter().any(Finding::is_unreadable) {
        Exit::Input
    } else if findings.iter().any(|finding| finding.severity >= fail_on) {
        Exit::Negative
    } else {
        Exit::Ok
    }
}
