//! What a gateway makes of a request from within the mesh: what its server wants, and whom it knows by the TLS that it ends.

use mesh_engine::Request;
use mesh_engine::cluster::Cluster;
use mesh_engine::gateway::{Chain, Gateway, Handler};
use mesh_snapshot::object::{ClientCertificate, ServerTls};

use super::AskError;
use super::answer::{Answer, Mark, Outcome, Step, nobody};
use super::edge::{Accepted, Edge};
use super::handshake::{self, Hello, Server, own_tls};
use super::inquiry::Asked;
use super::spoken::{Payload, Spoken};

/// As a gateway takes what a proxy of the mesh sends it, to one of those behind `cluster`.
pub(super) fn ask(
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
    let edge = Edge::of(sender.inquiry, workload, program);
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
