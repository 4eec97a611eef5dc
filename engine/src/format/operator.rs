//! The operators that the proxy can write. Adding one touches this table, and the proxy's `Values`.

use std::fmt;

/// What a format may ask for. Source: Envoy, “Access logging / Command operators”; where a name is Envoy's, so is its
/// meaning.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Operator {
    Request(HeaderSource),
    /// The request's header or `:path`, without the query.
    RequestWithoutQuery(HeaderSource),
    Response(HeaderSource),
    Trailer(HeaderSource),
    /// When the request began, in this `strftime` format; empty: RFC 3339 in UTC, with milliseconds.
    StartTime(Box<str>),
    Protocol,
    ResponseCode,
    ResponseCodeDetails,
    ResponseFlags,
    ResponseFlagsLong,
    ConnectionTerminationDetails,
    UpstreamTransportFailureReason,
    /// Bytes of the request's body, or of a stream from the client.
    BytesReceived,
    BytesSent,
    /// Milliseconds from the request's first byte to the response's last.
    Duration,
    RequestDuration,
    ResponseDuration,
    ResponseTxDuration,
    RouteName,
    VirtualHostName,
    UpstreamHost,
    UpstreamCluster,
    UpstreamLocalAddress,
    UpstreamRequestAttemptCount,
    DownstreamLocalAddress,
    DownstreamLocalAddressWithoutPort,
    DownstreamLocalPort,
    /// Of the original client, as trusted proxies tell.
    DownstreamRemoteAddress,
    DownstreamRemoteAddressWithoutPort,
    DownstreamRemotePort,
    /// Of the connection's other end.
    DownstreamDirectRemoteAddress,
    DownstreamDirectRemoteAddressWithoutPort,
    DownstreamPeerUriSan,
    DownstreamLocalUriSan,
    DownstreamTlsVersion,
    DownstreamTlsCipher,
    RequestedServerName,
    ConnectionId,
    StreamId,
    GrpcStatus,
    GrpcStatusNumber,
    Hostname,
    /// A variable of the proxy's environment.
    Environment(Box<str>),
    /// The snapshot that the request was decided under. Ours, not Envoy's.
    Epoch,
}

/// A header's value, or that of another where there is none: `REQ(name?alternative)`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct HeaderSource {
    /// In lower case; may be one of HTTP/2's pseudo-headers, which begin with a colon.
    pub name: Box<str>,
    pub alternative: Option<Box<str>>,
}

/// What stands in the parentheses after a name.
#[derive(Clone, Copy)]
pub(super) enum Argument {
    /// No parentheses.
    None(fn() -> Operator),
    Header(fn(HeaderSource) -> Operator),
    Required(fn(Box<str>) -> Operator),
    /// Empty where there are no parentheses.
    Optional(fn(Box<str>) -> Operator),
}

