//! One request, sent as often as needed.

use http::request::Parts;
use http::{HeaderName, HeaderValue, Request};
use mesh_engine::route::Retry;

use super::Failed;
use crate::filter::local_reply::LocalReply;
use crate::http::{Body, Replay};

/// What is kept of a body for another try. Source: Envoy, `per_connection_buffer_limit_bytes`.
const KEPT_BYTES_MAX: usize = 1 << 20;

static ATTEMPT: HeaderName = HeaderName::from_static("x-envoy-attempt-count");

pub(super) struct Tries {
    /// To be sent next, whole.
    next: Option<Request<Body>>,
    /// What another try is made of; none: there is no other.
    again: Option<Again>,
}

struct Again {
    head: Parts,
    /// None: there is no body.
    body: Option<Replay>,
}

impl Tries {
    pub(super) fn new(request: Request<Body>, retry: &Retry) -> Self {
        if retry.retries_max == 0 {
            return Self { next: Some(request), again: None };
        }
        let (head, body) = request.into_parts();
        let is_empty = http_body::Body::is_end_stream(&body);
        let (body, replay) = if is_empty {
            (body, None)
        } else {
            let replay = Replay::new(body, KEPT_BYTES_MAX);
            (replay.attempt().unwrap_or_default(), Some(replay))
        };
        let again = Again { head: head.clone(), body: replay };
        Self { next: Some(Request::from_parts(head, body)), again: Some(again) }
    }

    /// The request of the try of this number.
    pub(super) fn next(&mut self, number: u32) -> Result<Request<Body>, LocalReply> {
        let request = self.next.take().or_else(|| self.again.as_ref()?.request());
        let mut request = request.ok_or_else(LocalReply::no_healthy_upstream)?;
        request.headers_mut().insert(ATTEMPT.clone(), HeaderValue::from(number));
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

impl Again {
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
