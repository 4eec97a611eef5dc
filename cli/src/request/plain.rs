//! Workloads without a proxy: they send plain text to the instances of a Service, past all routes.

use mesh_snapshot::object::Workload;

use super::answer::{Answer, Outcome, Step, nobody};
use super::inquiry::Inquiry;
use super::judgement::Judgement;
use super::sender::Sender;
use super::{AskError, Question, bytes, server};

/// `why` it has none.
pub(super) fn ask(
    inquiry: &Inquiry<'_>,
    caller: &Workload,
    why: &str,
    question: &Question,
) -> Result<Answer, AskError> {
    // What it would see of the mesh tells which Service a name stands for.
    let own = inquiry.program(caller)?;
    let mut step = Step::new("client");
    step.note(format!("{} without a proxy: {why}", caller.full_name()));
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
    let payload = bytes::payload(arrival.as_ref());
    let sender = Sender { program: &own, identity: None, question, address, inquiry, payload };
    let mut judged = Judgement::default();
    server::judge(&sender, &request, cluster, &mut judged)?;
    Ok(judged.conclude(vec![step], host))
}
