//! Headers by which proxies tell each other, and applications, about a request.

use http::header::{Entry, HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use std::net::IpAddr;
use std::time::Duration;

use mesh_engine::Program;

use super::client_certificate;
use super::serving::Serving;
use super::target::FORWARDED_PROTO;
use crate::http::Body;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static SERVICE_TIME: HeaderName = HeaderName::from_static("x-envoy-upstream-service-time");
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static EXTERNAL_ADDRESS: HeaderName = HeaderName::from_static("x-envoy-external-address");

/// What Istio's proxies tell each other, and no application shall believe or hear.
static PEER_METADATA: [HeaderName; 2] = [
    HeaderName::from_static("x-envoy-peer-metadata"),
    HeaderName::from_static("x-envoy-peer-metadata-id"),
];

/// Words by which Envoy is told what to do, and which no client from outside may say.
static INTERNAL: [HeaderName; 12] = [
    HeaderName::from_static("x-envoy-decorator-operation"),
    HeaderName::from_static("x-envoy-downstream-service-cluster"),
    HeaderName::from_static("x-envoy-downstream-service-node"),
    HeaderName::from_static("x-envoy-expected-rq-timeout-ms"),
    HeaderName::from_static("x-envoy-force-trace"),
    HeaderName::from_static("x-envoy-internal"),
    HeaderName::from_static("x-envoy-ip-tags"),
    HeaderName::from_static("x-envoy-max-retries"),
    HeaderName::from_static("x-envoy-original-path"),
    HeaderName::from_static("x-envoy-retry-on"),
    HeaderName::from_static("x-envoy-retry-grpc-on"),
    HeaderName::from_static("x-envoy-upstream-rq-timeout-ms"),
];

fn strip(headers: &mut HeaderMap) {
    for name in &PEER_METADATA {
        headers.remove(name);
    }
}

/// Headers that only a token can bring are taken from every client, before anybody looks at them.
fn strip_reserved(headers: &mut HeaderMap, program: &Program) {
    for name in program.policy().reserved_headers() {
        headers.remove(name);
    }
}

fn tell_scheme(headers: &mut HeaderMap, scheme: &'static str) {
    if let Entry::Vacant(vacant) = headers.entry(&FORWARDED_PROTO) {
        vacant.insert(HeaderValue::from_static(scheme));
    }
}

/// At the edge.
fn strip_internal(headers: &mut HeaderMap) {
    strip(headers);
    for name in &INTERNAL {
        headers.remove(name);
    }
    headers.remove(&EXTERNAL_ADDRESS);
}

/// What a client's proxy takes from a request, and how it says that the client speaks where nobody has said it.
pub fn enter_outbound(headers: &mut HeaderMap, scheme: &'static str) {
    client_certificate::replace(headers, None);
    strip(headers);
    tell_scheme(headers, scheme);
}

/// The same of a server's proxy, to which the client has shown a certificate or not: what is told of it, policies and filters
/// see as the application does.
pub fn enter_inbound(
    headers: &mut HeaderMap,
    scheme: &'static str,
    certificate: Option<&HeaderValue>,
    program: &Program,
) {
    client_certificate::append(headers, certificate);
    strip(headers);
    strip_reserved(headers, program);
    // Before anybody may refuse it: what is refused is told of, too. Source: Envoy, `mutateRequestHeaders`.
    tell_scheme(headers, scheme);
}

/// Where a request comes from that a gateway takes.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'o> {
    /// How the client speaks ([`crate::entry::edge_scheme`]).
    pub scheme: &'static str,
    /// The peer of the connection.
    pub source: IpAddr,
    /// The client, as trusted proxies tell it.
    pub remote: IpAddr,
    /// What is told of the certificate that the client has shown.
    pub certificate: Option<&'o HeaderValue>,
}

/// What a gateway takes from a request, and what it says of its client, whatever was said before. Source: Envoy,
/// `ConnectionManagerUtility::mutateRequestHeaders`.
pub fn enter_edge(headers: &mut HeaderMap, origin: &Origin<'_>, program: &Program) {
    strip_internal(headers);
    strip_reserved(headers, program);
    tell_origin(headers, origin);
}

fn tell_origin(headers: &mut HeaderMap, origin: &Origin<'_>) {
    let Origin { scheme, source, remote, certificate } = *origin;
    client_certificate::replace(headers, certificate);
    headers.insert(FORWARDED_PROTO.clone(), HeaderValue::from_static(scheme));
    let text = |address: IpAddr| HeaderValue::try_from(address.to_string());
    if let Ok(remote) = text(remote) {
        headers.insert(EXTERNAL_ADDRESS.clone(), remote);
    }
    let mut list = Vec::new();
    for value in headers.get_all(&FORWARDED_FOR) {
        list.extend_from_slice(value.as_bytes());
        list.push(b',');
    }
    list.extend_from_slice(source.to_string().as_bytes());
    if let Ok(list) = HeaderValue::try_from(list) {
        headers.insert(FORWARDED_FOR.clone(), list);
    }
}

/// What a proxy says of a request by itself.
pub(crate) static TOLD: [&HeaderName; 4] =
    [&REQUEST_ID, &FORWARDED_FOR, &FORWARDED_PROTO, &EXTERNAL_ADDRESS];

/// Gives a request an ID that has none: a UUID of chance. Source: RFC 9562 §5.4.
pub(crate) fn identify(headers: &mut HeaderMap, serving: &Serving) {
    if let Entry::Vacant(vacant) = headers.entry(&REQUEST_ID) {
        let text = uuid(serving.roll_wide());
        if let Ok(id) = HeaderValue::from_bytes(&text) {
            vacant.insert(id);
        }
    }
}

fn uuid(chance: u128) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let versioned = chance & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let mut left = 32;
    std::array::from_fn(|place| {
        if matches!(place, 8 | 13 | 18 | 23) {
            return b'-';
        }
        left -= 1;
        let digit = usize::try_from(versioned >> (4 * left) & 0xf).unwrap_or_default();
        DIGITS.get(digit).copied().unwrap_or(b'0')
    })
}

/// How long the upstream took, in milliseconds.
pub(crate) fn tell_time(response: &mut Response<Body>, took: Duration) {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    response.headers_mut().insert(SERVICE_TIME.clone(), HeaderValue::from(millis));
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{FORWARDED_FOR, FORWARDED_PROTO, Origin, tell_origin, uuid};

    #[test]
    fn an_id_has_the_form_of_a_random_uuid() {
        let text = |chance| String::from_utf8(uuid(chance).to_vec()).unwrap();
        assert_eq!(text(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(text(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn the_edge_adds_whom_it_was_called_from() {
        let of = HeaderValue::from_static;
        let mut headers = HeaderMap::from_iter([
            (FORWARDED_FOR.clone(), of("1.2.3.4")),
            (FORWARDED_PROTO.clone(), of("http")),
            (HeaderName::from_static("x-forwarded-client-cert"), of("Hash=forged")),
        ]);
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let origin = Origin { scheme: "https", source: peer, remote: peer, certificate: None };
        tell_origin(&mut headers, &origin);
        assert_eq!(headers["x-forwarded-for"], "1.2.3.4,10.0.0.1");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-envoy-external-address"], "10.0.0.1");
        assert!(!headers.contains_key("x-forwarded-client-cert"));
    }
}
