//! Where a connection was going before the kernel redirected it here (`SO_ORIGINAL_DST`).

use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::TcpStream;

/// The address that the client connected to, where netfilter has changed it; `None` for a connection that was made to this
/// proxy itself.
pub(super) fn original_destination(stream: &TcpStream) -> Option<SocketAddr> {
    let local = stream.local_addr().ok()?;
    let socket = SockRef::from(stream);
    // No socket of the proxy's takes both families.
    let original = match local {
        SocketAddr::V4(_) => socket.original_dst_v4(),
        SocketAddr::V6(_) => socket.original_dst_v6(),
    };
    original.ok()?.as_socket().filter(|original| *original != local)
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::original_destination;

    #[tokio::test]
    async fn a_connection_that_nobody_redirected_has_none() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, _client) = tokio::join!(listener.accept(), TcpStream::connect(address));
        assert_eq!(original_destination(&accepted.unwrap().0), None);
    }
}
