//! A request from elsewhere, as a gateway takes it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mesh_engine::filter::OnRoute;
use mesh_engine::gateway::{Gateway, Handler, HttpServer, Listener};
use mesh_engine::identity::SpiffeId;
use mesh_engine::policy::Claims;
use mesh_engine::{Connection, Program, Request};
use mesh_proxy::entry::{Origin, edge_scheme, enter_edge};
use mesh_snapshot::object::{FilterPlace, Traffic, Workload};

use super::answer::{Answer, Outcome, Step, place};
use super::client::{identity, nobody};
use super::follow::{self, Sender};
use super::steps::{Path, told};
use super::{AskError, Policy, Question, server, tracer};
use crate::local::program;

/// At the first of `gateways` that listens on the port.
pub(super) fn ask<'b>(
    policy: &'b Policy,
    gateways: impl Iterator<Item = &'b Workload>,
    question: &Question,
) -> Result<Answer, AskError> {
    let bundle = &policy.bundle;
    let port = question.to.port;
    let mut known = Vec::new();
    for workload in gateways {
        let own = program(bundle, workload)?;
        let listeners = || own.gateway().map(Gateway::listeners).into_iter().flatten();
        let listener =
            listeners().find(|listener| servers(listener).any(|server| server.port == port));
        if let Some(listener) = listener {
            return at_listener(policy, question, workload, &own, listener);
        }
        let ports = listeners().flat_map(servers).map(|server| server.port);
        known.push((workload, ports.collect()));
    }
    Err(AskError::NoGateway { port, known: ports(&known) })
}

/// What can be asked instead.
fn ports(gateways: &[(&Workload, BTreeSet<u16>)]) -> String {
    let told = gateways.iter().map(|(Workload { namespace, name, .. }, ports)| {
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        let ports = if ports.is_empty() { "no port".to_owned() } else { ports.join(", ") };
        format!("{namespace}/{name} takes HTTP on {ports}")
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() {
        return "there is none".to_owned();
    }
    format!("{}; `--to` is the host and the port that its client calls", told.join(", "))
}

fn servers(listener: &Listener) -> impl Iterator<Item = &HttpServer> {
    listener.chains().iter().filter_map(|chain| match &chain.handler {
        Handler::Http(server) => Some(server),
        Handler::Stream(_) => None,
    })
}

fn at_listener(
    policy: &Policy,
    question: &Question,
    workload: &Workload,
    own: &Program,
    listener: &Listener,
) -> Result<Answer, AskError> {
    let bundle = &policy.bundle;
    let identity = identity(own, workload);
    let mut first = Step::new("gateway");
    let scheme = edge_scheme(&question.headers, own.trusted_proxies() > 0, listener.tls);
    first.note(format!("{}/{} port {}", workload.namespace, workload.name, listener.port));
    let sni = Some(question.to.host.as_str()).filter(|_| listener.tls);
    let Some(chain) = listener.chain(sni) else {
        return Ok(nobody(
            vec![first],
            None,
            "no server of the gateway has that name: the connection is closed",
        ));
    };
    let source = place(&bundle.source_map, &chain.key, &chain.item);
    first.push(super::Mark::Yes, format!("{} {}", chain.key.name, chain.item), source);
    let Handler::Http(http) = &chain.handler else {
        return Ok(nobody(
            vec![first],
            None,
            "the server carries bytes: no route looks at a request",
        ));
    };
    let read = match question.read(scheme, own) {
        Ok(read) => read,
        Err(error) => return Ok(nobody(vec![first], Some(400), &error.to_string())),
    };
    let remote = own.remote_address(question.source, &question.headers);
    let mut entered = question.headers.clone();
    // Of certificates of clients from outside a question says nothing.
    let source = question.source.to_canonical();
    enter_edge(&mut entered, &Origin { scheme, source, remote, certificate: None }, own);
    let asked = Request { headers: &entered, ..read.request(http.port) };
    let path = Path {
        program: own,
        traffic: Traffic::Gateway,
        port: listener.port,
        sources: &bundle.source_map,
    };
    let (mut put, mut headers) = (Step::new("filters"), asked.headers.clone());
    let on = OnRoute::of(&http.route(&asked, &Claims::default()), http.port);
    path.pass(FilterPlace::First, on.as_ref(), &mut headers, &mut put);
    let request = Request { headers: &headers, ..asked };
    let sender = Sender {
        program: own,
        identity: SpiffeId::from_text(&identity).ok(),
        question,
        address: question.gateway,
        policy,
    };
    let connection = Connection {
        source: question.source,
        remote,
        destination: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listener.port),
        peer: None,
        sni,
        mutual_tls: false,
    };
    let mut judged = Step::new("policy");
    let (outcome, status, summary) =
        server::decide(&sender, own, &request, &connection, &mut judged);
    let mut steps = vec![first, judged];
    if outcome == Outcome::Denied {
        steps.extend(told(put));
        return Ok(Answer { outcome, status, summary, steps });
    }
    let claims = claims(own, &request);
    let passed = path.route(&request, &[FilterPlace::Last], &mut put, |request, step| {
        http.route_traced(request, &claims, &mut |traced: mesh_engine::trace::Step<'_>| {
            tracer::tell(&traced, &bundle.source_map, step);
        })
    });
    steps.extend(told(put));
    let request = Request { headers: &passed.headers, ..request };
    follow::follow(&sender, &request, passed.outcome, passed.route, steps)
}

/// Of a token that was accepted before.
fn claims(program: &Program, request: &Request<'_>) -> Claims {
    let now = mesh_control::clock::wall().as_secs();
    program.policy().authenticate(request, &(), now).unwrap_or_default()
}
