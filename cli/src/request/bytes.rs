//! A connection whose bytes are not HTTP: a route may look at its server name and address, and policies at who connects.

use std::collections::BTreeSet;

use mesh_engine::Request;
use mesh_engine::gateway::StreamServer;
use mesh_engine::outbound::{Arrival, Outbound, StreamOutcome};
use mesh_engine::route::{StreamRoute, Target, Upstream};
use mesh_snapshot::object::Protocol;

use super::answer::{Answer, Mark, Outcome, Step, nobody, place};
use super::judgement::Judgement;
use super::sender::Sender;
use super::spoken::Payload;
use super::{AskError, server};

/// What a client sends; where its port says that it speaks TLS, it begins that itself.
pub(super) fn payload(arrival: Option<&Arrival<'_>>) -> Payload {
    let is_opaque = |it: &&Arrival<'_>| !it.protocol.is_http() && it.protocol != Protocol::Detect;
    arrival.filter(is_opaque).map_or(Payload::Requests, |arrival| Payload::Bytes {
        server_name: server_name(arrival).map(str::to_owned),
    })
}

fn server_name<'p>(arrival: &Arrival<'p>) -> Option<&'p str> {
    arrival.host().filter(|_| matches!(arrival.protocol, Protocol::Tls | Protocol::Https))
}

/// By which port and name the client calls.
pub(super) fn ask(
    sender: &Sender<'_>,
    outbound: &Outbound,
    arrival: &Arrival<'_>,
    request: &Request<'_>,
    steps: Vec<Step>,
) -> Result<Answer, AskError> {
    let host = arrival.host().unwrap_or_default();
    let mut route = Step::new("route");
    route.note(format!(
        "port {} carries bytes, not HTTP: no route looks at a request",
        request.port
    ));
    let known = addresses(sender, host, request.port);
    let asking = Asking::of(outbound.subnets(arrival));
    let destinations = outbound.destinations(arrival, known.iter().map(String::as_str));
    let stream = |it| outbound.stream(arrival, it, server_name(arrival), 0);
    let outcomes = distinct(destinations.into_iter().map(stream));
    follow(sender, request, &Ways { outcomes, asking, known }, (host, route), steps)
}

/// By the routes of a gateway's server, which asks for this name where it takes TLS.
pub(super) fn through(
    sender: &Sender<'_>,
    server: &StreamServer,
    server_name: Option<&str>,
    request: &Request<'_>,
    steps: Vec<Step>,
) -> Result<Answer, AskError> {
    let mut route = Step::new("route");
    route.note("the server carries bytes: no route looks at a request");
    let streams = server.destinations().into_iter().map(|it| server.stream(it, server_name, 0));
    let streams: Vec<_> = streams.collect();
    if streams.iter().any(Option::is_none) {
        let text = "no route of the server takes the connection: it is closed";
        if streams.iter().all(Option::is_none) {
            return Ok(nobody(steps, None, text));
        }
        route.note("which comes at an address that no route is for is closed");
    }
    let outcomes = distinct(streams.into_iter().flatten());
    let asking = Asking::of(server.subnets());
    let ways = Ways { outcomes, asking, known: BTreeSet::new() };
    follow(sender, request, &ways, (&sender.question.to.host, route), steps)
}

/// What may become of a connection.
struct Ways<'p> {
    outcomes: Vec<StreamOutcome<'p>>,
    asking: Asking<'p>,
    /// The addresses that the client may call.
    known: BTreeSet<String>,
}

/// Ends `steps` with the route to `host` that is taken, or with each that may be, and goes on where it leads.
fn follow(
    sender: &Sender<'_>,
    request: &Request<'_>,
    Ways { outcomes, asking, known }: &Ways<'_>,
    (host, mut route): (&str, Step),
    mut steps: Vec<Step>,
) -> Result<Answer, AskError> {
    if let Some(note) = asking.note(known, outcomes.len()) {
        route.note(note);
    }
    let mut judged = Judgement::default();
    if let [only] = outcomes.as_slice() {
        if let Some(taken) = route_of(only) {
            tell(sender, taken, Mark::Yes, &format!("route {}", taken.item), &mut route);
        }
        lead(sender, request, only, &mut route, &mut judged)?;
        steps.push(route);
    } else {
        steps.push(route);
        for way in outcomes {
            let mut route = Step::new("route");
            let name = asking.name(way);
            match route_of(way) {
                Some(taken) => tell(sender, taken, Mark::Note, &name, &mut route),
                None => route.note(&name),
            }
            let mut there = Judgement::default();
            lead(sender, request, way, &mut route, &mut there)?;
            let answer = there.conclude(vec![route], host);
            judged.answer(answer.outcome, None, &format!("by {name}: {}", answer.summary));
            steps.extend(answer.steps);
        }
    }
    Ok(Answer { status: None, ..judged.conclude(steps, host) })
}

/// Those that policy knows of a host. Without any, the client may call every address.
fn addresses(sender: &Sender<'_>, host: &str, port: u16) -> BTreeSet<String> {
    if let Some(address) = sender.question.address() {
        return [address.to_string()].into();
    }
    let service = sender.program.cluster_by_name(&format!("outbound|{port}||{host}"));
    let declared = service.map(|it| &it.service().addresses).filter(|it| !it.is_empty());
    let assigned = || sender.inquiry.policy.beside.addresses.get(host).into_iter().flatten();
    declared.cloned().unwrap_or_else(|| assigned().map(ToString::to_string).collect())
}

