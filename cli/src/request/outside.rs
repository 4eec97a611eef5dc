//! What comes from elsewhere: which gateways take it, and what each of them makes of it.
//!
//! Which of several a client reaches, its DNS and its load balancer decide, and nobody knows that here. So all are asked that serve
//! the host; where none does, all that listen are, and each says why not.

use std::collections::BTreeSet;
use std::rc::Rc;

use mesh_engine::Program;
use mesh_engine::gateway::{Gateway, Handler, Listener};
use mesh_snapshot::object::Workload;

use super::answer::{Answer, Step};
use super::edge::{Accepted, Edge};
use super::inquiry::Inquiry;
use super::judgement::Judgement;
use super::spoken::{Payload, Spoken};
use super::{AskError, Question, To};

/// At those of `gateways` that listen on the port and serve the host.
pub(super) fn ask<'b>(
    inquiry: &Inquiry<'b>,
    gateways: impl Iterator<Item = &'b Workload>,
    question: &Question,
) -> Result<Answer, AskError> {
    let mut entrances = Vec::new();
    for workload in gateways {
        entrances.push(Entrance { workload, program: inquiry.program(workload)? });
    }
    let port = question.to.port;
    let listening: Vec<_> = entrances.iter().filter(|it| it.listener(port).is_some()).collect();
    if listening.is_empty() {
        return Err(AskError::NoGateway { port, known: known(&entrances) });
    }
    let serving: Vec<_> = listening.iter().copied().filter(|it| it.serves(question)).collect();
    let asked = if serving.is_empty() { &listening } else { &serving };
    let mut answers = Vec::new();
    for entrance in asked {
        if let Some(listener) = entrance.listener(port) {
            answers.push((*entrance, entrance.ask(inquiry, listener, question)?));
        }
    }
    Ok(united(&answers, question, if serving.is_empty() { "listen for" } else { "serve" }))
}

/// The proxy of a gateway.
struct Entrance<'b> {
    workload: &'b Workload,
    program: Rc<Program>,
}

impl Entrance<'_> {
    fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.program.gateway().map(Gateway::listeners).into_iter().flatten()
    }

    /// What takes connections to a port of its servers, which a Service may lead to another port of the workload.
    fn listener(&self, port: u16) -> Option<&Listener> {
        self.listeners().find(|it| ports(it).any(|(own, _)| own == port))
    }

    fn serves(&self, question: &Question) -> bool {
        let Some(listener) = self.listener(question.to.port) else { return false };
        let name = server_name(listener, question);
        listener.chain(name).is_some_and(|chain| match &chain.handler {
            Handler::Http(server) => server.serves(&question.authority("http")),
            Handler::Stream(server) => {
                let mut destinations = server.destinations().into_iter();
                destinations.any(|it| server.stream(it, name, 0).is_some())
            }
        })
    }

    fn ask(
        &self,
        inquiry: &Inquiry<'_>,
        listener: &Listener,
        question: &Question,
    ) -> Result<Answer, AskError> {
        let spoken = if listener.tls { Spoken::Tls } else { Spoken::Plain };
        let accepted = Accepted {
            sni: server_name(listener, question),
            peer: None,
            spoken,
            payload: &Payload::Requests,
        };
        let edge = Edge::of(inquiry, self.workload, &self.program);
        edge.accept(question, listener, &accepted, Step::new("gateway"))
    }

    /// `shop/ingress takes HTTP on 80, 443 and bytes on 31400`
    fn takes(&self) -> String {
        let ports: BTreeSet<_> = self.listeners().flat_map(ports).collect();
        let of = |wanted: bool| {
            let own = ports.iter().filter(|(_, requests)| *requests == wanted);
            let own: Vec<_> = own.map(|(port, _)| port.to_string()).collect();
            (!own.is_empty()).then(|| own.join(", "))
        };
        let what = match (of(true), of(false)) {
            (Some(requests), Some(bytes)) => format!("HTTP on {requests} and bytes on {bytes}"),
            (None, Some(bytes)) => format!("bytes on {bytes}"),
            (requests, None) => format!("HTTP on {}", requests.as_deref().unwrap_or("no port")),
        };
        format!("{} takes {what}", self.name())
    }

    /// `shop/ingress`
    fn name(&self) -> String {
        self.workload.full_name()
    }
}

/// The name that a client asks for which begins TLS.
fn server_name<'q>(listener: &Listener, question: &'q Question) -> Option<&'q str> {
    Some(question.to.host.as_str()).filter(|_| listener.tls)
}

/// What several gateways answer is told of each, and the worst of it decides. Those that answer alike are told of together.
fn united(answers: &[(&Entrance<'_>, Answer)], question: &Question, they: &str) -> Answer {
    let verdicts = answers.iter().map(|(_, it)| (it.outcome, it.status, &it.summary));
    let verdicts: Vec<_> = verdicts.collect();
    let is_one = verdicts.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
    let To { host, port } = &question.to;
    let mut judged = Judgement::default();
    for (entrance, answer) in answers {
        let by = if is_one { String::new() } else { format!("by {}: ", entrance.name()) };
        judged.answer(answer.outcome, answer.status, &format!("{by}{}", answer.summary));
        let at = entrance.listener(*port).map_or(*port, |it| it.port);
        judged.tell(format!("{} port {at}", entrance.name()), answer.steps.clone());
    }
    if judged.is_told_at_once() {
        return judged.conclude(Vec::new(), host);
    }
    let names: Vec<_> = answers.iter().map(|(entrance, _)| entrance.name()).collect();
    let mut step = Step::new("gateways");
    step.note(format!("{} {they} {host}:{port}", names.join(", ")));
    step.note("which of them a client reaches is not known here: each is asked");
    if let Some(choice) = choice(answers) {
        step.note(choice);
    }
    judged.conclude(vec![step], host)
}

/// How to ask some of them alone, where there is a way.
fn choice(answers: &[(&Entrance<'_>, Answer)]) -> Option<String> {
    let account = |it: &Entrance<'_>| {
        format!("`--from {}/{}`", it.workload.namespace, it.workload.service_account)
    };
    let accounts: BTreeSet<_> = answers.iter().map(|(entrance, _)| account(entrance)).collect();
    let accounts: Vec<_> = accounts.into_iter().collect();
    (accounts.len() > 1).then(|| format!("to ask those of one account: {}", accounts.join(" or ")))
}

/// What can be asked instead.
fn known(entrances: &[Entrance<'_>]) -> String {
    let told: Vec<_> = entrances.iter().map(Entrance::takes).collect();
    if told.is_empty() {
        return "no workload is known that runs one; name what the cluster has with `context` in mesh.yaml".to_owned();
    }
    format!("{}; `--to` is the host and the port that its client calls", told.join(", "))
}

/// The ports that clients call, and whether each takes requests.
fn ports(listener: &Listener) -> impl Iterator<Item = (u16, bool)> {
    listener.chains().iter().map(|chain| match &chain.handler {
        Handler::Http(server) => (server.port, true),
        Handler::Stream(server) => (server.port, false),
    })
}
