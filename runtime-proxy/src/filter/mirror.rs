//! Copies of a request that others get too, and whose answers nobody hears. Source: Envoy, request mirroring.
//!
//! A copy is sent when the request has come whole, as far as it is small enough to be kept; one that breaks off, or is larger,
//! is not copied. Each has the time that its route gives to an answer, and each thread has so many under way at most: a server
//! that does not answer must cost no more than that. The host stays as it is, as in Istio since it no longer adds `-shadow`.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body::Body as _;
use tokio::time::timeout;

use super::serving::Serving;
use crate::cluster::{Cluster, Pick};
use crate::http::{Body, BodyError, Held};
use crate::observe::Mirrors;

/// Of the body. Source: Envoy, as for retries.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Of one thread.
const UNDERWAY_MAX: u32 = 1024;

/// Of an answer whose route says nothing.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Sends a copy of `request` to each of `clusters`, some time. `timeout` is the route's.
pub(crate) fn mirror(
    request: &mut Request<Body>,
    clusters: Vec<Rc<Cluster>>,
    timeout: Option<Duration>,
    serving: &Rc<Serving>,
) {
    let places = clusters.into_iter().filter_map(|cluster| Some((cluster, Place::new(serving)?)));
    let to: Vec<_> = places.collect();
    if to.is_empty() {
        return;
    }
    let limit = timeout.unwrap_or(TIMEOUT);
    let head = head(request);
    let copies = Copies { head, to, limit, body: BytesMut::new(), is_too_large: false };
    if request.body().is_end_stream() {
        copies.send();
    } else {
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = body.holding(copies);
    }
}

fn head(request: &Request<Body>) -> Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = request.method().clone();
    head.uri = request.uri().clone();
    head.version = request.version();
    head.headers = request.headers().clone();
    head
}

struct Copies {
    head: Parts,
    to: Vec<(Rc<Cluster>, Place)>,
    limit: Duration,
    body: BytesMut,
    is_too_large: bool,
}

impl Held for Copies {
    fn data(&mut self, data: &Bytes) {
        self.is_too_large |= KEPT_BYTES_MAX < self.body.len() + data.len();
        if self.is_too_large {
            self.to.clear();
        } else {
            self.body.extend_from_slice(data);
        }
    }

    fn trailers(&mut self, _: &HeaderMap) {}

    fn ended(&mut self, end: Result<(), &BodyError>) {
        if end.is_ok() && !self.is_too_large {
            let (head, body) = (self.head.clone(), std::mem::take(&mut self.body));
            let to = std::mem::take(&mut self.to);
            Self { head, to, limit: self.limit, body, is_too_large: false }.send();
        }
    }
}

impl Copies {
    fn send(self) {
        let body = self.body.freeze();
        for (cluster, place) in self.to {
            let body = if body.is_empty() { Body::empty() } else { Body::from(body.clone()) };
            let request = Request::from_parts(self.head.clone(), body);
            tokio::task::spawn_local(within(self.limit, place, send(cluster, request)));
        }
    }
}

async fn within(limit: Duration, place: Place, sending: impl Future<Output = ()>) {
    if timeout(limit, sending).await.is_err() {
        place.mirrors().timed_out.fetch_add(1, Ordering::Relaxed);
    }
}

/// One of the copies that may be under way, until it is dropped.
struct Place(Rc<Serving>);

impl Place {
    /// None where there are too many, which is counted.
    fn new(serving: &Rc<Serving>) -> Option<Self> {
        let underway = serving.mirrors.get();
        if UNDERWAY_MAX <= underway {
            serving.observer.metrics().mirrors.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        serving.mirrors.set(underway + 1);
        Some(Self(Rc::clone(serving)))
    }

    fn mirrors(&self) -> &Mirrors {
        &self.0.observer.metrics().mirrors
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.mirrors.set(self.0.mirrors.get() - 1);
    }
}

/// Nobody hears how it went, but for the cluster's own counters.
async fn send(cluster: Rc<Cluster>, request: Request<Body>) {
    let version = request.version();
    let Ok(picked) = cluster.pick(&Pick::default()) else { return };
    let Ok(response) = picked.send(request, version).await else { return };
    // Read to its end, so that its connection serves others.
    let mut body = response.into_body();
    while let Some(Ok(_)) =
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await
    {}
}
