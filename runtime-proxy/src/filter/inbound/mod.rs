//! What arrives for the workload: told apart by its first bytes, let in as `PeerAuthentication` and the port ask, handed to the
//! application.

mod request;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use mesh_snapshot::object::{Application, MtlsMode, Protocol as Speaks};

use self::request::Caller;
use super::downstream::Downstream;
use super::serving::Serving;
use super::stream::Passage;
use crate::cluster::Original;
use crate::drain::Drain;
use crate::http::{self, Version};
use crate::listener::{
    Accepted, Protocol, Sniffed, Treatment, before_drain, sniff, sniff_tls, treat,
};
use crate::live::Pinned;
use crate::observe::{Direction, Flags};
use crate::program::Program;
use crate::stream::Stream;
use crate::tls::Terms;
use crate::tls::alpn::Agreed;

/// Which port of the workload a listener stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    /// This one; the application listens there.
    Port { port: u16, application: SocketAddr },
    /// The one that the client was going to.
    Captured,
}

/// A port of the workload, for one connection.
#[derive(Clone, Copy, Debug)]
struct Port {
    number: u16,
    /// Where the application listens.
    application: Original,
}

/// What a connection turns out to be.
enum Carries {
    Http(Version),
    Bytes,
}

/// Serves one connection to its end.
pub(crate) async fn serve(accepted: Accepted, entry: Entry, serving: Rc<Serving>) {
    let Some(live) = serving.live() else { return };
    let Some((port, destination)) = port(&accepted, entry, &live) else { return };
    let (downstream, stream) = Downstream::new(accepted, destination);
    if matches!(entry, Entry::Captured) && serving.own.has_port(port.number) {
        return Passage::new(Direction::Inbound, &serving, &Rc::new(downstream), live)
            .closed(Flags::NO_ROUTE, "connection_to_the_proxy_itself");
    }
    let inbound = live.program.engine().inbound().port(port.number);
    if inbound.tls.is_some() {
        return end_own_tls(stream, downstream, port, live, serving).await;
    }
    let Some((stream, sniffed)) =
        look(stream, inbound.mtls, inbound.protocol, &live, &serving.drain).await
    else {
        return;
    };
    match treat(inbound.mtls, &sniffed) {
        Treatment::Refuse => {
            let downstream = Rc::new(downstream);
            Passage::new(Direction::Inbound, &serving, &downstream, live)
                .closed(Flags::NO_ROUTE, "filter_chain_not_found");
        }
        Treatment::Pass => {
            let carries = carries(inbound.protocol, &sniffed);
            let downstream = match sniffed {
                Protocol::Tls(hello) => downstream.asking_for(hello.server_name),
                _ => downstream,
            };
            go_on(stream, carries, downstream, (port, Terms::Plain), live, serving).await;
        }
        Treatment::Terminate => terminate(stream, downstream, port, live, serving).await,
    }
}

fn port(accepted: &Accepted, entry: Entry, live: &Pinned<Program>) -> Option<(Port, SocketAddr)> {
    match entry {
        Entry::Port { port, application } => {
            let destination = SocketAddr::new(accepted.local.ip().to_canonical(), port);
            Some((Port { number: port, application: application.into() }, destination))
        }
        Entry::Captured => {
            let destination = accepted.original_destination?;
            let number = destination.port();
            let inbound = live.program.engine().inbound().port(number);
            let application = match inbound.application {
                // An application at a path is a cluster of its own, which is told no address.
                Application::Destination | Application::Unix(_) => captured(destination),
                Application::Port(port) => captured(SocketAddr::new(destination.ip(), *port)),
                Application::Address(at) => (*at).into(),
            };
            Some((Port { number, application }, destination))
        }
    }
}

/// The application is reached where the client was going, so that what it keeps to loopback stays there; from an address by which
/// the kernel's rules tell such connections from those of the workload.
fn captured(destination: SocketAddr) -> Original {
    let ip = destination.ip().to_canonical();
    let source = match ip {
        IpAddr::V4(_) => IpAddr::V4(SOURCE_V4),
        IpAddr::V6(_) => IpAddr::V6(SOURCE_V6),
    };
    Original { address: SocketAddr::new(ip, destination.port()), source: Some(source) }
}

