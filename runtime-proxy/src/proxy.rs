//! The proxy as one value: its threads, from their start to the end of the drain.

use std::io;
use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use crate::agent::StartError;
use crate::config::Config;
use crate::listener::BindError;

/// Why a proxy cannot start. Once it runs, nothing but `shutdown` ends it.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Agent(#[from] StartError),
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Where a proxy listens: what the configuration says, with the ports that the system chose for port 0. The ports of a gateway follow
/// the snapshot in force, and are not known here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bound {
    /// In the order of [`crate::config::Listeners::inbound`].
    pub inbound: Vec<SocketAddr>,
    pub inbound_captured: Option<SocketAddr>,
    pub outbound: Option<SocketAddr>,
    pub admin: Option<SocketAddr>,
}

/// Runs until `shutdown`, then drains. Blocks; not to be called where other tasks run. `ready` is called once, when every address
/// that the configuration names is listened on; connections are served from then on, by whatever snapshot is in force.
///
/// # Errors
///
/// When an address cannot be had, the state folder cannot be used, or there can be no more threads.
#[expect(clippy::todo, reason = "the signature comes first")]
pub fn run(
    config: Config,
    ready: impl FnOnce(&Bound),
    shutdown: CancellationToken,
) -> Result<(), RunError> {
    let _ = (config, ready, shutdown);
    todo!()
}

/// What a proxy of this version can serve: for [`crate::agent::config::Config::features`].
pub use crate::program::FEATURES;
