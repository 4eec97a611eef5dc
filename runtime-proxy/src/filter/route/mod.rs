//! Does what the engine says becomes of a request: on its way out of a workload, and through a gateway.

mod cookie;

use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Request, Response, StatusCode};
use mesh_engine::cluster::Hashed;
use mesh_engine::cluster::hash::of_text;
use mesh_engine::filter::{Moment, OnRoute};
use mesh_engine::host::{without_brackets, without_port};
use mesh_engine::route::{
    Action, Cors, CorsAnswer, Forward, HeaderPlan, Outcome, Retry, Selected, Target, Upstream,
    write_https_location,
};
use mesh_snapshot::object::{AbortStatus, FilterPlace};

use super::exchange::Exchange;
use super::forward::{Plan, forward};
use super::local_reply::LocalReply;
use super::steps::{self, Routed};
use super::upgrade::Switch;
use super::{edit, mirror, target};
use crate::cluster::Original;
use crate::http::Body;
use crate::observe::{Flags, ServiceId};

/// What routing knows beside the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// That the request was addressed to.
    pub(crate) port: u16,
    /// Where the client was going, where that is known by address.
    pub(crate) original: Option<SocketAddr>,
}

/// The answer, or the reply in its place.
pub(crate) async fn carry_out<'p, F: Fn(&Request<Body>) -> Outcome<'p>>(
    mut request: Request<Body>,
    mut routed: Routed<'p, F>,
    way: Way,
    exchange: &mut Exchange,
) -> Result<Response<Body>, LocalReply> {
    let first = routed.outcome(&request);
    let granted = match &first {
        Outcome::Route(selected) => match meet(&request, selected, way, exchange).await? {
            Met::Answered(response) => return Ok(response),
            Met::Passed(granted) => granted,
        },
        _ => None,
    };
    steps::run(FilterPlace::Last, &mut request, &mut routed, exchange)?;
    let outcome = routed.outcome(&request);
    let on = OnRoute::of(&outcome, way.port);
    let mut answer = follow(request, outcome, on.as_ref(), way, exchange).await?;
    if let Some((cors, origin)) = granted {
        let headers = answer.headers_mut();
        cors.write_response(&origin, |name, value| drop(headers.insert(name, value)));
    }
    Ok(answer)
}

/// To where the request is led.
async fn follow(
    request: Request<Body>,
    outcome: Outcome<'_>,
    on: Option<&OnRoute<'_>>,
    way: Way,
    exchange: &mut Exchange,
) -> Result<Response<Body>, LocalReply> {
    match outcome {
        Outcome::Route(selected) => {
            exchange.routed(&selected.route.name, selected.virtual_host);
            act(request, &selected, on, way, exchange).await
        }
        Outcome::Passthrough => pass(request, on, way, exchange).await,
        Outcome::Blackhole => {
            exchange.outcome.service = ServiceId::BLACK_HOLE;
            exchange.outcome.cluster = Some("BlackHoleCluster".into());
            Err(LocalReply::new(StatusCode::BAD_GATEWAY, "direct_response"))
        }
        Outcome::NoHost | Outcome::NoRoute(_) => Err(LocalReply::no_route()),
        Outcome::HttpsRedirect => {
            let mut location = String::new();
            let view = target::view(&request, exchange.scheme, way.port);
            write_https_location(&view, &mut location);
            Err(redirect(301, location))
        }
    }
}

/// What a route's CORS and faults make of a request.
enum Met<'p> {
    Answered(Response<Body>),
    /// With the origin that its answer is for.
    Passed(Option<(&'p Cors, HeaderValue)>),
}

/// What a route does before it leads anywhere: each step passes the request on, or answers it. Their order is Envoy's.
async fn meet<'p>(
    request: &Request<Body>,
    selected: &Selected<'p>,
    way: Way,
    exchange: &mut Exchange,
) -> Result<Met<'p>, LocalReply> {
    let route = selected.route;
    exchange.routed(&route.name, selected.virtual_host);
    let mut granted = None;
    if let Some(cors) = &route.cors {
        let view = target::view(request, exchange.scheme, way.port);
        match cors.judge(&view) {
            CorsAnswer::Pass => {}
            CorsAnswer::Decorate { origin } => granted = Some((cors, origin.clone())),
            CorsAnswer::Answer { origin } => {
                let mut response = preflight(exchange);
                let headers = response.headers_mut();
                cors.write_preflight(&view, origin, |name, value| {
                    drop(headers.insert(name, value));
                });
                return Ok(Met::Answered(response));
            }
        }
    }
    inject(&route.faults, exchange).await?;
    Ok(Met::Passed(granted))
}

fn preflight(exchange: &mut Exchange) -> Response<Body> {
    exchange.outcome.details = "cors_response".into();
    Response::new(Body::empty())
}

