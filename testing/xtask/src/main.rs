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

mod against_istio;
mod bench;
mod corpus;
mod fuzz;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use mesh_peer::PeerError;

use suite::SuiteError;

/// Runs one of the project's heavier suites.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    #[command(flatten)]
    Suite(Suite),
    /// How fast the compiler and the proxy are, the proxy beside Envoy in the same run.
    Bench(bench::Arguments),
    /// How fast the compiler is, beside `istioctl analyze` in the same run.
    BenchCompiler(bench::compiler::Arguments),
    /// How many cases of the corpora are met: a line a group. It fails where there is no corpus, and with `--explained` where a
    /// case is neither met nor explained.
    Corpus(corpus::Arguments),
    /// Inputs that nobody wrote: mutations of those that are kept, for a bounded time.
    Fuzz(fuzz::Arguments),
    /// Random repositories, judged by `istioctl analyze` and by the compiler: each class of differences with an example. It
    /// fails where one is not explained or Istio hardly answers, and with the exit code 4 where there is no `istioctl`.
    AgainstIstio(against_istio::Arguments),
    /// What stands behind a proxy in the suite `kernel`.
    #[command(hide = true)]
    Application,
}

#[derive(Clone, Debug, Subcommand)]
enum Suite {
    /// 200 rollouts at ten a second, under load of every protocol.
    Flips(Subject),
    /// Snapshots that one proxy cannot prepare.
    Refusal(Subject),
    /// `kill -9` of the control runtime at each durable step, and of proxies without it. Needs `strace`.
    Kill(Subject),
    /// Transparent capture in network namespaces. Needs root, `iptables`, `curl` and `nghttp`.
    Kernel(Subject),
}

#[derive(Clone, Debug, clap::Args)]
struct Subject {
    /// The `mesh` executable to look at.
    #[arg(long, default_value = "target/release/mesh")]
    mesh: PathBuf,
}

fn main() -> ExitCode {
    let began = Instant::now();
    let found = match Arguments::parse().task {
        Task::Suite(suite) => run(&suite).map_err(|error| error.to_string()),
        Task::Bench(arguments) => bench::run(&arguments).map_err(|error| error.to_string()),
        Task::BenchCompiler(arguments) => {
            bench::compiler::run(&arguments).map_err(|error| error.to_string())
        }
        Task::Corpus(arguments) => return corpus(&arguments),
        Task::Fuzz(arguments) => fuzz::run(&arguments).map_err(|error| error.to_string()),
        Task::AgainstIstio(arguments) => return against_istio(&arguments),
        Task::Application => application().map_err(|error| error.to_string()),
    };
    let seconds = began.elapsed().as_secs_f64();
    match found {
        Ok(found) => {
            println!("{found}\nok, {seconds:.1} s");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}\nfailed, {seconds:.1} s");
            ExitCode::FAILURE
        }
    }
}

/// Nothing is added to the report: programs read it.
fn corpus(arguments: &corpus::Arguments) -> ExitCode {
    match corpus::report(arguments) {
        Ok((report, is_well)) => {
            print!("{report}");
            if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// As the command line does, 4 is for something that cannot be reached.
fn against_istio(arguments: &against_istio::Arguments) -> ExitCode {
    match against_istio::report(arguments) {
        Ok(report) => {
            print!("{report}");
            if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error @ PeerError::Absent { .. }) => {
            eprintln!("{error}");
            ExitCode::from(4)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(suite: &Suite) -> Result<String, SuiteError> {
    let mesh = |subject: &Subject| Ok::<_, SuiteError>(subject.mesh.canonicalize()?);
    runtime()?.block_on(async {
        match suite {
            Suite::Flips(subject) => suite::flips::run(&mesh(subject)?).await,
            Suite::Refusal(subject) => suite::refusal::run(&mesh(subject)?).await,
            Suite::Kernel(subject) => suite::kernel::run(&mesh(subject)?).await,
            Suite::Kill(subject) => suite::kill::run(&mesh(subject)?).await,
        }
    })
}

fn application() -> Result<String, SuiteError> {
    runtime()?.block_on(suite::kernel::application())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}
