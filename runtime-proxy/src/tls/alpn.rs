//! The protocols that are agreed on within a TLS handshake (ALPN, RFC 7301).

/// Offered by the sidecars of Istio, and by ours: what tells a connection of the mesh from an application's own TLS.
pub const MESH: &[&[u8]] = &[ISTIO, PEER_EXCHANGE, ISTIO_HTTP10, ISTIO_HTTP11, ISTIO_H2];

/// Bytes of any protocol.
pub const ISTIO: &[u8] = b"istio";
/// The same, after an exchange of metadata that we do not take part in: offered to us, never chosen.
pub const PEER_EXCHANGE: &[u8] = b"istio-peer-exchange";
pub const ISTIO_HTTP10: &[u8] = b"istio-http/1.0";
pub const ISTIO_HTTP11: &[u8] = b"istio-http/1.1";
pub const ISTIO_H2: &[u8] = b"istio-h2";
pub const HTTP11: &[u8] = b"http/1.1";
pub const H2: &[u8] = b"h2";
/// HTTP/1.1 requests that one of our proxies carries to another over HTTP/2, many on one connection. A peer that is not ours
/// does not know it and takes the next offer.
pub const MULTIPLEXED: &[u8] = b"mesh-http/1.1-over-h2";

/// What a server of the mesh chooses from, in its order of preference. One that is not here is left unanswered, as Envoy
/// does, not refused.
pub(super) const SERVER: &[&[u8]] =
    &[MULTIPLEXED, ISTIO_H2, H2, ISTIO_HTTP11, HTTP11, ISTIO_HTTP10, ISTIO];

/// What a client wants to speak.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Offer {
    Http1,
    Http2,
    /// HTTP/1.1 requests: over HTTP/2 to a proxy of ours, as they are to any other.
    Multiplex,
    /// Bytes.
    Tcp,
}

impl Offer {
    /// To a peer of the mesh.
    pub(super) const fn to_mesh(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http1 => &[ISTIO_HTTP11, ISTIO, HTTP11],
            Self::Http2 => &[ISTIO_H2, ISTIO, H2],
            Self::Multiplex => &[MULTIPLEXED, ISTIO_HTTP11, ISTIO, HTTP11],
            Self::Tcp => &[ISTIO],
        }
    }

    /// To a server outside the mesh.
    pub(super) const fn to_outside(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http1 | Self::Multiplex => &[HTTP11],
            Self::Http2 => &[H2],
            Self::Tcp => &[],
        }
    }
}

/// What both sides have agreed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Agreed {
    Http1,
    Http2,
    /// [`MULTIPLEXED`].
    Multiplexed,
    /// Bytes, whatever they are.
    Tcp,
    /// No protocol was named.
    Nothing,
}

impl Agreed {
    pub(super) fn of(protocol: Option<&[u8]>) -> Self {
        match protocol {
            Some(MULTIPLEXED) => Self::Multiplexed,
            Some(ISTIO_H2 | H2) => Self::Http2,
            Some(ISTIO_HTTP11 | ISTIO_HTTP10 | HTTP11) => Self::Http1,
            Some(ISTIO) => Self::Tcp,
            _ => Self::Nothing,
        }
    }
}

/// As rustls takes them.
pub(super) fn owned(protocols: &[&[u8]]) -> Vec<Vec<u8>> {
    protocols.iter().map(|protocol| protocol.to_vec()).collect()
}