pub(super) static TABLE: &[(&str, Argument)] = &[
    ("REQ", Argument::Header(Operator::Request)),
    ("REQ_WITHOUT_QUERY", Argument::Header(Operator::RequestWithoutQuery)),
    ("RESP", Argument::Header(Operator::Response)),
    ("TRAILER", Argument::Header(Operator::Trailer)),
    ("START_TIME", Argument::Optional(Operator::StartTime)),
    ("PROTOCOL", Argument::None(|| Operator::Protocol)),
    ("RESPONSE_CODE", Argument::None(|| Operator::ResponseCode)),
    ("RESPONSE_CODE_DETAILS", Argument::None(|| Operator::ResponseCodeDetails)),
    ("RESPONSE_FLAGS", Argument::None(|| Operator::ResponseFlags)),
    ("RESPONSE_FLAGS_LONG", Argument::None(|| Operator::ResponseFlagsLong)),
    ("CONNECTION_TERMINATION_DETAILS", Argument::None(|| Operator::ConnectionTerminationDetails)),
    (
        "UPSTREAM_TRANSPORT_FAILURE_REASON",
        Argument::None(|| Operator::UpstreamTransportFailureReason),
    ),
    ("BYTES_RECEIVED", Argument::None(|| Operator::BytesReceived)),
    ("BYTES_SENT", Argument::None(|| Operator::BytesSent)),
    ("DURATION", Argument::None(|| Operator::Duration)),
    ("REQUEST_DURATION", Argument::None(|| Operator::RequestDuration)),
    ("RESPONSE_DURATION", Argument::None(|| Operator::ResponseDuration)),
    ("RESPONSE_TX_DURATION", Argument::None(|| Operator::ResponseTxDuration)),
    ("ROUTE_NAME", Argument::None(|| Operator::RouteName)),
    ("VIRTUAL_HOST_NAME", Argument::None(|| Operator::VirtualHostName)),
    ("UPSTREAM_HOST", Argument::None(|| Operator::UpstreamHost)),
    ("UPSTREAM_REMOTE_ADDRESS", Argument::None(|| Operator::UpstreamHost)),
    ("UPSTREAM_CLUSTER", Argument::None(|| Operator::UpstreamCluster)),
    // The name without the alternative one that statistics may have: we have one name.
    ("UPSTREAM_CLUSTER_RAW", Argument::None(|| Operator::UpstreamCluster)),
    ("UPSTREAM_LOCAL_ADDRESS", Argument::None(|| Operator::UpstreamLocalAddress)),
    ("UPSTREAM_REQUEST_ATTEMPT_COUNT", Argument::None(|| Operator::UpstreamRequestAttemptCount)),
    ("DOWNSTREAM_LOCAL_ADDRESS", Argument::None(|| Operator::DownstreamLocalAddress)),
    (
        "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
        Argument::None(|| Operator::DownstreamLocalAddressWithoutPort),
    ),
    ("DOWNSTREAM_LOCAL_PORT", Argument::None(|| Operator::DownstreamLocalPort)),
    ("DOWNSTREAM_REMOTE_ADDRESS", Argument::None(|| Operator::DownstreamRemoteAddress)),
    (
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
        Argument::None(|| Operator::DownstreamRemoteAddressWithoutPort),
    ),
    ("DOWNSTREAM_REMOTE_PORT", Argument::None(|| Operator::DownstreamRemotePort)),
    (
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
        Argument::None(|| Operator::DownstreamDirectRemoteAddress),
    ),
    (
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
        Argument::None(|| Operator::DownstreamDirectRemoteAddressWithoutPort),
    ),
    ("DOWNSTREAM_PEER_URI_SAN", Argument::None(|| Operator::DownstreamPeerUriSan)),
    ("DOWNSTREAM_LOCAL_URI_SAN", Argument::None(|| Operator::DownstreamLocalUriSan)),
    ("DOWNSTREAM_TLS_VERSION", Argument::None(|| Operator::DownstreamTlsVersion)),
    ("DOWNSTREAM_TLS_CIPHER", Argument::None(|| Operator::DownstreamTlsCipher)),
    ("REQUESTED_SERVER_NAME", Argument::None(|| Operator::RequestedServerName)),
    ("CONNECTION_ID", Argument::None(|| Operator::ConnectionId)),
    ("STREAM_ID", Argument::None(|| Operator::StreamId)),
    ("GRPC_STATUS", Argument::None(|| Operator::GrpcStatus)),
    ("GRPC_STATUS_NUMBER", Argument::None(|| Operator::GrpcStatusNumber)),
    ("HOSTNAME", Argument::None(|| Operator::Hostname)),
    ("ENVIRONMENT", Argument::Required(Operator::Environment)),
    ("EPOCH", Argument::None(|| Operator::Epoch)),
];

