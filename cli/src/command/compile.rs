//! `mesh compile`: from a policy repository to a snapshot.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use mesh_compiler::Compilation;
use mesh_compiler::diagnostic::{Class, Finding, Severity};
use mesh_compiler::source::Input;
use mesh_snapshot::container::{self, Bundle};
use mesh_snapshot::signature::{NotAKey, PrivateKey, Statement};

use super::{Exit, revision};
use crate::difference::Policy;
use crate::render::{self, Color, Terminal};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Files and directories; `-` is standard input.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<String>,
    /// Check alone, and write no snapshot.
    #[arg(long, conflicts_with_all = ["out", "sign"])]
    check: bool,
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
    /// Take a repository without resources for a policy: its snapshot takes all routes away.
    #[arg(long)]
    allow_empty: bool,
    /// How findings are written to standard output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// The lightest findings that make the command fail.
    #[arg(long, value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people, with the lines of the files.
    Human,
    /// One object, `mesh.diagnostics/v1`.
    Json,
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

/// Why a snapshot that was made is not where it should be.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("{}: {error}", path.display())]
    Key { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    NotAKey { path: PathBuf, error: NotAKey },
    #[error(transparent)]
    File(#[from] container::FileError),
    #[error(transparent)]
    Layout(#[from] container::LayoutError),
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let start = Instant::now();
    if let Some(path) = arguments.paths.iter().find(|path| Policy::is_snapshot(Path::new(path))) {
        let advice = "this is a snapshot already; name the repository that it was made of";
        return Exit::Input.because(&format_args!("{path}: {advice}"));
    }
    let inputs: Vec<_> = arguments.paths.iter().map(|path| Input::from(path.as_str())).collect();
    let compiled = mesh_compiler::compile(&inputs, &revision::of(&inputs));
    let Compilation { parsed, mesh, findings, mut bundle, fault } = compiled;
    let mut report =
        render::Report { parsed: &parsed, mesh: &mesh, findings: &findings, snapshot: None };
    let is_empty = report.is_of_nothing() && !arguments.allow_empty;
    bundle = bundle.filter(|_| !is_empty);
    report.snapshot = bundle.as_ref().map(|bundle| bundle.snapshot.digest());
    let written = match arguments.format {
        Format::Human => human(&report, arguments, start),
        Format::Json => render::json::write(&report, &mut io::stdout().lock()),
    };
    // Whoever stopped reading has seen enough; the verdict is the exit code.
    drop(written);
    if let Some(fault) = fault {
        return Exit::Broken.because(&fault);
    }
    let mut exit = verdict(&findings, arguments.fail_on.severity());
    if is_empty && exit == Exit::Ok {
        let advice = "`--allow-empty` makes a snapshot of it, which takes all routes away";
        exit = Exit::Negative.because(&format_args!("{}; {advice}", render::human::NOTHING));
    }
    match (bundle, &arguments.out) {
        (Some(bundle), Some(out)) if exit == Exit::Ok => match write(bundle, out, arguments) {
            Ok(()) => Exit::Ok,
            Err(error @ (WriteError::Key { .. } | WriteError::NotAKey { .. })) => {
                Exit::Input.because(&error)
            }
            Err(error) => Exit::Unreachable.because(&error),
        },
        _ => exit,
    }
}

fn human(report: &render::Report<'_>, arguments: &Arguments, start: Instant) -> io::Result<()> {
    let terminal = Terminal::detect(arguments.color);
    render::human::write(report, &terminal, &mut io::BufWriter::new(io::stdout().lock()))?;
    let seconds = start.elapsed().as_secs_f64();
    writeln!(io::stderr(), "{}", render::human::closing(report, &terminal, seconds))
}

/// Input that nobody could read comes first: what else was found may follow from it.
fn verdict(findings: &[Finding], fail_on: Severity) -> Exit {
    let is_error = |finding: &&Finding| finding.severity == Severity::Error;
    if findings.iter().filter(is_error).any(|finding| finding.check.class == Class::Input) {
        Exit::Input
    } else if findings.iter().any(|finding| finding.severity >= fail_on) {
        Exit::Negative
    } else {
        Exit::Ok
    }
}

fn write(mut bundle: Bundle, out: &Path, arguments: &Arguments) -> Result<(), WriteError> {
    if let Some(path) = &arguments.sign {
        let pem = fs::read_to_string(path)
            .map_err(|error| WriteError::Key { path: path.clone(), error })?;
        let key = PrivateKey::from_pem(&pem)
            .map_err(|error| WriteError::NotAKey { path: path.clone(), error })?;
        bundle.signatures.push(key.sign(&statement(&bundle, &arguments.mesh)));
    }
    if out.is_dir() || out.as_os_str().to_string_lossy().ends_with('/') {
        container::write_layout(out, &bundle)?;
    } else {
        container::write_file(out, &bundle)?;
    }
    Ok(())
}

/// The serial is the time of signing, so that what is signed later counts as newer.
fn statement(bundle: &Bundle, mesh: &str) -> Statement {
    let now = mesh_control::clock::wall();
    Statement {
        snapshot: bundle.snapshot.digest(),
        serial: u64::try_from(now.as_micros()).unwrap_or(u64::MAX),
        floor: 0,
        mesh: mesh.to_owned(),
        not_after: 0,
    }
}
