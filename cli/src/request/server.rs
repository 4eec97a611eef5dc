//! The server's side: whom its proxy lets in, and what for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::HeaderValue;
use mesh_engine::cluster::{Cluster, Endpoint, takes_mutual_tls};
use mesh_engine::filter::OnRoute;
use mesh_engine::policy::{Claims, Decision, Verdict};
use mesh_engine::trace::Step as Traced;
use mesh_engine::{Connection, Program, Request};
use mesh_proxy::entry::{enter_inbound, mesh_scheme};
use mesh_snapshot::SourceMap;
use mesh_snapshot::object::{Discovery, EndpointSet, FilterPlace, Role, TargetPort, Traffic};

use super::answer::{Mark, Outcome, Step, place};
use super::handshake::{Carries, Hello, Server};
use super::judgement::Judgement;
use super::pods::{Pod, Selection};
use super::sender::{Sender, identity};
use super::spoken::Spoken;
use super::steps::{Path, told};
use super::{AskError, endpoint, machines, steps, tracer, within};

/// What becomes of `request` at the workloads behind `cluster`.
pub(super) fn judge(
    sender: &Sender<'_>,
    request: &Request<'_>,
    cluster: &Cluster,
    judged: &mut Judgement,
) -> Result<(), AskError> {
    let selector = match cluster.discovery() {
        Discovery::World { set: EndpointSet::Selected { namespace, labels }, .. } => {
            (namespace.as_str(), labels)
        }
        Discovery::Declared { endpoints }
            if endpoints.is_empty() || !cluster.service().external =>
        {
            return machines::judge(sender, request, cluster, endpoints, judged);
        }
        Discovery::Dns { endpoints, .. }
            if !endpoints.is_empty() && !cluster.service().external =>
        {
            return machines::judge(sender, request, cluster, endpoints, judged);
        }
        other => {
            let text = elsewhere(other, cluster);
            let mut step = Step::new("server");
            step.push(Mark::Yes, &text, None);
            judged.tell(cluster.host().to_owned(), vec![step]);
            judged.answer(Outcome::Forwarded, None, &text);
            return Ok(());
        }
    };
    let selection = Selection::of(sender, cluster, selector);
    let backing = selection.pods(sender.inquiry.policy);
    for pods in &backing {
        at_pods(sender, request, cluster, pods, judged)?;
    }
    if backing.is_empty() {
        let text = match &selection.called {
            Some(pod) => format!("no pod {pod} of the inventory backs {}", cluster.name()),
            None => format!("no workload of the inventory backs {}", cluster.name()),
        };
        judged.answer(Outcome::Unrouted, Some(503), &text);
    }
    Ok(())
}

