//! `mesh control`: the control runtime, until it is told to end.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use mesh_control::{Control, RunError, StartError};
use tokio_util::sync::CancellationToken;

use super::Exit;
use crate::operator::{Announced, Running};
use crate::settings::SettingsError;
use crate::settings::control::Settings;
use crate::stop::{self, Leash};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The settings, a JSON file; flags replace what it says.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The control runtime's own folder: journal, snapshots, authority, tokens.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The folder into which `*.mesh` files are published [default: `releases` in the state].
    #[arg(long, value_name = "DIR")]
    releases: Option<PathBuf>,
    /// The folder of documents about instances [default: `registry` in the state].
    #[arg(long, value_name = "DIR")]
    registry: Option<PathBuf>,
    /// A public key whose snapshots are taken; may be repeated.
    #[arg(long, value_name = "PEM", conflicts_with = "unsigned")]
    trust: Vec<PathBuf>,
    /// Take snapshots that nobody signed.
    #[arg(long)]
    unsigned: bool,
    /// The name of the mesh, which signatures must be for.
    #[arg(long, value_name = "NAME")]
    mesh: Option<String>,
    /// Where proxies connect to.
    #[arg(long, value_name = "ADDRESS")]
    distribution: Option<SocketAddr>,
    /// Where operators do: a loopback address.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// End when standard input is closed.
    #[arg(long, hide = true)]
    leashed: bool,
    /// What the user started, where that is not this command.
    #[arg(long, hide = true, value_name = "COMMAND")]
    called: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

pub(crate) fn run(arguments: Arguments) -> Exit {
    crate::log::start();
    match serve(arguments) {
        Ok(()) => Exit::Ok,
        Err(error @ Error::Settings(SettingsError::Missing(_) | SettingsError::Signers)) => {
            Exit::Usage.because(&error)
        }
        Err(error @ Error::Settings(_)) => Exit::Input.because(&error),
        Err(error) => Exit::Negative.because(&error),
    }
}

fn serve(arguments: Arguments) -> Result<(), Error> {
    let leash = if arguments.leashed { Leash::Stdin } else { Leash::Free };
    let called = arguments.called.clone();
    let config = settings(arguments)?.config()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let called =
            called.unwrap_or_else(|| format!("mesh control --state {}", config.state.display()));
        let control = Control::start(config).await?;
        let _announced = announce(&control, &called)?;
        let stop = CancellationToken::new();
        let mut running = std::pin::pin!(control.run(stop.clone()));
        tokio::select! {
            // It does not end by itself but by an error.
            ended = &mut running => return Ok(ended?),
            requested = stop::requested(leash) => requested?,
        }
        stop.cancel();
        Ok(running.await?)
    });
    // A thread that reads standard input cannot be called back.
    runtime.shutdown_background();
    served
}

fn settings(arguments: Arguments) -> Result<Settings, SettingsError> {
    let read = arguments.config.as_deref().map(Settings::read).transpose()?;
    let mut settings = read.unwrap_or_default();
    settings.state = arguments.state.or(settings.state);
    settings.releases = arguments.releases.or(settings.releases);
    settings.registry = arguments.registry.or(settings.registry);
    if !arguments.trust.is_empty() || arguments.unsigned {
        (settings.trust, settings.unsigned) = (arguments.trust, arguments.unsigned);
    }
    settings.mesh = arguments.mesh.unwrap_or(settings.mesh);
    settings.distribution = arguments.distribution.or(settings.distribution);
    settings.admin = arguments.admin.or(settings.admin);
    Ok(settings)
}

/// One line on standard output, once connections are accepted; operators of this user find it from then on.
fn announce(control: &Control, called: &str) -> io::Result<Option<Announced>> {
    let (proxies, operators) = (control.distribution_address(), control.admin_address());
    let token = control.operator_token().as_str().parse().ok();
    let announced = Running::announce(operators, called, token).inspect_err(
        |error| tracing::info!(%error, "operators do not find this by themselves, but by --control and --token-file"),
    );
    let mut out = io::stdout().lock();
    writeln!(out, "ready distribution={proxies} admin={operators}")?;
    out.flush()?;
    Ok(announced.ok())
}
