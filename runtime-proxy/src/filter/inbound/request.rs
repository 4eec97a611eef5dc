//! A request that arrives for this workload: what happens to it, in order.
//!
//! Each step passes the request on or answers it. The order is the security model, so it stands here, once.

use std::rc::Rc;

use http::{Method, Request, Response, StatusCode};
use mesh_engine::filter::{Entry, OnRoute};
use mesh_engine::route::Retry;
use mesh_snapshot::object::{FilterPlace, Traffic};

use super::Port;
use crate::filter::downstream::Downstream;
use crate::filter::exchange::Exchange;
use crate::filter::forward::{Plan, forward};
use crate::filter::local_reply::LocalReply;
use crate::filter::policy::{self, Refused};
use crate::filter::serving::Serving;
use crate::filter::steps::{self, Entered, Fixed};
use crate::filter::upgrade::Switch;
use crate::filter::{metadata, target};
use crate::http::grpc::is_grpc;
use crate::http::{Abort, Body};
use crate::observe::{Direction, ServiceId};
use crate::program::Program;
use crate::tls::Terms;

/// Whose requests they are, and for which port.
pub(super) struct Caller {
    pub(super) port: Port,
    pub(super) downstream: Rc<Downstream>,
    pub(super) terms: Terms,
}

pub(super) async fn serve(
    mut request: Request<Body>,
    caller: Rc<Caller>,
    serving: Rc<Serving>,
) -> Result<Response<Body>, Abort> {
    let Caller { port, downstream, .. } = &*caller;
    let port = *port;
    let Some(live) = serving.live() else {
        return Ok(LocalReply::no_program().into_response(is_grpc(request.headers())));
    };
    let direction = Direction::Inbound;
    let mut exchange = Exchange::begin(direction, &mut request, &serving, downstream, live.clone());
    exchange.scheme = scheme(&request, &caller);
    exchange.outcome.service = service(port, &exchange);
    exchange.routed("default", live.program.inbound_host(port.number)); // what arrives has one route
    let admitted = admit(&mut request, &caller, &live.program, &mut exchange);
    Ok(match admitted {
        Err(Refused::Denied(decision)) => exchange.deny(decision, policy::denial()),
        Err(Refused::Reply(reply)) => exchange.reply(reply),
        Ok(()) => match hand_over(request, port, &mut exchange).await {
            Ok(response) => exchange.answer(response),
            Err(reply) => exchange.reply(reply),
        },
    })
}

/// As the sidecar of the client says; a client of the port's own TLS has none.
fn scheme(request: &Request<Body>, caller: &Caller) -> &'static str {
    let default = match caller.terms {
        Terms::Plain => "http",
        Terms::Secured(_) => "https",
    };
    target::mesh_scheme(request.headers(), default)
}

fn service(port: Port, exchange: &Exchange) -> ServiceId {
    let id = exchange.program().inbound(port.number);
    id.map_or(ServiceId::UNKNOWN, |id| exchange.program().service(id))
}

fn admit<'p>(
    request: &mut Request<Body>,
    caller: &Caller,
    whole: &'p Program,
    exchange: &mut Exchange,
) -> Result<(), Refused<'p>> {
    let program = whole.engine();
    let number = caller.port.number;
    let inbound = program.inbound().port(number);
    // The connection may be older than what is in force now.
    if !exchange.downstream.satisfies(inbound.mtls) {
        let reply = LocalReply::new(StatusCode::FORBIDDEN, "mutual_tls_required");
        return Err(reply.saying("mutual TLS is required").into());
    }
    if inbound.tls.is_some_and(|tls| !caller.terms.prove(tls)) {
        let reply =
            LocalReply::new(StatusCode::MISDIRECTED_REQUEST, "connection_under_other_terms");
        return Err(reply.saying("this connection was made under other terms").into());
    }
    if *request.method() == Method::CONNECT {
        return Err(LocalReply::no_route().into());
    }
    let service_port = inbound.service.map_or(number, |(_, port)| port);
    // First: policy and the application must read the same path.
    target::normalize(request, program.path_normalization())?;
    let certificate = exchange.downstream.certificate.as_ref();
    metadata::enter_inbound(request.headers_mut(), exchange.scheme, certificate, program);
    metadata::identify(request.headers_mut(), &exchange.serving);
    exchange.told_upstream(request.headers());
    let entry = Entry { traffic: Traffic::Inbound, port: number };
    exchange.entered = Some(Entered { entry, chain: exchange.downstream.is_tls.into() });
    let mut route = Fixed(OnRoute::inbound(number, whole.inbound_host(number)));
    steps::run(FilterPlace::First, request, &mut route, exchange)?;
    let claims = policy::authenticate(request, service_port, exchange)?;
    // Refused: touches no cluster.
    policy::authorize(request, service_port, &claims, program, exchange)?;
    policy::apply(request, &claims)?;
    steps::run(FilterPlace::Last, request, &mut route, exchange)?;
    Ok(())
}

/// To the application.
async fn hand_over(
    mut request: Request<Body>,
    port: Port,
    exchange: &mut Exchange,
) -> Result<Response<Body>, LocalReply> {
    let id = exchange.program().inbound(port.number).ok_or_else(LocalReply::no_cluster)?;
    let cluster = exchange.serving.cluster(&exchange.live, id);
    let cluster = cluster.ok_or_else(LocalReply::no_cluster)?;
    let live = exchange.live.clone();
    let on = OnRoute::inbound(port.number, live.program.inbound_host(port.number));
    let on = Some(&on);
    steps::lead(&mut request, on, exchange);
    exchange.switch = Switch::wanted(&mut request);
    let version =
        if exchange.downstream.is_multiplexed { http::Version::HTTP_11 } else { request.version() };
    let plan = Plan {
        cluster,
        hash: None,
        original: Some(port.application),
        timeout: None,
        try_timeout: None,
        // What was never sent, the pool sends again by itself.
        retry: &Retry::default(),
        version,
    };
    let mut response = forward(request, &plan, exchange).await?;
    steps::lead_back(&mut response, on, exchange);
    Ok(response)
}
