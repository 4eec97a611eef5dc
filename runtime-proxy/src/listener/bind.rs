//! Opens one listening socket a thread on the same address. The kernel lets every process of a user join in on such an
//! address, so that another proxy's would be shared by mistake: the first socket has it alone, and lets others in only then.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::{Domain, Protocol, Socket, Type};

use super::own::Own;

/// How many connections wait to be accepted on one socket.
const BACKLOG: i32 = 4096;

/// Opens `count` sockets on `address`, one for each thread. With port 0, all get the port that the first was given.
///
/// # Errors
///
/// When the address cannot be had; then none of the sockets stays open.
pub fn bind(address: SocketAddr, count: NonZeroUsize) -> Result<Vec<TcpListener>, BindError> {
    let fail = |source| BindError { address, source };
    let first = claim(address).map_err(fail)?;
    let actual = first.local_addr().map_err(fail)?;
    let others = (1..count.get()).map(|_| join(actual).map_err(fail));
    std::iter::once(Ok(first)).chain(others).collect()
}

/// Addresses that threads open one by one, when each comes to it. They are the proxy's [`Own`] for as long.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    known: Arc<Mutex<Known>>,
    own: Arc<Own>,
}

#[derive(Debug, Default)]
struct Known {
    /// How many threads have each address open.
    open: BTreeMap<SocketAddr, usize>,
    /// Those that could not be had when they were last tried.
    refused: BTreeSet<SocketAddr>,
}

/// Held for as long as the socket is open: after the last one, the address may be another process's.
#[derive(Debug)]
pub struct Lease {
    address: SocketAddr,
    ports: Ports,
}

/// Why [`Ports::open`] failed.
#[derive(Debug)]
pub struct NotOpened {
    pub error: BindError,
    /// Whether it could be had before, or was never tried: trying again is no news.
    pub is_news: bool,
}

impl Ports {
    #[must_use]
    pub fn new(own: Arc<Own>) -> Self {
        Self { own, ..Self::default() }
    }

    /// Opens a socket on `address`, beside those of the other threads, and beside those of this process that have one of the
    /// addresses that it stands for, or stand for it: of two, the more exact has the connection (as Linux sees it).
    ///
    /// # Errors
    ///
    /// When the address cannot be had.
    pub fn open(&self, address: SocketAddr) -> Result<(TcpListener, Lease), NotOpened> {
        let mut known = self.known();
        let listener = match claim(address) {
            // By another thread of this process.
            Err(_) if known.open.keys().any(|open| overlap(*open, address)) => join(address),
            claimed => claimed,
        };
        let listener = listener.map_err(|source| NotOpened {
            error: BindError { address, source },
            is_news: known.refused.insert(address),
        })?;
        known.refused.remove(&address);
        *known.open.entry(address).or_default() += 1;
        self.own.add(address);
        Ok((listener, Lease { address, ports: self.clone() }))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut known = self.ports.known();
        if let Some(open) = known.open.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                known.open.remove(&self.address);
                self.ports.own.remove(self.address);
            }
        }
    }
}

/// Whether some connection could come to both.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    one.port() == other.port()
        && (a == b || a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified()))
}

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// Listens where nobody else does. Of two that try at once, one fails: neither shares the address until it has it.
fn claim(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_reuse_port(true)?;
    Ok(socket.into())
}

/// Listens beside a socket that has claimed the address.
fn join(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?; // so that `0.0.0.0` and `[::]` can be opened beside each other
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::num::NonZeroUsize;
    use std::sync::Arc;

    use super::{Ports, bind};
    use crate::listener::Own;

    #[test]
    fn threads_share_one_port() {
        let count = NonZeroUsize::new(3).unwrap();
        let listeners = bind("127.0.0.1:0".parse().unwrap(), count).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert_eq!(listeners.len(), 3);
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == address));
    }

    #[test]
    fn an_address_in_use_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = bind(address, NonZeroUsize::MIN).unwrap_err();
        assert_eq!(error.address, address);
        assert!(error.to_string().starts_with(&format!("cannot listen on {address}: ")));
    }

    #[test]
    fn what_another_proxy_listens_on_is_not_shared() {
        let others = bind("127.0.0.1:0".parse().unwrap(), NonZeroUsize::MIN).unwrap();
        let address = others[0].local_addr().unwrap();
        assert!(bind(address, NonZeroUsize::MIN).is_err());

        let ports = Ports::default();
        assert!(ports.open(address).is_err());
        drop(others);
        let first = ports.open(address).unwrap();
        let second = ports.open(address).unwrap();
        assert!(bind(address, NonZeroUsize::MIN).is_err());

        drop((first, second));
        let _others = bind(address, NonZeroUsize::MIN).unwrap();
        assert!(ports.open(address).is_err(), "nobody here has it open any more");
    }

    #[test]
    fn an_address_is_the_proxy_s_own_for_as_long_as_it_is_open() {
        let address = bind("127.0.0.1:0".parse().unwrap(), NonZeroUsize::MIN).unwrap()[0]
            .local_addr()
            .unwrap();
        let own = Arc::<Own>::default();
        let ports = Ports::new(Arc::clone(&own));
        assert!(!own.is(address));
        let (first, second) = (ports.open(address).unwrap(), ports.open(address).unwrap());
        drop(first);
        assert!(own.is(address), "another thread has it open");
        drop(second);
        let _others = TcpListener::bind(address).unwrap();
        assert!(!own.is(address));
    }

    /// Whichever is opened first.
    #[test]
    fn one_address_of_many_is_served_by_the_socket_that_names_it() {
        for exact_first in [true, false] {
            let any = bind("0.0.0.0:0".parse().unwrap(), NonZeroUsize::MIN).unwrap();
            let wide = any[0].local_addr().unwrap();
            drop(any);
            let exact = SocketAddr::from(([127, 0, 0, 2], wide.port()));
            let ports = Ports::default();
            let mut in_order = [exact, wide];
            if !exact_first {
                in_order.reverse();
            }
            let opened = in_order.map(|address| ports.open(address).unwrap());
            for (to, by) in [("127.0.0.2", exact), ("127.0.0.1", wide)] {
                let _client = TcpStream::connect((to, wide.port())).unwrap();
                for (socket, lease) in &opened {
                    assert_eq!(socket.accept().is_ok(), lease.address == by, "{to} {exact_first}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_had_is_news_once() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let ports = Ports::default();
        let tries = [0; 3].map(|_| ports.clone().open(address).unwrap_err().is_news);
        assert_eq!(tries, [true, false, false]);
        drop(taken);
        drop(ports.open(address).unwrap());
        let _taken = TcpListener::bind(address).unwrap();
        assert!(ports.open(address).unwrap_err().is_news);
    }

    #[test]
    fn of_two_proxies_that_start_at_once_one_has_the_port() {
        let any = "127.0.0.1:0".parse().unwrap();
        for round in 0..500 {
            let address = bind(any, NonZeroUsize::MIN).unwrap()[0].local_addr().unwrap();
            let barrier = std::sync::Barrier::new(2);
            let start = || {
                barrier.wait();
                bind(address, NonZeroUsize::MIN).ok()
            };
            let had = std::thread::scope(|scope| {
                let both = [scope.spawn(start), scope.spawn(start)];
                both.map(|one| one.join().unwrap())
            });
            assert!(had.iter().flatten().count() <= 1, "both have it in round {round}");
        }
    }
}
