//! A connection whose bytes are not HTTP: a route may look at its server name and address, and policies at who connects.

use std::net::Ipv4Addr;

use mesh_engine::Request;
use mesh_engine::outbound::{Arrival, Outbound, StreamOutcome};
use mesh_engine::route::{Target, Upstream};
use mesh_snapshot::object::Protocol;

use super::answer::{Answer, Mark, Outcome, Step, nobody, place};
use super::judgement::Judgement;
use super::sender::Sender;
use super::{AskError, server};

/// By which port and name the client calls, which begins TLS itself where the port says that it speaks it.
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
    let sni = Some(host).filter(|_| matches!(arrival.protocol, Protocol::Tls | Protocol::Https));
    // Of a route's backends any one leads to it. What the client resolves the host to is not known, so no subnet has it.
    let found = outbound.stream(arrival, Ipv4Addr::UNSPECIFIED.into(), sni, 0);
    let (name, cluster, chosen) = match found {
        StreamOutcome::Forward { name, cluster, route } => (name, cluster, route),
        StreamOutcome::Closed(_) => {
            return Ok(nobody(
                steps,
                None,
                "the route's backend is not valid: the connection is closed",
            ));
        }
        StreamOutcome::Passthrough => {
            let summary =
                "to where the client was going: the mesh does not know the host".to_owned();
            route.note(&summary);
            let steps = [steps, vec![route]].concat();
            return Ok(Answer { outcome: Outcome::Forwarded, status: None, summary, steps });
        }
        StreamOutcome::Blackhole => {
            return Ok(nobody(
                steps,
                None,
                "registered hosts alone may be called: the connection is closed",
            ));
        }
    };
    let only = Upstream { name: name.into(), cluster };
    let all: Vec<&Upstream> = match chosen {
        Some(chosen) => {
            let sources = &sender.policy.bundle.source_map;
            route.push(
                Mark::Yes,
                format!("route {}", chosen.item),
                place(sources, &chosen.key, &chosen.item),
            );
            let backends = chosen.backends.backends().filter(|(weight, _)| *weight > 0);
            let targets = backends.filter_map(|(_, backend)| match &backend.target {
                Target::Cluster(upstream) => Some(upstream),
                Target::Status(_) => None,
            });
            targets.collect()
        }
        None => vec![&only],
    };
    let mut judged = Judgement::default();
    for upstream in all {
        route.note(format!("→ {}", upstream.name));
        let Some(cluster) = upstream.cluster.and_then(|id| sender.program.cluster(id)) else {
            let text = format!("there is no cluster {}", upstream.name);
            judged.answer(Outcome::Unrouted, None, &text);
            continue;
        };
        server::judge(sender, request, cluster, &mut judged)?;
    }
    let steps = [steps, vec![route]].concat();
    Ok(Answer { status: None, ..judged.conclude(steps, host) })
}
