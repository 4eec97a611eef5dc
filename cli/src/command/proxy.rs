//! `mesh proxy`: a proxy, until it is told to end.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use mesh_proxy::proxy::{Bound, RunError};
use tokio_util::sync::CancellationToken;

use super::Exit;
use crate::settings::SettingsError;
use crate::settings::proxy::Settings;
use crate::stop::{self, Leash};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The settings, a JSON file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// End when standard input is closed.
    #[arg(long, hide = true)]
    leashed: bool,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    crate::log::start();
    match serve(arguments) {
        Ok(()) => Exit::Ok,
        Err(error @ Error::Settings(_)) => Exit::Input.because(&error),
        Err(error) => Exit::Negative.because(&error),
    }
}

/// The proxy has threads of its own; signals are heard on one beside them.
fn serve(arguments: &Arguments) -> Result<(), Error> {
    let leash = if arguments.leashed { Leash::Stdin } else { Leash::Free };
    let config = Settings::read(&arguments.config)?.config()?;
    let signals = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("signals")
        .enable_all()
        .build()?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    signals.spawn(async move {
        if let Err(error) = stop::requested(leash).await {
            tracing::error!("signals cannot be heard: {error}");
        }
        stopping.cancel();
    });
    let served = mesh_proxy::proxy::run(config, announce, &stop);
    // A thread that reads standard input cannot be called back.
    signals.shutdown_background();
    Ok(served?)
}

/// One line on standard output, once connections are accepted.
fn announce(bound: &Bound) {
    let mut line = "ready".to_owned();
    let places = [
        ("outbound", bound.outbound),
        ("captured", bound.inbound_captured),
        ("admin", bound.admin),
    ];
    for (name, at) in places {
        if let Some(at) = at {
            line.extend([" ", name, "=", &at.to_string()]);
        }
    }
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
