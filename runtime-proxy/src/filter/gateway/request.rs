//! A request from outside: what happens to it, in order.
//!
//! Each step passes the request on or answers it. The order is the security model, so it stands here, once.

use std::rc::Rc;
use std::time::Instant;

use http::{Method, Request, Response};
use mesh_engine::gateway::{Handler, HttpServer};
use mesh_engine::policy::Claims;

use super::Place;
use crate::filter::downstream::Downstream;
use crate::filter::exchange::Exchange;
use crate::filter::local_reply::LocalReply;
use crate::filter::policy::{self, Refused};
use crate::filter::route::{Way, carry_out};
use crate::filter::serving::Serving;
use crate::filter::{client_certificate, metadata, target};
use crate::http::grpc::is_grpc;
use crate::http::{Abort, Body};
use crate::observe::Direction;
use crate::program::Program;

pub(super) async fn serve(
    mut request: Request<Body>,
    place: Place,
    downstream: Rc<Downstream>,
    serving: Rc<Serving>,
) -> Result<Response<Body>, Abort> {
    let Some(live) = serving.live() else {
        return Ok(LocalReply::no_program().into_response(is_grpc(request.headers())));
    };
    let direction = Direction::Gateway;
    let mut exchange =
        Exchange::begin(direction, &mut request, &serving, &downstream, live.clone());
    let began = Instant::now();
    // The listener may have gone since the connection came; the request is for those in force now.
    let Some(server) = server(&live.program, place, downstream.server_name.as_deref()) else {
        return Ok(exchange.reply(LocalReply::no_route()));
    };
    exchange.scheme = scheme(&request, &exchange);
    let admitted = admit(&mut request, server, live.program.engine(), &mut exchange);
    let claims = match admitted {
        Err(Refused::Denied(decision)) => return Ok(exchange.deny(decision, policy::denial())),
        Err(Refused::Reply(reply)) => return Ok(exchange.reply(reply)),
        Ok(claims) => claims,
    };
    let way = Way { port: server.port, original: None };
    let outcome = server.route(&target::view(&request, exchange.scheme, way.port), &claims);
    if let Err(reply) = policy::apply(&mut request, &claims) {
        return Ok(exchange.reply(reply));
    }
    Ok(match carry_out(request, outcome, way, &mut exchange).await {
        Ok(mut response) => {
            exchange.tell_time(&mut response, began.elapsed());
            exchange.answer(response)
        }
        Err(reply) => exchange.reply(reply),
    })
}

fn server<'p>(
    program: &'p Program,
    place: Place,
    server_name: Option<&str>,
) -> Option<&'p HttpServer> {
    let (listener, _) = program.listener(place.port, place.bind)?;
    match &listener.chain(server_name)?.handler {
        Handler::Http(server) => Some(server),
        Handler::Stream(_) => None,
    }
}

/// How the client speaks: by its connection, or by the word of the proxies that are trusted to stand before this one.
fn scheme(request: &Request<Body>, exchange: &Exchange) -> &'static str {
    let is_trusting = exchange.program().engine().defaults().trusted_proxies > 0;
    let told = target::told_scheme(request.headers()).filter(|_| is_trusting);
    told.unwrap_or(if exchange.downstream.is_tls { "https" } else { "http" })
}

fn admit<'p>(
    request: &mut Request<Body>,
    server: &HttpServer,
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
    metadata::strip_internal(headers);
    client_certificate::replace(headers, exchange.downstream.certificate.as_ref());
    metadata::tell_origin(headers, exchange.scheme, source, exchange.remote);
    metadata::identify(headers, &exchange.serving);
    exchange.told_upstream(headers);
    policy::strip_reserved(request, program);
    let claims = policy::authenticate(request, server.port, exchange)?;
    // Refused: touches no cluster.
    policy::authorize(request, server.port, &claims, program, exchange)?;
    Ok(claims)
}