/// Source: Istio, `InboundPassthroughBindIpv4`.
const SOURCE_V4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);
/// Source: Istio, `InboundPassthroughBindIpv6`. Unlike the other, it must be given to the loopback interface.
pub(crate) const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 6);

/// Learns what a connection speaks, where anything hangs on it: not of bytes that need no identity, since a server may be the
/// one that speaks first.
async fn look(
    mut stream: Stream,
    mtls: MtlsMode,
    protocol: Speaks,
    live: &Pinned<Program>,
    drain: &Drain,
) -> Option<(Stream, Protocol)> {
    if mtls == MtlsMode::Disable && is_bytes(protocol) {
        return Some((stream, Protocol::Opaque));
    }
    let wait = match Duration::from(live.program.engine().defaults().protocol_detection_timeout) {
        // Nothing but TLS is let in, and in TLS the client speaks first.
        Duration::ZERO if mtls == MtlsMode::Strict => HELLO_WAIT,
        wait => wait,
    };
    let sniffed = if is_bytes(protocol) || mtls == MtlsMode::Strict {
        // A client that waits for an answer to less than a line of text would wait for ever.
        before_drain(drain, sniff_tls(&mut stream, wait)).await
    } else {
        before_drain(drain, sniff(&mut stream, wait)).await
    };
    let Sniffed { protocol, bytes } = sniffed.ok()?;
    Some((stream.replaying(bytes), protocol))
}

/// How long a client may take to begin with TLS where nothing else is let in. Source: Istio, `listener_filters_timeout` of gateways.
pub(super) const HELLO_WAIT: Duration = Duration::from_secs(15);

const fn is_bytes(protocol: Speaks) -> bool {
    matches!(protocol, Speaks::Tcp | Speaks::Tls | Speaks::Https | Speaks::Udp)
}

/// By what the port is declared to speak, and by what the first bytes are.
fn carries(declared: Speaks, sniffed: &Protocol) -> Carries {
    match (declared, sniffed) {
        (declared, _) if is_bytes(declared) => Carries::Bytes,
        // TLS is here the application's own.
        (_, Protocol::Tls(_)) | (Speaks::Detect, Protocol::Opaque) => Carries::Bytes,
        (_, Protocol::Http2) => Carries::Http(Version::Http2),
        // What is no HTTP there, the codec refuses.
        (_, _) => Carries::Http(Version::Http1),
    }
}

/// Ends the mesh's mutual TLS, and goes on with what is inside.
async fn terminate(
    stream: Stream,
    downstream: Downstream,
    port: Port,
    live: Pinned<Program>,
    serving: Rc<Serving>,
) {
    let secured = match serving.mesh.accept(stream).await {
        Ok(secured) => secured,
        Err(error) => {
            tracing::debug!(%error, source = %downstream.source, "a handshake failed");
            let downstream = Rc::new(downstream);
            return Passage::new(Direction::Inbound, &serving, &downstream, live)
                .closed(Flags::DOWNSTREAM_PROTOCOL_ERROR, "tls_handshake_failed");
        }
    };
    let own = serving.principal();
    let mut downstream = downstream.secured(&secured, Some(&*own).filter(|own| !own.is_empty()));
    if let Some(peer) = &secured.peer
        && let Some(identity) = &peer.identity
    {
        downstream.peer = serving.peers.proved(identity, peer.attributes.as_ref());
    }
    downstream.is_multiplexed = secured.agreed == Agreed::Multiplexed;
    let declared = live.program.engine().inbound().port(port.number).protocol;
    let mut stream = secured.stream;
    let inside = match secured.agreed {
        _ if is_bytes(declared) => Carries::Bytes,
        Agreed::Http1 => Carries::Http(Version::Http1),
        Agreed::Http2 | Agreed::Multiplexed => Carries::Http(Version::Http2),
        Agreed::Tcp | Agreed::Nothing => {
            let wait = Duration::from(live.program.engine().defaults().protocol_detection_timeout);
            let sniffing = sniff(&mut stream, wait);
            let sniffed = before_drain(&serving.drain, sniffing).await;
            let Ok(Sniffed { protocol, bytes }) = sniffed else { return };
            stream = stream.replaying(bytes);
            carries(declared, &protocol)
        }
    };
    go_on(stream, inside, downstream, (port, Terms::Plain), live, serving).await;
}

