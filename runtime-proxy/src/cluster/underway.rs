//! A request under way, from the pick of its endpoint to the end of its answer.

use std::fmt;
use std::rc::Rc;

use http::{HeaderMap, Request, Response, StatusCode, header};

use super::limit::Place;
use super::outlier::Outcome;
use super::pool::Lease;
use super::upstream::Target;
use super::view::Cluster;
use crate::http::{Body, Held};

/// Something under way at an endpoint, which counts as that much busier.
pub(super) struct Active(Rc<Target>);

impl Active {
    pub(super) fn new(target: Rc<Target>) -> Self {
        target.endpoint.standing.enter();
        Self(target)
    }

    pub(super) fn target(&self) -> &Target {
        &self.0
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.endpoint.standing.leave();
    }
}

impl fmt::Debug for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Active").field(&self.0.endpoint.address).finish()
    }
}

/// A request whose answer has begun. What it holds is given back when the body has ended, in this order: the connection
/// first, so that whoever gets the room in a limit finds it.
pub(super) struct Underway {
    pub(super) _lease: Lease,
    pub(super) _place: Place,
    pub(super) active: Active,
    pub(super) cluster: Rc<Cluster>,
    /// The outcome is told by the trailers.
    pub(super) awaits_trailers: bool,
}

impl Underway {
    fn note(&self, outcome: Outcome) {
        self.cluster.note(&self.active.target().endpoint, outcome);
    }

    /// Takes note of the head of the answer. A call of gRPC that fails does so in its own field, mostly in the trailers.
    /// Source: Envoy, `Router::Filter`.
    pub(super) fn note_head(&mut self, response: &Response<Body>, is_grpc: bool) {
        let status = response.status();
        let grpc = if is_grpc { grpc_outcome(response.headers()) } else { None };
        self.awaits_trailers = is_grpc && grpc.is_none() && status == StatusCode::OK;
        if !self.awaits_trailers {
            self.note(grpc.unwrap_or(Outcome::Status(status.as_u16())));
        }
    }
}

impl Held for Underway {
    fn trailers(&mut self, trailers: &HeaderMap) {
        if self.awaits_trailers {
            self.note(grpc_outcome(trailers).unwrap_or(Outcome::Status(200)));
        }
    }

    fn broken(&mut self) {
        self.note(Outcome::Failed);
    }
}

/// Source: gRPC over HTTP/2, `application/grpc` with or without a suffix.
pub(super) fn is_grpc(request: &Request<Body>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).map(header::HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

fn grpc_outcome(fields: &HeaderMap) -> Option<Outcome> {
    let code = fields.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    Some(Outcome::Status(http_status(code)))
}

/// Source: Envoy, `Grpc::Utility::grpcToHttpStatus`.
const fn http_status(code: u32) -> u16 {
    match code {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::is_grpc;
    use crate::http::Body;

    #[test]
    fn grpc_is_told_by_its_content_type() {
        let is = |kind: &str| {
            is_grpc(&Request::builder().header("content-type", kind).body(Body::empty()).unwrap())
        };
        assert!(is("application/grpc") && is("application/grpc+proto") && is("application/grpc;x"));
        assert!(!is("application/grpc-web") && !is("text/plain"));
        assert!(!is_grpc(&Request::new(Body::empty())));
    }
}
