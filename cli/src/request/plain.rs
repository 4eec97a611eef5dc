//! Workloads without a proxy: they send plain text to the instances of a Service, past all routes, and take what comes.

use mesh_engine::FEATURES;
use mesh_engine::cluster::{Cluster, Endpoint};
use mesh_snapshot::object::Workload;

use super::answer::{Answer, Mark, Outcome, Step};
use super::client::nobody;
use super::follow::Sender;
use super::handshake::Spoken;
use super::{AskError, Policy, Question, server};
use crate::local::program;

/// `why` it has none.
pub(super) fn ask(
    policy: &Policy,
    caller: &Workload,
    why: &str,
    question: &Question,
) -> Result<Answer, AskError> {
    // What it would see of the mesh tells which Service a name stands for.
    let own = program(&policy.bundle, caller, FEATURES)?;
    let mut step = Step::new("client");
    step.note(format!("{}/{} without a proxy: {why}", caller.namespace, caller.name));
    step.note("it sends plain text as nobody, and no route applies");
    let port = question.to.port;
    let arrival = own.outbound().map(|it| it.arrival_by_name(&question.to.host, port));
    let host = arrival.as_ref().and_then(mesh_engine::outbound::Arrival::host);
    let Some(host) = host else {
        let summary = "to where the client was going, past the mesh".to_owned();
        return Ok(Answer {
            outcome: Outcome::Forwarded,
            status: None,
            summary,
            steps: vec![step],
        });
    };
    let Some(cluster) = own.cluster_by_name(&format!("outbound|{port}||{host}")) else {
        return Ok(nobody(vec![step], None, &format!("{host} has no port {port}")));
    };
    // As its server's proxy reads it.
    let read = match question.read("http", &own) {
        Ok(read) => read,
        Err(error) => return Ok(nobody(vec![step], Some(400), &error.to_string())),
    };
    let request = read.request(port);
    let address = question.source;
    let sender = Sender { program: &own, identity: None, question, address, policy };
    let mut judged = server::Judgement::default();
    server::judge(&sender, &request, cluster, &mut judged)?;
    Ok(judged.conclude(vec![step], host))
}

/// At a port that no proxy takes, which `text` says of the server of this name.
pub(super) fn at_endpoint(
    sender: &Sender<'_>,
    cluster: &Cluster,
    endpoint: &Endpoint<'_>,
    (name, text): (String, &str),
    judged: &mut server::Judgement,
) {
    let spoken = Spoken::of(sender, cluster, endpoint);
    let mut step = Step::new("server");
    step.note(text);
    let outcome = if spoken == Spoken::Mutual {
        step.push(Mark::No, "the client insists on mutual TLS, which nobody speaks there", None);
        (Outcome::Refused, Some(503))
    } else {
        if spoken != Spoken::Plain {
            step.note(format!("the client speaks {}, which the application ends", spoken.words()));
        }
        step.note("no policy is asked: every request is let in");
        (Outcome::Delivered, None)
    };
    judged.tell(name, vec![step]);
    judged.answer(outcome.0, outcome.1, text);
}
