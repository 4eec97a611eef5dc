//! `CONNECT`: the workload asks for a connection to a host, and what it says there is served as if it had been redirected here.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use http::{Request, Response, StatusCode, Version};
use mesh_engine::host::{port_of, without_brackets, without_port};
use mesh_engine::outbound::StreamOutcome;

use super::{Addressed, carry};
use crate::filter::address::Owner;
use crate::filter::downstream::Downstream;
use crate::filter::exchange::Exchange;
use crate::filter::local_reply::LocalReply;
use crate::filter::serving::Serving;
use crate::http::{Body, Side};
use crate::live::Pinned;
use crate::observe::Direction;
use crate::program::Program;
use crate::stream::Stream;

/// The answer; what follows it is served by itself. What is asked for is judged by what is in force when the tunnel begins.
pub(super) fn serve(
    mut request: Request<Body>,
    to: Addressed,
    downstream: &Rc<Downstream>,
    live: Pinned<Program>,
    serving: &Rc<Serving>,
) -> Response<Body> {
    let wanted = request.uri().authority().map(ToString::to_string).unwrap_or_default();
    let host = without_brackets(without_port(&wanted)).to_owned();
    let is_possible = matches!(to, Addressed::ByRequest) && request.version() == Version::HTTP_11;
    let Some(port) = port_of(&wanted).filter(|_| is_possible && !host.is_empty()) else {
        let exchange =
            Exchange::begin(Direction::Outbound, &mut request, serving, downstream, live);
        return exchange.reply(LocalReply::bad_request("connect_not_possible"));
    };
    let client = Side::of_client(&mut request);
    let (downstream, serving) = (Rc::clone(downstream), Rc::clone(serving));
    tokio::task::spawn_local(async move {
        let Ok(stream) = client.connection().await else { return };
        tunnel(stream, &host, port, &downstream, &serving).await;
    });
    let mut granted = Response::new(Body::empty());
    *granted.status_mut() = StatusCode::OK;
    granted
}

async fn tunnel(
    stream: Stream,
    host: &str,
    port: u16,
    downstream: &Rc<Downstream>,
    serving: &Rc<Serving>,
) {
    let Some(live) = serving.live() else { return };
    let Some(outbound) = live.program.engine().outbound() else { return };
    if let Ok(address) = host.parse::<IpAddr>() {
        let owner = Owner::of(address, serving).await;
        let original = SocketAddr::new(address, port);
        let arrival = outbound.arrival(original, &owner);
        return carry(stream, &arrival, Addressed::To(original), downstream, &live, serving).await;
    }
    let arrival = outbound.arrival_by_name(host, port);
    // A host that nobody knows is where DNS says that it is, if it may be called at all.
    let outcome = outbound.stream(&arrival, [0, 0, 0, 0].into(), None, 0);
    let is_strange = arrival.host().is_none() && matches!(outcome, StreamOutcome::Passthrough);
    let resolved = if is_strange { resolve(host, port, &live, serving).await } else { None };
    let to = resolved.map_or(Addressed::Port(port), Addressed::To);
    carry(stream, &arrival, to, downstream, &live, serving).await;
}

async fn resolve(
    host: &str,
    port: u16,
    live: &Pinned<Program>,
    serving: &Serving,
) -> Option<SocketAddr> {
    let cluster = serving.cluster(live, live.program.passthrough()?)?;
    cluster.resolve(host, port).await.ok()
}
