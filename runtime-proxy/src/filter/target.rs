//! For whom a request is, and for what: read once, in one normal form, before policy and routes look at it.

use http::header::{HOST, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Uri};
use mesh_engine as engine;
use mesh_engine::byte::is_authority;
use mesh_engine::path::normalize_path;
use mesh_snapshot::object::PathNormalization;

use super::local_reply::LocalReply;
use crate::http::Body;

/// Brings a request into the form in which it is judged and passed on.
pub(crate) fn normalize(
    request: &mut Request<Body>,
    mode: PathNormalization,
) -> Result<(), LocalReply> {
    check_authority(request)?;
    let path = request.uri().path();
    let normal = normalize_path(path, mode)
        .map_err(|_| LocalReply::bad_request("path_normalization_failed"))?;
    if let std::borrow::Cow::Owned(normal) = normal {
        set_path(request, &normal)?;
    }
    Ok(())
}

/// A request names one host, which is a host. Source: RFC 9112 §3.2, RFC 9110 §4.2.4 (user information).
fn check_authority(request: &Request<Body>) -> Result<(), LocalReply> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, another) = (hosts.next(), hosts.next());
    if another.is_some() || (host.is_none() && request.uri().authority().is_none()) {
        return Err(LocalReply::bad_request("missing_host_header"));
    }
    let is_host = |text: &[u8]| text.iter().all(|byte| is_authority(*byte));
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let texts = authority.into_iter().chain(host.map(HeaderValue::as_bytes));
    if texts.clone().all(is_host) && texts.into_iter().all(|text| !text.is_empty()) {
        Ok(())
    } else {
        Err(LocalReply::bad_request("invalid_authority"))
    }
}

/// As the client sent it, port included: what the URI says counts (RFC 9112 §3.2.2).
pub(crate) fn authority(request: &Request<Body>) -> &str {
    match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => host(request.headers()),
    }
}

fn host(headers: &HeaderMap) -> &str {
    let host = headers.get(HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    std::str::from_utf8(host).unwrap_or_default()
}

/// A request as the engine judges it.
pub(crate) fn view<'a>(
    request: &'a Request<Body>,
    scheme: &'a str,
    port: u16,
) -> engine::Request<'a> {
    engine::Request {
        method: request.method().as_str(),
        scheme,
        authority: authority(request),
        path: request.uri().path(),
        query: request.uri().query(),
        headers: request.headers(),
        port,
    }
}

/// Gives the request another path; its query stays.
pub(crate) fn set_path(request: &mut Request<Body>, path: &str) -> Result<(), LocalReply> {
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    set_target(request, &target)
}

/// Gives the request another path and query.
pub(crate) fn set_target(request: &mut Request<Body>, target: &str) -> Result<(), LocalReply> {
    let target = PathAndQuery::try_from(target)
        .map_err(|_| LocalReply::bad_request("path_normalization_failed"))?;
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.path_and_query = Some(target);
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    Ok(())
}

/// Gives the request another authority.
pub(crate) fn set_authority(request: &mut Request<Body>, authority: HeaderValue) {
    request.headers_mut().insert(HOST, authority);
    if request.uri().authority().is_some() {
        let target = request.uri().path_and_query().cloned();
        *request.uri_mut() = target.map(Uri::from).unwrap_or_default();
    }
}

pub(crate) static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How the client of a gateway speaks: by its connection, or by the word of the proxies that are trusted to stand before this one.
#[must_use]
pub fn edge_scheme(headers: &HeaderMap, is_trusting: bool, is_tls: bool) -> &'static str {
    let told = told_scheme(headers).filter(|_| is_trusting);
    told.unwrap_or(if is_tls { "https" } else { "http" })
}

/// How the client of the mesh speaks, by the word of whoever stands before, or else as `by_connection` says.
#[must_use]
pub fn mesh_scheme(headers: &HeaderMap, by_connection: &'static str) -> &'static str {
    told_scheme(headers).unwrap_or(by_connection)
}

fn told_scheme(headers: &HeaderMap) -> Option<&'static str> {
    match headers.get(&FORWARDED_PROTO)?.as_bytes() {
        b"https" => Some("https"),
        b"http" => Some("http"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use mesh_snapshot::object::PathNormalization;

    use super::{authority, normalize, set_authority};
    use crate::http::Body;

    fn request(uri: &str, hosts: &[&str]) -> Request<Body> {
        let builder =
            hosts.iter().fold(Request::builder().uri(uri), |b, host| b.header("host", *host));
        builder.body(Body::empty()).unwrap()
    }

    #[test]
    fn one_host_is_named() {
        let is_good =
            |mut request: Request<Body>| normalize(&mut request, PathNormalization::Base).is_ok();
        assert!(is_good(request("/", &["shop.test:80"])));
        assert!(is_good(request("http://shop.test/", &[])));
        assert!(is_good(request("/", &["[::1]:80"])));
        for hosts in [&[][..], &["a", "a"], &["user@a"], &["a b"], &["a/b"], &[""]] {
            assert!(!is_good(request("/", hosts)), "{hosts:?}");
        }
        assert!(!is_good(request("http://user@shop.test/", &[])));
    }

    #[test]
    fn a_path_is_brought_into_its_form() {
        let mut one = request("http://a.test/x/../y?z=%2e", &[]);
        normalize(&mut one, PathNormalization::Base).unwrap();
        assert_eq!(one.uri(), "http://a.test/y?z=%2e");
        assert!(normalize(&mut request("*", &["a"]), PathNormalization::Base).is_err());
    }

    #[test]
    fn another_authority_is_the_only_one() {
        let mut one = request("http://a.test/x?y", &["b.test"]);
        assert_eq!(authority(&one), "a.test");
        set_authority(&mut one, "c.test".parse().unwrap());
        assert_eq!((authority(&one), one.uri().to_string()), ("c.test", "/x?y".to_owned()));
    }
}
