//! The accept loop: a limit on connections, and patience when the system has no more to give.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::original_destination::original_destination;
use crate::drain::Drain;

/// How many connections may be open at once, and how many are. Shared by the threads of a process.
#[derive(Debug, Default)]
pub struct Gate {
    connections_max: u32,
    listening: AtomicU32,
    open: AtomicU32,
    shed: AtomicU64,
    failed: AtomicU64,
    /// Whoever comes through this one comes through that one too.
    outer: Option<Arc<Gate>>,
}

impl Gate {
    #[must_use]
    pub fn new(connections_max: u32) -> Arc<Self> {
        Arc::new(Self { connections_max, ..Self::default() })
    }

    /// One that counts some of those for whom there is room in `outer`.
    #[must_use]
    pub fn inside(outer: &Arc<Self>) -> Arc<Self> {
        let outer = Some(Arc::clone(outer));
        Arc::new(Self { connections_max: u32::MAX, outer, ..Self::default() })
    }

    /// Whether nobody is here, and no socket is left that somebody could come by.
    #[must_use]
    pub fn is_deserted(&self) -> bool {
        // In this order: whoever is accepted last is open before its socket is closed.
        self.listening.load(Ordering::Acquire) == 0 && self.open() == 0
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections that were closed at once, for want of room.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.shed.load(Ordering::Relaxed)
    }

    /// How often the system could not give a connection (out of descriptors, out of memory).
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Room for one more connection, until it is dropped.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Held> {
        let held = Held(Arc::clone(self));
        let mut has_room = true;
        for gate in self.outwards() {
            if gate.connections_max <= gate.open.fetch_add(1, Ordering::Relaxed) {
                gate.shed.fetch_add(1, Ordering::Relaxed);
                has_room = false;
            }
        }
        has_room.then_some(held)
    }

    fn outwards(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |gate| gate.outer.as_deref())
    }
}

/// A place behind a [`Gate`], given back when dropped.
#[derive(Debug)]
pub struct Held(Arc<Gate>);

impl Drop for Held {
    fn drop(&mut self) {
        for gate in self.0.outwards() {
            gate.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A socket that connections come by, until it is dropped.
struct Listening<'g>(&'g Gate);

impl<'g> Listening<'g> {
    fn new(gate: &'g Gate) -> Self {
        for gate in gate.outwards() {
            gate.listening.fetch_add(1, Ordering::Relaxed);
        }
        Self(gate)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        for gate in self.0.outwards() {
            gate.listening.fetch_sub(1, Ordering::Release);
        }
    }
}

/// A connection that has come in.
#[derive(Debug)]
pub struct Accepted {
    pub stream: TcpStream,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    /// Where the client was going, if the kernel redirected it here.
    pub original_destination: Option<SocketAddr>,
    /// To be kept for as long as the connection lives.
    pub held: Held,
}

/// Accepts connections and hands each to `serve`, which must not wait, until `drain` begins. Those that had been
/// established by then are accepted still: closing the socket would reset them.
pub async fn accept(
    listener: TcpListener,
    gate: &Arc<Gate>,
    drain: &Drain,
    mut serve: impl FnMut(Accepted),
) {
    let _listening = Listening::new(gate);
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            () = drain.begun() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                failures = 0;
                if let Some(accepted) = admit(stream, peer, gate) {
                    serve(accepted);
                }
            }
            Err(error) => {
                if let Some(pause) = pause_after(&error, &mut failures) {
                    for gate in gate.outwards() {
                        gate.failed.fetch_add(1, Ordering::Relaxed);
                    }
                    tracing::warn!(%error, ?pause, "cannot accept connections");
                    sleep(pause).await;
                }
            }
        }
    }
}

fn admit(stream: TcpStream, peer: SocketAddr, gate: &Arc<Gate>) -> Option<Accepted> {
    let held = gate.enter()?;
    let local = stream.local_addr().ok()?;
    stream.set_nodelay(true).ok()?;
    let original_destination = original_destination(&stream);
    Some(Accepted { stream, peer, local, original_destination, held })
}

const PAUSE: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long to wait after a failed accept. Not at all when it was that one connection's own fault (`accept(2)`, error
/// handling); longer each time when the system had nothing to give, since trying again at once would only burn CPU.
fn pause_after(error: &io::Error, failures: &mut u32) -> Option<Duration> {
    use io::ErrorKind as Kind;
    let is_connections_own = matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::Interrupted
            | Kind::WouldBlock
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
    );
    if is_connections_own {
        return None;
    }
    let pause = PAUSE.saturating_mul(1 << (*failures).min(10)).min(PAUSE_MAX);
    *failures = failures.saturating_add(1);
    Some(pause)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::{Gate, accept, pause_after};
    use crate::drain::Drain;

    #[test]
    fn patience_grows_while_descriptors_are_short_and_ends() {
        let too_many_open_files = io::Error::from_raw_os_error(24);
        let mut failures = 0;
        let mut pauses = (0..12).map(|_| pause_after(&too_many_open_files, &mut failures).unwrap());
        assert_eq!(pauses.next(), Some(Duration::from_millis(10)));
        assert_eq!(pauses.next(), Some(Duration::from_millis(20)));
        assert_eq!(pauses.last(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_client_that_has_gone_costs_no_pause() {
        let error = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(pause_after(&error, &mut 0), None);
    }

    #[tokio::test(flavor = "local")]
    async fn connections_beyond_the_limit_are_closed_and_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, drain) = (Gate::new(1), Drain::default());
        let served = RefCell::new(Vec::new());
        let accepting =
            accept(listener, &gate, &drain, |accepted| served.borrow_mut().push(accepted));
        let clients = async {
            let mut first = TcpStream::connect(address).await.unwrap();
            let mut second = TcpStream::connect(address).await.unwrap();
            assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0, "closed");
            assert_eq!((gate.open(), gate.shed()), (1, 1));
            served.borrow_mut().clear();
            assert_eq!(first.read(&mut [0]).await.unwrap_or(0), 0);
            let _third = TcpStream::connect(address).await.unwrap();
            while served.borrow().is_empty() {
                tokio::task::yield_now().await;
            }
            drain.begin();
        };
        tokio::join!(accepting, clients);
        assert_eq!(gate.shed(), 1);
    }

    #[tokio::test(flavor = "local")]
    async fn draining_accepts_what_had_been_established() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        let (gate, drain) = (Gate::new(10), Drain::default());
        drain.begin();
        let mut served = Vec::new();
        accept(listener, &gate, &drain, |accepted| served.push(accepted)).await;
        assert_eq!(served.len(), 3);
        assert!(TcpStream::connect(address).await.is_err(), "the socket is closed");
    }

    #[test]
    fn a_gate_inside_another_takes_of_its_room() {
        let outer = Gate::new(2);
        let (one, other) = (Gate::inside(&outer), Gate::inside(&outer));
        let held = one.enter().unwrap();
        let _another = other.enter().unwrap();
        assert!(one.enter().is_none());
        assert_eq!((one.open(), other.open(), outer.open(), outer.shed()), (1, 1, 2, 1));
        drop(held);
        assert!(one.is_deserted() && !outer.is_deserted());
        assert!(other.enter().is_some());
    }
}
