//! Serves the requests of one client's connection.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use http::{Request, Response};

use super::body::Body;
use super::{serve_http1, serve_http2};
use crate::drain::Drain;
use crate::stream::Stream;

/// Which HTTP a connection speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    Http1,
    Http2,
}

/// What a client may ask of one connection. The defaults are Envoy's where it has any.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Fields of a request.
    pub headers_max: usize,
    /// All of a request's head, in bytes.
    pub head_bytes_max: u32,
    /// Requests at once, over HTTP/2.
    pub streams_max: u32,
    /// How long a head over HTTP/1.1 may take to come, and over HTTP/2 what a client begins its connection with.
    pub head: Duration,
    /// How long a connection is kept without a request.
    pub idle: Duration,
    /// How long a client may take nothing of an answer that is there for it.
    pub stalled: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            headers_max: 100,
            head_bytes_max: 60 << 10,
            streams_max: 100,
            head: Duration::from_mins(1),
            idle: Duration::from_hours(1),
            stalled: Duration::from_mins(5),
        }
    }
}

/// Instead of an answer: the connection is closed (HTTP/1.1) or the stream reset (HTTP/2).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the request is aborted")]
pub struct Abort;

/// Why serving a connection ended otherwise than by either side's orderly close.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// What came was not HTTP/1.1, or broke off.
    #[error(transparent)]
    Http1(hyper::Error),
    /// The same of HTTP/2.
    #[error(transparent)]
    Http2(#[from] h2::Error),
    #[error("cannot write: {0}")]
    Write(io::Error),
    /// [`HttpLimits::head`].
    #[error("the head of a request took too long")]
    SlowHead,
    /// [`HttpLimits::stalled`].
    #[error("the client takes nothing of its answer")]
    Stalled,
    /// Of an answer over HTTP/1.1, which can be broken off only with its connection.
    #[error("an answer was given up")]
    GivenUp,
    /// Requests were reset as soon as they were made, over and over.
    #[error("too many requests were reset at once")]
    RapidReset,
}

impl From<Infallible> for ServeError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Answers the requests that come over `stream`, each by `handle`, until either side ends it. When `drain` begins, the
/// client is told to send no more (`connection: close`, GOAWAY); requests under way are finished. A client that resets
/// its request or goes away has the future of `handle` dropped. To be run where tasks can be spawned locally.
///
/// # Errors
///
/// When the connection does not end in order. Answers to what cannot be parsed have been given.
pub async fn serve<H, A>(
    stream: Stream,
    version: Version,
    limits: &HttpLimits,
    drain: &Drain,
    handle: H,
) -> Result<(), ServeError>
where
    H: Fn(Request<Body>) -> A + 'static,
    A: Future<Output = Result<Response<Body>, Abort>> + 'static,
{
    match version {
        Version::Http1 => serve_http1::serve(stream, limits, drain, handle).await,
        Version::Http2 => serve_http2::serve(stream, limits, drain, handle).await,
    }
}
