//! One thread that carries traffic.

use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::edges::Edges;
use crate::cluster::Clusters;
use crate::config::GatewayListeners;
use crate::drain::Drain;
use crate::filter::inbound::{self, Entry};
use crate::filter::{Peers, Serving, outbound};
use crate::http::HttpLimits;
use crate::listener::{Gate, Own, Ports, accept};
use crate::observe::Observer;
use crate::tls::{MeshClient, MeshServer};

/// A socket that connections come in by.
pub(super) enum Door {
    Inbound(TcpListener, Entry),
    Outbound(TcpListener),
}

/// A proxy that starts from its disk has its identity a moment after its snapshot.
const IDENTITY_WAIT: Duration = Duration::from_secs(5);

/// What a thread is started with.
pub(super) struct Worker {
    pub(super) doors: Vec<Door>,
    pub(super) gateway: Option<GatewayListeners>,
    pub(super) own: Arc<Own>,
    pub(super) shared: Shared,
    pub(super) mesh: Arc<MeshServer>,
    pub(super) ports: Ports,
    pub(super) arriving: Arc<Gate>,
    pub(super) leaving: Arc<Gate>,
    pub(super) drain: Drain,
    pub(super) drain_outbound: Drain,
    pub(super) end: CancellationToken,
}

impl Worker {
    /// Serves until the end; what is under way then is cut off.
    pub(super) fn run(self) {
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        match runtime {
            Ok(runtime) => runtime.block_on(self.serve()),
            Err(error) => tracing::error!(%error, "a thread cannot serve"),
        }
    }

    async fn serve(self) {
        let serving = self.serving();
        tokio::task::spawn_local(follow(Rc::clone(&serving)));
        let end = self.end.clone();
        tokio::task::spawn_local(self.open(serving));
        end.cancelled().await;
    }

    /// Accepts connections, once there is what to judge them by. Who comes before waits in the socket's queue.
    async fn open(self, serving: Rc<Serving>) {
        let Self {
            doors, gateway, shared, ports, arriving, leaving, drain, drain_outbound, ..
        } = self;
        shared.live.until(|live| live.is_some()).await;
        // One that cannot be used is no reason to turn plain text away.
        let _ = timeout(IDENTITY_WAIT, shared.identity.known()).await;
        for door in doors {
            let (gate, drain) = match &door {
                Door::Inbound(..) => (&arriving, &drain),
                Door::Outbound(_) => (&leaving, &drain_outbound),
            };
            let (gate, drain) = (Arc::clone(gate), drain.clone());
            tokio::task::spawn_local(keep(door, gate, drain, Rc::clone(&serving)));
        }
        if let Some(listeners) = gateway {
            let edges = Edges::new(listeners, shared.live.clone(), ports, arriving, drain, serving);
            tokio::task::spawn_local(edges.follow());
        }
    }

    fn serving(&self) -> Rc<Serving> {
        let shared = &self.shared;
        let client = MeshClient::new(Arc::clone(&shared.identity));
        Rc::new(Serving {
            live: shared.live.reader(),
            clusters: Clusters::new(Rc::new(client)),
            mesh: Arc::clone(&self.mesh),
            world: shared.world.clone(),
            observer: Observer::new(&shared.metrics, &shared.logs),
            peers: Peers::new(&shared.metrics),
            limits: HttpLimits::default(),
            clock: shared.clock.clone(),
            drain: self.drain.clone(),
            drain_outbound: self.drain_outbound.clone(),
            own: Arc::clone(&self.own),
            mirrors: Cell::new(0),
            dice: RefCell::new(SmallRng::from_os_rng()),
            identity: Arc::clone(&shared.identity),
            principal: RefCell::default(),
        })
    }
}

/// Lets go of what is no longer in force, requests or not.
async fn follow(serving: Rc<Serving>) {
    serving.live.follow().await;
}

async fn keep(door: Door, gate: Arc<Gate>, drain: Drain, serving: Rc<Serving>) {
    let (socket, entry) = match door {
        Door::Inbound(socket, entry) => (socket, Some(entry)),
        Door::Outbound(socket) => (socket, None),
    };
    let listener = match tokio::net::TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a socket cannot be listened on"),
    };
    accept(listener, &gate, &drain, |accepted| {
        let serving = Rc::clone(&serving);
        match entry {
            Some(entry) => {
                drop(tokio::task::spawn_local(inbound::serve(accepted, entry, serving)));
            }
            None => drop(tokio::task::spawn_local(outbound::serve(accepted, serving))),
        }
    })
    .await;
}
