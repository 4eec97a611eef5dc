//! The project's heavier suites, which need more than the toolchain.
//!
//! Each sets up what it needs by itself, prints what it measured, and fails by its exit code.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "people read what suites find")]

mod application;
mod bed;
mod load;
mod repository;
mod suite;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};

use suite::SuiteError;

/// Runs one of the project's heavier suites.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    suite: Suite,
    /// The `mesh` executable to look at.
    #[arg(long, global = true, default_value = "target/release/mesh")]
    mesh: PathBuf,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Suite {
    /// 200 rollouts at ten a second, under load of every protocol.
    Flips,
    /// Snapshots that one proxy cannot prepare.
    Refusal,
    /// `kill -9` of the control runtime at each durable step, and of proxies without it. Needs `strace`.
    Kill,
}

fn main() -> ExitCode {
    let Arguments { suite, mesh } = Arguments::parse();
    let began = Instant::now();
    match run(suite, &mesh) {
        Ok(found) => {
            println!("{suite:?}: ok in {:.1} s: {found}", began.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{suite:?}: failed after {:.1} s: {error}", began.elapsed().as_secs_f64());
            ExitCode::FAILURE
        }
    }
}

fn run(suite: Suite, mesh: &std::path::Path) -> Result<String, SuiteError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match suite {
            Suite::Flips => suite::flips::run(mesh).await,
            Suite::Refusal => suite::refusal::run(mesh).await,
            Suite::Kill => suite::kill::run(mesh).await,
        }
    })
}
