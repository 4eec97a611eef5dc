//! The project's heavier suites, which need more than the toolchain.
//!
//! Each sets up what it needs by itself, prints what it measured, and fails by its exit code.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "people read what suites find")]

mod bench;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs one of the project's heavier suites.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Debug, Subcommand)]
enum Suite {
    /// How fast the compiler and the proxy are, the proxy beside Envoy in the same run.
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    let Suite::Bench(arguments) = Arguments::parse().suite;
    match bench::run(&arguments) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
