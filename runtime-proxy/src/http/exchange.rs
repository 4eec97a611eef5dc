//! How asking a server ends when it ends without an answer, and what is known then.

use std::sync::Arc;

use http::Request;

use super::body::{Body, BodyError};

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The connection ended, in order or not, before the answer came.
    #[error("the connection ended before the answer")]
    Closed,
    /// The server reset the stream.
    #[error("the server reset the stream: {0}")]
    Reset(h2::Reason),
    /// The server refused the stream without looking at it (`REFUSED_STREAM`, or GOAWAY with an earlier stream).
    #[error("the server refused the stream")]
    Refused,
    /// What came was no answer.
    #[error("the server's answer cannot be understood: {0}")]
    Protocol(Arc<str>),
    /// The body that was being sent broke off: nobody's fault but the client's.
    #[error("the request broke off: {0}")]
    Request(Arc<BodyError>),
    /// The request cannot be sent to any server.
    #[error("the request cannot be sent: it names no host")]
    NoAuthority,
}

/// No answer.
#[derive(Debug)]
pub struct Unanswered {
    pub error: ExchangeError,
    /// The request, whole, where nothing of it was sent.
    pub unsent: Option<Box<Request<Body>>>,
}

impl Unanswered {
    /// Whether it is certain that the server has not acted on the request, so that sending it again is safe whatever it
    /// asks for.
    #[must_use]
    pub const fn is_unprocessed(&self) -> bool {
        self.unsent.is_some() || matches!(self.error, ExchangeError::Refused)
    }
}

impl From<ExchangeError> for Unanswered {
    fn from(error: ExchangeError) -> Self {
        Self { error, unsent: None }
    }
}
