//! The proxy as one value: its threads, from their start to the end of the drain.
//!
//! ```text
//! run ─┬▶ agent          told what to serve; live, world                       a thread
//!      ├▶ workers        listeners, connections, upstreams                     a thread a core
//!      └▶ side           the proxy's identity made ready, the admin port       a thread
//! ```

mod control;
mod data_plane;
mod edges;
mod identity;
mod side;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_engine::GATEWAY_ADDRESS;
use tokio_util::sync::CancellationToken;

use control::Control;
pub use data_plane::{Bound, DataPlane, Shared};

use crate::agent::clock::Clock;
use crate::agent::health::HealthCounters;
use crate::agent::status::Status;
use crate::agent::{self, Agent, StartError};
use crate::cluster::system_lookup;
use crate::config::{AccessLogTarget, Config, GatewayListeners};
use crate::listener::BindError;
use crate::live::Current;
use crate::observe::{AccessLogs, Destination, Local, Metrics};
use crate::program::Builder;
use crate::world::World;

/// What a proxy of this version can serve: for [`crate::agent::config::Config::features`], which [`run`] sees to.
pub use crate::program::FEATURES;

/// Why a proxy cannot start, or did not run well. Once it serves something, nothing but `shutdown` ends it.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Agent(#[from] StartError),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
    /// Told at the end: until then, what was in force was served.
    #[error("the agent has panicked")]
    AgentPanicked,
}

/// Runs until `shutdown`, then drains. Blocks; not to be called where other tasks run. `ready` is called once, when every address
/// that the configuration names is listened on; connections are served as soon as a snapshot is in force, and wait until then.
///
/// # Errors
///
/// When an address cannot be had, the state folder cannot be used, there can be no more threads, or the agent has panicked.
pub fn run(
    config: Config,
    ready: impl FnOnce(&Bound),
    shutdown: &CancellationToken,
) -> Result<(), RunError> {
    crate::tls::install_provider();
    let shared = shared(&config)?;
    let status = Arc::<Status>::default();
    let health = HealthCounters::default();
    let mut plane =
        DataPlane::start(&config.listeners, config.threads, config.connections_max, &shared)?;
    let side = side::start(&config, &mut plane, &shared, &status, &health)?;
    let agent = Agent {
        config: agent::config::Config {
            features: FEATURES.iter().map(|name| (*name).to_owned()).collect(),
            ..config.agent
        },
        build: builder(&shared, config.listeners.gateway.as_ref()),
        live: shared.live.clone(),
        world: shared.world.clone(),
        health,
        status: Arc::clone(&status),
        clock: Clock::default(),
    };
    // It goes on while connections drain: certificates may be renewed, endpoints change.
    let end = CancellationToken::new();
    let mut control = Control::new(agent.spawn(end.clone())?, status);
    ready(plane.bound());
    let is_lost = || control.is_lost(|| shared.live.load().is_some());
    let limit = if wait(shutdown, &plane, is_lost) { config.drain } else { Duration::ZERO };
    plane.drain(limit);
    end.cancel();
    side.end();
    control.join()
}

/// Until the proxy is to end: told so, by the admin port too, or since it cannot serve anything. Whether it was told.
fn wait(
    shutdown: &CancellationToken,
    plane: &DataPlane,
    mut is_lost: impl FnMut() -> bool,
) -> bool {
    const LOOK: Duration = Duration::from_millis(50);
    while !shutdown.is_cancelled() && !plane.is_draining() {
        if is_lost() {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

fn shared(config: &Config) -> Result<Shared, RunError> {
    let agent = &config.agent;
    let workload = &agent.workload;
    let local = Local {
        workload: workload.clone(),
        cluster: config.cluster.clone(),
        principal: format!(
            "spiffe://{}/ns/{}/sa/{}",
            agent.control.trust_domain, workload.namespace, workload.service_account
        ),
        version: agent.version.clone(),
        hostname: agent.proxy.clone(),
        environment: BTreeMap::new(),
    };
    let destination = match &config.access_log {
        AccessLogTarget::Stdout => Destination::Stdout,
        AccessLogTarget::File(file) => Destination::File(file.clone()),
    };
    Ok(Shared {
        world: World::default(),
        live: Current::default(),
        identity: Arc::default(),
        lookup: system_lookup(),
        metrics: Metrics::new(local),
        logs: AccessLogs::start(destination)?,
        clock: Clock::default(),
    })
}

/// What programs for this data plane are built by.
#[must_use]
pub fn builder(shared: &Shared, gateway: Option<&GatewayListeners>) -> Builder {
    Builder {
        world: shared.world.clone(),
        live: shared.live.clone(),
        identity: Arc::clone(&shared.identity),
        lookup: Arc::clone(&shared.lookup),
        metrics: Arc::clone(&shared.metrics),
        gateway_address: gateway.map_or(GATEWAY_ADDRESS, |gateway| gateway.address),
    }
}

/// Waits until `is_over`, at most so long; whether it is.
fn within(limit: Duration, is_over: impl Fn() -> bool) -> bool {
    const LOOK: Duration = Duration::from_millis(5);
    let until = Instant::now() + limit;
    while !is_over() {
        if until <= Instant::now() {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}
