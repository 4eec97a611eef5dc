//! What is known of a request, or of a connection, when it has ended.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use mesh_engine::policy::Rule;
use mesh_engine::program::AccessLog;
use mesh_snapshot::SourceMap;

use super::flags::Flags;
use super::metrics::{PeerId, ServiceId};
use crate::agent::health::EpochCounters;
use crate::http::grpc::{GRPC_STATUS, is_grpc};
use crate::world::Watched;

/// Borrowed from whoever served it: to observe copies nothing that is not written. Begin with [`Record::new`] and fill in
/// what is known.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub direction: Direction,
    /// Absent where nothing was in force: such a request is counted, and logged nowhere.
    pub decided: Option<Decided<'a>>,
    pub start: SystemTime,
    /// From the first byte of the request, or the opening of the connection, to the end.
    pub took: Duration,
    /// From the client: of the body, or of the stream.
    pub received: u64,
    /// To the client: of the body, or of the stream.
    pub sent: u64,
    pub flags: Flags,
    /// Envoy's word for why the answer is what it is: `via_upstream`, `route_not_found`; empty: nobody says. What a
    /// denial has to say comes from [`Record::denial`].
    pub details: &'a str,
    /// Why the client's connection was ended, where the proxy did it; mostly empty.
    pub termination: &'a str,
    pub denial: Option<Denial<'a>>,
    /// The other party: who asked, inbound; who answered, outbound. [`PeerId::UNKNOWN`] where nobody did.
    pub peer: PeerId,
    /// Of the service that was asked.
    pub service: ServiceId,
    /// Of the connection to the other party.
    pub security: Security,
    /// Empty: none.
    pub route: &'a str,
    pub upstream: Upstream<'a>,
    pub downstream: Downstream<'a>,
    /// Absent for a connection whose bytes are not HTTP.
    pub http: Option<Http<'a>>,
}

impl Record<'_> {
    /// Nothing is known but this.
    #[must_use]
    pub fn new(direction: Direction, start: SystemTime, took: Duration) -> Self {
        Self {
            direction,
            decided: None,
            start,
            took,
            received: 0,
            sent: 0,
            flags: Flags::NONE,
            details: "",
            termination: "",
            denial: None,
            peer: PeerId::UNKNOWN,
            service: ServiceId::UNKNOWN,
            security: Security::Unknown,
            route: "",
            upstream: Upstream::default(),
            downstream: Downstream::default(),
            http: None,
        }
    }
}

/// Which side of the workload it was on.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Direction {
    /// It came for the workload: `reporter="destination"`.
    Inbound,
    /// The workload sent it: `reporter="source"`.
    Outbound,
    /// It came to a gateway, which Istio counts as the source of what it passes on.
    Gateway,
}

/// What a request was judged by: the parts of a [`crate::live::Live`] that are told of.
#[derive(Clone, Copy)]
pub struct Decided<'a> {
    pub epoch: u64,
    pub access_log: &'a AccessLog,
    pub sources: &'a Watched<SourceMap>,
    pub health: &'a EpochCounters,
}

/// An authorization policy said no.
#[derive(Clone, Copy, Debug)]
pub struct Denial<'a> {
    /// `None`: there are policies that allow, and none of them did.
    pub rule: Option<&'a Rule>,
}

/// How the connection to the other party was secured.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Security {
    /// There was no such connection.
    Unknown,
    Plain,
    /// The mesh's mutual TLS: the peer has proved its identity.
    Mutual,
}

/// Whom the request went to. All empty where it went nowhere.
#[derive(Clone, Copy, Default)]
pub struct Upstream<'a> {
    /// `outbound|9080|v1|reviews.shop.svc.cluster.local`.
    pub cluster: &'a str,
    /// Of the endpoint: an address and port, or the path of a Unix socket.
    pub address: Option<&'a dyn fmt::Display>,
    /// Where the proxy connected from.
    pub local: Option<SocketAddr>,
    /// Why there was no connection.
    pub failure: Option<&'a dyn fmt::Display>,
    /// How often the request was sent.
    pub attempts: u32,
}

