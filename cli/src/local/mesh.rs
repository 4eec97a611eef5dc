//! The running mesh: its processes, and how new policy reaches them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_control::observe::OperatorToken;
use mesh_snapshot::Digest;
use mesh_snapshot::container::{Bundle, FileError};
use mesh_snapshot::object::Credential;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::child::{Child, News, Spec};
use super::edge_certificates::{self, EdgeError};
use super::folders::Folders;
use super::plan::{self, PlanError};
use super::ports::Ports;
use super::publish::{KeyError, Publisher};
use super::registry;
use super::start::{self, ControlAt};
use super::station::Station;
use crate::operator::{Client, Token};

/// Why there is no mesh, or none with this policy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Ports(io::Error),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Edge(#[from] EdgeError),
    #[error("the snapshot cannot be published: {0}")]
    Publish(#[from] FileError),
    #[error("{} is in use by another local mesh: choose another folder with --state", .0.display())]
    InUse(PathBuf),
    #[error("{name} does not start{last}; its log is {}", log.display())]
    Unready { name: String, last: String, log: PathBuf },
}

/// What the user of a local mesh decides.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// What the user started, by which operators tell meshes apart.
    pub called: String,
    pub state: PathBuf,
    /// As in the settings of a control runtime.
    pub rollout: Value,
}

pub(crate) struct LocalMesh {
    folders: Folders,
    _claim: File,
    ports: Ports,
    publisher: Publisher,
    published: Digest,
    at: ControlAt,
    trust_domain: String,
    news: mpsc::Sender<News>,
    control: Child,
    /// By `namespace/workload`.
    proxies: BTreeMap<String, Child>,
    stations: Vec<Station>,
    /// Secrets that were made here.
    made: Vec<Credential>,
}

/// How long a process may take to open its listeners.
const READY_WITHIN: Duration = Duration::from_secs(15);
/// How long all proxies together may take to reach the control runtime.
const CONTACT_WITHIN: Duration = Duration::from_secs(5);

impl LocalMesh {
    /// Starts everything for the policy of `bundle`, and publishes it. News are of processes that die.
    pub(crate) async fn start(
        options: &Options,
        bundle: &Bundle,
        news: mpsc::Sender<News>,
    ) -> Result<Self, LocalError> {
        let failed = |error| LocalError::Io { path: options.state.clone(), error };
        let folders = Folders::open(&options.state).map_err(failed)?;
        let claim = folders.claim().map_err(failed)?;
        let claim = claim.ok_or_else(|| LocalError::InUse(folders.root().to_owned()))?;
        let publisher = Publisher::open(&folders)?;
        let mut ports = Ports::claim().map_err(LocalError::Ports)?;
        let at = ControlAt {
            distribution: ports.of("control distribution").map_err(LocalError::Ports)?,
            admin: ports.of("control admin").map_err(LocalError::Ports)?,
        };
        let trust_domain = trust_domain(bundle);
        let settings =
            start::control(&folders, at, &trust_domain, &options.rollout).map_err(failed)?;
        let mut spec = spec("control", &settings, folders.logs().join("control.log"));
        spec.arguments.extend(["--called".to_owned(), options.called.clone()]);
        let mut mesh = Self {
            control: Child::start(spec, news.clone()),
            proxies: BTreeMap::new(),
            stations: Vec::new(),
            made: Vec::new(),
            folders,
            _claim: claim,
            ports,
            publisher,
            published: bundle.snapshot.digest(),
            at,
            trust_domain,
            news,
        };
        let stations = plan::stations(bundle, &mut mesh.ports)?;
        mesh.settle(stations).await?;
        ready(&mesh.control).await?;
        for proxy in mesh.proxies.values() {
            ready(proxy).await?;
        }
        mesh.contacted().await;
        mesh.publisher.publish(bundle)?;
        Ok(mesh)
    }

    /// Waits for all proxies to be in contact, so that they all have a say in the first rollout. One that is late joins later.
    async fn contacted(&self) {
        let deadline = Instant::now() + CONTACT_WITHIN;
        while Instant::now() < deadline {
            let overview = self.operator().overview().await;
            if overview.is_ok_and(|overview| overview.total >= self.proxies.len()) {
                return;
            }
            sleep(Duration::from_millis(25)).await;
        }
    }

