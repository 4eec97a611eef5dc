//! What the workload sends. Where a connection was going is known in one of two ways: the kernel redirected it here, or it asks
//! for it as one asks an HTTP proxy.

mod connect;
mod request;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use mesh_engine::outbound::Arrival;
use mesh_snapshot::object::Protocol as Speaks;

use super::address::Owner;
use super::downstream::Downstream;
use super::serving::Serving;
use super::stream::Passage;
use crate::http::{self, Version};
use crate::listener::{Accepted, Protocol, Sniffed, before_drain, sniff, sniff_tls};
use crate::live::Pinned;
use crate::observe::{Direction, Flags};
use crate::program::Program;
use crate::stream::Stream;

/// Where a connection's requests, or its bytes, are addressed to.
#[derive(Clone, Copy, Debug)]
enum Addressed {
    /// Each request says so itself, as to an HTTP proxy.
    ByRequest,
    /// By the kernel, or by `CONNECT` to an address.
    To(SocketAddr),
    /// By `CONNECT` to a name, on this port.
    Port(u16),
}

/// Serves one connection to its end.
pub(crate) async fn serve(accepted: Accepted, serving: Rc<Serving>) {
    let Some(live) = serving.live() else { return };
    let original = accepted.original_destination;
    let destination = original.unwrap_or(accepted.local);
    let (downstream, stream) = Downstream::new(accepted, destination);
    let downstream = Rc::new(downstream);
    match original {
        Some(original) => {
            let owner = Owner::of(original.ip(), &serving).await;
            let Some(outbound) = live.program.engine().outbound() else { return };
            let arrival = outbound.arrival(original, &owner);
            let to = Addressed::To(original);
            carry(stream, &arrival, to, &downstream, &live, &serving).await;
        }
        None => asked(stream, downstream, live, serving).await,
    }
}

/// As an HTTP proxy. What is no HTTP cannot say where it wants to go.
async fn asked(
    mut stream: Stream,
    downstream: Rc<Downstream>,
    live: Pinned<Program>,
    serving: Rc<Serving>,
) {
    let sniffing = sniff(&mut stream, Duration::ZERO);
    let sniffed = before_drain(&serving.drain_outbound, sniffing).await;
    let Ok(Sniffed { protocol, bytes }) = sniffed else { return };
    let stream = stream.replaying(bytes);
    match protocol {
        Protocol::Http1 => {
            requests(stream, Version::Http1, Addressed::ByRequest, downstream, serving).await;
        }
        Protocol::Http2 => {
            requests(stream, Version::Http2, Addressed::ByRequest, downstream, serving).await;
        }
        Protocol::Tls(_) | Protocol::Opaque => {
            Passage::new(Direction::Outbound, &serving, &downstream, live)
                .closed(Flags::NO_ROUTE, "no_original_destination");
        }
    }
}

/// By what is expected there, and by the first bytes where that leaves a question.
async fn carry(
    mut stream: Stream,
    arrival: &Arrival<'_>,
    to: Addressed,
    downstream: &Rc<Downstream>,
    live: &Pinned<Program>,
    serving: &Rc<Serving>,
) {
    if matches!(arrival.protocol, Speaks::Tcp | Speaks::Udp) {
        return bytes(stream, arrival, to, None, downstream, live, serving).await;
    }
    let wait = Duration::from(live.program.engine().defaults().protocol_detection_timeout);
    let drain = &serving.drain_outbound;
    let sniffed = match arrival.protocol {
        Speaks::Tls | Speaks::Https => before_drain(drain, sniff_tls(&mut stream, wait)).await,
        _ => before_drain(drain, sniff(&mut stream, wait)).await,
    };
    let Ok(Sniffed { protocol, bytes: first }) = sniffed else { return };
    let stream = stream.replaying(first);
    let (downstream, serving) = (Rc::clone(downstream), Rc::clone(serving));
    match protocol {
        Protocol::Http1 => {
            requests(stream, Version::Http1, to, downstream, serving).await;
        }
        Protocol::Http2 => {
            requests(stream, Version::Http2, to, downstream, serving).await;
        }
        Protocol::Tls(hello) => {
            let name = hello.server_name.as_deref();
            bytes(stream, arrival, to, name, &downstream, live, &serving).await;
        }
        Protocol::Opaque => {
            bytes(stream, arrival, to, None, &downstream, live, &serving).await;
        }
    }
}

async fn requests(
    stream: Stream,
    version: Version,
    to: Addressed,
    downstream: Rc<Downstream>,
    serving: Rc<Serving>,
) {
    let (limits, drain) = (serving.limits, serving.drain_outbound.clone());
    let handle =
        move |request| request::serve(request, to, Rc::clone(&downstream), Rc::clone(&serving));
    if let Err(error) = http::serve(stream, version, &limits, &drain, handle).await {
        tracing::debug!(%error, "a connection did not end in order");
    }
}

async fn bytes(
    stream: Stream,
    arrival: &Arrival<'_>,
    to: Addressed,
    server_name: Option<&str>,
    downstream: &Rc<Downstream>,
    live: &Pinned<Program>,
    serving: &Rc<Serving>,
) {
    let passage = Passage::new(Direction::Outbound, serving, downstream, live.clone());
    let Some(outbound) = live.program.engine().outbound() else {
        return passage.closed(Flags::NO_ROUTE, "no_outbound");
    };
    let (original, destination) = match to {
        Addressed::To(original) => (Some(original), original.ip().to_canonical()),
        Addressed::ByRequest | Addressed::Port(_) => (None, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
    };
    let outcome = outbound.stream(arrival, destination, server_name, serving.roll());
    passage.carry_out(outcome, stream, original).await;
}
