//! The two bodies of an exchange, seen as they pass.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::Instant;

use super::Exchange;
use crate::filter::messages::Messages;
use crate::http::{BodyError, Held};
use crate::observe::Flags;

/// What has come of the request's body.
#[derive(Default)]
pub(crate) struct Received {
    pub(super) bytes: Cell<u64>,
    /// When the last of it came that somebody has read.
    read_at: Cell<Option<Instant>>,
    whole_at: Cell<Option<Instant>>,
    /// Whoever waits for its end.
    waiting: RefCell<Option<Waker>>,
    /// Of gRPC, those of the answer too.
    pub(super) messages: Option<Messages>,
}

impl Received {
    pub(super) fn new(messages: Option<Messages>) -> Self {
        Self { messages, ..Self::default() }
    }

    /// When the request's last byte had come.
    pub(crate) fn whole_at(&self) -> Option<Instant> {
        self.whole_at.get()
    }

    /// When the last byte came that somebody has read: none is read before there is somewhere to send it.
    pub(crate) fn read_at(&self) -> Option<Instant> {
        self.read_at.get()
    }

    /// Some of it has come, and is being sent on.
    pub(crate) fn is_coming(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes as u64);
        self.read_at.set(Some(Instant::now()));
    }

    /// Ready when the request has come whole. Wakes whoever has asked last.
    pub(crate) fn poll_whole(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.whole_at.get().is_some() {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        match &mut *waiting {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *waiting = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// The request's last byte has come.
    pub(crate) fn has_come(&self) {
        self.whole_at.set(Some(Instant::now()));
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

/// Counts the body of the request.
pub(super) struct Receiving {
    pub(super) received: Rc<Received>,
}

impl Held for Receiving {
    fn data(&mut self, data: &Bytes) {
        self.received.is_coming(data.len());
        if let Some(messages) = &self.received.messages {
            messages.asked(data);
        }
    }

    fn ended(&mut self, end: Result<(), &BodyError>) {
        if end.is_ok() {
            self.received.has_come();
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
            Err(BodyError::Stalled) => {
                outcome.flags |= Flags::IDLE_TIMEOUT;
                outcome.details = "stream_idle_timeout".into();
            }
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
