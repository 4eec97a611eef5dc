//! Answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body::Frame;
use serde::Serialize;

use crate::http::{Body, BodyError};

/// Source: Prometheus, “Exposition formats”.
pub(super) const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let text: String = text.into();
    answer(status, "text/plain; charset=utf-8", Body::from(Bytes::from(text)))
}

pub(super) fn not_allowed(allowed: &Method) -> Response<Body> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, format!("{allowed} only\n"));
    if let Ok(value) = HeaderValue::from_str(allowed.as_str()) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// Indented, for people.
pub(super) fn json(value: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec_pretty(value) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            answer(StatusCode::OK, "application/json", Body::from(Bytes::from(bytes)))
        }
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// Made while it is sent, so that a long page takes little memory.
pub(super) fn pieces(
    kind: &'static str,
    pieces: impl Iterator<Item = String> + Unpin + 'static,
) -> Response<Body> {
    answer(StatusCode::OK, kind, Body::made(Pieces(pieces)))
}

fn answer(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, max-age=0"));
    response
}

struct Pieces<I>(I);

impl<I: Iterator<Item = String> + Unpin> http_body::Body for Pieces<I> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let piece = self.0.next().map(|piece| Ok::<_, Infallible>(Frame::data(piece.into())));
        Poll::Ready(piece.map(|piece| piece.map_err(|never| match never {})))
    }
}
