//! Who may ask: programs on this machine, and no page that a browser on it has open; for more than an answer, the operator's alone.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem;
use super::token::OperatorToken;

/// Refuses requests that name another host (DNS rebinding) or come from another origin.
pub(super) async fn check(request: Request, next: Next) -> Response {
    if is_local(request.headers()) {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "only for programs on this machine\n").into_response()
    }
}

/// Refuses whoever does not show the token of operators.
pub(super) async fn check_operator(
    State(operator): State<OperatorToken>,
    request: Request,
    next: Next,
) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    if shown.is_some_and(|shown| operator.is_shown_by(shown)) {
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"mesh-control\"")];
    (challenge, problem(StatusCode::UNAUTHORIZED, &operator.advice())).into_response()
}

fn is_local(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let Some(host) = text(header::HOST) else { return false };
    let same_origin = |origin: &str| {
        let origin: Option<Uri> = origin.parse().ok();
        origin.and_then(|origin| origin.authority().cloned()).is_some_and(|own| own == host)
    };
    is_loopback(host) && text(header::ORIGIN).is_none_or(same_origin)
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<axum::http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        is_local(&headers)
    }

    #[test]
    fn only_programs_on_this_machine_may_ask() {
        for host in ["127.0.0.1:15014", "localhost:15014", "[::1]:15014", "localhost"] {
            assert!(asks(host, None), "{host}");
        }
        for host in ["example.com", "127.0.0.1.example.com", "10.0.0.1:15014", "", "a@b@c"] {
            assert!(!asks(host, None), "{host}");
        }
        assert!(!is_local(&HeaderMap::new()));
        assert!(asks("localhost:1", Some("http://localhost:1")));
        assert!(!asks("localhost:1", Some("http://example.com")));
        assert!(!asks("localhost:1", Some("http://localhost:2")));
        assert!(!asks("localhost:1", Some("null")));
    }
}
