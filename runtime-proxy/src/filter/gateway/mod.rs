//! What comes to the edge: TLS ended by the name that the client asks for, requests routed as if they came from inside.

mod request;

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use mesh_engine::gateway::{Chain, Handler};
use mesh_snapshot::object::ServerTls;

use self::request::Caller;
use super::downstream::Downstream;
use super::inbound::HELLO_WAIT;
use super::serving::Serving;
use super::stream::Passage;
use crate::drain::Drain;
use crate::http::{self, Version};
use crate::listener::{Accepted, Protocol, Sniffed, before_drain, sniff, sniff_tls};
use crate::live::Pinned;
use crate::observe::{Direction, Flags};
use crate::program::Program;
use crate::stream::Stream;
use crate::tls::Terms;
use crate::tls::alpn::Agreed;

/// Which listener of the program a socket stands for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    pub(crate) port: u16,
    pub(crate) bind: Option<IpAddr>,
}

/// Serves one connection to its end.
pub(crate) async fn serve(accepted: Accepted, place: Place, drain: Drain, serving: Rc<Serving>) {
    let Some(live) = serving.live() else { return };
    let local = accepted.original_destination.unwrap_or(accepted.local);
    let destination = SocketAddr::new(local.ip().to_canonical(), place.port);
    let (downstream, stream) = Downstream::new(accepted, destination);
    let Some((listener, edge)) = live.program.listener(place.port, place.bind) else {
        return refuse(downstream, live, &serving, "listener_not_found");
    };
    if !listener.tls {
        let Some(chain) = listener.chain(None) else {
            return refuse(downstream, live, &serving, "filter_chain_not_found");
        };
        let arrived = Arrived { stream, downstream, agreed: None, terms: Terms::Plain };
        return go_on(arrived, chain, place, &live, serving, drain).await;
    }
    let Some(edge) = edge else {
        return refuse(downstream, live, &serving, "filter_chain_not_found");
    };
    // What the client asks for is looked at before anything is answered: its TLS may not be for this proxy to end.
    let mut stream = stream;
    let sniffed = before_drain(&drain, sniff_tls(&mut stream, HELLO_WAIT)).await;
    let Ok(Sniffed { protocol, bytes }) = sniffed else { return };
    let stream = stream.replaying(bytes);
    let (is_tls, name) = match protocol {
        Protocol::Tls(hello) => (true, hello.server_name),
        _ => (false, None),
    };
    let Some(chain) = listener.chain(name.as_deref()) else {
        return refuse(downstream, live, &serving, "filter_chain_not_found");
    };
    // Whoever takes any name takes bytes that have none, too: they are not for this proxy to understand.
    if chain.tls == ServerTls::Passthrough {
        let downstream = downstream.asking_for(name);
        let arrived = Arrived { stream, downstream, agreed: None, terms: Terms::Plain };
        return go_on(arrived, chain, place, &live, serving, drain).await;
    }
    if !is_tls {
        return refuse(downstream, live, &serving, "no_tls");
    }
    let (server, secured) = match edge.accept(stream).await {
        Ok(secured) => secured,
        Err(error) => {
            tracing::debug!(%error, source = %downstream.source, "a handshake failed");
            return refuse(downstream, live, &serving, "tls_handshake_failed");
        }
    };
    // Whose certificate was shown and who was let in by it, not what the name alone would say.
    let Some(chain) = listener.chains().get(server) else {
        return refuse(downstream, live, &serving, "filter_chain_not_found");
    };
    let downstream = downstream.secured(&secured, None);
    let terms = Terms::of(&secured, &chain.tls);
    let agreed = Some(secured.agreed);
    let arrived = Arrived { stream: secured.stream, downstream, agreed, terms };
    go_on(arrived, chain, place, &live, serving, drain).await;
}

/// A connection whose TLS, if it is to end here, has been ended.
struct Arrived {
    stream: Stream,
    downstream: Downstream,
    agreed: Option<Agreed>,
    terms: Terms,
}

fn refuse(
    downstream: Downstream,
    live: Pinned<Program>,
    serving: &Rc<Serving>,
    details: &'static str,
) {
    Passage::new(Direction::Gateway, serving, &Rc::new(downstream), live)
        .closed(Flags::NO_ROUTE, details);
}

async fn go_on(
    arrived: Arrived,
    chain: &Chain,
    place: Place,
    live: &Pinned<Program>,
    serving: Rc<Serving>,
    drain: Drain,
) {
    let Arrived { stream, downstream, agreed, terms } = arrived;
    let downstream = Rc::new(downstream);
    match &chain.handler {
        Handler::Http(_) => {
            let caller = Caller { place, downstream, terms, leave: drain.child() };
            requests(stream, agreed, caller, serving).await;
        }
        Handler::Stream(server) => {
            let passage = Passage::new(Direction::Gateway, &serving, &downstream, live.clone());
            let source = downstream.source.ip().to_canonical();
            let connection = downstream.connection(source);
            let verdict = live.program.engine().policy().authorize_connection(&connection);
            if !verdict.is_allowed() {
                return passage.denied(verdict.decision);
            }
            let name = downstream.server_name.as_deref();
            let destination = downstream.destination.ip();
            match server.stream(destination, name, serving.roll()) {
                Some(outcome) => passage.carry_out(outcome, stream, None).await,
                None => passage.closed(Flags::NO_ROUTE, "route_not_found"),
            }
        }
    }
}

async fn requests(
    mut stream: Stream,
    agreed: Option<Agreed>,
    caller: Caller,
    serving: Rc<Serving>,
) {
    let version = match agreed {
        Some(Agreed::Http2 | Agreed::Multiplexed) => Version::Http2,
        Some(Agreed::Http1) => Version::Http1,
        _ => {
            let sniffing = sniff(&mut stream, serving.limits.head);
            let sniffed = before_drain(&caller.leave, sniffing).await;
            let Ok(Sniffed { protocol, bytes }) = sniffed else { return };
            stream = stream.replaying(bytes);
            if protocol == Protocol::Http2 { Version::Http2 } else { Version::Http1 }
        }
    };
    let limits = serving.limits;
    let drain = caller.leave.clone();
    let caller = Rc::new(caller);
    let handle = move |request| request::serve(request, Rc::clone(&caller), Rc::clone(&serving));
    if let Err(error) = http::serve(stream, version, &limits, &drain, handle).await {
        tracing::debug!(%error, "a connection did not end in order");
    }
}
