//! A port that is the test's own.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// Nobody listens there, and the system gives the port to nobody, while this lives; a proxy that is told to can share it.
pub(crate) struct Reserved {
    _socket: Socket,
    pub(crate) at: SocketAddr,
}

impl Reserved {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let at = socket.local_addr().unwrap().as_socket().unwrap();
        Self { _socket: socket, at }
    }
}
