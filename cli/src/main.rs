//! `mesh`: the one binary that users run. It parses the command line, calls a command and says how it ended.

#![forbid(unsafe_code)]

mod command;
mod render;

use clap::{Parser, Subcommand};

/// Istio's API, compiled.
#[derive(Debug, Parser)]
#[command(name = "mesh", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a policy repository.
    Compile(command::compile::Arguments),
    /// Explain a check: what it finds, why, and how to mend it.
    Explain(command::explain::Arguments),
}

fn main() -> std::process::ExitCode {
    let exit = match Arguments::parse().command {
        Command::Compile(arguments) => command::compile::run(&arguments),
        Command::Explain(arguments) => command::explain::run(&arguments),
    };
    exit.into()
}
