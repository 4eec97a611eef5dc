//! What is decided about: a connection, and a request on it.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::HeaderName;

use crate::identity::SpiffeId;

/// One HTTP request, as policy *and* routes see it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// `http` or `https`: how the client of the mesh speaks, as `X-Forwarded-Proto` will tell.
    pub scheme: &'a str,
    /// As sent, port and case included; empty where the client sent none.
    pub authority: &'a str,
    /// In the normal form of [`crate::path::normalize_path`], without query.
    pub path: &'a str,
    /// Without the `?`, as sent.
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    /// That the request was addressed to: the service's port, not the workload's.
    pub port: u16,
}

/// What carries requests, or bytes.
#[derive(Clone, Copy, Debug)]
pub struct Connection<'a> {
    /// The address that the connection came from.
    pub source: IpAddr,
    /// The original client, as trusted proxies tell: [`crate::client_address`].
    pub remote: IpAddr,
    /// The workload's own address and port.
    pub destination: SocketAddr,
    /// The identity that the peer has proved; absent on plain text and on TLS without a certificate.
    pub peer: Option<SpiffeId<'a>>,
    /// The server name that the client asked for in its TLS handshake.
    pub sni: Option<&'a str>,
    /// Whether it is mutual TLS of the mesh.
    pub mutual_tls: bool,
}

impl<'a> Request<'a> {
    /// The first value of a query parameter; text is compared as sent, nothing is decoded. `?k` and `?k=`
    /// both hold `k` with an empty value. Source: Envoy, `QueryParamsMulti::parseQueryString`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.query?.split('&').find_map(|pair| {
            let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
            (found == name).then_some(value)
        })
    }

    /// Whether a browser asks what it may do (CORS). Source: Fetch, “CORS-preflight request”.
    #[must_use]
    pub fn is_preflight(&self) -> bool {
        let filled = |name| self.headers.get(name).is_some_and(|value: &_| !value.is_empty());
        self.method == "OPTIONS"
            && filled(http::header::ORIGIN)
            && filled(http::header::ACCESS_CONTROL_REQUEST_METHOD)
    }
}

/// What a match calls a header: a real one, or a part of the request that HTTP/2 sends as one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Field {
    Method,
    Scheme,
    Authority,
    Header(HeaderName),
}

/// Whether policy may look at a header of this name.
#[must_use]
pub fn is_field(name: &str) -> bool {
    Field::parse(name).is_some()
}

impl Field {
    /// `None` when it can be no header's name. `:path` is none of ours: it would be the path before it was
    /// split, and policy must not see two forms of one path.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            ":method" => Some(Self::Method),
            ":scheme" => Some(Self::Scheme),
            // HTTP/1 and HTTP/2 name it differently; Envoy knows it by either name.
            ":authority" | "host" => Some(Self::Authority),
            _ => name.parse().ok().map(Self::Header),
        }
    }

    /// Its values, in order. A repeated header is judged value by value, as Envoy was seen to do.
    pub(crate) fn values<'a>(&'a self, request: &Request<'a>) -> impl Iterator<Item = &'a [u8]> {
        let (single, headers) = match self {
            Self::Method => (Some(request.method), None),
            Self::Scheme => (Some(request.scheme), None),
            Self::Authority => (Some(request.authority).filter(|text| !text.is_empty()), None),
            Self::Header(name) => (None, Some(request.headers.get_all(name))),
        };
        let headers = headers.into_iter().flatten().map(http::HeaderValue::as_bytes);
        single.map(str::as_bytes).into_iter().chain(headers)
    }
}

/// Splits a request target into path and query. A fragment is dropped: it is no server's business, and a proxy
/// that kept it would judge another path than the one that is served. Source: RFC 9110 §4.2.5; Istio runs
/// Envoy with `http_reject_path_with_fragment` off.
#[must_use]
pub fn split_target(target: &str) -> (&str, Option<&str>) {
    let target = target.split_once('#').map_or(target, |(kept, _)| kept);
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Field, Request, split_target};
    use http::HeaderMap;

    pub(crate) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    /// `GET http://shop.test<target>`, to port 80.
    pub(crate) fn get<'a>(target: &'a str, headers: &'a HeaderMap) -> Request<'a> {
        let (path, query) = split_target(target);
        let authority = "shop.test";
        Request { method: "GET", scheme: "http", authority, path, query, headers, port: 80 }
    }

    #[test]
    fn a_parameter_is_judged_by_its_first_value_as_sent() {
        let none = HeaderMap::new();
        let request = get("/?k=w&k=v&e&f=&%6b=x&a=b=c", &none);
        assert_eq!(request.parameter("k"), Some("w"));
        assert_eq!(request.parameter("e"), Some(""));
        assert_eq!(request.parameter("f"), Some(""));
        assert_eq!(request.parameter("a"), Some("b=c"));
        assert_eq!(request.parameter("%6b"), Some("x"));
        assert_eq!(request.parameter("x"), None);
        assert_eq!(get("/", &none).parameter(""), None);
    }

    #[test]
    fn a_target_loses_its_fragment_wherever_it_stands() {
        assert_eq!(split_target("/a#b?c"), ("/a", None));
        assert_eq!(split_target("/a?b#c"), ("/a", Some("b")));
        assert_eq!(split_target("/a?"), ("/a", Some("")));
        assert_eq!(split_target("/a?b?c"), ("/a", Some("b?c")));
    }

    #[test]
    fn a_repeated_header_has_all_its_values() {
        let mut headers = headers(&[("x-user", "a")]);
        headers.append("x-user", "b".parse().unwrap());
        let request = get("/", &headers);
        let user = Field::parse("x-user").unwrap();
        assert_eq!(user.values(&request).collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(Field::parse("x-none").unwrap().values(&request).count(), 0);
        assert_eq!(Field::parse(":path"), None);
        let host = Field::parse("host").unwrap();
        assert_eq!(host.values(&request).next(), Some(&b"shop.test"[..]));
    }

    #[test]
    fn a_preflight_has_an_origin_and_asks_for_a_method() {
        let asking = headers(&[("origin", "https://a"), ("access-control-request-method", "PUT")]);
        let options = Request { method: "OPTIONS", ..get("/", &asking) };
        assert!(options.is_preflight());
        assert!(!get("/", &asking).is_preflight());
        let plain = headers(&[("origin", "https://a")]);
        assert!(!Request { headers: &plain, ..options }.is_preflight());
    }
}
