//! What a gateway makes of a request, wherever it comes from, and of one from within the mesh.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mesh_engine::cluster::Cluster;
use mesh_engine::filter::OnRoute;
use mesh_engine::gateway::{Gateway, Handler, Listener};
use mesh_engine::identity::SpiffeId;
use mesh_engine::policy::Claims;
use mesh_engine::{Connection, Program, Request};
use mesh_proxy::entry::{Origin, edge_scheme, enter_edge};
use mesh_snapshot::object::{ClientCertificate, FilterPlace, ServerTls, Traffic, Workload};

use super::answer::{Answer, Mark, Outcome, Step, nobody, place};
use super::handshake::{self, Hello, Server, own_tls};
use super::inquiry::{Asked, Inquiry};
use super::sender::{Sender, identity};
use super::spoken::Spoken;
use super::steps::{Path, told};
use super::{AskError, Question, follow, server, tracer};

/// As a gateway takes what a proxy of the mesh sends it, to one of those behind `cluster`.
pub(super) fn within(
    server: &Server<'_>,
    hello: &Hello,
    request: &Request<'_>,
    cluster: &Cluster,
) -> Result<Answer, AskError> {
    let Server { sender, workload, port, .. } = *server;
    let Some(question) = sender.question.through_gateway(request, sender.address, cluster.name())
    else {
        let text = "it goes from gateway to gateway, and reaches nobody";
        let answer = nobody(vec![Step::new("gateway")], None, text);
        let is_back = sender.question.has_passed(cluster.name());
        let outcome = if is_back { Outcome::Endless } else { answer.outcome };
        return Ok(Answer { outcome, ..answer });
    };
    let identity = sender.identity.filter(|_| hello.spoken == Spoken::Mutual);
    let asked = Asked {
        question,
        port,
        spoken: hello.spoken,
        server_name: hello.server_name.clone(),
        peer: identity.map(|it| it.text().to_owned()),
    };
    sender.inquiry.once(workload, asked, |asked| in_the_middle(server, asked))
}

fn in_the_middle(server: &Server<'_>, asked: &Asked) -> Result<Answer, AskError> {
    let Server { sender, program, workload, port } = *server;
    let mut step = Step::new("gateway");
    let listeners = program.gateway().map(Gateway::listeners).into_iter().flatten();
    let Some(listener) = listeners.into_iter().find(|it| it.port == port) else {
        let text = format!("no server of a Gateway listens on port {port}");
        return Ok(nobody(vec![step], Some(503), &text));
    };
    let sni = asked.server_name.as_deref().filter(|_| listener.tls);
    let wants = listener.chain(sni).map_or("TLS", |it| wanted(&it.tls));
    let fits =
        listener.chain(sni).map_or(asked.spoken != Spoken::Plain, |it| ends(&it.tls, asked.spoken));
    let spoken = asked.spoken.words();
    let text = format!("port {port}: client speaks {spoken}, server wants {wants}");
    step.push(if fits { Mark::Yes } else { Mark::No }, &text, None);
    if !fits {
        let steps = vec![step];
        return Ok(Answer { outcome: Outcome::Refused, status: Some(503), summary: text, steps });
    }
    let peer = sender.identity.filter(|_| asked.spoken == Spoken::Mutual && listener.tls);
    let accepted = Accepted { sni, peer };
    let edge = Edge { inquiry: sender.inquiry, workload, program };
    edge.accept(&asked.question, listener, &accepted, step)
}

fn wanted(tls: &ServerTls) -> &'static str {
    match tls {
        ServerTls::Off | ServerTls::Redirect => "plain text",
        ServerTls::Passthrough => "any TLS",
        ServerTls::Terminate(it) if it.client == ClientCertificate::Mesh => "mutual TLS",
        ServerTls::Terminate(it) => own_tls(it),
    }
}

fn ends(tls: &ServerTls, spoken: Spoken) -> bool {
    match tls {
        ServerTls::Off | ServerTls::Redirect => spoken == Spoken::Plain,
        ServerTls::Passthrough => spoken != Spoken::Plain,
        ServerTls::Terminate(it) if it.client == ClientCertificate::Mesh => {
            spoken == Spoken::Mutual
        }
        ServerTls::Terminate(it) => handshake::ends(it, spoken),
    }
}

/// A connection as a gateway sees it.
pub(super) struct Accepted<'a> {
    pub sni: Option<&'a str>,
    /// Whom the mesh's TLS proves the client to be.
    pub peer: Option<SpiffeId<'a>>,
}

/// A gateway that takes requests.
pub(super) struct Edge<'a> {
    pub inquiry: &'a Inquiry<'a>,
    pub workload: &'a Workload,
    /// Of the workload.
    pub program: &'a Program,
}

impl Edge<'_> {
    /// Ends `first` with the server that takes the connection, and goes on.
    pub(super) fn accept(
        &self,
        question: &Question,
        listener: &Listener,
        accepted: &Accepted<'_>,
        mut first: Step,
    ) -> Result<Answer, AskError> {
        let Edge { inquiry, program: own, .. } = *self;
        let bundle = &inquiry.policy.bundle;
        let identity = identity(own, self.workload);
        let scheme = edge_scheme(&question.headers, own.trusted_proxies() > 0, listener.tls);
        let Some(chain) = listener.chain(accepted.sni) else {
            return Ok(nobody(
                vec![first],
                None,
                "no server of the gateway has that name: the connection is closed",
            ));
        };
        let source = place(&bundle.source_map, &chain.key, &chain.item);
        first.push(Mark::Yes, format!("{} {}", chain.key.name, chain.item), source);
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
            inquiry,
        };
        let connection = Connection {
            source: question.source,
            remote,
            destination: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listener.port),
            peer: accepted.peer,
            sni: accepted.sni,
            mutual_tls: accepted.peer.is_some(),
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
        // All have judged the request as it came; whoever is next may not see the token.
        let mut headers = passed.headers;
        claims.write_headers(&mut headers);
        let query = request.query.and_then(|query| claims.rest_of_query(query));
        let query = query.as_deref();
        let request = Request { headers: &headers, query, ..request };
        follow::follow(&sender, &request, passed.outcome, passed.route, steps)
    }
}

/// Of a token that was accepted before.
fn claims(program: &Program, request: &Request<'_>) -> Claims {
    let now = mesh_control::clock::wall().as_secs();
    program.policy().authenticate(request, &(), now).unwrap_or_default()
}
