//! A caller without a proxy: it sends plain text to the instances of a Service, past all routes.

use mesh_engine::Request;
use mesh_engine::path::normalize_path;
use mesh_engine::request::split_target;
use mesh_snapshot::object::Workload;

use super::answer::{Answer, Outcome, Step};
use super::client::nobody;
use super::follow::Sender;
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
    let own = program(&policy.bundle, caller)?;
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
    let (raw, query) = split_target(&question.target);
    let path = match normalize_path(raw, own.path_normalization()) {
        Ok(path) => path,
        Err(error) => return Ok(nobody(vec![step], Some(400), &error.to_string())),
    };
    let authority = question.authority("http");
    let request = Request {
        method: &question.method,
        scheme: "http",
        authority: &authority,
        path: &path,
        query,
        headers: &question.headers,
        port,
    };
    let sender = Sender { program: &own, identity: None, question, policy };
    let mut judged = server::Judgement::default();
    server::judge(&sender, &request, cluster, &mut judged)?;
    Ok(judged.conclude(vec![step], host))
}
