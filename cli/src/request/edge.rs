//! What a gateway makes of a request, wherever it comes from, and of one from within the mesh.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mesh_engine::cluster::Cluster;
use mesh_engine::filter::OnRoute;
use mesh_engine::gateway::{Chain, Gateway, Handler, Listener};
use mesh_engine::identity::SpiffeId;
use mesh_engine::policy::Claims;
use mesh_engine::{Connection, Program, Request};
use mesh_proxy::entry::{Origin, edge_scheme, enter_edge};
use mesh_snapshot::object::{ClientCertificate, FilterPlace, ServerTls, Traffic, Workload};

use super::answer::{Answer, Mark, Outcome, Step, nobody, place};
use super::handshake::{self, Hello, Server, own_tls};
use super::inquiry::{Asked, Inquiry};
use super::sender::{Sender, identity};
use super::spoken::{Payload, Spoken};
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
    // Where its proxy begins none, the TLS that a client begins itself is what the gateway sees.
    let (spoken, server_name) = match (&sender.payload, hello.spoken) {
        (Payload::Bytes { server_name: Some(name) }, Spoken::Plain) => (Spoken::Tls, Some(name)),
        _ => (hello.spoken, hello.server_name.as_ref()),
    };
    let asked = Asked {
        question,
        port,
        spoken,
        payload: sender.payload.clone(),
        server_name: server_name.cloned(),
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
    let chain = listener.chain(sni);
    let wants = chain.map_or("TLS", wanted);
    let fits = chain.map_or(asked.spoken != Spoken::Plain, |it| takes(it, asked.spoken));
    let spoken = asked.spoken.words();
    let text = format!("port {port}: client speaks {spoken}, server wants {wants}");
    step.push(if fits { Mark::Yes } else { Mark::No }, &text, None);
    if !fits {
        let steps = vec![step];
        return Ok(Answer { outcome: Outcome::Refused, status: Some(503), summary: text, steps });
    }
    let is_proved = asked.spoken == Spoken::Mutual && chain.is_some_and(ends_mutual);
    let peer = sender.identity.filter(|_| is_proved);
    let accepted = Accepted { sni, peer, spoken: asked.spoken, payload: &asked.payload };
    let edge = Edge { inquiry: sender.inquiry, workload, program };
    edge.accept(&asked.question, listener, &accepted, step)
}

fn wanted(chain: &Chain) -> &'static str {
    match (&chain.tls, &chain.handler) {
        (ServerTls::Off | ServerTls::Redirect, Handler::Stream(_)) => "any bytes",
        (ServerTls::Off | ServerTls::Redirect, Handler::Http(_)) => "plain text",
        (ServerTls::Passthrough, _) => "any TLS",
        (ServerTls::Terminate(_), _) if ends_mutual(chain) => "mutual TLS",
        (ServerTls::Terminate(it), _) => own_tls(it),
    }
}

fn takes(chain: &Chain, spoken: Spoken) -> bool {
    match (&chain.tls, &chain.handler) {
        (ServerTls::Off | ServerTls::Redirect, Handler::Stream(_)) => true,
        (ServerTls::Off | ServerTls::Redirect, Handler::Http(_)) => spoken == Spoken::Plain,
        (ServerTls::Passthrough, _) => spoken != Spoken::Plain,
        (ServerTls::Terminate(_), _) if ends_mutual(chain) => spoken == Spoken::Mutual,
        (ServerTls::Terminate(it), _) => handshake::ends(it, spoken),
    }
}

/// Whether the gateway ends the mesh's own TLS, which alone proves to it who the client is.
fn ends_mutual(chain: &Chain) -> bool {
    matches!(&chain.tls, ServerTls::Terminate(it) if it.client == ClientCertificate::Mesh)
}

/// A connection as a gateway sees it.
pub(super) struct Accepted<'a> {
    pub sni: Option<&'a str>,
    /// Whom the mesh's TLS proves the client to be.
    pub peer: Option<SpiffeId<'a>>,
    /// By the connection, whoever began its TLS.
    pub spoken: Spoken,
    /// Of a client in the mesh; those from elsewhere send what the server is for.
    pub payload: &'a Payload,
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
        if question.way.is_empty()
            && let Some(asked) = handshake::certificate(&chain.tls)
        {
            first.note(asked);
        }
        let http = match &chain.handler {
            Handler::Http(http) => http,
            Handler::Stream(server) => {
                return self.carry(question, (listener, server), accepted, first);
            }
        };
        if *accepted.payload != Payload::Requests {
            first.note("the server reads requests, and the client's port carries bytes: they are taken for HTTP");
        }
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
            payload: Payload::Requests,
        };
        let connection = accepted.connection(question, remote, listener.port);
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

impl Accepted<'_> {
    /// As policies see it, at a port of the gateway's.
    pub(super) fn connection(
        &self,
        question: &Question,
        remote: IpAddr,
        port: u16,
    ) -> Connection<'_> {
        Connection {
            source: question.source,
            remote,
            destination: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            peer: self.peer,
            sni: self.sni,
            mutual_tls: self.peer.is_some(),
        }
    }
}

/// Of a token that was accepted before.
fn claims(program: &Program, request: &Request<'_>) -> Claims {
    let now = mesh_control::clock::wall().as_secs();
    program.policy().authenticate(request, &(), now).unwrap_or_default()
}