/// Whom the request came from, over which connection.
#[derive(Clone, Copy, Default)]
pub struct Downstream<'a> {
    /// Where the client was going: the original destination.
    pub local: Option<SocketAddr>,
    /// The connection's other end.
    pub source: Option<SocketAddr>,
    /// The original client, as trusted proxies tell; `None`: it is the connection's other end.
    pub remote: Option<IpAddr>,
    /// What the client asked for in its TLS handshake; empty: nothing, or no TLS.
    pub server_name: &'a str,
    /// SPIFFE IDs; empty: none was proved.
    pub peer_identity: &'a str,
    pub local_identity: &'a str,
    /// `TLSv1.3`.
    pub tls_version: Option<rustls::ProtocolVersion>,
    pub tls_cipher: Option<rustls::CipherSuite>,
    /// Of this process; zero: it has no number.
    pub connection: u64,
}

/// What only HTTP has.
#[derive(Clone, Copy)]
pub struct Http<'a> {
    pub version: http::Version,
    pub method: &'a str,
    /// As the client sent it, with its query.
    pub path: &'a str,
    pub authority: &'a str,
    pub scheme: &'a str,
    /// Of the request, as far as anybody asks for them; its id (`x-request-id`) is one.
    pub headers: &'a HeaderMap,
    /// Whether the request is gRPC's.
    pub is_grpc: bool,
    /// Bytes of the whole head: see [`request_head`].
    pub request_head: u64,
    /// The same of the answer's; zero where there was none.
    pub response_head: u64,
    /// Of the answer that the client was given; `None`: it was given none.
    pub status: Option<u16>,
    pub response_headers: Option<&'a HeaderMap>,
    pub response_trailers: Option<&'a HeaderMap>,
    pub virtual_host: &'a str,
    /// Until the last byte of the request had come.
    pub request_took: Option<Duration>,
    /// Until the first byte of the upstream's answer had come.
    pub answered_after: Option<Duration>,
}

impl<'a> Http<'a> {
    /// A request without an answer, with all of its headers.
    #[must_use]
    pub fn new(
        version: http::Version,
        method: &'a str,
        path: &'a str,
        authority: &'a str,
        headers: &'a HeaderMap,
    ) -> Self {
        Self {
            version,
            method,
            path,
            authority,
            scheme: "http",
            headers,
            is_grpc: is_grpc(headers),
            request_head: request_head(method, path, headers),
            response_head: 0,
            status: None,
            response_headers: None,
            response_trailers: None,
            virtual_host: "",
            request_took: None,
            answered_after: None,
        }
    }

    /// In the trailers, or in an answer that has nothing but them. What is no number of gRPC's is 2, unknown.
    pub(super) fn grpc_status(&self) -> Option<u8> {
        let of = |headers: Option<&'a HeaderMap>| headers?.get(&GRPC_STATUS);
        let value = of(self.response_trailers).or_else(|| of(self.response_headers))?;
        let number = value.to_str().ok().and_then(|text| text.parse().ok());
        Some(number.filter(|number| *number <= 16).unwrap_or(2))
    }
}

/// Bytes of a request's head, as HTTP/1.1 would write it.
#[must_use]
pub fn request_head(method: &str, path: &str, headers: &HeaderMap) -> u64 {
    let line = method.len() + path.len() + " ".len() + " HTTP/1.1\r\n".len();
    (line + fields_bytes(headers)) as u64
}

/// The same of an answer's.
#[must_use]
pub fn response_head(headers: &HeaderMap) -> u64 {
    ("HTTP/1.1 200 OK\r\n".len() + fields_bytes(headers)) as u64
}

fn fields_bytes(headers: &HeaderMap) -> usize {
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    fields.sum::<usize>() + "\r\n".len()
}