    /// Brings new policy to the mesh: first the workloads that it speaks of, then the snapshot.
    pub(crate) async fn apply(&mut self, bundle: &Bundle) -> Result<Digest, LocalError> {
        let stations = plan::stations(bundle, &mut self.ports)?;
        self.settle(stations).await?;
        self.published = self.publisher.publish(bundle)?;
        Ok(self.published)
    }

    /// Makes registry, secrets and processes those of `stations`.
    async fn settle(&mut self, stations: Vec<Station>) -> Result<(), LocalError> {
        let at = |path: PathBuf| move |error| LocalError::Io { path, error };
        self.made.extend(edge_certificates::write(&self.folders, &stations)?);
        let registry = self.folders.registry();
        registry::write(&registry, &stations).map_err(at(registry.clone()))?;
        let mut kept = BTreeMap::new();
        for station in &stations {
            let name = station.name();
            let settings = start::proxy(&self.folders, self.at, &self.trust_domain, station)
                .map_err(at(self.folders.settings()))?;
            let log = format!("{}.{}.log", station.workload.namespace, station.instance);
            let spec = spec(&format!("proxy {name}"), &settings, self.folders.logs().join(log));
            let unchanged = self.stations.contains(station);
            let child = match self.proxies.remove(&name) {
                Some(child) if unchanged && *child.spec() == spec => child,
                // As a pod that gets another template: it is replaced.
                Some(child) => {
                    child.stop().await;
                    Child::start(spec, self.news.clone())
                }
                None => Child::start(spec, self.news.clone()),
            };
            kept.insert(name, child);
        }
        for (_, gone) in std::mem::replace(&mut self.proxies, kept) {
            gone.stop().await;
        }
        self.stations = stations;
        Ok(())
    }

    pub(crate) fn operator(&self) -> Client {
        // Another after each start of the control runtime; without one it still tells how things are.
        let path = OperatorToken::path(&self.folders.control());
        Client::new(self.at.admin, Token::read(&path).ok())
    }

    pub(crate) const fn control_at(&self) -> ControlAt {
        self.at
    }

    pub(crate) const fn folders(&self) -> &Folders {
        &self.folders
    }

    /// What the mesh was told last to serve.
    pub(crate) const fn published(&self) -> Digest {
        self.published
    }

    /// In the order of the inventory.
    pub(crate) fn stations(&self) -> &[Station] {
        &self.stations
    }

    /// Secrets that policy names and that were made for this mesh.
    pub(crate) fn made(&self) -> &[Credential] {
        &self.made
    }

    pub(crate) const fn control(&self) -> &Child {
        &self.control
    }

    /// By `namespace/workload`.
    pub(crate) fn proxy(&self, name: &str) -> Option<&Child> {
        self.proxies.get(name)
    }

    /// Ends everything: who lets traffic in first, who is told what to serve last.
    pub(crate) async fn stop(self) {
        let Self { stations, mut proxies, control, .. } = self;
        for station in stations.iter().filter(|station| station.is_gateway()) {
            if let Some(proxy) = proxies.remove(&station.name()) {
                proxy.stop().await;
            }
        }
        let mut ending = tokio::task::JoinSet::new();
        for (_, proxy) in proxies {
            ending.spawn(proxy.stop());
        }
        ending.join_all().await;
        control.stop().await;
    }
}

async fn ready(child: &Child) -> Result<(), LocalError> {
    if child.is_ready(READY_WITHIN).await {
        return Ok(());
    }
    let spec = child.spec();
    let last = spec.last_words().map(|last| format!(": {last}")).unwrap_or_default();
    Err(LocalError::Unready { name: spec.name.clone(), last, log: spec.log.clone() })
}

/// `mesh control --config …`, `mesh proxy --config …`.
fn spec(name: &str, settings: &Path, log: PathBuf) -> Spec {
    let command = name.split(' ').next().unwrap_or(name).to_owned();
    let arguments = vec![command, "--config".to_owned(), settings.display().to_string()];
    Spec { name: name.to_owned(), arguments, log }
}

/// What policy calls the mesh's own.
fn trust_domain(bundle: &Bundle) -> String {
    let defaults = bundle.snapshot.mesh().entries.iter().find_map(|entry| {
        match bundle.snapshot.object(&entry.reference.digest)? {
            mesh_snapshot::Object::MeshDefaults(defaults) => Some(defaults.trust_domain),
            _ => None,
        }
    });
    defaults.unwrap_or_else(|| "cluster.local".to_owned())
}
