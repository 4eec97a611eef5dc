//! The two bodies of an exchange, seen as they pass.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;

use super::Exchange;
use crate::filter::messages::Messages;
use crate::http::{BodyError, Held};
use crate::observe::Flags;

/// What has come of the request's body.
#[derive(Default)]
pub(super) struct Received {
    pub(super) bytes: Cell<u64>,
    pub(super) whole_at: Cell<Option<Instant>>,
    /// Of gRPC, those of the answer too.
    pub(super) messages: Option<Messages>,
}

/// Counts the body of the request.
pub(super) struct Receiving {
    pub(super) received: Rc<Received>,
    pub(super) began: Instant,
}

impl Held for Receiving {
    fn data(&mut self, data: &Bytes) {
        self.received.bytes.set(self.received.bytes.get() + data.len() as u64);
        if let Some(messages) = &self.received.messages {
            messages.asked(data);
        }
    }

    fn ended(&mut self, end: Result<(), &BodyError>) {
        if end.is_ok() {
            self.received.whole_at.set(Some(self.began.max(Instant::now())));
        }
    }
}

/// Lives as long as the body of the answer.
pub(super) struct Answering(pub(super) Exchange);

impl Held for Answering {
    fn data(&mut self, data: &Bytes) {
        self.0.outcome.sent += data.len() as u64;
        if let Some(messages) = self.0.received.messages.as_ref().filter(|_| self.0.outcome.is_grpc)
        {
            messages.answered(data);
        }
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        let kept = self.0.program().logged().trailers.of(trailers, self.0.is_grpc);
        self.0.outcome.response_trailers = Some(kept);
    }

    fn ended(&mut self, end: Result<(), &BodyError>) {
        let outcome = &mut self.0.outcome;
        outcome.is_whole = true;
        match end {
            Ok(()) => {}
            Err(BodyError::GivenUp(details)) => {
                outcome.flags |= Flags::UPSTREAM_TIMEOUT;
                outcome.details = (*details).into();
            }
            Err(_) => {
                outcome.flags |= Flags::UPSTREAM_CONNECTION_TERMINATION;
                outcome.details = "upstream_reset_after_response_started".into();
            }
        }
    }
}
