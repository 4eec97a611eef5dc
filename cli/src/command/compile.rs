//! `mesh compile`: checks a policy repository.

use std::io::{self, Write};
use std::time::Instant;

use clap::{Args, ValueEnum};
use mesh_compiler::api;
use mesh_compiler::diagnostic::{Class, Finding, Severity, finish};
use mesh_compiler::source::Input;

use super::Exit;
use crate::render::{self, Color, Terminal};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Files and directories; `-` is standard input.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<String>,
    /// Check alone, and write no snapshot.
    #[arg(long, required = true)]
    check: bool,
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

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let start = Instant::now();
    let inputs: Vec<_> = arguments.paths.iter().map(|path| Input::from(path.as_str())).collect();
    let mut diagnostics = Vec::new();
    let parsed = mesh_compiler::read(&inputs, &mut diagnostics);
    let mesh = api::decode(&parsed, &mut diagnostics);
    let levels = mesh_compiler::levels(&mesh, &parsed, &mut diagnostics);
    mesh_compiler::check::all(&mesh_compiler::resolve::resolve(&mesh), &mut diagnostics);
    let findings = finish(diagnostics, &parsed, &mesh.faults, &levels);

    let report = render::Report { parsed: &parsed, mesh: &mesh, findings: &findings };
    let written = match arguments.format {
        Format::Human => human(&report, arguments, start),
        Format::Json => render::json::write(&report, &mut io::stdout().lock()),
    };
    // Whoever stopped reading has seen enough; the verdict is the exit code.
    drop(written);
    verdict(&findings, arguments.fail_on.severity())
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
