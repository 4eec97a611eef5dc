//! A request under way, from the pick of its endpoint to the end of its answer.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, Response, StatusCode};

use super::endpoint::Endpoint;
use super::limit::Place;
use super::outlier::Outcome;
use super::pool::Lease;
use super::upstream::Known;
use super::view::Judge;
use crate::http::grpc::GRPC_STATUS;
use crate::http::{Body, Held};

/// Something under way at an endpoint, which counts as that much busier.
pub(super) struct Active(Rc<Known>);

impl Active {
    pub(super) fn new(endpoint: &Rc<Known>) -> Self {
        endpoint.0.standing.enter();
        Self(Rc::clone(endpoint))
    }

    pub(super) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.0.0
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.endpoint().standing.leave();
    }
}

impl fmt::Debug for Active {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Active").field(&self.endpoint().address).finish()
    }
}

/// A request whose answer has begun. What it holds is given back when the body has ended, in this order: the connection
/// first, so that whoever gets the room in a limit finds it.
pub(super) struct Underway {
    pub(super) _lease: Lease,
    pub(super) _place: Place,
    pub(super) active: Active,
    pub(super) judge: Option<Rc<Judge>>,
    /// The outcome is told by the trailers.
    pub(super) awaits_trailers: bool,
}

impl Underway {
    fn note(&self, outcome: Outcome) {
        if let Some(judge) = &self.judge {
            judge.note(self.active.endpoint(), outcome);
        }
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

fn grpc_outcome(fields: &HeaderMap) -> Option<Outcome> {
    let code = fields.get(&GRPC_STATUS)?.to_str().ok()?.parse().ok()?;
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
