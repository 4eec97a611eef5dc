//! What a gateway makes of a request, wherever it comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mesh_engine::filter::OnRoute;
use mesh_engine::gateway::{Handler, Listener};
use mesh_engine::identity::SpiffeId;
use mesh_engine::policy::Claims;
use mesh_engine::{Connection, Program, Request};
use mesh_proxy::entry::{Origin, edge_scheme, enter_edge};
use mesh_snapshot::object::{FilterPlace, Traffic, Workload};

use super::answer::{Answer, Mark, Outcome, Step, nobody, place};
use super::inquiry::Inquiry;
use super::sender::{Sender, identity};
use super::spoken::{Payload, Spoken};
use super::steps::{Path, told};
use super::{AskError, Question, follow, handshake, server, tracer};

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
    inquiry: &'a Inquiry<'a>,
    program: &'a Program,
    /// What it proves to servers behind it.
    identity: String,
}

impl<'a> Edge<'a> {
    /// `program` is of the workload.
    pub(super) fn of(inquiry: &'a Inquiry<'a>, workload: &Workload, program: &'a Program) -> Self {
        Self { inquiry, program, identity: identity(program, workload) }
    }

    /// Who sends on what it has taken.
    pub(super) fn sender<'s>(&'s self, question: &'s Question, payload: Payload) -> Sender<'s> {
        Sender {
            program: self.program,
            identity: SpiffeId::from_text(&self.identity).ok(),
            question,
            address: question.gateway,
            inquiry: self.inquiry,
            payload,
        }
    }

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
        let scheme = match &chain.handler {
            Handler::Http(_) => {
                edge_scheme(&question.headers, own.trusted_proxies() > 0, listener.tls)
            }
            Handler::Stream(_) => "http",
        };
        let read = match question.read(scheme, own) {
            Ok(read) => read,
            Err(error) => return Ok(nobody(vec![first], Some(400), &error.to_string())),
        };
        let http = match &chain.handler {
            Handler::Http(http) => http,
            Handler::Stream(server) => {
                let request = read.request(server.port);
                return self.carry((question, &request), (listener, server), accepted, first);
            }
        };
        if *accepted.payload != Payload::Requests {
            first.note("the server reads requests, and the client's port carries bytes: they are taken for HTTP");
        }
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
        let sender = self.sender(question, Payload::Requests);
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
