//! Everything that runs during the tour, and how it is waited for.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use mesh_control::observe::Overview;
use mesh_snapshot::container::Bundle;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::repository::Repository;
use super::shop;
use super::visitors::{self, Door, Visitors};
use crate::local::{LocalError, LocalMesh, News, Options, Side, Station};
use crate::operator;
use crate::request;

pub(crate) struct Stage {
    pub mesh: LocalMesh,
    pub repository: Repository,
    /// What is served when nothing is tried out.
    pub policy: request::Policy,
    pub door: Door,
    pub visitors: Visitors,
    services: JoinSet<(SocketAddr, io::Result<()>)>,
    _news: mpsc::Receiver<News>,
}

/// Why the tour cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    #[error(transparent)]
    Local(#[from] LocalError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Operator(#[from] operator::AskError),
    #[error(transparent)]
    Request(#[from] request::AskError),
    #[error("the shop's policy does not compile:\n{0}")]
    Policy(String),
    #[error("waited {} s in vain: {what}", patience.as_secs())]
    Late { what: &'static str, patience: Duration },
    #[error("the shop's policy has no {0}")]
    Missing(&'static str),
}

impl Stage {
    /// Starts mesh and shop; visitors come once pages are served.
    pub(crate) async fn set(
        repository: Repository,
        bundle: Bundle,
        state: &Path,
    ) -> Result<Self, StageError> {
        let (tell, news) = mpsc::channel(16);
        // Quick to judge: visitors are few, and nobody waits for half an hour.
        let rollout = json!({
            "soak": "2s",
            "waves": ["1", "all"],
            "gate": { "samplesMin": 30, "inconclusive": "proceed" },
        });
        let called = "mesh demo".to_owned();
        let options = Options { called, state: state.to_owned(), rollout };
        let mesh = LocalMesh::start(&options, &bundle, tell).await?;
        let services = shop::open(mesh.stations());
        let door = door(&mesh)?;
        let visitors = Visitors::wait_outside();
        let policy = bundle.into();
        let mut whole = Self { mesh, repository, policy, door, visitors, services, _news: news };
        whole.open().await?;
        Ok(whole)
    }

    async fn open(&mut self) -> Result<(), StageError> {
        let patience = Duration::from_secs(15);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(failed) = self.services.try_join_next() {
                let (at, ended) = failed.map_err(io::Error::other)?;
                ended.map_err(|error| io::Error::other(format!("{at}: {error}")))?;
            }
            if self.serves().await {
                self.visitors = Visitors::come(&self.door);
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(StageError::Late { what: "the first page", patience })
    }

    async fn serves(&self) -> bool {
        let Ok(mut client) = self.door.enter().await else { return false };
        let answer = self.door.get(&mut client, "/products/1", &http::HeaderMap::new()).await;
        answer.is_ok_and(|answer| visitors::version(&answer).is_some())
    }

    pub(crate) fn station(&self, name: &str) -> Option<&Station> {
        self.mesh.stations().iter().find(|station| station.name() == name)
    }

    /// The first overview that is as wanted; none in time is `None`.
    pub(crate) async fn overview_when(
        &self,
        wanted: impl Fn(&Overview) -> bool,
        patience: Duration,
    ) -> Option<Overview> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Ok(overview) = self.mesh.operator().overview().await
                && wanted(&overview)
            {
                return Some(overview);
            }
            sleep(Duration::from_millis(25)).await;
        }
        None
    }

    /// Visitors leave first.
    pub(crate) async fn strike(self) {
        drop(self.visitors);
        self.mesh.stop().await;
    }
}

/// The first port of a gateway that speaks TLS.
fn door(mesh: &LocalMesh) -> Result<Door, StageError> {
    let edges = mesh.stations().iter().filter_map(|station| match &station.side {
        Side::Gateway { edges } => Some(edges),
        Side::Sidecar { .. } => None,
    });
    let edge = edges.flatten().find(|edge| edge.tls).ok_or(StageError::Missing("gateway"))?;
    let host = edge.hosts.first().ok_or(StageError::Missing("host at the gateway"))?;
    let tls = visitors::tls(&mesh.folders().edge_authority())?;
    Ok(Door { at: edge.at, host: host.clone(), tls })
}
