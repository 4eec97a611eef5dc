//! Where a client is sent instead. Source: Envoy, `Utility::newUri`; Istio `HTTPRedirect`.

use std::fmt::Write as _;

use mesh_snapshot::object;
use mesh_snapshot::object::{RedirectPath, RedirectPort};

use super::rewrite::{write_prefix, write_segments};
use crate::program::Fault;
use crate::request::Request;

#[derive(Clone, Debug)]
pub struct Redirect {
    pub status: u16,
    scheme: Option<Box<str>>,
    authority: Option<Box<str>>,
    port: Option<RedirectPort>,
    path: Option<RedirectPath>,
}

impl Redirect {
    pub(crate) fn compile(redirect: &object::Redirect) -> Result<Self, Fault> {
        if !(300..400).contains(&redirect.status) {
            return Err(Fault::Status(redirect.status));
        }
        Ok(Self {
            status: redirect.status,
            scheme: redirect.scheme.as_deref().map(Into::into),
            authority: redirect.authority.as_deref().map(Into::into),
            port: redirect.port,
            path: redirect.path.clone(),
        })
    }

    /// Appends the `Location` for a request of which the match covered the first `covered` bytes of the path.
    pub fn write_location(&self, request: &Request<'_>, covered: usize, out: &mut String) {
        let scheme = self.scheme.as_deref().unwrap_or(request.scheme);
        let port = match self.port {
            Some(RedirectPort::Number(port)) => Some(port),
            Some(RedirectPort::FromRequest) => Some(request.port),
            Some(RedirectPort::FromScheme) | None => None,
        };
        out.push_str(scheme);
        out.push_str("://");
        match &self.authority {
            Some(authority) => out.push_str(authority),
            None => out.push_str(requested_host(request, scheme, port.is_some())),
        }
        if let Some(port) = port {
            let _ = write!(out, ":{port}");
        }
        self.write_path(request, covered, out);
    }

    /// The query stays, unless the new path brings one.
    fn write_path(&self, request: &Request<'_>, covered: usize, out: &mut String) {
        let start = out.len();
        match &self.path {
            None => out.push_str(request.path),
            Some(RedirectPath::Full(path)) => out.push_str(path),
            Some(RedirectPath::Prefix(text)) => write_prefix(text, request.path, covered, out),
            Some(RedirectPath::PathPrefix(text)) => {
                let rest = request.path.get(covered..).unwrap_or_default();
                write_segments(text.trim_end_matches('/'), rest, out);
            }
        }
        let has_query = out.get(start..).is_some_and(|path| path.contains('?'));
        if let Some(query) = request.query.filter(|_| !has_query) {
            out.push('?');
            out.push_str(query);
        }
    }
}

/// The authority of the request; without its port where another follows, and where it is the default of a scheme
/// that is left.
fn requested_host<'a>(request: &Request<'a>, scheme: &str, other_port: bool) -> &'a str {
    let authority = request.authority;
    let host = crate::host::without_port(authority);
    let port = authority.get(host.len()..).unwrap_or_default();
    let left = scheme != request.scheme
        && matches!((request.scheme, port), ("http", ":80") | ("https", ":443"));
    if other_port || left { host } else { authority }
}

/// Appends the `Location` for a server that wants TLS (`httpsRedirect`): the same place, by `https`.
/// Source: Envoy, `Utility::createSslRedirectPath`.
pub fn write_https_location(request: &Request<'_>, out: &mut String) {
    out.push_str("https://");
    out.push_str(request.authority);
    out.push_str(request.path);
    if let Some(query) = request.query {
        out.push('?');
        out.push_str(query);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use mesh_snapshot::object::{self, RedirectPath, RedirectPort};

    use super::{Redirect, write_https_location};
    use crate::program::Fault;
    use crate::request::Request;
    use crate::request::tests::get;

    const PLAIN: object::Redirect =
        object::Redirect { status: 301, scheme: None, authority: None, port: None, path: None };

    fn location(redirect: &object::Redirect, request: &Request<'_>) -> String {
        let mut out = String::new();
        Redirect::compile(redirect).unwrap().write_location(request, 2, &mut out);
        out
    }

    fn at<'a>(authority: &'a str, target: &'a str, headers: &'a HeaderMap) -> Request<'a> {
        Request { authority, ..get(target, headers) }
    }

    #[test]
    fn what_is_not_redirected_stays() {
        let none = HeaderMap::new();
        let request = at("shop.test:8080", "/a/b?c=d", &none);
        assert_eq!(location(&PLAIN, &request), "http://shop.test:8080/a/b?c=d");
        let authority = Some("other.test".to_owned());
        let redirect = object::Redirect { authority, ..PLAIN };
        assert_eq!(location(&redirect, &request), "http://other.test/a/b?c=d");
    }

    #[test]
    fn a_default_port_goes_with_its_scheme() {
        let none = HeaderMap::new();
        let redirect = object::Redirect { scheme: Some("https".to_owned()), ..PLAIN };
        assert_eq!(location(&redirect, &at("shop.test:80", "/", &none)), "https://shop.test/");
        assert_eq!(location(&redirect, &at("shop.test:81", "/", &none)), "https://shop.test:81/");
        let same = object::Redirect { scheme: Some("http".to_owned()), ..PLAIN };
        assert_eq!(location(&same, &at("shop.test:80", "/", &none)), "http://shop.test:80/");
    }

    #[test]
    fn a_port_replaces_the_one_that_was_asked_for() {
        let none = HeaderMap::new();
        let to = |port| object::Redirect { port: Some(port), ..PLAIN };
        let request = at("shop.test:80", "/", &none);
        assert_eq!(location(&to(RedirectPort::Number(8443)), &request), "http://shop.test:8443/");
        let from_request = to(RedirectPort::FromRequest);
        assert_eq!(location(&from_request, &Request { port: 9, ..request }), "http://shop.test:9/");
        assert_eq!(location(&to(RedirectPort::FromScheme), &request), "http://shop.test:80/");
        let six = at("[2001:db8::1]:80", "/", &none);
        assert_eq!(location(&to(RedirectPort::Number(1)), &six), "http://[2001:db8::1]:1/");
    }

    #[test]
    fn a_new_path_keeps_the_query_unless_it_has_one() {
        let none = HeaderMap::new();
        let request = at("a", "/a/b?c=d", &none);
        let to = |path| object::Redirect { path: Some(path), ..PLAIN };
        assert_eq!(location(&to(RedirectPath::Full("/x".to_owned())), &request), "http://a/x?c=d");
        assert_eq!(location(&to(RedirectPath::Full("/x?y".to_owned())), &request), "http://a/x?y");
        assert_eq!(
            location(&to(RedirectPath::Prefix("/x".to_owned())), &request),
            "http://a/x/b?c=d"
        );
        let segments = to(RedirectPath::PathPrefix("/".to_owned()));
        assert_eq!(location(&segments, &request), "http://a/b?c=d");
    }

    #[test]
    fn only_a_redirect_redirects() {
        let fault = Redirect::compile(&object::Redirect { status: 200, ..PLAIN }).unwrap_err();
        assert_eq!(fault, Fault::Status(200));
    }

    #[test]
    fn https_is_the_same_place() {
        let none = HeaderMap::new();
        let mut out = String::new();
        write_https_location(&at("shop.test:80", "/a?b", &none), &mut out);
        assert_eq!(out, "https://shop.test:80/a?b");
    }
}
