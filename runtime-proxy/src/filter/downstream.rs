//! A client's connection, as policy and telemetry see it.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;
use mesh_engine as engine;

use super::client_certificate;
use crate::listener::{Accepted, Held};
use crate::observe::{self, PeerId, Security};
use crate::stream::Stream;
use crate::tls::{Secured, SpiffeId};

/// What does not change while the connection lasts.
pub(crate) struct Downstream {
    pub(crate) id: u64,
    /// The other end.
    pub(crate) source: SocketAddr,
    /// Where the client was going: the workload's own address, a virtual one, a gateway's.
    pub(crate) destination: SocketAddr,
    /// What the client asked for in its TLS handshake.
    pub(crate) server_name: Option<String>,
    /// What it has proved, by mutual TLS of the mesh.
    pub(crate) identity: Option<SpiffeId>,
    pub(crate) peer: PeerId,
    pub(crate) is_tls: bool,
    /// Whether it carries requests of HTTP/1.1 over HTTP/2, between two proxies of ours.
    pub(crate) is_multiplexed: bool,
    /// What is told of its certificate to whoever serves it (`x-forwarded-client-cert`).
    pub(crate) certificate: Option<HeaderValue>,
    tls_version: Option<rustls::ProtocolVersion>,
    tls_cipher: Option<rustls::CipherSuite>,
    /// The connection's place among all.
    _held: Held,
}

impl Downstream {
    /// A connection in plain text; its stream apart.
    pub(crate) fn new(accepted: Accepted, destination: SocketAddr) -> (Self, Stream) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let Accepted { stream, peer, held, .. } = accepted;
        let downstream = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            source: peer,
            destination,
            server_name: None,
            identity: None,
            peer: PeerId::UNKNOWN,
            is_tls: false,
            is_multiplexed: false,
            certificate: None,
            tls_version: None,
            tls_cipher: None,
            _held: held,
        };
        (downstream, Stream::from(stream))
    }

    /// The same, of a client whose TLS ends elsewhere.
    pub(crate) fn asking_for(self, server_name: Option<String>) -> Self {
        Self { server_name, ..self }
    }

    /// The same after its handshake; `by` is who the client has called.
    pub(crate) fn secured(self, secured: &Secured, by: Option<&str>) -> Self {
        let certificate = secured
            .peer
            .as_ref()
            .and_then(|peer| client_certificate::element(&peer.certificate, by));
        Self {
            server_name: secured.server_name.clone(),
            identity: secured.peer.as_ref().and_then(|peer| peer.identity.clone()),
            is_tls: true,
            certificate,
            tls_version: secured.stream.tls_version(),
            tls_cipher: secured.stream.cipher_suite(),
            ..self
        }
    }

    /// As the engine judges it; `remote` is the original client.
    pub(crate) fn connection(&self, remote: IpAddr) -> engine::Connection<'_> {
        let peer = self.identity.as_ref().map(SpiffeId::as_str);
        engine::Connection {
            source: self.source.ip().to_canonical(),
            remote,
            destination: self.destination,
            peer: peer.and_then(|id| engine::identity::SpiffeId::parse(id).ok()),
            sni: self.server_name.as_deref(),
            mutual_tls: self.identity.is_some(),
        }
    }

    pub(crate) const fn security(&self) -> Security {
        if self.identity.is_some() { Security::Mutual } else { Security::Plain }
    }

    pub(crate) fn told<'a>(&'a self, own_identity: &'a str) -> observe::Downstream<'a> {
        observe::Downstream {
            local: Some(self.destination),
            source: Some(self.source),
            server_name: self.server_name.as_deref().unwrap_or_default(),
            peer_identity: self.identity.as_ref().map(SpiffeId::as_str).unwrap_or_default(),
            local_identity: if self.identity.is_some() { own_identity } else { "" },
            tls_version: self.tls_version,
            tls_cipher: self.tls_cipher,
            connection: self.id,
            ..observe::Downstream::default()
        }
    }
}
