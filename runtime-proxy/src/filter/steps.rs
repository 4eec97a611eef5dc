//! Steps that authors have put into the path of requests: which there are, and which limit counts, is the engine's to say.

use http::{HeaderMap, Request, Response, StatusCode};
use mesh_engine::filter::{Edit, Entry, Filter, Limit, Moment, OnRoute, Side, Step};
use mesh_engine::route::Outcome;
use mesh_snapshot::object::FilterPlace;
use tokio::time::Instant;

use super::edit;
use super::exchange::Exchange;
use super::local_reply::LocalReply;
use crate::http::Body;
use crate::limit::Scope;
use crate::observe::Flags;

/// Where a request has come in: from here on it passes the steps, and whatever becomes of it passes them on its way back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entered {
    pub(crate) entry: Entry,
    /// Which of the ways in at that port: what Envoy has filter chains for.
    pub(crate) chain: usize,
}

/// The route that takes a request, once somebody asks.
pub(crate) trait Routing<'p> {
    fn on(&mut self, request: &Request<Body>) -> Option<OnRoute<'p>>;

    /// The request is another one now.
    fn forget(&mut self);
}

/// What arrives for a workload has one route.
pub(crate) struct Fixed<'p>(pub(crate) OnRoute<'p>);

impl<'p> Routing<'p> for Fixed<'p> {
    fn on(&mut self, _: &Request<Body>) -> Option<OnRoute<'p>> {
        Some(self.0)
    }

    fn forget(&mut self) {}
}

/// What is routed by its headers.
pub(crate) struct Routed<'p, F> {
    find: F,
    /// That the request was addressed to.
    port: u16,
    outcome: Option<Outcome<'p>>,
}

impl<'p, F: Fn(&Request<Body>) -> Outcome<'p>> Routed<'p, F> {
    pub(crate) const fn new(port: u16, find: F) -> Self {
        Self { find, port, outcome: None }
    }

    pub(crate) fn outcome(&mut self, request: &Request<Body>) -> Outcome<'p> {
        *self.outcome.get_or_insert_with(|| (self.find)(request))
    }
}

impl<'p, F: Fn(&Request<Body>) -> Outcome<'p>> Routing<'p> for Routed<'p, F> {
    fn on(&mut self, request: &Request<Body>) -> Option<OnRoute<'p>> {
        let port = self.port;
        OnRoute::of(&self.outcome(request), port)
    }

    fn forget(&mut self) {
        self.outcome = None;
    }
}

/// Takes a request through the steps of one place.
pub(crate) fn run<'p>(
    place: FilterPlace,
    request: &mut Request<Body>,
    routing: &mut impl Routing<'p>,
    exchange: &mut Exchange,
) -> Result<(), LocalReply> {
    let live = exchange.live.clone();
    let filters = live.program.engine().filters();
    let Some(entered) = exchange.entered.filter(|_| !filters.is_empty()) else { return Ok(()) };
    let looks_back = filters.looks_back(entered.entry);
    let mut is_edited = false;
    for filter in filters.steps(place, entered.entry) {
        if looks_back {
            exchange.keep(request.headers());
        }
        is_edited |= match &filter.step {
            Step::RateLimit(_) => limit(filter, request, entered, routing, exchange)?,
            Step::Edits { request: edits, reroute, .. } if !edits.is_empty() => {
                if !reroute {
                    routing.on(request); // by what it was
                }
                edit::request_in_order(request, edits, exchange);
                if *reroute {
                    routing.forget();
                }
                true
            }
            Step::Edits { .. } => false,
        };
    }
    if is_edited {
        exchange.rewritten(request);
    }
    if looks_back {
        exchange.keep(request.headers());
    }
    Ok(())
}

/// Whether the request passes with other headers. Source: Envoy, `local_ratelimit`, `Filter::decodeHeaders`.
fn limit<'p>(
    filter: &Filter,
    request: &mut Request<Body>,
    entered: Entered,
    routing: &mut impl Routing<'p>,
    exchange: &mut Exchange,
) -> Result<bool, LocalReply> {
    let live = exchange.live.clone();
    let filters = live.program.engine().filters();
    let on = routing.on(request);
    let found = filters.limit(filter, entered.entry.traffic, on.as_ref());
    let Some((id, level)) = found else { return Ok(false) };
    let Some(limit) = filters.get(id) else { return Ok(false) };
    if !limit.enabled.includes(exchange.serving.roll()) {
        return Ok(false);
    }
    let scope = Scope::of(level, entered.entry, entered.chain, on.as_ref());
    if live.program.buckets().take(id, &scope, Instant::now()) {
        return Ok(false);
    }
    if limit.enforced.includes(exchange.serving.roll()) {
        if limit.response.iter().any(Edit::is_computed) {
            exchange.keep(request.headers());
        }
        return Err(refusal(limit, exchange));
    }
    edit::request_in_order(request, &limit.request, exchange);
    Ok(!limit.request.is_empty())
}