/// First the delay, then the abort.
async fn inject(
    faults: &mesh_engine::route::Faults,
    exchange: &mut Exchange,
) -> Result<(), LocalReply> {
    let injected = faults.roll(exchange.serving.roll(), exchange.serving.roll());
    if let Some(delay) = injected.delay {
        exchange.outcome.flags |= Flags::DELAY_INJECTED;
        tokio::time::sleep(delay).await;
    }
    let Some(abort) = injected.abort else { return Ok(()) };
    let reply = match abort {
        AbortStatus::Http(status) => LocalReply::new(code(status), "fault_filter_abort"),
        // Observed of Istio: over plain HTTP it is a 200 that says so.
        AbortStatus::Grpc(status) => LocalReply {
            grpc_status: Some(status),
            ..LocalReply::new(StatusCode::OK, "fault_filter_abort")
        },
    };
    Err(reply.saying("fault filter abort").flagged(Flags::FAULT_INJECTED))
}

async fn act(
    request: Request<Body>,
    selected: &Selected<'_>,
    on: Option<&OnRoute<'_>>,
    way: Way,
    exchange: &mut Exchange,
) -> Result<Response<Body>, LocalReply> {
    let plan = &selected.route.headers;
    let looks_back = edit::looks_back(&[plan]) || steps::looks_back(on, exchange);
    if !matches!(selected.route.action, Action::Forward(_)) && looks_back {
        exchange.keep(request.headers());
    }
    let mut answer = match &selected.route.action {
        Action::Forward(forward) => {
            return send(request, selected, forward, on, way, exchange).await;
        }
        Action::Redirect(to) => {
            let mut location = String::new();
            let view = target::view(&request, exchange.scheme, way.port);
            to.write_location(&view, selected.covered, &mut location);
            exchange.outcome.details = "direct_response".into();
            redirect(to.status, location).into_response(false)
        }
        Action::Respond { status, body } => {
            exchange.outcome.details = "direct_response".into();
            let mut response = Response::new(Body::from(Bytes::copy_from_slice(body)));
            *response.status_mut() = code(*status);
            if !body.is_empty() {
                let kind = HeaderValue::from_static("text/plain");
                response.headers_mut().insert(CONTENT_TYPE, kind);
            }
            response
        }
    };
    answered(&mut answer, &[], plan, on, exchange);
    Ok(answer)
}

/// What routes make of an answer's headers: the backend's plan, then the route's with what was merged into it, then the rest.
fn answered(
    answer: &mut Response<Body>,
    narrower: &[&HeaderPlan],
    plan: &HeaderPlan,
    on: Option<&OnRoute<'_>>,
    exchange: &Exchange,
) {
    edit::response(answer, narrower, exchange);
    steps::route_response(answer, on, Moment::Before, exchange);
    edit::response(answer, &[plan], exchange);
    steps::route_response(answer, on, Moment::After, exchange);
}

fn redirect(status: u16, location: String) -> LocalReply {
    let reply = LocalReply::new(code(status), "direct_response");
    match HeaderValue::try_from(location) {
        Ok(location) => reply.with(LOCATION, location),
        Err(_) => LocalReply::bad_request("invalid_redirect"),
    }
}

/// What the compiler has let pass is a status.
fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

static ORIGINAL_PATH: HeaderName = HeaderName::from_static("x-envoy-original-path");

/// To one of the route's backends.
async fn send(
    mut request: Request<Body>,
    selected: &Selected<'_>,
    to: &Forward,
    on: Option<&OnRoute<'_>>,
    way: Way,
    exchange: &mut Exchange,
) -> Result<Response<Body>, LocalReply> {
    let backend = to.backends.pick(exchange.serving.roll());
    let plans = [&backend.headers, &selected.route.headers];
    let Upstream { name, cluster } = match &backend.target {
        Target::Status(status) => {
            return Err(LocalReply::new(code(*status), "direct_response"));
        }
        Target::Cluster(upstream) => upstream,
    };
    let found =
        cluster.and_then(|id| Some((id, exchange.serving.cluster(&exchange.live, id.into())?)));
    let Some((id, cluster)) = found else {
        exchange.outcome.cluster = Some(name.as_ref().into());
        return Err(LocalReply::no_cluster());
    };
    exchange.outcome.service = exchange.program().service(id.into());
    let (hash, cookie) = hash(&request, id, way, exchange);
    let is_edited = rewrite(&mut request, selected, to, &plans, on, exchange)?;
    if is_edited || to.rewritten_authority.is_some() || to.rewrite.is_some() {
        exchange.rewritten(&request);
    }
    if edit::looks_back(&plans) || steps::looks_back(on, exchange) {
        exchange.keep(request.headers());
    }
    copy(&mut request, to, exchange);
    exchange.switch = Switch::wanted(&mut request);
    let plan = Plan {
        cluster,
        hash,
        original: way.original.map(Original::from),
        timeout: to.timeout,
        try_timeout: to.try_timeout,
        retry: &to.retry,
        version: request.version(),
    };
    let mut response = forward(request, &plan, exchange).await?;
    if let Some(cookie) = cookie {
        response.headers_mut().append(http::header::SET_COOKIE, cookie);
    }
    exchange.tell_time(&mut response);
    let [narrower, own] = plans;
    answered(&mut response, &[narrower], own, on, exchange);
    Ok(response)
}

