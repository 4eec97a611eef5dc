//! Makes a message fit the connection that it goes out on.
//!
//! A request has its host in the `host` field or in its URI, whichever version it came by. Framing fields are written
//! from the body that was parsed, never copied: what two parsers could read in two ways does not leave this proxy.

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body as _;

use super::body::{Body, content_length};
use super::upgrade::Upgrade;
use super::{date, hop};

/// A request that says for which host it is neither in its URI nor in its fields, or says it so that nobody can read it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the request names no host")]
pub struct NoAuthority;

/// For a server that speaks HTTP/1.1.
pub(super) fn request_to_http1(request: &mut Request<Body>) -> Result<(), NoAuthority> {
    let upgrade = request.extensions_mut().remove::<Upgrade>();
    hop::strip(request.headers_mut());
    request.headers_mut().remove(EXPECT); // answered by this proxy when it reads the body
    if let Some(authority) = request.uri().authority() {
        let host = HeaderValue::try_from(host_of(authority)).map_err(|_| NoAuthority)?;
        request.headers_mut().insert(HOST, host);
    } else if !request.headers().contains_key(HOST) {
        return Err(NoAuthority);
    }
    if request.uri().scheme().is_some() || request.uri().authority().is_some() {
        *request.uri_mut() = Uri::from(path_of(request.uri()));
    }
    *request.version_mut() = Version::HTTP_11;
    match (request.body().is_end_stream(), request.body().size_hint().exact()) {
        (true, _) => frame_empty(request),
        (false, Some(length)) => set_length(request.headers_mut(), length),
        (false, None) => {
            // Said outright: hyper takes the body of a GET for none unless it is.
            request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    if let Some(upgrade) = upgrade {
        upgrade.ask(request.headers_mut());
    }
    Ok(())
}

/// For a server that speaks HTTP/2.
pub(super) fn request_to_http2(
    request: &mut Request<Body>,
    scheme: &Scheme,
) -> Result<(), NoAuthority> {
    request.extensions_mut().clear();
    hop::strip(request.headers_mut());
    request.headers_mut().remove(EXPECT);
    let host = request.headers_mut().remove(HOST);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    if parts.authority.is_none() {
        let host = host.ok_or(NoAuthority)?;
        parts.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| NoAuthority)?);
    }
    parts.scheme = Some(scheme.clone());
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| NoAuthority)?;
    *request.version_mut() = Version::HTTP_2;
    match (request.body().is_end_stream(), request.body().size_hint().exact()) {
        (true, _) => frame_empty(request),
        (false, Some(length)) => set_length(request.headers_mut(), length),
        (false, None) => {}
    }
    Ok(())
}

/// For a client that asked with `method`.
pub(super) fn response_to_http1(response: &mut Response<Body>, method: &Method) {
    let is_switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let upgrade = response.headers().get(http::header::UPGRADE).cloned();
    frame_response(response, method);
    if let (true, Some(protocol)) = (is_switching, upgrade) {
        response.headers_mut().insert(http::header::UPGRADE, protocol);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    *response.version_mut() = Version::HTTP_11;
}

/// The same, over HTTP/2.
pub(super) fn response_to_http2(response: &mut Response<Body>, method: &Method) {
    frame_response(response, method);
    *response.version_mut() = Version::HTTP_2;
}

fn frame_response(response: &mut Response<Body>, method: &Method) {
    // Of a body that is not sent, the length is what the server says it would be (RFC 9110 §8.6).
    let is_bodiless = *method == Method::HEAD || response.status() == StatusCode::NOT_MODIFIED;
    let told = if is_bodiless { content_length(response.headers()) } else { None };
    hop::strip(response.headers_mut());
    let length = if is_bodiless { told } else { response.body().size_hint().exact() };
    if let Some(length) = length
        && may_have_length(response.status(), method)
    {
        set_length(response.headers_mut(), length);
    }
    date::add(response.headers_mut());
}

/// RFC 9110 §8.6: not with 1xx or 204, nor where a tunnel begins.
fn may_have_length(status: StatusCode, method: &Method) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && !(*method == Method::CONNECT && status.is_success())
}

/// RFC 9110 §8.6: a method whose requests usually have a body says so when there is none.
fn frame_empty(request: &mut Request<Body>) {
    if matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH) {
        set_length(request.headers_mut(), 0);
    }
}

fn set_length(headers: &mut HeaderMap, length: u64) {
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// Without user information, which has no place in a request (RFC 9110 §4.2.4).
fn host_of(authority: &Authority) -> &str {
    authority.as_str().rsplit('@').next().unwrap_or_default()
}

fn path_of(uri: &Uri) -> PathAndQuery {
    uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"))
}

#[cfg(test)]
mod tests {
    use http::uri::Scheme;
    use http::{Method, Request, Response};

    use super::{NoAuthority, request_to_http1, request_to_http2, response_to_http1};
    use crate::http::Body;

    fn request(uri: &str, host: Option<&str>, body: Body) -> Request<Body> {
        let mut builder = Request::builder().method(Method::POST).uri(uri);
        if let Some(host) = host {
            builder = builder.header("host", host);
        }
        builder.header("content-length", "77").header("expect", "100-continue").body(body).unwrap()
    }

    #[test]
    fn a_host_is_told_in_the_way_of_the_version() {
        let mut one = request("http://user@shop:8080/cart?x=1", Some("ignored"), Body::empty());
        request_to_http1(&mut one).unwrap();
        assert_eq!(one.uri(), "/cart?x=1");
        assert_eq!(one.headers()["host"], "shop:8080");

        let mut two = request("/cart", Some("shop:8080"), Body::empty());
        request_to_http2(&mut two, &Scheme::HTTPS).unwrap();
        assert_eq!(two.uri(), "https://shop:8080/cart");
        assert!(!two.headers().contains_key("host"));
    }

    #[test]
    fn a_request_for_nobody_is_not_sent() {
        assert_eq!(request_to_http1(&mut request("/", None, Body::empty())), Err(NoAuthority));
        for host in [None, Some("two words"), Some("a\"b")] {
            let mut request = request("/", host, Body::empty());
            assert_eq!(request_to_http2(&mut request, &Scheme::HTTP), Err(NoAuthority), "{host:?}");
        }
    }

    #[test]
    fn framing_is_the_body_s_own() {
        let mut empty = request("/", Some("shop"), Body::empty());
        request_to_http1(&mut empty).unwrap();
        assert_eq!(empty.headers()["content-length"], "0");
        assert!(!empty.headers().contains_key("expect"));
        let mut whole = request("/", Some("shop"), Body::from("four"));
        request_to_http1(&mut whole).unwrap();
        assert_eq!(whole.headers()["content-length"], "4");
        let mut response = Response::new(Body::from("four"));
        response.headers_mut().insert("content-length", 9.into());
        response.headers_mut().insert("transfer-encoding", "x, chunked".parse().unwrap());
        response_to_http1(&mut response, &Method::GET);
        assert_eq!(response.headers()["content-length"], "4");
        assert!(!response.headers().contains_key("transfer-encoding"));
    }

    #[test]
    fn the_answer_to_head_keeps_the_length_that_it_tells() {
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert("content-length", 9.into());
        response_to_http1(&mut response, &Method::HEAD);
        assert_eq!(response.headers()["content-length"], "9");
    }
}
