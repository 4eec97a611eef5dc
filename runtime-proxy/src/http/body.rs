//! The one type of body: of requests and responses, of either version, from either side.

use std::fmt;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::replay::Attempt;
use super::trailers;

/// A body that is streamed, never kept.
#[derive(Default)]
pub struct Body {
    frames: Frames,
    held: Option<Box<dyn Held>>,
    limit: Option<Limit>,
}

/// Ready, with the reason, when nobody wants to wait for the rest of a body any longer.
pub(super) type Limit = Pin<Box<dyn Future<Output = &'static str>>>;

#[derive(Default)]
enum Frames {
    #[default]
    Empty,
    Whole(Bytes),
    Http1(Incoming),
    Http2(Box<Http2>),
    Attempt(Attempt),
    Made(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError>>>),
}

struct Http2 {
    stream: RecvStream,
    /// What `content-length` promises of what is still to come; h2 keeps the peer to it.
    remaining: Option<u64>,
    is_data_over: bool,
}

/// Something that lasts as long as a body: a place in a limit, a record in the making. It is told of what passes, and
/// dropped when the body has ended, whole or not. Of a body that is empty from the start it hears nothing but that.
pub trait Held {
    /// More of the body has passed.
    fn data(&mut self, data: &Bytes) {
        let _ = data;
    }

    /// Nothing more comes: the body is whole, or it broke off.
    fn ended(&mut self, end: Result<(), &BodyError>) {
        let _ = end;
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        let _ = trailers;
    }

    /// The body broke off on the side that it comes from.
    fn broken(&mut self) {}
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error(transparent)]
    Http1(hyper::Error),
    #[error(transparent)]
    Http2(#[from] h2::Error),
    /// The request is being sent again, so this attempt is of no more use.
    #[error("another attempt has taken over")]
    Superseded,
    /// Whoever made the body gave up, for a reason of its own.
    #[error("given up: {0}")]
    GivenUp(&'static str),
    /// Its receiver took none of it for too long.
    #[error("its receiver takes nothing")]
    Stalled,
    /// What came of it cannot be understood (RFC 9112 §7.1).
    #[error("it is malformed")]
    Malformed,
}

impl BodyError {
    /// Whether who sends it is still there, and does not know how to.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        use std::error::Error as _;
        match self {
            Self::Malformed => true,
            Self::Http1(error) => {
                let source = error.source().and_then(|it| it.downcast_ref::<std::io::Error>());
                // So hyper says of chunks.
                source.is_some_and(|it| {
                    matches!(it.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData)
                })
            }
            _ => false,
        }
    }
}

impl Body {
    #[must_use]
    pub const fn empty() -> Self {
        Self { frames: Frames::Empty, held: None, limit: None }
    }

    /// `stream` as h2 delivers it, for a message with these headers.
    pub(super) fn http2(stream: RecvStream, headers: &HeaderMap) -> Self {
        if stream.is_end_stream() {
            return Self::empty();
        }
        let remaining = content_length(headers);
        Self::from(Frames::Http2(Box::new(Http2 { stream, remaining, is_data_over: false })))
    }

    pub(super) fn attempt(attempt: Attempt) -> Self {
        Self::from(Frames::Attempt(attempt))
    }

    /// What the proxy itself says, a frame at a time.
    pub fn made(body: impl http_body::Body<Data = Bytes, Error = BodyError> + 'static) -> Self {
        Self::from(Frames::Made(Box::pin(body)))
    }

    /// Keeps `held` until the body has ended or is dropped, with whatever it holds already.
    #[must_use]
    pub fn holding(mut self, held: impl Held + 'static) -> Self {
        self.held = Some(match self.held {
            None => Box::new(held),
            Some(other) => Box::new(Both(held, other)),
        });
        self
    }

    /// Gives the body up for the reason that `limit` tells, when that is ready before the body has ended: whether its
    /// receiver takes more of it or not.
    #[must_use]
    pub(crate) fn unless(mut self, limit: impl Future<Output = &'static str> + 'static) -> Self {
        self.limit = Some(Box::pin(limit));
        self
    }

    /// For who cannot ask a body that its receiver does not take.
    pub(super) fn take_limit(&mut self) -> Option<Limit> {
        self.limit.take()
    }

