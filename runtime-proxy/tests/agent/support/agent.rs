//! An agent on a thread of its own, with a state folder of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mesh_proxy::agent::clock::Clock;
use mesh_proxy::agent::config::{Config, Control, Limits, Signing, Token};
use mesh_proxy::agent::health::HealthCounters;
use mesh_proxy::agent::status::{StartedFrom, Status};
use mesh_proxy::agent::{Agent, StartError};
use mesh_proxy::live::Current;
use mesh_proxy::world::World;
use mesh_snapshot::wire::{self, Trial};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::authority::{Authority, CONTROL, TRUST_DOMAIN};
use super::build::{TestBuild, TestProgram};
use super::control::{self, until, within};
use super::mesh;
use super::sim_disk::SimDisk;

/// A control runtime, and a proxy that is set up for it.
pub struct Test {
    pub authority: Arc<Authority>,
    pub control: control::Control,
    pub setup: Setup,
}

impl Test {
    pub async fn new() -> Self {
        let authority = Arc::new(Authority::new());
        let control = control::Control::start(&authority, signer(&authority)).await;
        let setup = Setup::new(&authority, &control.address.to_string());
        Self { authority, control, setup }
    }

    /// A proxy, and its stream, welcomed.
    pub async fn connected(&mut self) -> (Running, control::Stream) {
        let proxy = self.setup.start();
        let mut stream = self.control.stream().await;
        stream.welcome().await;
        (proxy, stream)
    }
}

/// What is served, and how that came to be.
pub fn trial(serving: &wire::Serving) -> (u64, Trial) {
    (serving.epoch, serving.trial())
}

/// What a proxy is set up with; it outlives each start of it.
pub struct Setup {
    pub folder: TempDir,
    pub config: Config,
    /// Seconds since 1970, as the proxy believes.
    pub clock: Arc<AtomicU64>,
    pub build: TestBuild,
}

impl Setup {
    pub fn new(authority: &Authority, address: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("roots.pem");
        authority.write_root(&roots);
        let config = Config {
            proxy: "web-0".to_owned(),
            workload: mesh::workload(),
            version: "test".to_owned(),
            mesh: mesh::MESH.to_owned(),
            signing: Signing::Required(mesh::trusted_keys()),
            features: std::collections::BTreeSet::new(),
            state: folder.path().join("state"),
            control: Control {
                address: address.to_owned(),
                identity: CONTROL.to_owned(),
                trust_domain: TRUST_DOMAIN.to_owned(),
                roots,
                token: Some(Token::Value("once".to_owned())),
            },
            limits: Limits {
                reconnect: (Duration::from_millis(1), Duration::from_millis(20)),
                renew: (Duration::from_millis(1), Duration::from_millis(20)),
                ..Limits::default()
            },
        };
        let clock = Arc::new(AtomicU64::new(Clock::default().now()));
        Self { folder, config, clock, build: TestBuild::default() }
    }

    pub fn state(&self) -> &Path {
        &self.config.state
    }

    /// The versions that were built so far.
    pub fn built(&self) -> Vec<String> {
        self.build.built.lock().unwrap().clone()
    }

    /// On the state folder.
    pub fn start(&self) -> Running {
        self.run(Agent::run)
    }

    pub fn start_on(&self, disk: &SimDisk) -> Running {
        let disk = disk.clone();
        self.run(move |agent, shutdown| agent.run_on(Arc::new(disk), shutdown))
    }

    fn run(
        &self,
        run: impl FnOnce(Agent<TestBuild>, CancellationToken) -> Result<(), StartError> + Send + 'static,
    ) -> Running {
        let (world, live, health) =
            (World::default(), Current::default(), HealthCounters::default());
        let build = TestBuild { world: world.clone(), ..self.build.clone() };
        let (status, shutdown) = (Arc::<Status>::default(), CancellationToken::new());
        let clock = Arc::clone(&self.clock);
        let agent = Agent {
            config: self.config.clone(),
            build,
            live: live.clone(),
            world: world.clone(),
            health: health.clone(),
            status: Arc::clone(&status),
            clock: Clock::new(move || clock.load(Ordering::Relaxed)),
        };
        let until = shutdown.clone();
        let thread = Some(std::thread::spawn(move || run(agent, until)));
        Running { live, world, health, status, shutdown, thread }
    }
}

/// An agent that runs until this is dropped.
pub struct Running {
    pub live: Current<TestProgram>,
    pub world: World,
    pub health: HealthCounters,
    pub status: Arc<Status>,
    shutdown: CancellationToken,
    thread: Option<JoinHandle<Result<(), StartError>>>,
}

impl Running {
    /// Waits until a version is in force.
    pub async fn serves(&self, version: &str) {
        self.started().await;
        let is = |live: Option<&mesh_proxy::live::Live<TestProgram>>| {
            live.is_some_and(|live| live.program.version == version)
        };
        within(self.live.until(is)).await;
    }

    /// Waits until it serves what it starts with.
    pub async fn started(&self) {
        until(|| self.status.started_from() != StartedFrom::Starting).await;
    }

    pub fn version(&self) -> Option<String> {
        self.live.load().map(|live| live.program.version.clone())
    }

    /// Ends it in good order.
    pub fn stop(mut self) -> Result<(), StartError> {
        self.shutdown.cancel();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub const DAY: u64 = 86_400;

/// Signs everything for the tested workload, for a day.
pub fn signer(authority: &Arc<Authority>) -> control::Signer {
    let authority = Arc::clone(authority);
    Arc::new(move |request, proved| {
        if !proved && request.token != "once" {
            return Err(tonic::Status::unauthenticated("no such token"));
        }
        let now = Clock::default().now();
        Ok(authority.sign(&request, super::authority::WEB, (now - 60, now + DAY)))
    })
}
