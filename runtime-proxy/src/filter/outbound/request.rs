//! A request of the workload's: for whom it is, and what its routes make of it.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use http::{Method, Request, Response};
use mesh_engine::filter::Entry;
use mesh_engine::host::{port_of, without_brackets, without_port};
use mesh_snapshot::object::{FilterPlace, Traffic};

use super::{Addressed, connect};
use crate::filter::address::Owner;
use crate::filter::downstream::Downstream;
use crate::filter::exchange::Exchange;
use crate::filter::local_reply::LocalReply;
use crate::filter::route::{Way, carry_out};
use crate::filter::serving::Serving;
use crate::filter::steps::{self, Entered, Routed};
use crate::filter::{metadata, target};
use crate::http::grpc::is_grpc;
use crate::http::{Abort, Body};
use crate::observe::Direction;

pub(super) async fn serve(
    mut request: Request<Body>,
    to: Addressed,
    downstream: Rc<Downstream>,
    serving: Rc<Serving>,
) -> Result<Response<Body>, Abort> {
    let Some(live) = serving.live() else {
        return Ok(LocalReply::no_program().into_response(is_grpc(request.headers())));
    };
    if *request.method() == Method::CONNECT {
        return Ok(connect::serve(request, to, &downstream, live, &serving));
    }
    let direction = Direction::Outbound;
    let mut exchange = Exchange::begin(direction, &mut request, &serving, &downstream, live);
    Ok(match send(request, to, &mut exchange).await {
        Ok(response) => exchange.answer(response),
        Err(reply) => exchange.reply(reply),
    })
}

async fn send(
    mut request: Request<Body>,
    to: Addressed,
    exchange: &mut Exchange,
) -> Result<Response<Body>, LocalReply> {
    let live = exchange.live.clone();
    let engine = live.program.engine();
    target::normalize(&mut request, engine.path_normalization())?;
    exchange.scheme = target::mesh_scheme(request.headers(), "http");
    metadata::enter_outbound(request.headers_mut(), exchange.scheme);
    metadata::identify(request.headers_mut(), &exchange.serving);
    exchange.told_upstream(request.headers());
    let way = way(&request, to);
    let outbound = engine.outbound().ok_or_else(LocalReply::no_route)?;
    let owner = Owner::of_authority(target::authority(&request), &exchange.serving).await;
    let called = match way.original.filter(|original| outbound.detects(original.port())) {
        None => None,
        Some(original) => {
            let owner = Owner::of(original.ip(), &exchange.serving).await;
            Some(outbound.arrival(original, &owner))
        }
    };
    let scheme = exchange.scheme;
    let mut routed = Routed::new(way.port, |request: &Request<Body>| {
        let view = target::view(request, scheme, way.port);
        outbound.route_traced(called.as_ref(), &view, &owner, &mut ())
    });
    let entry = Entry { traffic: Traffic::Outbound, port: way.port };
    exchange.entered = Some(Entered { entry, chain: 0 });
    steps::run(FilterPlace::First, &mut request, &mut routed, exchange)?;
    carry_out(request, routed, way, exchange).await
}

/// The port that a request is addressed to: that of the connection, or, asked as a proxy, of the URI or the host that it names.
fn way(request: &Request<Body>, to: Addressed) -> Way {
    match to {
        Addressed::To(original) => Way { port: original.port(), original: Some(original) },
        Addressed::Port(port) => Way { port, original: None },
        Addressed::ByRequest => {
            let authority = target::authority(request);
            let is_https = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
            let port = port_of(authority).unwrap_or(if is_https { 443 } else { 80 });
            let host = without_brackets(without_port(authority));
            let address = host.parse::<IpAddr>().ok();
            Way { port, original: address.map(|address| SocketAddr::new(address, port)) }
        }
    }
}
