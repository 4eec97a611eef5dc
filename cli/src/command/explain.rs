//! `mesh explain`: the page of a check.

use std::io::{self, Write};

use clap::Args;

use super::Exit;
use crate::render::{Color, Paint, Terminal};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// A check, by its name or by what Istio or Kiali call it; without one, all are listed.
    name: Option<String>,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let paint = Terminal::detect(arguments.color).paint;
    let Some(name) = &arguments.name else {
        drop(list(paint));
        return Exit::Ok;
    };
    match mesh_compiler::checks_called(name).as_deref() {
        Ok([check]) => drop(page(check, paint)),
        // An alias of several: Istio has one code for all schema errors.
        Ok(several) => drop(summaries(several.iter().copied(), paint)),
        Err(error) => {
            return Exit::Usage.because(&format_args!("{error}; `mesh explain` lists all"));
        }
    }
    Exit::Ok
}

fn list(paint: Paint) -> io::Result<()> {
    summaries(mesh_compiler::checks(), paint)
}

fn summaries<'a>(
    checks: impl Iterator<Item = &'a mesh_compiler::diagnostic::Check>,
    paint: Paint,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for check in checks {
        let name = format!("{:<28}", check.name);
        let severity = format!("{:<8}", check.severity.name());
        writeln!(
            out,
            "{} {} {}",
            paint.bold(&name),
            paint.severity(check.severity, &severity),
            check.aliases.join(", ")
        )?;
    }
    out.flush()
}

fn page(check: &mesh_compiler::diagnostic::Check, paint: Paint) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut in_example = false;
    for line in check.docs.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            in_example = !in_example;
            let (_, verdict) = fence.split_once(' ').unwrap_or_default();
            if !verdict.is_empty() {
                writeln!(out, "{}", paint.dim(&format!("    # {verdict}")))?;
            }
        } else if in_example {
            writeln!(out, "    {line}")?;
        } else if let Some(heading) = line.strip_prefix("# ") {
            writeln!(out, "{} {}", paint.bold(heading), paint.dim(&check.aliases.join(", ")))?;
        } else {
            writeln!(out, "{line}")?;
        }
    }
    out.flush()
}