/// What keeps like requests together, and the cookie that a client is given for it.
fn hash(
    request: &Request<Body>,
    id: mesh_engine::cluster::ClusterId,
    way: Way,
    exchange: &Exchange,
) -> (Option<u64>, Option<HeaderValue>) {
    let Some(cluster) = exchange.program().engine().cluster(id) else { return (None, None) };
    let view = target::view(request, exchange.scheme, way.port);
    let connection = exchange.downstream.connection(exchange.remote);
    match cluster.hash(&view, &connection) {
        Some(Hashed::By(hash)) => (Some(hash), None),
        Some(Hashed::NewCookie { name, path, seconds }) => {
            let value = format!("{:032x}", exchange.serving.roll_wide());
            let hash = of_text(value.as_bytes());
            (Some(hash), cookie::set(name, &value, path, seconds))
        }
        Some(Hashed::Any) | None => (None, None),
    }
}

/// Headers first, which may ask for what was: then authority and path. Whether headers were edited. Source: Envoy,
/// `finalizeRequestHeaders`.
fn rewrite(
    request: &mut Request<Body>,
    selected: &Selected<'_>,
    to: &Forward,
    plans: &[&HeaderPlan; 2],
    on: Option<&OnRoute<'_>>,
    exchange: &Exchange,
) -> Result<bool, LocalReply> {
    let [narrower, own] = *plans;
    edit::request(request, &[narrower], exchange);
    let mut is_edited = steps::route_request(request, on, Moment::Before, exchange);
    edit::request(request, &[own], exchange);
    is_edited |= steps::route_request(request, on, Moment::After, exchange);
    is_edited |= edit::is_editing(plans);
    if let Some(authority) = to.authority(own, narrower) {
        target::set_authority(request, authority.clone());
    }
    let Some(rewrite) = &to.rewrite else { return Ok(is_edited) };
    let mut path = String::new();
    rewrite.write(request.uri().path(), selected.covered, &mut path);
    let original = request.uri().path_and_query().map_or("/", |target| target.as_str());
    if let Ok(original) = HeaderValue::try_from(original) {
        request.headers_mut().insert(ORIGINAL_PATH.clone(), original);
    }
    target::set_path(request, &path)?;
    Ok(is_edited)
}

fn copy(request: &mut Request<Body>, to: &Forward, exchange: &Exchange) {
    if to.mirrors.is_empty() {
        return;
    }
    let chosen = to.mirrors.iter().filter(|mirror| mirror.share.includes(exchange.serving.roll()));
    let clusters: Vec<_> = chosen
        .filter_map(|mirror| {
            exchange.serving.cluster(&exchange.live, mirror.upstream.cluster?.into())
        })
        .collect();
    if !clusters.is_empty() {
        mirror::mirror(request, clusters, to.timeout, &exchange.serving);
    }
}

/// To where the client was going.
async fn pass(
    mut request: Request<Body>,
    on: Option<&OnRoute<'_>>,
    way: Way,
    exchange: &mut Exchange,
) -> Result<Response<Body>, LocalReply> {
    let authority = target::authority(&request);
    exchange.outcome.service = exchange.serving.observer.authority(authority);
    let id = exchange.program().passthrough().ok_or_else(LocalReply::no_cluster)?;
    let cluster = exchange.serving.cluster(&exchange.live, id);
    let cluster = cluster.ok_or_else(LocalReply::no_cluster)?;
    let original = if let Some(original) = way.original {
        original
    } else {
        let host = without_brackets(without_port(authority));
        let resolved = cluster.resolve(host, way.port).await;
        resolved
            .map_err(|_| LocalReply::no_healthy_upstream().saying("the host cannot be resolved"))?
    };
    if exchange.serving.own.is(original) {
        return Err(LocalReply::bad_request("request_to_the_proxy_itself"));
    }
    steps::lead(&mut request, on, exchange);
    exchange.switch = Switch::wanted(&mut request);
    let plan = Plan {
        cluster,
        hash: None,
        original: Some(original.into()),
        timeout: None,
        try_timeout: None,
        retry: &Retry::default(),
        version: request.version(),
    };
    let mut response = forward(request, &plan, exchange).await?;
    exchange.tell_time(&mut response);
    steps::lead_back(&mut response, on, exchange);
    Ok(response)
}