    /// Ready when the body has been given up. Always pending when all of it has come.
    pub(super) fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        if self.limit.is_none() || self.is_end_stream() {
            return Poll::Pending;
        }
        let Some(limit) = &mut self.limit else { return Poll::Pending };
        let reason = ready!(limit.as_mut().poll(cx));
        Poll::Ready(self.give_up(BodyError::GivenUp(reason)))
    }

    /// There is no more of it, for this reason.
    pub(super) fn give_up(&mut self, error: BodyError) -> BodyError {
        self.end(Err(&error));
        error
    }

    fn end(&mut self, end: Result<(), &BodyError>) {
        self.limit = None;
        if let Some(mut held) = self.held.take() {
            match end {
                // These say nothing about where it comes from.
                Ok(()) | Err(BodyError::GivenUp(_) | BodyError::Stalled) => {}
                Err(_) => held.broken(),
            }
            held.ended(end);
        }
        self.frames = Frames::Empty;
    }

    /// What the body holds: for when something else takes its place.
    pub(super) fn take_held(&mut self) -> Option<Box<dyn Held>> {
        self.held.take()
    }

    fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.frames {
            Frames::Empty => Poll::Ready(None),
            Frames::Whole(_) => {
                let Frames::Whole(bytes) = std::mem::take(&mut self.frames) else {
                    return Poll::Ready(None);
                };
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Frames::Http1(incoming) => Pin::new(incoming).poll_frame(cx).map_err(BodyError::Http1),
            Frames::Http2(http2) => http2.poll_frame(cx),
            Frames::Attempt(attempt) => attempt.poll_frame(cx),
            Frames::Made(body) => body.as_mut().poll_frame(cx),
        }
    }
}

impl Http2 {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if !self.is_data_over {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // What is passed on has been taken in: the sender may send as much again.
                    let released = self.stream.flow_control().release_capacity(data.len());
                    self.remaining =
                        self.remaining.map(|rest| rest.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(
                        released.map(|()| Frame::data(data)).map_err(Into::into),
                    ));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => self.is_data_over = true,
            }
        }
        let trailers = ready!(self.stream.poll_trailers(cx)).transpose();
        Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers).map_err(Into::into)))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(error) = self.poll_given_up(cx) {
            return Poll::Ready(Some(Err(error)));
        }
        let mut frame = ready!(self.poll_frames(cx));
        if let Some(Ok(frame)) = &mut frame {
            if let Some(fields) = frame.trailers_mut() {
                trailers::clean(fields);
            }
            if let Some(held) = &mut self.held {
                tell(held.as_mut(), frame);
            }
        }
        // Nobody asks a body again that has said of its last frame that it is the last.
        let end = match &frame {
            Some(Ok(_)) if self.is_end_stream() => Some(Ok(())),
            Some(Ok(_)) => None,
            Some(Err(error)) => Some(Err(error)),
            None => Some(Ok(())),
        };
        if let Some(end) = end {
            self.end(end);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.frames {
            Frames::Empty => true,
            Frames::Whole(bytes) => bytes.is_empty(),
            Frames::Http1(incoming) => incoming.is_end_stream(),
            Frames::Http2(http2) => http2.stream.is_end_stream(),
            Frames::Attempt(attempt) => attempt.is_end_stream(),
            Frames::Made(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.frames {
            Frames::Empty => SizeHint::with_exact(0),
            Frames::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Frames::Http1(incoming) => incoming.size_hint(),
            Frames::Http2(http2) => http2.remaining.map(SizeHint::with_exact).unwrap_or_default(),
            Frames::Attempt(attempt) => attempt.size_hint(),
            Frames::Made(body) => body.size_hint(),
        }
    }
}

/// A single value of digits, as RFC 9110 §8.6 has it.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(http::header::CONTENT_LENGTH).iter();
    let value = std::str::from_utf8(values.next()?.as_bytes()).ok()?;
    let is_single = values.next().is_none() && value.bytes().all(|byte| byte.is_ascii_digit());
    is_single.then(|| value.parse().ok()).flatten()
}

fn tell(held: &mut dyn Held, frame: &Frame<Bytes>) {
    if let Some(data) = frame.data_ref() {
        held.data(data);
    } else if let Some(fields) = frame.trailers_ref() {
        held.trailers(fields);
    }
}

/// One inside the other.
struct Both<H>(H, Box<dyn Held>);

impl<H: Held> Held for Both<H> {
    fn data(&mut self, data: &Bytes) {
        self.0.data(data);
        self.1.data(data);
    }

    fn ended(&mut self, end: Result<(), &BodyError>) {
        self.0.ended(end);
        self.1.ended(end);
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        self.0.trailers(trailers);
        self.1.trailers(trailers);
    }

    fn broken(&mut self) {
        self.0.broken();
        self.1.broken();
    }
}

impl From<Frames> for Body {
    fn from(frames: Frames) -> Self {
        Self { frames, held: None, limit: None }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::from(Frames::Whole(bytes))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::from(Bytes::from_static(text.as_bytes()))
    }
}

impl From<Incoming> for Body {
    fn from(incoming: Incoming) -> Self {
        Self::from(Frames::Http1(incoming))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("size", &self.size_hint()).finish_non_exhaustive()
    }
}