fn refusal(limit: &Limit, exchange: &Exchange) -> LocalReply {
    let status = StatusCode::from_u16(limit.status).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
    let mut headers = HeaderMap::new();
    edit::in_order(&limit.response, &mut headers, exchange, Some(status));
    let mut reply = LocalReply::new(status, "local_rate_limited")
        .saying("local_rate_limited")
        .flagged(Flags::RATE_LIMITED);
    for (name, value) in &headers {
        reply = reply.with(name.clone(), value.clone());
    }
    reply.grpc_status = limit.resource_exhausted.then_some(GRPC_RESOURCE_EXHAUSTED);
    reply
}

/// Source: gRPC, “Status codes and their use in gRPC”.
const GRPC_RESOURCE_EXHAUSTED: u32 = 8;

/// Edits the headers of a request where its route leads somewhere. Whether there was anything to edit.
pub(crate) fn route_request(
    request: &mut Request<Body>,
    on: Option<&OnRoute<'_>>,
    moment: Moment,
    exchange: &Exchange,
) -> bool {
    let mut is_edited = false;
    each(on, Side::Request, moment, exchange, |edits| {
        edit::request_in_order(request, edits, exchange);
        is_edited |= !edits.is_empty();
    });
    is_edited
}

/// Edits the headers of an answer that comes from there.
pub(crate) fn route_response(
    response: &mut Response<Body>,
    on: Option<&OnRoute<'_>>,
    moment: Moment,
    exchange: &Exchange,
) {
    each(on, Side::Response, moment, exchange, |edits| {
        edit::response_in_order(response, edits, exchange);
    });
}

/// Both, where the route says nothing itself. An answer may ask for what was asked, so that is kept.
pub(crate) fn lead(request: &mut Request<Body>, on: Option<&OnRoute<'_>>, exchange: &mut Exchange) {
    let before = route_request(request, on, Moment::Before, exchange);
    if route_request(request, on, Moment::After, exchange) || before {
        exchange.rewritten(request);
    }
    if looks_back(on, exchange) {
        exchange.keep(request.headers());
    }
}

/// The same of the answer.
pub(crate) fn lead_back(
    response: &mut Response<Body>,
    on: Option<&OnRoute<'_>>,
    exchange: &Exchange,
) {
    for moment in [Moment::Before, Moment::After] {
        route_response(response, on, moment, exchange);
    }
}

fn each(
    on: Option<&OnRoute<'_>>,
    side: Side,
    moment: Moment,
    exchange: &Exchange,
    with: impl FnMut(&[Edit]),
) {
    let edits = exchange.program().engine().filters().route_headers();
    let (Some(on), Some(entered)) = (on, exchange.entered) else { return };
    let mut with = with;
    if !edits.is_empty() {
        edits.each((entered.entry.traffic, on), side, moment, |_, _, edits| with(edits));
    }
}

/// Whether the answer on a route gets headers that are made of what was asked.
pub(crate) fn looks_back(on: Option<&OnRoute<'_>>, exchange: &Exchange) -> bool {
    let Some(Entered { entry, .. }) = exchange.entered else { return false };
    let filters = exchange.program().engine().filters();
    filters.looks_back(entry)
        || on.is_some_and(|on| filters.route_headers().looks_back(entry.traffic, on))
}

/// Takes an answer back through all steps that its request has passed or would have passed: what stands in the way of a request
/// does not stand in that of its answer. Source: Envoy, `sendLocalReplyViaFilterChain`.
pub(crate) fn answer(response: &mut Response<Body>, exchange: &Exchange) {
    let filters = exchange.program().engine().filters();
    let Some(Entered { entry, .. }) = exchange.entered.filter(|_| !filters.is_empty()) else {
        return;
    };
    for place in [FilterPlace::Last, FilterPlace::First] {
        for filter in filters.steps(place, entry).rev() {
            if let Step::Edits { response: edits, .. } = &filter.step {
                edit::response_in_order(response, edits, exchange);
            }
        }
    }
}
