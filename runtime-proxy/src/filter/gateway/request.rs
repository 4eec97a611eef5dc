//! A request from outside: what happens to it, in order.
//!
//! Each step passes the request on or answers it. The order is the security model, so it stands here, once.

use std::rc::Rc;

use http::{Method, Request, Response, StatusCode};
use mesh_engine::filter::Entry;
use mesh_engine::gateway::{Handler, HttpServer};
use mesh_engine::policy::Claims;
use mesh_snapshot::object::{FilterPlace, Traffic};

use super::Place;
use crate::drain::Drain;
use crate::filter::downstream::Downstream;
use crate::filter::exchange::Exchange;
use crate::filter::local_reply::LocalReply;
use crate::filter::metadata::{self, Origin};
use crate::filter::policy::{self, Refused};
use crate::filter::route::{Way, carry_out};
use crate::filter::serving::Serving;
use crate::filter::steps::{self, Entered, Routed};
use crate::filter::target;
use crate::http::grpc::is_grpc;
use crate::http::{Abort, Body};
use crate::observe::Direction;
use crate::program::Program;
use crate::tls::Terms;

/// Whose requests they are.
pub(super) struct Caller {
    pub(super) place: Place,
    pub(super) downstream: Rc<Downstream>,
    pub(super) terms: Terms,
    /// Ends this connection alone.
    pub(super) leave: Drain,
}

pub(super) async fn serve(
    mut request: Request<Body>,
    caller: Rc<Caller>,
    serving: Rc<Serving>,
) -> Result<Response<Body>, Abort> {
    let Some(live) = serving.live() else {
        return Ok(LocalReply::no_program().into_response(is_grpc(request.headers())));
    };
    let direction = Direction::Gateway;
    let mut exchange =
        Exchange::begin(direction, &mut request, &serving, &caller.downstream, live.clone());
    let (server, chain) = match server(&live.program, &caller) {
        Ok(found) => found,
        Err(reply) => return Ok(exchange.reply(reply)),
    };
    exchange.scheme = scheme(&request, &exchange);
    let entry = Entry { traffic: Traffic::Gateway, port: caller.place.port };
    let entered = Entered { entry, chain };
    let admitted = admit(&mut request, server, entered, live.program.engine(), &mut exchange);
    let claims = match admitted {
        Err(Refused::Denied(decision)) => return Ok(exchange.deny(decision, policy::denial())),
        Err(Refused::Reply(reply)) => return Ok(exchange.reply(reply)),
        Ok(claims) => claims,
    };
    let way = Way { port: server.port, original: None };
    let scheme = exchange.scheme;
    let mut routed = Routed::new(way.port, |request: &Request<Body>| {
        server.route(&target::view(request, scheme, way.port), &claims)
    });
    routed.outcome(&request); // before the token goes
    if let Err(reply) = policy::apply(&mut request, &claims) {
        return Ok(exchange.reply(reply));
    }
    Ok(match carry_out(request, routed, way, &mut exchange).await {
        Ok(response) => exchange.answer(response),
        Err(reply) => exchange.reply(reply),
    })
}

/// The connection may be older than what is in force now: the request is for the listener of now, by its terms. Beside the server,
/// its place among those of the listener.
fn server<'p>(
    program: &'p Program,
    caller: &Caller,
) -> Result<(&'p HttpServer, usize), LocalReply> {
    let Caller { place, downstream, terms, leave } = caller;
    let listener = program.listener(place.port, place.bind);
    let (listener, _) = listener.ok_or_else(LocalReply::no_route)?;
    let misdirected = || {
        // On a new connection the client is asked for what it has not proved on this one (RFC 9110 §15.5.20).
        leave.begin();
        LocalReply::new(StatusCode::MISDIRECTED_REQUEST, "connection_under_other_terms")
            .saying("this connection was made under other terms")
    };
    if listener.tls && !downstream.is_tls {
        return Err(misdirected());
    }
    let chain = listener.chain(downstream.server_name.as_deref());
    let chain = chain.ok_or_else(LocalReply::no_route)?;
    match &chain.handler {
        Handler::Http(server) if terms.suffice(&chain.tls) => {
            let place = listener.chains().iter().position(|it| std::ptr::eq(it, chain));
            Ok((server, place.unwrap_or_default()))
        }
        Handler::Http(_) | Handler::Stream(_) => Err(misdirected()),
    }
}

fn scheme(request: &Request<Body>, exchange: &Exchange) -> &'static str {
    let is_trusting = exchange.program().engine().trusted_proxies() > 0;
    target::edge_scheme(request.headers(), is_trusting, exchange.downstream.is_tls)
}

fn admit<'p>(
    request: &mut Request<Body>,
    server: &HttpServer,
    entered: Entered,
    program: &'p mesh_engine::Program,
    exchange: &mut Exchange,
) -> Result<Claims, Refused<'p>> {
    if *request.method() == Method::CONNECT {
        return Err(LocalReply::no_route().into());
    }
    // First: policy, routes and the upstream must read the same path.
    target::normalize(request, program.path_normalization())?;
    let source = exchange.downstream.source.ip().to_canonical();
    let headers = request.headers_mut();
    let origin = Origin {
        scheme: exchange.scheme,
        source,
        remote: exchange.remote,
        certificate: exchange.downstream.certificate.as_ref(),
    };
    metadata::enter_edge(headers, &origin, program);
    metadata::identify(headers, &exchange.serving);
    exchange.told_upstream(headers);
    exchange.entered = Some(entered);
    let (scheme, port) = (exchange.scheme, server.port);
    let mut routed = Routed::new(port, |request: &Request<Body>| {
        server.route(&target::view(request, scheme, port), &Claims::default())
    });
    steps::run(FilterPlace::First, request, &mut routed, exchange)?;
    let claims = policy::authenticate(request, server.port, exchange)?;
    // Refused: touches no cluster.
    policy::authorize(request, server.port, &claims, program, exchange)?;
    Ok(claims)
}
