//! HTTP/1.1 and HTTP/1.0, by hyper.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::activity::{Active, Activity, Overdue, Watchdog, Watched};
use super::body::{Body, BodyError, Limit};
use super::message::response_to_http1;
use super::serve::{Abort, HttpLimits, ServeError};
use crate::drain::Drain;
use crate::stream::Stream;

/// Of what is read and not yet parsed, and of what is to be written.
const BUFFER_BYTES_MAX: usize = 128 << 10;

pub(super) async fn serve<H, A>(
    stream: Stream,
    limits: &HttpLimits,
    drain: &Drain,
    handle: H,
) -> Result<(), ServeError>
where
    H: Fn(Request<Body>) -> A + 'static,
    A: Future<Output = Result<Response<Body>, Abort>> + 'static,
{
    let activity = Arc::<Activity>::default();
    let headers_max = limits.headers_max;
    let sending = Rc::<Sending>::default();
    let service = service_fn({
        let (activity, sending) = (Arc::clone(&activity), Rc::clone(&sending));
        let drain = drain.clone();
        move |request: Request<Incoming>| {
            let active = activity.begin();
            let method = request.method().clone();
            let too_many = headers_max < request.headers().len();
            let (sending, drain) = (Rc::clone(&sending), drain.clone());
            let answer = (!too_many).then(|| handle(request.map(Body::from)));
            async move {
                let mut response = match answer {
                    Some(answer) => answer.await?,
                    None => too_many_headers(),
                };
                response_to_http1(&mut response, &method);
                let is_tunnel = response.status() == StatusCode::SWITCHING_PROTOCOLS
                    || method == http::Method::CONNECT;
                if drain.is_begun() && !is_tunnel {
                    // Said here, too: it may be this request that has begun it.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Abort>(response.map(|body| Answer::new(body, sending, active)))
            }
        }
    });
    let io = TokioIo::new(Watched { stream, activity: Arc::clone(&activity) });
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(limits.head_bytes_max as usize)
        .max_buf_size(BUFFER_BYTES_MAX)
        .header_read_timeout(None) // it would run between requests too; see `Watchdog`
        // It holds an answer back while bytes of the next request are there, and so for ever while they are but a part of one.
        .pipeline_flush(false);
    let mut connection = std::pin::pin!(builder.serve_connection(io, service).with_upgrades());
    let mut ending = drain.watch();
    let mut watchdog = Watchdog::new(&activity, limits, true);
    let mut is_ending = false;
    poll_fn(|cx| {
        if !is_ending && ending.poll(cx) {
            is_ending = true;
            connection.as_mut().graceful_shutdown();
        }
        loop {
            if let Poll::Ready(served) = connection.as_mut().poll(cx) {
                return Poll::Ready(served.or_else(unless_aborted));
            }
            ending.tell(activity.is_idle());
            match watchdog.poll(cx) {
                Some(Overdue::Head) => return Poll::Ready(Err(ServeError::SlowHead)),
                Some(Overdue::Stalled) => {
                    sending.broken.set(Some(BodyError::Stalled));
                    return Poll::Ready(Err(ServeError::Stalled));
                }
                Some(Overdue::Idle) if is_ending => return Poll::Ready(Ok(())),
                Some(Overdue::Idle) => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                None => {
                    // hyper does not ask the body while the client does not take what is there of it.
                    return sending.poll_given_up(cx).map(|()| Err(ServeError::GivenUp));
                }
            }
        }
    })
    .await
}

/// Closing the connection is what an aborted request asks for.
fn unless_aborted(error: hyper::Error) -> Result<(), ServeError> {
    let source = std::error::Error::source(&error);
    let is_aborted = source.is_some_and(<dyn std::error::Error>::is::<Abort>);
    if is_aborted { Ok(()) } else { Err(ServeError::Http1(error)) }
}

/// RFC 6585 §5.
pub(super) fn too_many_headers() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    response
}

/// What a connection and the answer that it sends know of each other, while hyper has the answer.
#[derive(Default)]
struct Sending {
    limit: RefCell<Option<Limit>>,
    /// Why the answer is broken off.
    broken: Cell<Option<BodyError>>,
}

impl Sending {
    fn poll_limit(&self, cx: &mut Context<'_>) -> Poll<&'static str> {
        self.limit.borrow_mut().as_mut().map_or(Poll::Pending, |limit| limit.as_mut().poll(cx))
    }

    fn poll_given_up(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_limit(cx).map(|reason| self.broken.set(Some(BodyError::GivenUp(reason))))
    }
}

/// A body that keeps its request under way until it has been sent.
struct Answer {
    body: Body,
    sending: Rc<Sending>,
    _active: Active,
}

impl Answer {
    fn new(mut body: Body, sending: Rc<Sending>, active: Active) -> Self {
        sending.limit.replace(body.take_limit());
        Self { body, sending, _active: active }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.sending.limit.take();
        if let Some(error) = self.sending.broken.take() {
            self.body.give_up(error);
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(reason) = self.sending.poll_limit(cx) {
            self.sending.limit.take();
            return Poll::Ready(Some(Err(self.body.give_up(BodyError::GivenUp(reason)))));
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
