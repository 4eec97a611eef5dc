//! Answers of the proxy's own. Texts and statuses are Envoy's and Istio's, so that people and tools know them.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use crate::http::Body;
use crate::http::grpc::GRPC_STATUS;
use crate::observe::Flags;

/// Instead of an answer of an upstream's.
#[derive(Clone, Debug)]
pub(crate) struct LocalReply {
    pub(crate) status: StatusCode,
    pub(crate) body: Cow<'static, str>,
    pub(crate) flags: Flags,
    /// Envoy's word for the reason.
    pub(crate) details: Cow<'static, str>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// For a client that speaks gRPC, where it is not the one that the status stands for.
    pub(crate) grpc_status: Option<u32>,
}

impl LocalReply {
    pub(crate) fn new(status: StatusCode, details: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            body: Cow::Borrowed(""),
            flags: Flags::NONE,
            details: details.into(),
            headers: Vec::new(),
            grpc_status: None,
        }
    }

    pub(crate) fn saying(self, body: impl Into<Cow<'static, str>>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(crate) fn flagged(self, flags: Flags) -> Self {
        Self { flags, ..self }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What cannot be understood, or not be meant honestly.
    pub(crate) fn bad_request(details: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, details).flagged(Flags::DOWNSTREAM_PROTOCOL_ERROR)
    }

    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "route_not_found").flagged(Flags::NO_ROUTE)
    }

    pub(crate) fn no_cluster() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "cluster_not_found").flagged(Flags::NO_CLUSTER)
    }

    /// Nothing is in force: nothing passes.
    pub(crate) fn no_program() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_snapshot_in_force")
            .saying("no policy is in force yet")
    }

    pub(crate) fn no_healthy_upstream() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_healthy_upstream")
            .saying("no healthy upstream")
            .flagged(Flags::NO_HEALTHY_UPSTREAM)
    }

    pub(crate) fn timed_out() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "response_timeout")
            .saying("upstream request timeout")
            .flagged(Flags::UPSTREAM_TIMEOUT)
    }

    /// A client that speaks gRPC is answered in its terms: status 200, and the code in a header.
    pub(crate) fn into_response(self, is_grpc: bool) -> Response<Body> {
        if is_grpc {
            return self.into_grpc();
        }
        let mut headers = HeaderMap::from_iter(self.headers);
        if !self.body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        }
        let body = match self.body {
            Cow::Borrowed(text) => Body::from(text),
            Cow::Owned(text) => Body::from(bytes::Bytes::from(text)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }

    /// Source: gRPC over HTTP/2, “Trailers-Only”.
    fn into_grpc(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let status = self.grpc_status.unwrap_or_else(|| grpc_status(self.status));
        let headers = response.headers_mut();
        headers.extend(self.headers.into_iter().map(|(name, value)| (Some(name), value)));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(GRPC_STATUS.clone(), HeaderValue::from(status));
        if !self.body.is_empty()
            && let Ok(message) = HeaderValue::try_from(percent_encoded(&self.body))
        {
            headers.insert(GRPC_MESSAGE.clone(), message);
        }
        response
    }
}

static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Source: gRPC, “HTTP to gRPC Status Code Mapping”.
fn grpc_status(status: StatusCode) -> u32 {
    match status.as_u16() {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// Source: gRPC over HTTP/2, `Status-Message`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => encoded.push(byte.into()),
            _ => {
                let _ = write!(encoded, "%{byte:02X}"); // a string takes whatever is written
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::LocalReply;

    #[test]
    fn grpc_is_answered_in_its_terms() {
        let reply = LocalReply::new(StatusCode::FORBIDDEN, "x").saying("RBAC: 100% denied\n");
        let response = reply.into_response(true);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], "7");
        assert_eq!(response.headers()["grpc-message"], "RBAC: 100%25 denied%0A");
    }
}
