//! From a client's route to the servers that it leads to.

use std::collections::BTreeSet;

use http::HeaderMap;
use mesh_engine::Request;
use mesh_engine::cluster::Cluster;
use mesh_engine::filter::{Moment, OnRoute};
use mesh_engine::route::{
    Action, Backend, Edits, Forward, HeaderPlan, Outcome as Routed, Selected, Target, Value,
};
use mesh_snapshot::object::PartsPerMillion;

use super::answer::{Answer, Mark, Outcome, Step};
use super::judgement::Judgement;
use super::sender::Sender;
use super::{AskError, describe, server, steps};

/// Ends `steps` with `route`, and goes on where it leads.
pub(super) fn follow(
    sender: &Sender<'_>,
    request: &Request<'_>,
    routed: Routed<'_>,
    mut route: Step,
    mut steps: Vec<Step>,
) -> Result<Answer, AskError> {
    let selected = match routed {
        Routed::Route(selected) => selected,
        other => {
            let (outcome, status, summary) = without_route(&other);
            let mark = if outcome.is_good() { Mark::Yes } else { Mark::No };
            route.push(mark, &summary, None);
            steps.push(route);
            return Ok(Answer { outcome, status, summary, steps });
        }
    };
    describe::faults(&selected.route.faults, &mut route);
    let on = OnRoute::of(&routed, request.port);
    let traffic = steps::sent(sender.program);
    let sources = &sender.inquiry.policy.bundle.source_map;
    steps::tell_route(sender.program, traffic, on.as_ref(), sources, &mut route);
    let always = selected.route.faults.abort().filter(|(_, share)| *share == PartsPerMillion::ALL);
    let answered = match (&selected.route.action, always) {
        (_, Some((abort, _))) => {
            let status = match abort {
                mesh_snapshot::object::AbortStatus::Http(status) => status,
                mesh_snapshot::object::AbortStatus::Grpc(_) => 200,
            };
            Some((status, "every request is aborted on purpose".to_owned()))
        }
        (Action::Redirect(redirect), None) => {
            let mut location = String::new();
            redirect.write_location(request, selected.covered, &mut location);
            Some((redirect.status, format!("redirect to {location}")))
        }
        (Action::Respond { status, .. }, None) => {
            Some((*status, format!("the proxy answers {status} itself")))
        }
        (Action::Forward(_), None) => None,
    };
    if let Some((status, summary)) = answered {
        route.note(&summary);
        steps.push(route);
        let outcome = Outcome::Answered;
        return Ok(Answer { outcome, status: Some(status), summary, steps });
    }
    let Action::Forward(forward) = &selected.route.action else {
        unreachable!("the other actions were answered above")
    };
    describe::forward(forward, &mut route);
    steps.push(route);
    forwarded(sender, request, &selected, forward, steps)
}

fn without_route(routed: &Routed<'_>) -> (Outcome, Option<u16>, String) {
    match routed {
        Routed::Passthrough => {
            let text = "to where the client was going: the mesh does not know the host";
            (Outcome::Forwarded, None, text.to_owned())
        }
        Routed::Blackhole => {
            let text = "the mesh does not know the host, and registered ones alone may be called";
            (Outcome::Unrouted, Some(502), text.to_owned())
        }
        Routed::NoRoute(host) => {
            (Outcome::Unrouted, Some(404), format!("no route of {host} takes the request"))
        }
        Routed::HttpsRedirect => (Outcome::Answered, Some(301), "redirect to https".to_owned()),
        Routed::NoHost | Routed::Route(_) => {
            (Outcome::Unrouted, Some(404), "no virtual host is for this authority".to_owned())
        }
    }
}

/// The worst of what happens at any backend that gets requests decides.
fn forwarded(
    sender: &Sender<'_>,
    request: &Request<'_>,
    selected: &Selected<'_>,
    forward: &Forward,
    steps: Vec<Step>,
) -> Result<Answer, AskError> {
    let path = describe::rewritten(forward.rewrite.as_ref(), request.path, selected.covered);
    let mut judged = Judgement::default();
    let mut seen = BTreeSet::new();
    for (weight, backend) in forward.backends.backends() {
        let (name, cluster) = match &backend.target {
            _ if weight == 0 => continue,
            Target::Status(status) => {
                judged.answer(Outcome::Answered, Some(*status), "a backend that is not valid");
                continue;
            }
            Target::Cluster(upstream) => {
                let cluster = upstream.cluster.and_then(|id| sender.program.cluster(id));
                (&upstream.name, cluster)
            }
        };
        let Some(cluster) = cluster else {
            judged.answer(Outcome::Unrouted, Some(503), &format!("there is no cluster {name}"));
            continue;
        };
        if !seen.insert(name) {
            continue;
        }
        let headers = headers(sender, request, backend, selected);
        let authority = authority(request, forward, backend, &selected.route.headers);
        let sent = Request {
            path: &path,
            headers: &headers,
            authority: &authority,
            port: cluster.port().number,
            ..*request
        };
        server::judge(sender, &sent, cluster, &mut judged)?;
    }
    Ok(judged.conclude(steps, &forward_name(forward, sender)))
}

fn forward_name(forward: &Forward, sender: &Sender<'_>) -> String {
    let clusters = forward.backends.backends().filter_map(|(_, backend)| match &backend.target {
        Target::Cluster(upstream) => sender.program.cluster(upstream.cluster?).map(Cluster::host),
        Target::Status(_) => None,
    });
    clusters.map(str::to_owned).next().unwrap_or_default()
}

/// As the server sees them: the narrower edits first, values that depend on the request as they are known here.
fn headers(
    sender: &Sender<'_>,
    request: &Request<'_>,
    backend: &Backend,
    selected: &Selected<'_>,
) -> HeaderMap {
    let on = OnRoute::of(&Routed::Route(*selected), request.port);
    let mut headers = request.headers.clone();
    edit(&mut headers, &backend.headers.request);
    steps::lead(sender.program, on.as_ref(), Moment::Before, &mut headers);
    edit(&mut headers, &selected.route.headers.request);
    steps::lead(sender.program, on.as_ref(), Moment::After, &mut headers);
    headers
}

/// A value that is computed from what only a real request has stays out.
fn edit(headers: &mut HeaderMap, edits: &Edits) {
    for name in &edits.remove {
        headers.remove(name);
    }
    for (name, value) in &edits.set {
        if let Value::Fixed(value) = value {
            headers.insert(name, value.clone());
        }
    }
    for (name, value) in &edits.add {
        if let Value::Fixed(value) = value {
            headers.append(name, value.clone());
        }
    }
}

fn authority(
    request: &Request<'_>,
    forward: &Forward,
    backend: &Backend,
    route: &HeaderPlan,
) -> String {
    let written = forward.authority(route, &backend.headers).and_then(|value| value.to_str().ok());
    written.unwrap_or(request.authority).to_owned()
}
