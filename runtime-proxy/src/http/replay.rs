//! A request body that can be sent again, as long as it is small.
//!
//! The first attempt streams the body and keeps a copy of what has passed. When the copy would grow too large it is
//! dropped, and there is no second attempt.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use super::body::{Body, BodyError};

/// A body and what has been read of it so far.
#[derive(Clone)]
pub struct Replay(Rc<RefCell<Recording>>);

struct Recording {
    source: Body,
    bytes_max: usize,
    /// The data so far; `None`: it is too large to be kept.
    data: Option<Vec<Bytes>>,
    bytes: usize,
    trailers: Option<HeaderMap>,
    /// The source has ended, in order.
    is_whole: bool,
    /// The source has broken off.
    is_broken: bool,
    /// Of the attempt that may go on; those before are over.
    attempt: u32,
    length: Option<u64>,
}

impl Replay {
    /// Keeps at most `bytes_max`.
    #[must_use]
    pub fn new(body: Body, bytes_max: usize) -> Self {
        Self(Rc::new(RefCell::new(Recording {
            length: body.size_hint().exact(),
            is_whole: body.is_end_stream(),
            source: body,
            bytes_max,
            data: Some(Vec::new()),
            bytes: 0,
            trailers: None,
            is_broken: false,
            attempt: 0,
        })))
    }

    /// The whole body, from its beginning. What earlier attempts still hold of it ends with an error. `None`: it
    /// was too large to be kept, or its sender has broken it off.
    #[must_use]
    pub fn attempt(&self) -> Option<Body> {
        if !self.is_possible() {
            return None;
        }
        let mut recording = self.0.borrow_mut();
        recording.attempt += 1;
        let number = recording.attempt;
        Some(Body::attempt(Attempt { shared: Rc::clone(&self.0), number, next: 0, sent: 0 }))
    }
}

impl Replay {
    /// Whether [`Replay::attempt`] would give one.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let recording = self.0.borrow();
        recording.data.is_some() && !recording.is_broken
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("bytes", &self.0.borrow().bytes).finish_non_exhaustive()
    }
}

/// One sending of the body.
pub(super) struct Attempt {
    shared: Rc<RefCell<Recording>>,
    number: u32,
    /// Of the kept data.
    next: usize,
    sent: u64,
}

impl Attempt {
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let recording = &mut *self.shared.borrow_mut();
        if recording.attempt != self.number {
            return Poll::Ready(Some(Err(BodyError::Superseded)));
        }
        let kept = recording.data.as_ref().and_then(|data| data.get(self.next)).cloned();
        if let Some(data) = kept {
            self.next += 1;
            self.sent += data.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if recording.is_whole {
            // Sent once: whoever asks again after the trailers hears that it is over.
            let trailers = recording.trailers.clone().filter(|_| self.next != usize::MAX);
            self.next = usize::MAX;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let frame = ready!(recording.poll_source(cx));
        if let Some(Ok(frame)) = &frame {
            if let Some(data) = frame.data_ref() {
                self.next += 1;
                self.sent += data.len() as u64;
            } else {
                self.next = usize::MAX;
            }
        }
        Poll::Ready(frame)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let recording = self.shared.borrow();
        let kept = recording.data.as_ref().map_or(0, Vec::len);
        let is_data_over = kept <= self.next;
        recording.is_whole
            && is_data_over
            && (recording.trailers.is_none() || self.next == usize::MAX)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let length = self.shared.borrow().length;
        let rest = length.map(|length| length.saturating_sub(self.sent));
        rest.map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl Recording {
    fn poll_source(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.source).poll_frame(cx));
        match &frame {
            None => self.is_whole = true,
            Some(Err(_)) => self.is_broken = true,
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.keep(data);
                } else if let Some(trailers) = frame.trailers_ref() {
                    self.trailers = Some(trailers.clone());
                }
                self.is_whole = self.source.is_end_stream();
            }
        }
        Poll::Ready(frame)
    }

    fn keep(&mut self, data: &Bytes) {
        self.bytes += data.len();
        if self.bytes_max < self.bytes {
            self.data = None;
        } else if let Some(kept) = &mut self.data {
            kept.push(data.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::BodyExt;

    use super::Replay;
    use crate::http::{Body, BodyError};

    async fn whole(body: Body) -> Result<Bytes, BodyError> {
        Ok(body.collect().await?.to_bytes())
    }

    #[tokio::test]
    async fn a_small_body_is_sent_as_often_as_needed() {
        let replay = Replay::new(Body::from("hello"), 5);
        for _ in 0..3 {
            assert_eq!(whole(replay.attempt().unwrap()).await.unwrap(), "hello");
        }
    }

    #[tokio::test]
    async fn a_large_body_is_sent_once() {
        let replay = Replay::new(Body::from("hello"), 4);
        assert_eq!(whole(replay.attempt().unwrap()).await.unwrap(), "hello");
        assert!(replay.attempt().is_none());
    }

    #[tokio::test]
    async fn an_attempt_ends_when_the_next_begins() {
        let replay = Replay::new(Body::from("hello"), 100);
        let first = replay.attempt().unwrap();
        let second = replay.attempt().unwrap();
        assert!(matches!(whole(first).await, Err(BodyError::Superseded)));
        assert_eq!(whole(second).await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn an_attempt_goes_on_where_the_copy_ends() {
        let replay = Replay::new(Replay::new(Body::from("hello"), 9).attempt().unwrap(), 100);
        let mut first = replay.attempt().unwrap();
        first.frame().await.unwrap().unwrap();
        assert_eq!(whole(replay.attempt().unwrap()).await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn nothing_is_nothing_each_time() {
        let replay = Replay::new(Body::empty(), 0);
        let body = replay.attempt().unwrap();
        assert!(http_body::Body::is_end_stream(&body));
        assert_eq!(whole(body).await.unwrap(), "");
    }
}
