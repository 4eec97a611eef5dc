//! `mesh`: the one binary that users run. It parses the command line, calls a command and says how it ended.

#![forbid(unsafe_code)]

mod command;
mod findings;
mod mend;
mod render;

mod demo;
mod difference;
mod settings;

mod environment;
mod git;
mod http;
mod local;
mod log;
mod operator;
mod request;
mod source;
mod stop;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

/// A compiler makes many small things and keeps them: with the system's allocator it takes a third longer.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Istio's API, compiled.
#[derive(Debug, Parser)]
#[command(name = "mesh", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile a policy repository into a snapshot.
    Compile(command::compile::Arguments),
    /// Compare two policies: what differs, and for whom.
    Diff(command::diff::Arguments),
    /// Bring the files of a policy into one form.
    Fmt(command::fmt::Arguments),
    /// Explain a check: what it finds, why, and how to mend it.
    Explain(command::explain::Arguments),
    /// Run the mesh of a repository on this machine.
    Up(command::up::Arguments),
    /// Take a tour of a shop on this machine; it checks itself.
    Demo(command::demo::Arguments),
    /// Tell what becomes of a request, and why; nothing is sent.
    Request(command::request::Arguments),
    /// Show what is rolled out, and steer it.
    Rollout(command::rollout::Arguments),
    /// Show what each proxy serves.
    Proxies(command::proxies::Arguments),
    /// Print what completes `mesh` in a shell.
    Completions(command::completions::Arguments),
    /// Write the manual pages.
    Man(command::man::Arguments),
    /// Run the control runtime.
    Control(command::control::Arguments),
    /// Run a proxy.
    Proxy(command::proxy::Arguments),
}

fn main() -> std::process::ExitCode {
    let exit = match Arguments::parse().command {
        Command::Compile(arguments) => command::compile::run(&arguments),
        Command::Diff(arguments) => command::diff::run(&arguments),
        Command::Fmt(arguments) => command::fmt::run(&arguments),
        Command::Explain(arguments) => command::explain::run(&arguments),
        Command::Up(arguments) => command::up::run(&arguments),
        Command::Demo(arguments) => command::demo::run(&arguments),
        Command::Request(arguments) => command::request::run(&arguments),
        Command::Rollout(arguments) => command::rollout::run(&arguments),
        Command::Proxies(arguments) => command::proxies::run(&arguments),
        Command::Completions(arguments) => command::completions::run(&arguments),
        Command::Man(arguments) => command::man::run(&arguments),
        Command::Control(arguments) => command::control::run(arguments),
        Command::Proxy(arguments) => command::proxy::run(&arguments),
    };
    exit.into()
}
