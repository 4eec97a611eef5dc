//! `mesh demo`: a shop on this machine, and a tour of it that checks itself.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use crate::demo::{self, StageError};
use crate::render::{Color, Terminal};
use crate::stop::{self, Leash};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Where state is kept, and left when it ends [default: a temporary folder].
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::Broken.because(&error),
    };
    let exit = runtime.block_on(demo(arguments));
    runtime.shutdown_background();
    exit
}

async fn demo(arguments: &Arguments) -> Exit {
    let temporary = match tempfile::Builder::new().prefix("mesh-demo-").tempdir() {
        Ok(folder) => folder,
        Err(error) => return Exit::Broken.because(&error),
    };
    let folder = arguments.state.clone().unwrap_or_else(|| temporary.path().to_owned());
    let terminal = Terminal::detect(arguments.color);
    let toured = tokio::select! {
        toured = demo::tour(&folder, terminal) => toured,
        _ = stop::requested(Leash::Free) => return Exit::Interrupted,
    };
    let exit = match toured {
        Ok(true) => return Exit::Ok,
        Ok(false) => Exit::Negative,
        Err(error @ StageError::Policy(_)) => Exit::Negative.because(&error),
        Err(error @ StageError::Late { .. }) => Exit::TimedOut.because(&error),
        Err(StageError::Local(error)) => Exit::from(&error).because(&error),
        Err(error) => Exit::Broken.because(&error),
    };
    // Whoever wants to know why needs the logs.
    let kept = if arguments.state.is_some() { folder } else { temporary.keep() };
    Exit::because(exit, &format!("state and logs are kept in {}", kept.display()))
}
