//! What a format's operators stand for, out of a record.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::HeaderMap;
use mesh_engine::format::{HeaderSource, Operator, Values};
use mesh_engine::policy::Decision;

use super::time;
use crate::observe::metrics::Local;
use crate::observe::record::{Http, Record};

/// Of one record.
pub(super) struct Told<'a> {
    pub(super) record: &'a Record<'a>,
    pub(super) local: &'a Local,
}

impl Values for Told<'_> {
    fn write(&self, operator: &Operator, out: &mut String) -> bool {
        self.value(operator, out).is_some()
    }
}

/// Whether the value is a number, which JSON writes without quotes.
pub(super) const fn is_number(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::ResponseCode
            | Operator::BytesReceived
            | Operator::BytesSent
            | Operator::Duration
            | Operator::RequestDuration
            | Operator::ResponseDuration
            | Operator::ResponseTxDuration
            | Operator::UpstreamRequestAttemptCount
            | Operator::DownstreamLocalPort
            | Operator::DownstreamRemotePort
            | Operator::ConnectionId
            | Operator::GrpcStatusNumber
            | Operator::Epoch
    )
}

impl Told<'_> {
    /// Appends a value; `None`, and nothing appended, where there is none.
    #[expect(clippy::too_many_lines, reason = "a match over a closed set")]
    fn value(&self, operator: &Operator, out: &mut String) -> Option<()> {
        let record = self.record;
        let (http, upstream, downstream) =
            (record.http.as_ref(), &record.upstream, &record.downstream);
        match operator {
            Operator::Request(source) => first(source, |name| request_field(http?, name, out)),
            Operator::RequestWithoutQuery(source) => first(source, |name| {
                let start = out.len();
                request_field(http?, name, out)?;
                let query = out.get(start..)?.find('?');
                out.truncate(query.map_or(out.len(), |query| start + query));
                Some(())
            }),
            Operator::Response(source) => first(source, |name| match name {
                ":status" => number(http?.status?, out),
                _ => field(http?.response_headers?, name, out),
            }),
            Operator::Trailer(source) => {
                first(source, |name| field(http?.response_trailers?, name, out))
            }
            Operator::StartTime(format) => {
                time::write(record.start, format, out);
                Some(())
            }
            Operator::Protocol => text(protocol(http?.version), out),
            Operator::ResponseCode => number(http.and_then(|http| http.status).unwrap_or(0), out),
            Operator::ResponseCodeDetails => match &record.denial {
                Some(denial) => display(Decision::Denied(denial.rule).details()?, out),
                None => text(record.details, out),
            },
            Operator::ResponseFlags => display(record.flags, out),
            Operator::ResponseFlagsLong => display(record.flags.long(), out),
            Operator::ConnectionTerminationDetails => text(record.termination, out),
            Operator::UpstreamTransportFailureReason => display(upstream.failure?, out),
            Operator::BytesReceived => number(record.received, out),
            Operator::BytesSent => number(record.sent, out),
            Operator::Duration => milliseconds(record.took, out),
            Operator::RequestDuration => milliseconds(http?.request_took?, out),
            Operator::ResponseDuration => milliseconds(http?.answered_after?, out),
            Operator::ResponseTxDuration => {
                milliseconds(record.took.saturating_sub(http?.answered_after?), out)
            }
            Operator::RouteName => text(record.route, out),
            Operator::VirtualHostName => text(http?.virtual_host, out),
            Operator::UpstreamHost => display(upstream.address?, out),
            Operator::UpstreamCluster => text(upstream.cluster, out),
            Operator::UpstreamLocalAddress => display(upstream.local?, out),
            Operator::UpstreamRequestAttemptCount => number(upstream.attempts, out),
            Operator::DownstreamLocalAddress => display(downstream.local?, out),
            Operator::DownstreamLocalAddressWithoutPort => display(downstream.local?.ip(), out),
            Operator::DownstreamLocalPort => number(downstream.local?.port(), out),
            Operator::DownstreamRemoteAddress => display(self.remote()?, out),
            Operator::DownstreamRemoteAddressWithoutPort => display(self.remote()?.ip(), out),
            Operator::DownstreamRemotePort => number(self.remote()?.port(), out),
            Operator::DownstreamDirectRemoteAddress => display(downstream.source?, out),
            Operator::DownstreamDirectRemoteAddressWithoutPort => {
                display(downstream.source?.ip(), out)
            }
            Operator::DownstreamPeerUriSan => text(downstream.peer_identity, out),
            Operator::DownstreamLocalUriSan => text(downstream.local_identity, out),
            Operator::DownstreamTlsVersion => text(tls_version(downstream.tls_version?)?, out),
            Operator::DownstreamTlsCipher => cipher(downstream.tls_cipher?, out),
            Operator::RequestedServerName => text(downstream.server_name, out),
            Operator::ConnectionId => {
                number(Some(downstream.connection).filter(|number| *number != 0)?, out)
            }
            Operator::StreamId => field(http?.headers, "x-request-id", out),
            Operator::GrpcStatus => text(grpc_status(http?)?, out),
            Operator::GrpcStatusNumber => number(http?.grpc_status()?, out),
            Operator::Hostname => text(&self.local.hostname, out),
            Operator::Environment(name) => text(self.local.environment.get(&**name)?, out),
            Operator::Epoch => number(record.decided?.epoch, out),
        }
    }

    /// The original client. What trusted proxies tell of it is an address without a port, which Envoy writes as port 0.
    fn remote(&self) -> Option<SocketAddr> {
        let downstream = &self.record.downstream;
        let is_other = |remote: &IpAddr| Some(*remote) != downstream.source.map(|it| it.ip());
        match downstream.remote.filter(is_other) {
            Some(remote) => Some(SocketAddr::new(remote, 0)),
            None => downstream.source,
        }
    }
}