/// What Envoy writes beside these. Source: Envoy, "Access log command operators", 1.36.
pub(super) static UNSERVED: &[&str] = &[
    "ACCESS_LOG_TYPE",
    "BYTES_RETRANSMITTED",
    "CEL",
    "CLUSTER_METADATA",
    "COALESCE",
    "COMMON_DURATION",
    "CUSTOM_FLAGS",
    "DOWNSTREAM_DETECTED_CLOSE_TYPE",
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS",
    "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT",
    "DOWNSTREAM_DIRECT_LOCAL_PORT",
    "DOWNSTREAM_DIRECT_REMOTE_PORT",
    "DOWNSTREAM_HANDSHAKE_DURATION",
    "DOWNSTREAM_HEADER_BYTES_RECEIVED",
    "DOWNSTREAM_HEADER_BYTES_SENT",
    "DOWNSTREAM_LOCAL_DNS_SAN",
    "DOWNSTREAM_LOCAL_EMAIL_SAN",
    "DOWNSTREAM_LOCAL_IP_SAN",
    "DOWNSTREAM_LOCAL_OTHERNAME_SAN",
    "DOWNSTREAM_LOCAL_SUBJECT",
    "DOWNSTREAM_PEER_CERT",
    "DOWNSTREAM_PEER_CERT_V_END",
    "DOWNSTREAM_PEER_CERT_V_START",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256",
    "DOWNSTREAM_PEER_CHAIN_SERIALS",
    "DOWNSTREAM_PEER_DNS_SAN",
    "DOWNSTREAM_PEER_EMAIL_SAN",
    "DOWNSTREAM_PEER_FINGERPRINT_1",
    "DOWNSTREAM_PEER_FINGERPRINT_256",
    "DOWNSTREAM_PEER_IP_SAN",
    "DOWNSTREAM_PEER_ISSUER",
    "DOWNSTREAM_PEER_OTHERNAME_SAN",
    "DOWNSTREAM_PEER_SERIAL",
    "DOWNSTREAM_PEER_SUBJECT",
    "DOWNSTREAM_TLS_GROUP",
    "DOWNSTREAM_TLS_SESSION_ID",
    "DOWNSTREAM_TRANSPORT_FAILURE_REASON",
    "DOWNSTREAM_WIRE_BYTES_RECEIVED",
    "DOWNSTREAM_WIRE_BYTES_SENT",
    "DYNAMIC_METADATA",
    "EMIT_TIME",
    "FILTER_CHAIN_NAME",
    "FILTER_STATE",
    "LISTENER_METADATA",
    "LOCAL_REPLY_BODY",
    "PATH",
    "QUERY_PARAM",
    "QUERY_PARAMS",
    "REQUEST_HEADERS_BYTES",
    "REQUEST_TX_DURATION",
    "RESPONSE_HEADERS_BYTES",
    "RESPONSE_TRAILERS_BYTES",
    "ROUNDTRIP_DURATION",
    "SPAN_ID",
    "START_TIME_LOCAL",
    "TLS_JA3_FINGERPRINT",
    "TLS_JA4_FINGERPRINT",
    "TRACE_ID",
    "UNIQUE_ID",
    "UPSTREAM_CLUSTER_METADATA",
    "UPSTREAM_CONNECTION_ID",
    "UPSTREAM_CONNECTION_IDS_ATTEMPTED",
    "UPSTREAM_CONNECTION_POOL_READY_DURATION",
    "UPSTREAM_DETECTED_CLOSE_TYPE",
    "UPSTREAM_FILTER_STATE",
    "UPSTREAM_HEADER_BYTES_RECEIVED",
    "UPSTREAM_HEADER_BYTES_SENT",
    "UPSTREAM_HOSTS_ATTEMPTED",
    "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT",
    "UPSTREAM_HOST_NAME",
    "UPSTREAM_HOST_NAMES_ATTEMPTED",
    "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT",
    "UPSTREAM_HOST_NAME_WITHOUT_PORT",
    "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
    "UPSTREAM_LOCAL_CLOSE_REASON",
    "UPSTREAM_LOCAL_DNS_SAN",
    "UPSTREAM_LOCAL_IP_SAN",
    "UPSTREAM_LOCAL_PORT",
    "UPSTREAM_LOCAL_SUBJECT",
    "UPSTREAM_LOCAL_URI_SAN",
    "UPSTREAM_METADATA",
    "UPSTREAM_PEER_CERT",
    "UPSTREAM_PEER_CERT_V_END",
    "UPSTREAM_PEER_CERT_V_START",
    "UPSTREAM_PEER_DNS_SAN",
    "UPSTREAM_PEER_IP_SAN",
    "UPSTREAM_PEER_ISSUER",
    "UPSTREAM_PEER_SUBJECT",
    "UPSTREAM_PEER_URI_SAN",
    "UPSTREAM_PROTOCOL",
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
    "UPSTREAM_REMOTE_PORT",
    "UPSTREAM_TLS_CIPHER",
    "UPSTREAM_TLS_SESSION_ID",
    "UPSTREAM_TLS_VERSION",
    "UPSTREAM_WIRE_BYTES_RECEIVED",
    "UPSTREAM_WIRE_BYTES_SENT",
    "VIRTUAL_CLUSTER_NAME",
];

impl fmt::Display for Operator {
    /// Name and argument, without percent signs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let argument = match self {
            Self::Request(source)
            | Self::RequestWithoutQuery(source)
            | Self::Response(source)
            | Self::Trailer(source) => Some(source.to_string()),
            Self::StartTime(text) if text.is_empty() => None,
            Self::StartTime(text) | Self::Environment(text) => Some(text.to_string()),
            _ => None,
        };
        let same = |make: &Argument| match (make, self) {
            (Argument::None(make), _) => make() == *self,
            (Argument::Header(make), _) => {
                let source = HeaderSource { name: Box::default(), alternative: None };
                std::mem::discriminant(&make(source)) == std::mem::discriminant(self)
            }
            (Argument::Required(make) | Argument::Optional(make), _) => {
                std::mem::discriminant(&make(Box::default())) == std::mem::discriminant(self)
            }
        };
        let name = TABLE.iter().find(|(_, make)| same(make)).map_or("", |(name, _)| name);
        match argument {
            Some(argument) => write!(f, "{name}({argument})"),
            None => f.write_str(name),
        }
    }
}

impl fmt::Display for HeaderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.alternative {
            Some(alternative) => write!(f, "{}?{alternative}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