/// What becomes of it at those of a workload that are told apart. They are told as one where the same happens to all.
fn at_pods(
    sender: &Sender<'_>,
    request: &Request<'_>,
    cluster: &Cluster,
    pods: &[Pod<'_>],
    judged: &mut Judgement,
) -> Result<(), AskError> {
    if let [only] = pods {
        return at_pod(sender, request, cluster, only, judged);
    }
    let mut each = Judgement::default();
    for pod in pods {
        at_pod(sender, request, cluster, pod, &mut each)?;
    }
    match pods.first() {
        Some(first) if each.is_told_at_once() => {
            at_pod(sender, request, cluster, &first.as_one(), judged)
        }
        _ => {
            judged.extend(each);
            Ok(())
        }
    }
}

fn elsewhere(discovery: &Discovery, cluster: &Cluster) -> String {
    let how = match cluster.tls() {
        mesh_snapshot::object::ClientTls::Originate { .. } => ", over TLS that the proxy begins",
        _ => "",
    };
    let what = match discovery {
        Discovery::World { .. } => "endpoints that the registry lists",
        Discovery::Declared { .. } => "endpoints that policy lists",
        Discovery::Dns { .. } => "what DNS resolves",
        Discovery::OriginalDestination => "the address that the client meant",
    };
    let host = cluster.host();
    if cluster.service().external {
        format!("{host} leaves the mesh, to {what}{how}")
    } else if let Discovery::World { .. } = discovery {
        format!(
            "{host} leads to {what}{how}: who they are is not known, and no policy of theirs is asked"
        )
    } else {
        format!(
            "{host} stays in the mesh, at {what}{how}: who serves it there is not known, and no policy of theirs is asked"
        )
    }
}

fn at_pod(
    sender: &Sender<'_>,
    request: &Request<'_>,
    cluster: &Cluster,
    pod: &Pod<'_>,
    judged: &mut Judgement,
) -> Result<(), AskError> {
    let workload = &*pod.workload;
    let of = workload.full_name();
    let port = match &cluster.port().target {
        TargetPort::Number(port) => Some(*port),
        TargetPort::Name(port) => workload.ports.get(port).copied(),
    };
    let Some(port) = port else {
        let text = format!("{of} has no port of the name that the service leads to");
        let mut step = pod.step();
        step.push(Mark::No, &text, None);
        judged.tell(pod.name.clone(), vec![step]);
        judged.answer(Outcome::Unrouted, Some(503), &text);
        return Ok(());
    };
    let meshed = takes_mutual_tls(workload.role, &workload.labels);
    let endpoint = Endpoint { labels: &workload.labels, workload_port: port, meshed };
    at_port(sender, request, cluster, pod, &endpoint, judged)
}

/// At a port that is known, of who is an endpoint for the client.
pub(super) fn at_port(
    sender: &Sender<'_>,
    request: &Request<'_>,
    cluster: &Cluster,
    pod: &Pod<'_>,
    endpoint: &Endpoint<'_>,
    judged: &mut Judgement,
) -> Result<(), AskError> {
    let (workload, name, port) = (&*pod.workload, pod.name.clone(), endpoint.workload_port);
    let of = workload.full_name();
    let mut step = pod.step();
    if let Some(why) = sender.inquiry.policy.why_without_proxy(workload) {
        let endpoint = Endpoint { meshed: false, ..*endpoint };
        let text = format!("{of} has no proxy: {why}");
        endpoint::take(sender, cluster, &endpoint, (name, &text), judged);
        return Ok(());
    }
    if let Some(annotation) = sender.inquiry.policy.kept_by(workload, port) {
        let text = format!("{of} keeps port {port} from its proxy by `{annotation}`");
        endpoint::take(sender, cluster, endpoint, (name, &text), judged);
        return Ok(());
    }
    let own = sender.inquiry.program(workload)?;
    let hello = Hello::of(sender, cluster, endpoint, request);
    let server = Server { sender, program: &own, workload, port };
    if workload.role == Role::Gateway {
        return at_gateway(&server, &hello, (request, cluster), (name, step), judged);
    }
    let carries = match server.hear(&hello, &mut step) {
        Ok(carries) => carries,
        Err(text) => {
            judged.tell(name.clone(), vec![step]);
            judged.answer(Outcome::Refused, Some(503), &format!("{name}: {text}"));
            return Ok(());
        }
    };
    if sender.address != sender.question.source {
        let (gateway, client) = (sender.address, sender.question.source);
        step.note(format!(
            "the peer is the gateway at {gateway}, which says that the client is {client}"
        ));
    }
    let mutual = hello.spoken == Spoken::Mutual;
    let connection = Connection {
        source: sender.address,
        remote: own.remote_address(sender.address, request.headers),
        destination: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
        peer: sender.identity.filter(|_| mutual),
        sni: hello.server_name.as_deref(),
        mutual_tls: mutual,
    };
    if let Carries::Bytes(why) = carries {
        step.note(why);
        let mut policy = Step::new("policy");
        let (outcome, status, summary) = decide_bytes(sender, &own, &connection, &mut policy);
        judged.tell(name.clone(), vec![step, policy]);
        judged.answer(outcome, status, &format!("{name}: {summary}"));
        return Ok(());
    }
    let path = Path {
        program: &own,
        traffic: Traffic::Inbound,
        port,
        sources: &sender.inquiry.policy.bundle.source_map,
    };
    let host = virtual_host(&own, port);
    let on = OnRoute::inbound(port, &host);
    let (mut put, mut headers) = (Step::new("filters"), request.headers.clone());
    let by_connection = if hello.spoken == Spoken::Plain { "http" } else { "https" };
    let scheme = mesh_scheme(&headers, by_connection);
    let element = connection.peer.and_then(|it| element(it.text(), &identity(&own, workload)));
    enter_inbound(&mut headers, scheme, element.as_ref(), &own);
    path.pass(FilterPlace::First, Some(&on), &mut headers, &mut put);
    let request = Request { headers: &headers, ..*request };
    let mut policy = Step::new("policy");
    let (outcome, status, summary) = decide(sender, &own, &request, &connection, &mut policy);
    if outcome != Outcome::Denied {
        path.pass(FilterPlace::Last, Some(&on), &mut headers.clone(), &mut put);
        steps::tell_route(&own, Traffic::Inbound, Some(&on), path.sources, &mut put);
    }
    let told = [Some(step), Some(policy), told(put)].into_iter().flatten();
    judged.tell(name.clone(), told.collect());
    judged.answer(outcome, status, &format!("{name}: {summary}"));
    Ok(())
}

/// A gateway goes by its own servers and routes.
fn at_gateway(
    server: &Server<'_>,
    hello: &Hello,
    (request, cluster): (&Request<'_>, &Cluster),
    (name, mut step): (String, Step),
    judged: &mut Judgement,
) -> Result<(), AskError> {
    let answer = within::ask(server, hello, request, cluster)?;
    let goes_round = answer.outcome == Outcome::Endless;
    if goes_round && server.sender.question.has_passed(cluster.name()) {
        let (host, port) = (cluster.host(), cluster.port().number);
        let text = format!(
            "it comes back to {host}:{port}, and goes round until it is refused or times out"
        );
        step.push(Mark::No, &text, None);
        judged.tell(name, vec![step]);
        judged.answer(Outcome::Endless, None, &text);
        return Ok(());
    }
    // Where a request goes round, it is no one gateway that lets it.
    let summary = if goes_round { answer.summary } else { format!("{name}: {}", answer.summary) };
    judged.answer(answer.outcome, answer.status, &summary);
    judged.tell(name, answer.steps);
    Ok(())
}

/// What a server's proxy tells of a client of the mesh, without the digest of its certificate, which nobody knows here.
fn element(client: &str, server: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("By=spiffe://{server};Subject=\"\";URI=spiffe://{client}")).ok()
}

/// Source: Istio, `buildSidecarInboundHTTPRouteConfig`.
fn virtual_host(program: &Program, port: u16) -> String {
    let inbound = program.inbound();
    let of_service = inbound.port(port).service.map_or(port, |(_, number)| number);
    format!("inbound|http|{}", if inbound.knows(port) { of_service } else { 0 })
}

/// Tokens, then rules.
pub(super) fn decide(
    sender: &Sender<'_>,
    program: &Program,
    request: &Request<'_>,
    connection: &Connection<'_>,
    step: &mut Step,
) -> (Outcome, Option<u16>, String) {
    let policy = program.policy();
    let now = mesh_control::clock::wall().as_secs();
    let claims = match policy.authenticate(request, &(), now) {
        Ok(claims) => claims,
        Err(error) => {
            step.push(Mark::No, format!("the token is not accepted: {error}"), None);
            return (Outcome::Denied, Some(error.status()), error.to_string());
        }
    };
    tell_token(&claims, step);
    let sources = &sender.inquiry.policy.bundle.source_map;
    let verdict =
        policy.authorize_traced(request, connection, &claims, &mut |traced: Traced<'_>| {
            tracer::tell(&traced, sources, step);
        });
    conclude(&verdict, Some(403), sources, step)
}