/// Ends TLS as the port itself asks for it. Source: Istio, `Sidecar.ingress.tls`.
async fn end_own_tls(
    mut stream: Stream,
    downstream: Downstream,
    port: Port,
    live: Pinned<Program>,
    serving: Rc<Serving>,
) {
    let refuse = |downstream, live, details| {
        Passage::new(Direction::Inbound, &serving, &Rc::new(downstream), live)
            .closed(Flags::NO_ROUTE, details);
    };
    let inbound = live.program.engine().inbound().port(port.number);
    let (Some(asked), Some(own)) = (inbound.tls, live.program.inbound_tls(port.number)) else {
        return refuse(downstream, live, "filter_chain_not_found");
    };
    let sniffed = before_drain(&serving.drain, sniff_tls(&mut stream, HELLO_WAIT)).await;
    let Ok(Sniffed { protocol, bytes }) = sniffed else { return };
    if !matches!(protocol, Protocol::Tls(_)) {
        return refuse(downstream, live, "no_tls");
    }
    let secured = match own.accept(stream.replaying(bytes)).await {
        Ok((_, secured)) => secured,
        Err(error) => {
            tracing::debug!(%error, source = %downstream.source, "a handshake failed");
            return refuse(downstream, live, "tls_handshake_failed");
        }
    };
    let downstream = downstream.secured(&secured, None);
    let terms = Terms::under(&secured, asked);
    let inside = match (inbound.protocol.is_http(), secured.agreed) {
        (false, _) => Carries::Bytes,
        (true, Agreed::Http2 | Agreed::Multiplexed) => Carries::Http(Version::Http2),
        (true, _) => Carries::Http(Version::Http1),
    };
    go_on(secured.stream, inside, downstream, (port, terms), live, serving).await;
}

async fn go_on(
    stream: Stream,
    carries: Carries,
    downstream: Downstream,
    (port, terms): (Port, Terms),
    live: Pinned<Program>,
    serving: Rc<Serving>,
) {
    let downstream = Rc::new(downstream);
    match carries {
        Carries::Bytes => bytes(stream, &downstream, port, live, &serving).await,
        Carries::Http(version) => {
            drop(live); // each request takes what is in force then
            let (limits, drain) = (serving.limits, serving.drain.clone());
            let caller = Rc::new(Caller { port, downstream, terms });
            let handle =
                move |request| request::serve(request, Rc::clone(&caller), Rc::clone(&serving));
            if let Err(error) = http::serve(stream, version, &limits, &drain, handle).await {
                tracing::debug!(%error, "a connection did not end in order");
            }
        }
    }
}

async fn bytes(
    stream: Stream,
    downstream: &Rc<Downstream>,
    port: Port,
    live: Pinned<Program>,
    serving: &Rc<Serving>,
) {
    let passage = Passage::new(Direction::Inbound, serving, downstream, live.clone());
    let connection = downstream.connection(downstream.source.ip().to_canonical());
    let verdict = live.program.engine().policy().authorize_connection(&connection);
    if !verdict.is_allowed() {
        return passage.denied(verdict.decision);
    }
    match live.program.inbound(port.number) {
        Some(id) => passage.to(id, stream, Some(port.application)).await,
        None => passage.closed(Flags::NO_CLUSTER, "cluster_not_found"),
    }
}

impl Downstream {
    /// Whether the client has shown what `mtls` asks for.
    fn satisfies(&self, mtls: MtlsMode) -> bool {
        mtls != MtlsMode::Strict || self.identity.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::captured;

    #[test]
    fn the_application_is_reached_where_the_client_was_going() {
        for (to, at, from) in [
            ("10.0.0.7:80", "10.0.0.7:80", "127.0.0.6"),
            ("[::ffff:10.0.0.7]:80", "10.0.0.7:80", "127.0.0.6"),
            ("[2001:db8::7]:80", "[2001:db8::7]:80", "::6"),
        ] {
            let original = captured(to.parse().unwrap());
            assert_eq!(original.address, at.parse().unwrap());
            assert_eq!(original.source, Some(from.parse().unwrap()));
        }
    }
}
