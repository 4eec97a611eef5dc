//! What stands behind the proxies: an application that answers in every protocol, and says what it was sent.

mod http;
mod tcp;

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Two open ports, served for as long as the runtime lives.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    /// HTTP/1.1, HTTP/2 without TLS, gRPC and WebSocket: see [`http`].
    pub(crate) http: SocketAddr,
    /// Sends back what it gets.
    pub(crate) tcp: SocketAddr,
}

impl Application {
    /// `name` is what it calls itself in its answers.
    pub(crate) async fn start(name: &str, at: Ports) -> io::Result<Self> {
        let (http, tcp) = (listen(at.http).await?, listen(at.tcp).await?);
        let started = Self { http: http.local_addr()?, tcp: tcp.local_addr()? };
        tokio::spawn(http::serve(http, name.into()));
        tokio::spawn(tcp::serve(tcp));
        Ok(started)
    }
}

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) http: SocketAddr,
    pub(crate) tcp: SocketAddr,
}

impl Ports {
    /// On loopback, wherever there is room.
    pub(crate) fn any() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { http: any, tcp: any }
    }
}

async fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(at).await
}
