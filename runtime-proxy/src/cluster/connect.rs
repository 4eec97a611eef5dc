//! Opens one connection to an endpoint.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mesh_snapshot::object::TcpKeepalive;
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::timeout;

use super::endpoint::{Address, Endpoint, Security};
use super::error::ConnectError;
use super::spec::Spec;
use super::state::State;
use crate::stream::Stream;
use crate::tls::MeshClient;
use crate::tls::alpn::{Agreed, Offer};

/// Where nobody sets one. Source: Envoy, `connect_timeout`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects, and secures the connection as the endpoint asks. `host` is that of the request, for servers outside the mesh that
/// are known by it.
pub(super) async fn open(
    state: &State,
    mesh: &MeshClient,
    endpoint: &Endpoint,
    offer: Offer,
    host: &str,
) -> Result<(Stream, Agreed), ConnectError> {
    let limit = match state.spec.connect_timeout {
        Duration::ZERO => CONNECT_TIMEOUT,
        limit => limit,
    };
    let opening = async {
        let stream = plain(&state.spec, endpoint).await?;
        secure(state, mesh, endpoint, stream, offer, host).await
    };
    timeout(limit, opening).await.map_err(|_| ConnectError::TimedOut(limit))?
}

async fn plain(spec: &Spec, endpoint: &Endpoint) -> Result<Stream, ConnectError> {
    let address = match &endpoint.address {
        Address::Socket(address) => *address,
        Address::Unix(path) => return Ok(Stream::from(UnixStream::connect(path).await?)),
    };
    let stream = dial(address, endpoint.source).await?;
    stream.set_nodelay(true)?;
    if let Some(keepalive) = &spec.policy.connection_pool.tcp_keepalive {
        SockRef::from(&stream).set_tcp_keepalive(&probing(keepalive))?;
    }
    Ok(Stream::from(stream))
}

async fn dial(address: SocketAddr, source: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(address).await
}

/// What is zero is left to the system.
fn probing(keepalive: &TcpKeepalive) -> socket2::TcpKeepalive {
    let mut probing = socket2::TcpKeepalive::new();
    if !keepalive.time.is_zero() {
        probing = probing.with_time(keepalive.time.into());
    }
    if !keepalive.interval.is_zero() {
        probing = probing.with_interval(keepalive.interval.into());
    }
    if keepalive.probes != 0 {
        probing = probing.with_retries(keepalive.probes);
    }
    probing
}

async fn secure(
    state: &State,
    mesh: &MeshClient,
    endpoint: &Endpoint,
    stream: Stream,
    offer: Offer,
    host: &str,
) -> Result<(Stream, Agreed), ConnectError> {
    let secured = match (&endpoint.security, &state.outside) {
        (Security::Mesh(expected), _) => {
            mesh.connect(stream, state.server_name.clone(), expected, offer).await?
        }
        (Security::Outside, Some(outside)) => outside.connect(stream, host, offer).await?,
        (Security::Plain, _) | (Security::Outside, None) => return Ok((stream, Agreed::Nothing)),
    };
    Ok((secured.stream, secured.agreed))
}
