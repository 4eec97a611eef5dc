//! HTTP/2, by h2.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use tokio::time::timeout;

use super::activity::{Active, Activity, Overdue, Watchdog, Watched};
use super::body::Body;
use super::coalesce::Gathered;
use super::message::response_to_http2;
use super::pipe::pipe;
use super::serve::{Abort, HttpLimits, ServeError};
use super::serve_http1::too_many_headers;
use crate::drain::Drain;
use crate::listener::unless_drained;
use crate::stream::Stream;

/// What a client may send on one stream before it is read, and on all of them. Never the same: one stream that nobody
/// reads must not stop the others.
pub(super) const STREAM_WINDOW: u32 = 1 << 20;
pub(super) const CONNECTION_WINDOW: u32 = 16 << 20;
/// Of an answer that the client does not take.
pub(super) const SEND_BUFFER_MAX: usize = 256 << 10;

/// Of streams reset for what is wrong with them (RFC 9113 §5.4.2), before the connection ends.
const MALFORMED_MAX: usize = 100;
/// Of streams that a client resets before they are looked at.
const PENDING_RESETS_MAX: usize = 20;
/// A client that has reset so many requests before their answers, and half of all that it made, is attacking
/// (CVE-2023-44487). Source: Envoy, `overload.premature_reset_total_stream_count`.
const PREMATURE_RESETS_MAX: u64 = 500;

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
    let gathered = Gathered::new(Watched { stream, activity: Arc::clone(&activity) });
    let Some(connection) = open(&gathered, limits, drain).await? else { return Ok(()) };
    let server = Server {
        connection,
        activity,
        resets: Rc::default(),
        headers_max: limits.headers_max,
        stalled: limits.stalled,
        handle: Rc::new(handle),
    };
    gathered.drive(server.run(limits, drain)).await.map_err(ServeError::Write)?
}

/// Waits for what a client begins with (RFC 9113 §3.4), for as long as for a head over HTTP/1.1. `None`: it had said nothing when `drain`
/// began.
async fn open(
    gathered: &Gathered<Watched>,
    limits: &HttpLimits,
    drain: &Drain,
) -> Result<Option<Connection<Gathered<Watched>, Bytes>>, ServeError> {
    let handshake = gathered.drive(builder(limits).handshake(gathered.share()));
    let opening = unless_drained(drain, timeout(limits.head, handshake));
    let Some(opened) = opening.await else { return Ok(None) };
    let opened = opened.map_err(|_| ServeError::SlowHead)?;
    Ok(Some(opened.map_err(ServeError::Write)??))
}

fn builder(limits: &HttpLimits) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER_MAX)
        .max_header_list_size(limits.head_bytes_max)
        .max_concurrent_streams(limits.streams_max)
        .max_local_error_reset_streams(Some(MALFORMED_MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX);
    builder
}

struct Server<H> {
    connection: Connection<Gathered<Watched>, Bytes>,
    activity: Arc<Activity>,
    /// Requests that the client reset before they were answered.
    resets: Rc<std::cell::Cell<u64>>,
    headers_max: usize,
    stalled: Duration,
    handle: Rc<H>,
}

impl<H, A> Server<H>
where
    H: Fn(Request<Body>) -> A + 'static,
    A: Future<Output = Result<Response<Body>, Abort>> + 'static,
{
    /// Each request is a task of its own. This future alone does the I/O.
    async fn run(mut self, limits: &HttpLimits, drain: &Drain) -> Result<(), ServeError> {
        let mut ending = drain.watch();
        let mut watchdog = Watchdog::new(&self.activity, limits, false);
        let mut is_ending = false;
        poll_fn(|cx| {
            if !is_ending && ending.poll(cx) {
                is_ending = true;
                self.connection.graceful_shutdown();
                watchdog.hurry(); // the client may never say that it has heard of it
            }
            loop {
                let accepted = self.connection.poll_accept(cx);
                ending.tell(self.activity.is_idle() && accepted.is_pending());
                match accepted {
                    Poll::Ready(Some(Ok((request, respond)))) => self.begin(request, respond),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error.into())),
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Pending => match watchdog.poll(cx) {
                        None => return Poll::Pending,
                        Some(Overdue::Stalled) => return Poll::Ready(Err(ServeError::Stalled)),
                        Some(_) if is_ending => return Poll::Ready(Ok(())),
                        Some(_) => {
                            is_ending = true;
                            self.connection.graceful_shutdown();
                        }
                    },
                }
                if self.is_under_attack() {
                    self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    let _ = self.connection.poll_accept(cx); // writes GOAWAY
                    return Poll::Ready(Err(ServeError::RapidReset));
                }
            }
        })
        .await
    }

    fn begin(&self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let exchange = Exchange {
            respond,
            resets: Rc::clone(&self.resets),
            stalled: self.stalled,
            active: self.activity.begin(),
        };
        let request = {
            let (parts, stream) = request.into_parts();
            let body = Body::http2(stream, &parts.headers);
            Request::from_parts(parts, body)
        };
        let handle = Rc::clone(&self.handle);
        let too_many = self.headers_max < request.headers().len();
        tokio::task::spawn_local(async move {
            let method = request.method().clone();
            let answer =
                async { if too_many { Ok(too_many_headers()) } else { handle(request).await } };
            exchange.run(&method, answer).await;
        });
    }

    fn is_under_attack(&self) -> bool {
        let resets = self.resets.get();
        PREMATURE_RESETS_MAX <= resets && self.activity.begun() <= 2 * resets
    }
}

/// One request, from its arrival until its answer has been sent.
struct Exchange {
    respond: SendResponse<Bytes>,
    resets: Rc<std::cell::Cell<u64>>,
    stalled: Duration,
    active: Active,
}

impl Exchange {
    async fn run(
        mut self,
        method: &http::Method,
        answer: impl Future<Output = Result<Response<Body>, Abort>>,
    ) {
        let mut answer = std::pin::pin!(answer);
        let answered = poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            // Whoever works for a client that has gone works for nobody.
            Poll::Pending => self.respond.poll_reset(cx).map(|_| None),
        });
        match answered.await {
            None => self.resets.set(self.resets.get() + 1),
            Some(Err(Abort)) => self.respond.send_reset(Reason::INTERNAL_ERROR),
            Some(Ok(response)) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                self.respond.send_reset(Reason::INTERNAL_ERROR); // RFC 9113 §8.6: there is no such answer
            }
            Some(Ok(mut response)) => {
                response_to_http2(&mut response, method);
                self.send(response).await;
            }
        }
    }

    async fn send(mut self, response: Response<Body>) {
        let (parts, body) = response.into_parts();
        let is_end = body.is_end_stream();
        let head = Response::from_parts(parts, ());
        // Errors say that the client or its connection has gone, or that the body broke off: pipe has reset the stream then.
        if let Ok(stream) = self.respond.send_response(head, is_end)
            && !is_end
        {
            let _ = pipe(body, stream, Some(self.stalled)).await;
        }
        drop(self.active);
    }
}
