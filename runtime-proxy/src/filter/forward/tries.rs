//! One request, sent as often as needed.

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request};
use mesh_engine::route::Retry;

use super::Failed;
use crate::filter::local_reply::LocalReply;
use crate::http::{Body, Replay};

/// What is kept of a body for another try. Source: Envoy, `per_connection_buffer_limit_bytes`.
const KEPT_BYTES_MAX: usize = 1 << 20;

static ATTEMPT: HeaderName = HeaderName::from_static("x-envoy-attempt-count");

pub(super) struct Tries<'p> {
    retry: &'p Retry,
    /// To be sent next, whole.
    next: Option<Request<Body>>,
    /// What another try is made of; none: there is no other, but of what comes back unsent.
    again: Option<Again>,
    is_inbound: bool,
}

struct Again {
    head: Parts,
    /// None: there is no body.
    body: Option<Replay>,
}

impl<'p> Tries<'p> {
    /// `is_inbound`: to the application, which is told of the tries of its caller. Source: Istio counts them on the way out alone.
    pub(super) fn new(request: Request<Body>, retry: &'p Retry, is_inbound: bool) -> Self {
        Self { retry, next: Some(request), again: None, is_inbound }
    }

    /// The request of the try of this number. `may_refuse`: whether it goes where a request may be turned away unserved. Only what may
    /// be worth another try after it was sent is kept for one: most requests under Istio's default policy are not.
    pub(super) fn next(
        &mut self,
        number: u32,
        may_refuse: impl FnOnce(&Request<Body>) -> bool,
    ) -> Result<Request<Body>, LocalReply> {
        let request = self.next.take().or_else(|| self.again.as_ref()?.request());
        let mut request = request.ok_or_else(LocalReply::no_healthy_upstream)?;
        if self.again.is_none()
            && self.retry.retries_max > 0
            && self.retry.wants_what_was_sent(may_be_grpc(&request), may_refuse(&request))
        {
            let (kept, again) = Again::keep(request);
            (request, self.again) = (kept, Some(again));
        }
        if !self.is_inbound {
            request.headers_mut().insert(ATTEMPT.clone(), HeaderValue::from(number));
        }
        Ok(request)
    }

    /// Whether there can be a try after one that ended so.
    pub(super) fn are_possible(&self, failed: &Failed) -> bool {
        let came_back = matches!(failed, Failed::Send(error) if error.unsent.is_some());
        came_back || self.again.as_ref().is_some_and(Again::is_possible)
    }

    /// What was not sent is sent as it is.
    pub(super) fn take_back(&mut self, failed: Failed) {
        if let Failed::Send(error) = failed {
            self.next = error.unsent.map(|request| *request);
        }
    }
}

/// Whether its answer may have a status of gRPC's: of the kinds of gRPC for the web, too.
fn may_be_grpc(request: &Request<Body>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

impl Again {
    fn keep(request: Request<Body>) -> (Request<Body>, Self) {
        let (head, body) = request.into_parts();
        let (body, replay) = if http_body::Body::is_end_stream(&body) {
            (body, None)
        } else {
            let replay = Replay::new(body, KEPT_BYTES_MAX);
            (replay.attempt().unwrap_or_default(), Some(replay))
        };
        let again = Self { head: head.clone(), body: replay };
        (Request::from_parts(head, body), again)
    }

    fn is_possible(&self) -> bool {
        self.body.as_ref().is_none_or(Replay::is_possible)
    }

    fn request(&self) -> Option<Request<Body>> {
        let body = match &self.body {
            None => Body::empty(),
            Some(replay) => replay.attempt()?,
        };
        Some(Request::from_parts(self.head.clone(), body))
    }
}
