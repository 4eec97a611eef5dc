//! The threads that carry traffic, and what they share.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::worker::{Door, Worker};
use super::{RunError, within};
use crate::agent::clock::Clock;
use crate::cluster::Lookup;
use crate::config::Listeners;
use crate::drain::Drain;
use crate::filter::inbound::{Entry, SOURCE_V6};
use crate::listener::{Gate, Own, Ports, bind};
use crate::live::Current;
use crate::observe::{AccessLogs, Metrics};
use crate::program::Program;
use crate::tls::{Identity, MeshServer};
use crate::world::{Watched, World};

/// What the data path reads, and others write. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Shared {
    pub world: World,
    pub live: Current<Program>,
    /// What connections of the mesh are secured with.
    pub identity: Arc<Watched<Identity>>,
    pub lookup: Lookup,
    pub metrics: Arc<Metrics>,
    pub logs: AccessLogs,
    /// By which tokens are judged.
    pub clock: Clock,
}

/// Where a proxy listens: what the configuration says, with the ports that the system chose for port 0. The ports of a gateway follow
/// the snapshot in force, and are not known here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bound {
    /// In the order of [`Listeners::inbound`].
    pub inbound: Vec<SocketAddr>,
    pub inbound_captured: Option<SocketAddr>,
    pub outbound: Option<SocketAddr>,
    pub admin: Option<SocketAddr>,
}

/// Threads that serve.
pub struct DataPlane {
    pub(super) bound: Bound,
    /// All of that, and what is opened later.
    pub(super) own: Arc<Own>,
    /// Of all connections.
    pub(super) gate: Arc<Gate>,
    /// Of those that come from others, by which the end begins.
    arriving: Arc<Gate>,
    /// Of those that the workload opens.
    leaving: Arc<Gate>,
    pub(super) drain: Drain,
    /// Of what the workload sends.
    drain_outbound: Drain,
    /// The end, of what does not end by itself.
    end: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl DataPlane {
    /// Listens, and serves whatever is in force. `threads`: zero is one a core.
    ///
    /// # Errors
    ///
    /// When an address cannot be had, or there can be no more threads.
    pub fn start(
        listeners: &Listeners,
        threads: usize,
        connections_max: u32,
        shared: &Shared,
    ) -> Result<Self, RunError> {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let count = NonZeroUsize::new(threads).unwrap_or(cores);
        let (bound, doors) = open(listeners, count)?;
        let gate = Gate::new(connections_max);
        let (arriving, leaving) = (Gate::inside(&gate), Gate::inside(&gate));
        let mesh = Arc::new(MeshServer::new(Arc::clone(&shared.identity)));
        let own = Arc::<Own>::default();
        let ports = Ports::new(Arc::clone(&own));
        bound.all().for_each(|address| own.add(address));
        let mut plane = Self {
            bound,
            own,
            gate,
            arriving,
            leaving,
            drain: Drain::default(),
            drain_outbound: Drain::default(),
            end: CancellationToken::new(),
            threads: Vec::new(),
        };
        for (number, doors) in doors.into_iter().enumerate() {
            let worker = Worker {
                doors,
                gateway: listeners.gateway.clone(),
                own: Arc::clone(&plane.own),
                shared: shared.clone(),
                mesh: Arc::clone(&mesh),
                ports: ports.clone(),
                arriving: Arc::clone(&plane.arriving),
                leaving: Arc::clone(&plane.leaving),
                drain: plane.drain.clone(),
                drain_outbound: plane.drain_outbound.clone(),
                end: plane.end.clone(),
            };
            plane.threads.push(spawn(number, worker)?);
        }
        Ok(plane)
    }

    #[must_use]
    pub const fn bound(&self) -> &Bound {
        &self.bound
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_begun()
    }

    /// Accepts nothing more from others, and ends what is open: in order, as far as that takes no longer than `limit`. What the
    /// workload sends comes last, since it may have to ask others before it can answer, and may have work of its own to end: new
    /// requests of its are served for as long as any are under way, but for the last [`RESERVED`] of the time. Connections over which it
    /// asks nothing are not waited for. Source: Istio, whose outbound listeners stay open for the whole `terminationDrainDuration`.
    /// Connections that carry bytes cannot be told to end; they last until the end, unless the parties end them.
    pub fn drain(mut self, limit: Duration) {
        let until = Instant::now() + limit;
        self.drain.begin();
        self.drain_outbound.announce();
        within(limit.saturating_sub(limit / RESERVED), || {
            self.arriving.is_deserted() && self.leaving.open() <= self.drain_outbound.idle()
        });
        self.drain_outbound.begin();
        let rest = until.saturating_duration_since(Instant::now());
        if !within(rest, || self.gate.is_deserted()) {
            tracing::warn!(open = self.gate.open(), "connections are cut off");
        }
        self.stop();
    }

    fn stop(&mut self) {
        self.drain.begin();
        self.drain_outbound.begin();
        self.end.cancel();
        for thread in self.threads.drain(..) {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

/// One part in so many of the time for a drain is for what the workload sends alone.
const RESERVED: u32 = 4;

impl Drop for DataPlane {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Bound {
    fn all(&self) -> impl Iterator<Item = SocketAddr> {
        let others = [self.inbound_captured, self.outbound].into_iter().flatten();
        self.inbound.iter().copied().chain(others)
    }
}

fn spawn(number: usize, worker: Worker) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(format!("mesh-{number}"));
    thread.spawn(move || worker.run())
}

/// What is captured over IPv6 cannot be handed to the application then.
fn warn_without_source(captured: SocketAddr) {
    if captured.is_ipv6() && UdpSocket::bind((SOURCE_V6, 0)).is_err() {
        tracing::warn!(
            "applications are not reached over IPv6: give {SOURCE_V6} to the loopback interface"
        );
    }
}

/// Every address, once a thread.
fn open(listeners: &Listeners, threads: NonZeroUsize) -> Result<(Bound, Vec<Vec<Door>>), RunError> {
    let mut bound = Bound::default();
    let mut doors: Vec<Vec<Door>> = (0..threads.get()).map(|_| Vec::new()).collect();
    let mut open = |at: SocketAddr, door: &dyn Fn(std::net::TcpListener) -> Door| {
        let sockets = bind(at, threads)?;
        let actual = sockets.first().and_then(|socket| socket.local_addr().ok()).unwrap_or(at);
        for (doors, socket) in doors.iter_mut().zip(sockets) {
            doors.push(door(socket));
        }
        Ok::<_, RunError>(actual)
    };
    for inbound in &listeners.inbound {
        let entry = Entry::Port { port: inbound.port, application: inbound.application };
        bound.inbound.push(open(inbound.at, &|socket| Door::Inbound(socket, entry))?);
    }
    if let Some(at) = listeners.inbound_captured {
        let at = open(at, &|socket| Door::Inbound(socket, Entry::Captured))?;
        bound.inbound_captured = Some(at);
        warn_without_source(at);
    }
    if let Some(at) = listeners.outbound {
        bound.outbound = Some(open(at, &Door::Outbound)?);
    }
    Ok((bound, doors))
}