/// The first of two names that has a value.
fn first(source: &HeaderSource, mut write: impl FnMut(&str) -> Option<()>) -> Option<()> {
    write(&source.name).or_else(|| write(source.alternative.as_deref()?))
}

fn request_field(http: &Http<'_>, name: &str, out: &mut String) -> Option<()> {
    match name {
        ":method" => text(http.method, out),
        ":path" => text(http.path, out),
        ":scheme" => text(http.scheme, out),
        ":authority" | "host" => text(http.authority, out),
        _ => field(http.headers, name, out),
    }
}

/// Of several values, the first, as Envoy does.
fn field(headers: &HeaderMap, name: &str, out: &mut String) -> Option<()> {
    let value = headers.get(name)?.as_bytes();
    for chunk in value.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Some(())
}

/// An empty text is none.
fn text(text: &str, out: &mut String) -> Option<()> {
    out.push_str(text);
    (!text.is_empty()).then_some(())
}

fn number(number: impl Into<u64>, out: &mut String) -> Option<()> {
    display(number.into(), out)
}

fn milliseconds(duration: Duration, out: &mut String) -> Option<()> {
    display(duration.as_millis(), out)
}

/// What has nothing to say is none.
fn display(value: impl std::fmt::Display, out: &mut String) -> Option<()> {
    let start = out.len();
    let _ = write!(out, "{value}");
    (start < out.len()).then_some(())
}

fn protocol(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "HTTP/1.0",
        http::Version::HTTP_2 => "HTTP/2",
        http::Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

const fn tls_version(version: rustls::ProtocolVersion) -> Option<&'static str> {
    match version {
        rustls::ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        rustls::ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        _ => None,
    }
}

/// By its name in the registry of IANA: `TLS_AES_128_GCM_SHA256`.
fn cipher(suite: rustls::CipherSuite, out: &mut String) -> Option<()> {
    let name = suite.as_str()?;
    match name.strip_prefix("TLS13_") {
        Some(rest) => display(format_args!("TLS_{rest}"), out),
        None => text(name, out),
    }
}

/// Source: gRPC, “Status codes and their use in gRPC”; in the spelling that Envoy logs.
fn grpc_status(http: &Http<'_>) -> Option<&'static str> {
    const NAMES: [&str; 17] = [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ];
    NAMES.get(usize::from(http.grpc_status()?)).copied()
}