/// The rules for connections whose bytes are not HTTP. Whom one refuses has no answer.
pub(super) fn decide_bytes(
    sender: &Sender<'_>,
    program: &Program,
    connection: &Connection<'_>,
    step: &mut Step,
) -> (Outcome, Option<u16>, String) {
    let sources = &sender.inquiry.policy.bundle.source_map;
    let mut trace = |traced: Traced<'_>| tracer::tell(&traced, sources, step);
    let verdict = program.policy().authorize_connection_traced(connection, &mut trace);
    conclude(&verdict, None, sources, step)
}

/// `refused`: with which status.
fn conclude(
    verdict: &Verdict<'_>,
    refused: Option<u16>,
    sources: &SourceMap,
    step: &mut Step,
) -> (Outcome, Option<u16>, String) {
    if let Some(ask) = &verdict.ask {
        step.note(format!("an external authorizer decides, too: {}", ask.provider));
    }
    match (verdict.decision, verdict.decision.rule()) {
        (Decision::Allowed(_), Some(rule)) => {
            let summary = format!("allowed by {}/{} {}", rule.namespace, rule.policy, rule.item());
            (Outcome::Delivered, None, summary)
        }
        (Decision::Allowed(_), None) => {
            step.push(Mark::Yes, "no ALLOW policy selects the workload: everybody may", None);
            (Outcome::Delivered, None, "allowed: no policy forbids it".to_owned())
        }
        (Decision::Denied(_), rule) => {
            let details = verdict.decision.details().map(|it| it.to_string()).unwrap_or_default();
            let by = rule.map(|rule| {
                let source = place(sources, &rule.key, rule.item()).unwrap_or_default();
                format!("denied by {}/{} {} ({source})", rule.namespace, rule.policy, rule.item())
            });
            let told = by.as_ref().map_or_else(
                || "there is an ALLOW policy, and none of its rules matches".to_owned(),
                |_| "a DENY rule matches".to_owned(),
            );
            step.push(Mark::No, told, None);
            let by = by.unwrap_or_else(|| "denied: no ALLOW rule matches".to_owned());
            (Outcome::Denied, refused, format!("{by}, {details}"))
        }
    }
}

fn tell_token(claims: &Claims, step: &mut Step) {
    if let (Some(issuer), subject) = (claims.issuer(), claims.subject()) {
        step.push(Mark::Yes, format!("token of {issuer}/{}", subject.unwrap_or("-")), None);
    }
}
