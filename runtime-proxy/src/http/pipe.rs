//! Sends a body on an HTTP/2 stream, as fast as its receiver takes it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;
use tokio::time::{Instant, Sleep, sleep_until};

use super::body::{Body, BodyError};

/// Why a body was not sent to its end.
#[derive(Debug)]
pub(super) enum PipeError {
    /// The body itself broke off, or was given up. The stream has been reset.
    Body(BodyError),
    /// The receiver wants no more of it, or has gone.
    Receiver,
}

impl From<h2::Error> for PipeError {
    fn from(_: h2::Error) -> Self {
        Self::Receiver
    }
}

/// Sends `body` to its end, trailers included. The stream is reset when its receiver takes nothing for as long as `stalled`.
pub(super) async fn pipe(
    mut body: Body,
    mut stream: SendStream<Bytes>,
    stalled: Option<Duration>,
) -> Result<(), PipeError> {
    let mut patience = Patience { limit: stalled, since: None, sleep: None };
    loop {
        let frame = poll_fn(|cx| {
            if stream.poll_reset(cx).is_ready() {
                return Poll::Ready(Err(PipeError::Receiver));
            }
            Pin::new(&mut body).poll_frame(cx).map(Ok)
        });
        let Some(frame) = frame.await? else {
            return Ok(stream.send_data(Bytes::new(), true)?);
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                stream.send_reset(Reason::CANCEL);
                return Err(PipeError::Body(error));
            }
        };
        match frame.into_data() {
            Ok(data) => {
                let is_end = body.is_end_stream();
                send(&mut stream, data, is_end, &mut body, &mut patience).await?;
                if is_end {
                    return Ok(());
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    return Ok(stream.send_trailers(trailers)?);
                }
            }
        }
    }
}

/// Waits for the receiver's window, a piece at a time, so that no more than one piece is held for it.
async fn send(
    stream: &mut SendStream<Bytes>,
    mut data: Bytes,
    is_end: bool,
    body: &mut Body,
    patience: &mut Patience,
) -> Result<(), PipeError> {
    if data.is_empty() {
        return if is_end { Ok(stream.send_data(data, true)?) } else { Ok(()) };
    }
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let capacity = poll_fn(|cx| match poll_capacity(stream, cx) {
            Poll::Pending => poll_broken_off(body, patience, cx).map(Err),
            granted @ Poll::Ready(_) => granted,
        });
        let capacity = capacity.await.inspect_err(|error| {
            if matches!(error, PipeError::Body(_)) {
                stream.send_reset(Reason::CANCEL);
            }
        })?;
        patience.since = None;
        let piece = data.split_to(capacity.min(data.len()));
        let is_last = data.is_empty();
        stream.send_data(piece, is_last && is_end)?;
    }
    Ok(())
}

/// While the receiver takes nothing: whether nobody wants to wait for it, or for the rest of the body, any longer.
fn poll_broken_off(
    body: &mut Body,
    patience: &mut Patience,
    cx: &mut Context<'_>,
) -> Poll<PipeError> {
    if let Poll::Ready(error) = body.poll_given_up(cx) {
        return Poll::Ready(PipeError::Body(error));
    }
    ready!(patience.poll(cx));
    Poll::Ready(PipeError::Body(body.give_up(BodyError::Stalled)))
}

/// How long a receiver is waited for. There is no timer before it makes somebody wait, and then one that is set anew only
/// when it fires.
struct Patience {
    /// `None`: for ever.
    limit: Option<Duration>,
    /// When the receiver was first waited for since it last took something.
    since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit else { return Poll::Pending };
        let end = *self.since.get_or_insert_with(Instant::now) + limit;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(end)));
        loop {
            ready!(sleep.as_mut().poll(cx));
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(end);
        }
    }
}

/// How much the receiver takes now: not zero.
fn poll_capacity(
    stream: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
) -> Poll<Result<usize, PipeError>> {
    if stream.poll_reset(cx).is_ready() {
        return Poll::Ready(Err(PipeError::Receiver));
    }
    // What has been granted already is not announced again.
    while stream.capacity() == 0 {
        match ready!(stream.poll_capacity(cx)) {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Poll::Ready(Err(error.into())),
            None => return Poll::Ready(Err(PipeError::Receiver)),
        }
    }
    Poll::Ready(Ok(stream.capacity()))
}
