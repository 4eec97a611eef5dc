//! Calls a server over HTTP/1.1, by hyper.

use std::cell::RefCell;
use std::sync::Arc;

use http::{Request, Response};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::body::{Body, BodyError};
use super::exchange::{ExchangeError, Unanswered};
use super::message::request_to_http1;
use super::upgrade::Upgrade;
use crate::stream::Stream;

/// Of what is read and not yet parsed, and of what is to be written.
const BUFFER_BYTES_MAX: usize = 128 << 10;

/// A connection that carries one request at a time.
pub struct Http1Client {
    sender: RefCell<http1::SendRequest<Body>>,
}

/// Speaks HTTP/1.1 over `stream`. The future drives the connection, and is ready when that has ended.
///
/// # Errors
///
/// Never, as hyper stands: nothing is exchanged yet.
pub async fn http1(
    stream: Stream,
) -> Result<(Http1Client, impl Future<Output = ()> + Unpin), ExchangeError> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER_BYTES_MAX);
    let (sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|error| fault(&error))?;
    let driver = Box::pin(async move {
        // Whoever waits for an answer hears of the error.
        let _ = connection.with_upgrades().await;
    });
    Ok((Http1Client { sender: RefCell::new(sender) }, driver))
}

impl Http1Client {
    /// Whether the last answer has been read to its end and the connection can take another request.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.sender.borrow().is_ready()
    }

    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.sender.borrow().is_closed()
    }

    /// Sends a request and waits for the head of its answer. Dropping the future closes the connection.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<Body>, Unanswered> {
        let upgrade = request.extensions().get::<Upgrade>().cloned();
        request_to_http1(&mut request).map_err(|_| ExchangeError::NoAuthority)?;
        let answer = self.sender.borrow_mut().try_send_request(request);
        match answer.await {
            Ok(response) => Ok(response.map(Body::from)),
            Err(mut refused) => {
                let mut unsent = refused.take_message().map(Box::new);
                if let (Some(request), Some(upgrade)) = (&mut unsent, upgrade) {
                    request.extensions_mut().insert(upgrade); // for whoever sends it next
                }
                Err(Unanswered { error: fault(&refused.into_error()), unsent })
            }
        }
    }
}

fn fault(error: &hyper::Error) -> ExchangeError {
    use std::error::Error as _;
    if error.is_parse() {
        return ExchangeError::Protocol(error.to_string().into());
    }
    if error.is_user()
        && let Some(body) = error.source().and_then(|source| source.downcast_ref::<BodyError>())
    {
        return ExchangeError::Request(Arc::new(copy_of(body)));
    }
    ExchangeError::Closed
}

/// hyper keeps the error itself.
fn copy_of(error: &BodyError) -> BodyError {
    match error {
        BodyError::Superseded => BodyError::Superseded,
        BodyError::Stalled => BodyError::Stalled,
        BodyError::GivenUp(reason) => BodyError::GivenUp(reason),
        error if error.is_malformed() => BodyError::Malformed,
        BodyError::Malformed | BodyError::Http1(_) | BodyError::Http2(_) => {
            BodyError::GivenUp("the client broke it off")
        }
    }
}
