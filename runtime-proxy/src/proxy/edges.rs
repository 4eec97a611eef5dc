//! The listeners of a gateway, which follow the program in force.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::config::GatewayListeners;
use crate::drain::Drain;
use crate::filter::Serving;
use crate::filter::gateway::{self, Place};
use crate::listener::{Gate, NotOpened, Ports, accept};
use crate::live::Current;
use crate::program::Program;

/// Of one thread. What the program no longer has is drained; what it has anew is opened, beside the sockets of the other threads.
pub(super) struct Edges {
    listeners: GatewayListeners,
    live: Current<Program>,
    ports: Ports,
    gate: Arc<Gate>,
    drain: Drain,
    serving: Rc<Serving>,
    open: BTreeMap<Place, Drain>,
}

/// A port that cannot be had now may be had later.
const RETRY: Duration = Duration::from_secs(1);

impl Edges {
    pub(super) fn new(
        listeners: GatewayListeners,
        live: Current<Program>,
        ports: Ports,
        gate: Arc<Gate>,
        drain: Drain,
        serving: Rc<Serving>,
    ) -> Self {
        Self { listeners, live, ports, gate, drain, serving, open: BTreeMap::new() }
    }

    pub(super) async fn follow(mut self) {
        loop {
            let (generation, wanted) = self.wanted();
            let is_complete = self.adjust(&wanted);
            let changed = self.live.until(|live| live.map(|live| live.generation) != generation);
            if is_complete {
                changed.await;
            } else {
                let _ = timeout(RETRY, changed).await;
            }
        }
    }

    fn wanted(&self) -> (Option<u64>, Vec<Place>) {
        let Some(live) = self.live.load() else { return (None, Vec::new()) };
        let gateway = live.program.engine().gateway();
        let listeners = gateway.map(mesh_engine::gateway::Gateway::listeners).unwrap_or_default();
        let places = listeners.iter().map(|at| Place { port: at.port, bind: at.bind });
        (Some(live.generation), places.collect())
    }

    /// Whether everything that is wanted is open.
    fn adjust(&mut self, wanted: &[Place]) -> bool {
        self.open.retain(|place, drain| {
            let is_wanted = wanted.contains(place);
            if !is_wanted {
                drain.begin();
            }
            is_wanted
        });
        let mut is_complete = true;
        for place in wanted {
            if !self.open.contains_key(place) {
                is_complete &= self.open(*place);
            }
        }
        is_complete
    }

    fn open(&mut self, place: Place) -> bool {
        let GatewayListeners { address, ports } = &self.listeners;
        let port = ports.get(&place.port).copied().unwrap_or(place.port);
        let at = SocketAddr::new(place.bind.unwrap_or(*address), port);
        let listener = match self.ports.open(at) {
            Ok((socket, lease)) => TcpListener::from_std(socket).ok().map(|it| (it, lease)),
            Err(NotOpened { error, is_news }) => {
                if is_news {
                    tracing::error!(%error, port = place.port, "a gateway's port is not served until it can be");
                }
                None
            }
        };
        let Some((listener, lease)) = listener else { return false };
        let drain = self.drain.child();
        self.open.insert(place, drain.clone());
        let (gate, serving) = (Arc::clone(&self.gate), Rc::clone(&self.serving));
        tokio::task::spawn_local(async move {
            accept(listener, &gate, &drain, |accepted| {
                let (serving, drain) = (Rc::clone(&serving), drain.clone());
                drop(tokio::task::spawn_local(gateway::serve(accepted, place, drain, serving)));
            })
            .await;
            drop(lease);
        });
        true
    }
}