/// Of a route's backends any one leads to it.
fn distinct<'p>(all: impl Iterator<Item = StreamOutcome<'p>>) -> Vec<StreamOutcome<'p>> {
    let mut ways: Vec<StreamOutcome<'p>> = Vec::new();
    for way in all {
        if !ways.iter().any(|known| is_same(known, &way)) {
            ways.push(way);
        }
    }
    ways
}

fn is_same(one: &StreamOutcome<'_>, other: &StreamOutcome<'_>) -> bool {
    match (one, other) {
        (
            StreamOutcome::Forward { name: one, route: None, .. },
            StreamOutcome::Forward { name: other, route: None, .. },
        ) => one == other,
        (StreamOutcome::Passthrough, StreamOutcome::Passthrough)
        | (StreamOutcome::Blackhole, StreamOutcome::Blackhole) => true,
        _ => {
            route_of(one).zip(route_of(other)).is_some_and(|(one, other)| std::ptr::eq(one, other))
        }
    }
}

const fn route_of<'p>(way: &StreamOutcome<'p>) -> Option<&'p StreamRoute> {
    match *way {
        StreamOutcome::Forward { route, .. } => route,
        StreamOutcome::Closed(route) => Some(route),
        StreamOutcome::Passthrough | StreamOutcome::Blackhole => None,
    }
}

fn tell(sender: &Sender<'_>, taken: &StreamRoute, mark: Mark, text: &str, route: &mut Step) {
    let sources = &sender.inquiry.policy.bundle.source_map;
    route.push(mark, text, place(sources, &taken.key, &taken.item));
}

/// The routes that ask which address the client calls, each with those that it is for.
struct Asking<'p>(Vec<(&'p StreamRoute, String)>);

impl<'p> Asking<'p> {
    fn of(subnets: impl Iterator<Item = (&'p StreamRoute, impl ToString)>) -> Self {
        Self(subnets.map(|(route, net)| (route, net.to_string())).collect())
    }

    /// What is known of the address, where the way that is taken depends on it.
    fn note(&self, known: &BTreeSet<String>, ways: usize) -> Option<String> {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        let called = match known.join(" or ") {
            known if known.is_empty() => "which address the client calls is not known".to_owned(),
            known => format!("the client calls {known}"),
        };
        if ways > 1 {
            return Some(format!("{called}: each of these routes may be taken"));
        }
        Some(called).filter(|_| !known.is_empty() && !self.0.is_empty())
    }

    /// `route tcp[0] (for 10.9.0.0/16)`
    fn name(&self, way: &StreamOutcome<'_>) -> String {
        let Some(taken) = route_of(way) else { return "no route".to_owned() };
        let own = self.0.iter().filter(|(route, _)| std::ptr::eq(*route, taken));
        let nets: Vec<_> = own.map(|(_, net)| net.as_str()).collect();
        match nets.as_slice() {
            [] => format!("route {}", taken.item),
            nets => format!("route {} (for {})", taken.item, nets.join(", ")),
        }
    }
}

/// Where one of the ways leads.
fn lead(
    sender: &Sender<'_>,
    request: &Request<'_>,
    way: &StreamOutcome<'_>,
    route: &mut Step,
    judged: &mut Judgement,
) -> Result<(), AskError> {
    let (name, cluster, chosen) = match *way {
        StreamOutcome::Forward { name, cluster, route } => (name, cluster, route),
        StreamOutcome::Closed(_) => {
            let text = "the route's backend is not valid: the connection is closed";
            nowhere(text, route, judged);
            return Ok(());
        }
        StreamOutcome::Passthrough => {
            let text = "to where the client was going: the mesh does not know the host";
            route.note(text);
            judged.answer(Outcome::Forwarded, None, text);
            return Ok(());
        }
        StreamOutcome::Blackhole => {
            let text = "registered hosts alone may be called: the connection is closed";
            nowhere(text, route, judged);
            return Ok(());
        }
    };
    let only = Upstream { name: name.into(), cluster };
    for upstream in chosen.map_or_else(|| vec![&only], upstreams) {
        route.note(format!("→ {}", upstream.name));
        let Some(cluster) = upstream.cluster.and_then(|id| sender.program.cluster(id)) else {
            let text = format!("there is no cluster {}", upstream.name);
            judged.answer(Outcome::Unrouted, None, &text);
            continue;
        };
        server::judge(sender, request, cluster, judged)?;
    }
    Ok(())
}

fn nowhere(text: &str, route: &mut Step, judged: &mut Judgement) {
    route.push(Mark::No, text, None);
    judged.answer(Outcome::Unrouted, None, text);
}

/// Those that get connections.
fn upstreams(route: &StreamRoute) -> Vec<&Upstream> {
    let backends = route.backends.backends().filter(|(weight, _)| *weight > 0);
    let targets = backends.filter_map(|(_, backend)| match &backend.target {
        Target::Cluster(upstream) => Some(upstream),
        Target::Status(_) => None,
    });
    targets.collect()
}
