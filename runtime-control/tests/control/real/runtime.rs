//! A control runtime that can be killed: it has a runtime of its own, which is dropped with all that it was about.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use mesh_control::conductor::Probe;
use mesh_control::identity::Lifetimes;
use mesh_control::journal::Entry;
use mesh_control::release::Signers;
use mesh_control::rollout::{GatePolicy, Inconclusive, Policy, Reach, Record};
use mesh_control::{Config, Control};
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use tokio::task::block_in_place;
use tokio_util::sync::CancellationToken;

use super::shop::{MESH, trusted_keys};
use super::soon;

pub(crate) struct Running {
    runtime: Option<Runtime>,
    pub(crate) distribution: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) roots: String,
    /// What operators show.
    pub(crate) operator: String,
    records: broadcast::Receiver<Entry>,
    stop: CancellationToken,
    ended: Option<tokio::task::JoinHandle<Result<(), mesh_control::RunError>>>,
}

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(crate) fn policy() -> Policy {
    Policy {
        lease: Duration::from_secs(5),
        soak: Duration::from_millis(50),
        confirm_within: Duration::from_secs(10),
        retry: Duration::from_millis(200),
        waves: vec![Reach::Proxies(1), Reach::All],
        gate: GatePolicy { inconclusive: Inconclusive::Proceed, ..GatePolicy::default() },
        ..Policy::default()
    }
}

pub(crate) fn config(folder: &Path) -> Config {
    Config {
        state: folder.join("state"),
        registry: folder.join("registry"),
        secrets: folder.join("secrets"),
        releases: folder.join("releases"),
        signers: Signers::Trusted { keys: trusted_keys(), mesh: MESH.to_owned() },
        policy: policy(),
        trust_domain: "cluster.local".to_owned(),
        namespace: "mesh-system".to_owned(),
        cluster: "Kubernetes".to_owned(),
        lifetimes: Lifetimes::default(),
        token_lifetime: Duration::from_mins(10),
        bootstrap: Some(folder.join("bootstrap")),
        distribution: ANY_PORT,
        admin: ANY_PORT,
        probe: None,
    }
}

impl Running {
    pub(crate) fn start(config: Config) -> Self {
        block_in_place(|| {
            let runtime = Runtime::new().unwrap();
            let control = runtime.block_on(Control::start(config)).unwrap();
            let (distribution, admin) = (control.distribution_address(), control.admin_address());
            let (roots, records) = (control.roots(), control.records());
            let operator = control.operator_token().as_str().to_owned();
            let stop = CancellationToken::new();
            let ended = Some(runtime.spawn(control.run(stop.clone())));
            let runtime = Some(runtime);
            Self { runtime, distribution, admin, roots, operator, records, stop, ended }
        })
    }

    /// On the same ports, with what was on disk when it was killed.
    pub(crate) fn restart(&mut self, mut config: Config, probe: Option<Probe>) {
        self.kill();
        config.distribution = self.distribution;
        config.admin = self.admin;
        config.probe = probe;
        *self = Self::start(config);
    }

    /// Nothing that it was about is finished.
    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            block_in_place(|| runtime.shutdown_timeout(Duration::from_secs(10)));
        }
    }

    /// Ends it as an operator does, and says how that went.
    pub(crate) async fn stop(&mut self) -> Result<(), mesh_control::RunError> {
        self.stop.cancel();
        soon(self.ended.take().unwrap()).await.unwrap()
    }

    /// The next record that is as wanted.
    pub(crate) async fn record(&mut self, wanted: impl Fn(&Record) -> bool) -> Record {
        soon(async {
            loop {
                let record = self.records.recv().await.unwrap().record;
                if wanted(&record) {
                    return record;
                }
            }
        })
        .await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
