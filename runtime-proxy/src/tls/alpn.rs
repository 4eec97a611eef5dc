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
