//! Ends an answer that has not come whole in its time.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::http::{Body, BodyError};

/// Without a deadline, or with nothing more to come, the answer stays as it is.
pub(super) fn bound(response: Response<Body>, deadline: Option<Instant>) -> Response<Body> {
    match deadline {
        Some(deadline) if !http_body::Body::is_end_stream(response.body()) => {
            // A tunnel is no answer that ends.
            if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
                return response;
            }
            response
                .map(|body| Body::made(Bounded { body, sleep: Box::pin(sleep_until(deadline)) }))
        }
        _ => response,
    }
}

struct Bounded {
    body: Body,
    sleep: Pin<Box<Sleep>>,
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.sleep.as_mut().poll(cx).map(|()| Some(Err(BodyError::GivenUp("response_timeout"))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
