//! Copies of a request that others get too, and whose answers nobody hears. Source: Envoy, request mirroring.
//!
//! A copy is sent when the request has come whole, as far as it is small enough to be kept; one that breaks off, or is larger,
//! is not copied.

use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body::Body as _;

use crate::cluster::{Cluster, Pick};
use crate::http::{Body, BodyError, Held};

/// Of the body. Source: Envoy, as for retries.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Sends a copy of `request` to each of `clusters`, some time.
pub(crate) fn mirror(request: &mut Request<Body>, clusters: Vec<Rc<Cluster>>) {
    let head = head(request);
    let copies = Copies { head, clusters, body: BytesMut::new(), is_too_large: false };
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
    clusters: Vec<Rc<Cluster>>,
    body: BytesMut,
    is_too_large: bool,
}

impl Held for Copies {
    fn data(&mut self, data: &Bytes) {
        self.is_too_large |= KEPT_BYTES_MAX < self.body.len() + data.len();
        if !self.is_too_large {
            self.body.extend_from_slice(data);
        }
    }

    fn trailers(&mut self, _: &HeaderMap) {}

    fn ended(&mut self, end: Result<(), &BodyError>) {
        if end.is_ok() && !self.is_too_large {
            let (head, body) = (self.head.clone(), std::mem::take(&mut self.body));
            let clusters = std::mem::take(&mut self.clusters);
            Self { head, clusters, body, is_too_large: false }.send();
        }
    }
}

impl Copies {
    fn send(self) {
        let body = self.body.freeze();
        for cluster in self.clusters {
            let body = if body.is_empty() { Body::empty() } else { Body::from(body.clone()) };
            let request = Request::from_parts(self.head.clone(), body);
            tokio::task::spawn_local(send(cluster, request));
        }
    }
}

/// Nobody hears how it went, but for the cluster's own counters.
async fn send(cluster: Rc<Cluster>, request: Request<Body>) {
    let original: Option<SocketAddr> = None;
    let version = request.version();
    let Ok(picked) = cluster.pick(&Pick { original, ..Pick::default() }) else { return };
    let Ok(response) = picked.send(request, version).await else { return };
    // Read to its end, so that its connection serves others.
    let mut body = response.into_body();
    while let Some(Ok(_)) =
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await
    {}
}
