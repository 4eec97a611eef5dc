//! Opens one listening socket a thread on the same address.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;

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
    let first = open(address).map_err(fail)?;
    let actual = first.local_addr().map_err(fail)?;
    let mut listeners = vec![first];
    for _ in 1..count.get() {
        listeners.push(open(actual).map_err(fail)?);
    }
    Ok(listeners)
}

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    pub address: SocketAddr,
    pub source: io::Error,
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?; // so that `0.0.0.0` and `[::]` can be opened beside each other
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::num::NonZeroUsize;

    use super::bind;

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
}
