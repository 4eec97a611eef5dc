//! Calls a server over HTTP/2, by h2.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::uri::Scheme;
use http::{Request, Response};
use http_body::Body as _;

use super::body::Body;
use super::coalesce::Gathered;
use super::exchange::{ExchangeError, Unanswered};
use super::message::request_to_http2;
use super::pipe::{PipeError, pipe};
use super::serve_http2::{CONNECTION_WINDOW, SEND_BUFFER_MAX, STREAM_WINDOW};
use crate::stream::Stream;

/// Of a server's answer.
const HEAD_BYTES_MAX: u32 = 60 << 10;
/// Before the server has said how many it takes (RFC 9113 §6.5.2 recommends no fewer).
const STREAMS_AT_FIRST: usize = 100;

/// A connection that carries many requests at once.
#[derive(Clone)]
pub struct Http2Client {
    sender: SendRequest<Bytes>,
    scheme: Scheme,
}

/// Speaks HTTP/2 over `stream`. The future drives the connection, and is ready when that has ended.
///
/// # Errors
///
/// When the connection breaks at once.
pub async fn http2(
    stream: Stream,
) -> Result<(Http2Client, impl Future<Output = ()> + Unpin), ExchangeError> {
    let scheme = if stream.is_tls() { Scheme::HTTPS } else { Scheme::HTTP };
    let gathered = Gathered::new(stream);
    let handshake = builder().handshake::<_, Bytes>(gathered.share());
    let shaken = gathered.drive(handshake).await.map_err(|_| ExchangeError::Closed)?;
    let (sender, connection) = shaken.map_err(|error| fault(&error))?;
    let driver = Box::pin(async move {
        // Whoever waits for an answer hears of the error.
        let _ = gathered.drive(connection).await;
    });
    Ok((Http2Client { sender, scheme }, driver))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER_MAX)
        .max_header_list_size(HEAD_BYTES_MAX)
        .initial_max_send_streams(STREAMS_AT_FIRST)
        .enable_push(false);
    builder
}

impl Http2Client {
    /// How many requests the server takes at once.
    #[must_use]
    pub fn streams_max(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    /// Sends a request and waits for the head of its answer. Dropping the future, or the body of the answer before its
    /// end, resets the stream.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, Unanswered> {
        let mut sender = self.sender.clone();
        if let Err(error) = poll_fn(|cx| sender.poll_ready(cx)).await {
            let unsent = Some(Box::new(request));
            return Err(Unanswered { error: fault(&error), unsent });
        }
        request_to_http2(&mut request, &self.scheme).map_err(|_| ExchangeError::NoAuthority)?;
        let (parts, body) = request.into_parts();
        let is_end = body.is_end_stream();
        let (answer, stream) = sender
            .send_request(Request::from_parts(parts, ()), is_end)
            .map_err(|error| fault(&error))?;
        let response = if is_end { answer.await } else { both(answer, body, stream).await? };
        let (parts, stream) = response.map_err(|error| fault(&error))?.into_parts();
        let body = Body::http2(stream, &parts.headers);
        Ok(Response::from_parts(parts, body))
    }
}

/// Waits for the answer while the body is sent, which may go on after it.
async fn both(
    mut answer: ResponseFuture,
    body: Body,
    stream: SendStream<Bytes>,
) -> Result<Result<Response<h2::RecvStream>, h2::Error>, ExchangeError> {
    let mut sending = Box::pin(pipe(body, stream, None));
    let mut is_sent = false;
    let answered = poll_fn(|cx| {
        if !is_sent && let Poll::Ready(sent) = sending.as_mut().poll(cx) {
            is_sent = true;
            if let Err(PipeError::Body(error)) = sent {
                return Poll::Ready(Err(ExchangeError::Request(Arc::new(error))));
            }
        }
        Pin::new(&mut answer).poll(cx).map(Ok)
    });
    let answered = answered.await?;
    if !is_sent {
        tokio::task::spawn_local(sending);
    }
    Ok(answered)
}

fn fault(error: &h2::Error) -> ExchangeError {
    match error.reason() {
        Some(Reason::REFUSED_STREAM) if error.is_remote() => ExchangeError::Refused,
        // A stream that ends by the server's GOAWAY is later than the last that the server has looked at: the others
        // are answered still (RFC 9113 §6.8).
        Some(_) if error.is_remote() && error.is_go_away() => ExchangeError::Refused,
        Some(reason) if error.is_remote() => ExchangeError::Reset(reason),
        Some(_) => ExchangeError::Protocol(error.to_string().into()),
        None => ExchangeError::Closed,
    }
}
