//! Who asks, and whether they may: for what arrives for a workload, and for what comes to a gateway.

use std::borrow::Cow;

use http::header::{HeaderValue, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use mesh_engine::policy::{Claims, Decision};

use super::exchange::Exchange;
use super::local_reply::LocalReply;
use super::target;
use crate::http::Body;

/// Why a request goes no further.
pub(crate) enum Refused<'p> {
    Reply(LocalReply),
    /// By an authorization policy.
    Denied(Decision<'p>),
}

impl From<LocalReply> for Refused<'_> {
    fn from(reply: LocalReply) -> Self {
        Self::Reply(reply)
    }
}

/// What the request's token says. The token itself goes, unless it is to be forwarded.
pub(crate) fn authenticate(
    request: &mut Request<Body>,
    port: u16,
    exchange: &Exchange,
) -> Result<Claims, LocalReply> {
    let program = exchange.program();
    let keys = program.keys().now();
    let view = target::view(request, exchange.scheme, port);
    let claims = program
        .engine()
        .policy()
        .authenticate(&view, &keys, exchange.serving.clock.now())
        .map_err(|error| unauthorized(&view, error.status(), error.to_string()))?;
    Ok(claims)
}

/// Carries out what a token brings with it, once all have judged the request as it came.
pub(crate) fn apply(request: &mut Request<Body>, claims: &Claims) -> Result<(), LocalReply> {
    claims.write_headers(request.headers_mut());
    let Some(query) = request.uri().query() else { return Ok(()) };
    let path = request.uri().path();
    let whole = match claims.rest_of_query(query) {
        Some(Cow::Borrowed(_)) => return Ok(()),
        Some(Cow::Owned(rest)) => format!("{path}?{rest}"),
        None => path.to_owned(),
    };
    target::set_target(request, &whole)
}

/// Source: Envoy, `jwt_authn`, `Filter::onComplete`.
fn unauthorized(view: &mesh_engine::Request<'_>, status: u16, text: String) -> LocalReply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
    let details = format!("jwt_authn_access_denied{{{}}}", text.replace(' ', "_"));
    let reply = LocalReply::new(status, details).saying(text);
    if status != StatusCode::UNAUTHORIZED {
        return reply;
    }
    let realm = format!(
        "Bearer realm=\"{}://{}{}\", error=\"invalid_token\"",
        view.scheme, view.authority, view.path
    );
    match HeaderValue::try_from(realm) {
        Ok(realm) => reply.with(WWW_AUTHENTICATE, realm),
        Err(_) => reply,
    }
}

/// Whether the request may pass, as it came.
pub(crate) fn authorize<'p>(
    request: &Request<Body>,
    port: u16,
    claims: &Claims,
    program: &'p mesh_engine::Program,
    exchange: &Exchange,
) -> Result<(), Refused<'p>> {
    let view = target::view(request, exchange.scheme, port);
    let connection = exchange.downstream.connection(exchange.remote);
    let verdict = program.policy().authorize(&view, &connection, claims);
    if verdict.is_allowed() {
        return Ok(());
    }
    Err(Refused::Denied(verdict.decision))
}

/// What a client hears whom a policy denies. Source: Istio.
pub(crate) fn denial() -> LocalReply {
    LocalReply::new(StatusCode::FORBIDDEN, "rbac_access_denied").saying("RBAC: access denied")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use mesh_engine::policy::TokenError;

    use super::unauthorized;

    /// Source: Envoy, as Istio's proxies log it.
    #[test]
    fn the_details_of_a_refused_token_are_the_text_of_the_answer_in_one_word() {
        let headers = HeaderMap::new();
        let view = mesh_engine::Request {
            method: "GET",
            scheme: "http",
            authority: "reviews:9080",
            path: "/x",
            query: None,
            headers: &headers,
            port: 9080,
        };
        let of = |error: TokenError| unauthorized(&view, error.status(), error.to_string());
        let reply = of(TokenError::Expired);
        assert_eq!((reply.status, &*reply.body), (StatusCode::UNAUTHORIZED, "Jwt is expired"));
        assert_eq!(reply.details, "jwt_authn_access_denied{Jwt_is_expired}");
        let reply = of(TokenError::Audience);
        assert_eq!(reply.status, StatusCode::FORBIDDEN);
        assert_eq!(reply.details, "jwt_authn_access_denied{Audiences_in_Jwt_are_not_allowed}");
    }
}
