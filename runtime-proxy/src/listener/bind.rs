//! Opens one listening socket a thread on the same address. The kernel lets every process of a user join in on such an
//! address, so that another proxy's would be shared by mistake: the first socket has it alone, and lets others in only then.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::{Domain, Protocol, Socket, Type};

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

/// Addresses that threads open one by one, when each comes to it: how many have each of them open.
#[derive(Clone, Debug, Default)]
pub struct Ports(Arc<Mutex<BTreeMap<SocketAddr, usize>>>);

/// Held for as long as the socket is open: after the last one, the address may be another process's.
#[derive(Debug)]
pub struct Lease {
    address: SocketAddr,
    ports: Ports,
}

impl Ports {
    /// Opens a socket on `address`, beside those of the other threads.
    ///
    /// # Errors
    ///
    /// When the address cannot be had.
    pub fn open(&self, address: SocketAddr) -> Result<(TcpListener, Lease), BindError> {
        let fail = |source| BindError { address, source };
        let mut own = self.own();
        let listener = match claim(address) {
            // By another thread of this process.
            Err(_) if own.contains_key(&address) => join(address),
            claimed => claimed,
        };
        let listener = listener.map_err(fail)?;
        *own.entry(address).or_default() += 1;
        Ok((listener, Lease { address, ports: self.clone() }))
    }

    fn own(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut own = self.ports.own();
        if let Some(open) = own.get_mut(&self.address) {
            *open -= 1;
            if *open == 0 {
                own.remove(&self.address);
            }
        }
    }
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
    use std::net::TcpListener;
    use std::num::NonZeroUsize;

    use super::{Ports, bind};

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
