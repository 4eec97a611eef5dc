//! What the servers of Gateways make of a port of their proxies, whatever a `PeerAuthentication` says.
//!
//! Sources: Istio, `buildGatewayListeners`; `ServerTLSSettings.mode`; Gateway API, `Listener.tls`.

use mesh_snapshot::object::ServerProtocol;

use crate::api::istio::{ClientTlsMode, ServerTlsMode};
use crate::check::inventory;
use crate::check::openers::{Openers, Opening, server_path};
use crate::check::workload_ports::behind;
use crate::diagnostic::Place;
use crate::resolve::gateway::{Listener, Server, TerminateMode};
use crate::resolve::{Mesh, Workload};

/// A server of a port, and where it says what it takes.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub(super) takes: Takes,
    pub(super) place: Place,
}

/// What clients must speak for a server to take it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Takes {
    /// Plain text: the server reads requests.
    Requests,
    /// Anything, which it sends on.
    Bytes,
    /// TLS that ends behind it.
    Passed,
    /// TLS that ends here, with a certificate of its own.
    Own,
    /// The same, and clients show a certificate, too.
    Certificates,
    /// Mutual TLS of the mesh.
    Mesh,
}

/// What the applications of clients send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sent {
    /// It may be TLS, which their proxies do not look into.
    Anything,
    /// Requests that a route for HTTP leads on.
    Requests,
}

impl Takes {
    pub(super) const fn refuses(self, client: ClientTlsMode, sent: Sent) -> bool {
        match (self, client) {
            (Self::Bytes, _) => false,
            (Self::Requests, _) => !matches!(client, ClientTlsMode::Disable),
            (Self::Mesh, _) => !matches!(client, ClientTlsMode::IstioMutual),
            (_, ClientTlsMode::Disable) => matches!(sent, Sent::Requests),
            (Self::Passed, _) => false,
            (Self::Own, _) => matches!(client, ClientTlsMode::IstioMutual),
            (Self::Certificates, _) => !matches!(client, ClientTlsMode::Mutual),
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Requests => "plain text",
            Self::Bytes => "anything",
            Self::Passed | Self::Own => "TLS that is not the mesh's",
            Self::Certificates => "TLS with a certificate that is not the mesh's",
            Self::Mesh => "the mesh's mutual TLS",
        }
    }

    /// The mode that clients need.
    pub(super) const fn mode(self) -> &'static str {
        match self {
            Self::Requests | Self::Bytes => "`DISABLE`",
            Self::Passed | Self::Own => "`SIMPLE`, with a name of the server as `sni`",
            Self::Certificates => "`MUTUAL`, with a name of the server as `sni`",
            Self::Mesh => "`ISTIO_MUTUAL`, with a name of the server as `sni`",
        }
    }
}

/// The servers that a gateway's proxy opens at a port. None: there may be some that nobody knows.
pub(super) fn opened(
    (mesh, openers): (&Mesh<'_>, &Openers<'_, '_>),
    proxy: &Workload<'_>,
    port: u16,
) -> Vec<Opened> {
    if inventory::may_have_servers(mesh) {
        return Vec::new();
    }
    let at_port = |opening: &Opening<'_, '_>| {
        let number = match opening {
            Opening::Server(_, it) => Some(it.port).filter(|number| *number != 0),
            Opening::Listener(it) => it.is_served().then_some(it.port),
        };
        number.is_some_and(|number| behind(mesh, proxy, number) == port)
    };
    let opened = |opening: Opening<'_, '_>| match opening {
        Opening::Server(gateway, server) if server.spec.tls.is_some() => {
            let at = server_path(server).field("tls").field("mode");
            Opened { takes: of_server(server), place: Place::value(gateway.resource.id, at) }
        }
        Opening::Server(_, server) => {
            Opened { takes: of_server(server), place: opening.protocol() }
        }
        Opening::Listener(it) => Opened { takes: of_listener(it), place: opening.protocol() },
    };
    openers.servers(proxy).filter(at_port).map(opened).collect()
}

fn of_server(server: &Server<'_>) -> Takes {
    if server.protocol == Some(ServerProtocol::Http) {
        return Takes::Requests;
    }
    match server.spec.tls.as_ref().map(|tls| tls.mode) {
        None => Takes::Bytes,
        Some(ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough) => Takes::Passed,
        Some(ServerTlsMode::Simple | ServerTlsMode::OptionalMutual) => Takes::Own,
        Some(ServerTlsMode::Mutual) => Takes::Certificates,
        Some(ServerTlsMode::IstioMutual) => Takes::Mesh,
    }
}

fn of_listener(listener: &Listener<'_>) -> Takes {
    match listener.protocol {
        Some(ServerProtocol::Http) => return Takes::Requests,
        Some(ServerProtocol::Tcp) | None => return Takes::Bytes,
        Some(ServerProtocol::Https | ServerProtocol::Tls) => {}
    }
    match listener.terminate_mode() {
        _ if listener.passes_through() => Takes::Passed,
        TerminateMode::IstioMutual => Takes::Mesh,
        TerminateMode::Mutual => Takes::Certificates,
        TerminateMode::Simple | TerminateMode::OptionalMutual | TerminateMode::IstioSimple => {
            Takes::Own
        }
    }
}
