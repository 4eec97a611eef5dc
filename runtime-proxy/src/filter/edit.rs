//! What a route, and what steps of an author's, do to headers.

use http::header::HeaderValue;
use http::{HeaderMap, Request, Response, StatusCode};
use mesh_engine::filter::{self, Edit};
use mesh_engine::format::Format;
use mesh_engine::route::{Edits, HeaderPlan, Value};

use super::exchange::Exchange;
use crate::http::Body;
use crate::observe::{self, Record};

/// Of a request: the backend's plan before the route's, as the narrower comes first.
pub(crate) fn request(request: &mut Request<Body>, plans: &[&HeaderPlan], exchange: &Exchange) {
    for plan in plans {
        apply(&plan.request, request.headers_mut(), |format, headers| {
            exchange.record(None, |record| {
                let http = record.http.map(|http| observe::Http { headers, ..http });
                written(format, &Record { http, ..*record }, exchange)
            })
        });
    }
}

/// Of an answer, as of a request. Headers of the request are those that the exchange has kept.
pub(crate) fn response(response: &mut Response<Body>, plans: &[&HeaderPlan], exchange: &Exchange) {
    let status = Some(response.status().as_u16());
    for plan in plans {
        apply(&plan.response, response.headers_mut(), |format, headers| {
            exchange.record(None, |record| {
                let response_headers = Some(headers);
                let http =
                    record.http.map(|http| observe::Http { status, response_headers, ..http });
                written(format, &Record { http, ..*record }, exchange)
            })
        });
    }
}

/// Of a request, one edit after the other.
pub(crate) fn request_in_order(request: &mut Request<Body>, edits: &[Edit], exchange: &Exchange) {
    filter::edit(request.headers_mut(), edits, |format, headers| {
        exchange.record(None, |record| {
            let http = record.http.map(|http| observe::Http { headers, ..http });
            written(format, &Record { http, ..*record }, exchange)
        })
    });
}

/// Of an answer, one edit after the other.
pub(crate) fn response_in_order(
    response: &mut Response<Body>,
    edits: &[Edit],
    exchange: &Exchange,
) {
    let status = response.status();
    in_order(edits, response.headers_mut(), exchange, Some(status));
}

/// Of the headers of an answer with that status, if it has one yet.
pub(crate) fn in_order(
    edits: &[Edit],
    headers: &mut HeaderMap,
    exchange: &Exchange,
    status: Option<StatusCode>,
) {
    let status = status.map(|status| status.as_u16());
    filter::edit(headers, edits, |format, headers| {
        exchange.record(None, |record| {
            let response_headers = Some(headers);
            let http = record.http.map(|http| observe::Http { status, response_headers, ..http });
            written(format, &Record { http, ..*record }, exchange)
        })
    });
}

/// Whether a request goes on with other headers than it came with.
pub(crate) fn is_editing(plans: &[&HeaderPlan]) -> bool {
    plans.iter().any(|plan| !plan.request.is_empty() || plan.authority.is_some())
}

/// Whether an answer gets headers that are made of what was asked.
pub(crate) fn looks_back(plans: &[&HeaderPlan]) -> bool {
    let edits = plans.iter().map(|plan| &plan.response);
    edits
        .flat_map(|edits| edits.set.iter().chain(&edits.add))
        .any(|(_, value)| matches!(value, Value::Computed(_)))
}

fn apply(
    edits: &Edits,
    headers: &mut HeaderMap,
    compute: impl Fn(&Format, &HeaderMap) -> Option<HeaderValue>,
) {
    let make = |value: &Value, headers: &HeaderMap| match value {
        Value::Fixed(value) => Some(value.clone()),
        Value::Computed(format) => compute(format, headers),
    };
    for name in &edits.remove {
        headers.remove(name);
    }
    for (name, value) in &edits.set {
        if let Some(value) = make(value, headers) {
            headers.insert(name.clone(), value);
        }
    }
    for (name, value) in &edits.add {
        if let Some(value) = make(value, headers) {
            headers.append(name.clone(), value);
        }
    }
}

/// `None` where there is nothing to write (Envoy, `keep_empty_value`), or no header could hold it.
fn written(format: &Format, record: &Record<'_>, exchange: &Exchange) -> Option<HeaderValue> {
    let mut text = String::new();
    observe::fill(format, record, exchange.serving.observer.metrics(), &mut text);
    if text.is_empty() { None } else { HeaderValue::try_from(text).ok() }
}
