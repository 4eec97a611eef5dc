//! What becomes of one request, step by step: the engine's own decisions, told with the lines of policy that made them.
//!
//! ```text
//! Question ─▶ client: its outbound side, or a gateway ─▶ server: its inbound side ─▶ Answer
//! ```
//! Nothing is sent. What only the world knows (which instance, whether it is up) is not decided here.

mod question;

mod answer;
mod spoken;

mod inquiry;
mod judgement;
mod sender;

mod bytes;
mod carry;
mod client;
mod describe;
mod edge;
mod endpoint;
mod follow;
mod handshake;
mod machines;
mod outside;
mod plain;
mod pods;
mod server;
mod steps;
mod tracer;
mod within;

pub(crate) use answer::{Answer, Mark, Outcome};
pub(crate) use question::{From, Question, QuestionError, To, header};

use std::collections::BTreeSet;

use mesh_compiler::Beside;
use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::{Role, Workload};

use self::inquiry::Inquiry;
use crate::local::PlanError;

/// Why a question cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no workload runs as service account `{account}` in `{namespace}`: {known}")]
    UnknownCaller { namespace: String, account: String, known: String },
    #[error(
        "`{account}` is what Istio has the pods of `{gateway}` run as, and nobody serves that here: nothing is sent by it"
    )]
    UnservedGateway { account: String, gateway: String },
    #[error("no gateway listens on port {port}: {known}")]
    NoGateway { port: u16, known: String },
    #[error(transparent)]
    Program(#[from] PlanError),
}

/// What a question is answered by.
pub(crate) struct Policy {
    pub bundle: Bundle,
    /// Empty where it was read from a snapshot, which does not tell.
    pub beside: Beside,
    pub origin: Origin,
}

/// What policy was read from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    Repository,
    /// It tells neither pods nor the addresses of Services.
    Snapshot,
}

impl std::convert::From<Bundle> for Policy {
    fn from(bundle: Bundle) -> Self {
        Self { bundle, beside: Beside::default(), origin: Origin::Snapshot }
    }
}

impl Policy {
    /// Why a workload has no proxy; none where it has one.
    fn why_without_proxy(&self, workload: &Workload) -> Option<&'static str> {
        let name = workload.full_name();
        self.beside.without_proxy.get(&name).map(|why| why.reason())
    }

    /// The annotation that keeps a port from a workload's proxy.
    fn kept_by(&self, workload: &Workload, port: u16) -> Option<&'static str> {
        let name = workload.full_name();
        self.beside.captures.get(&name)?.kept_by(port)
    }
}

/// What becomes of the request. That a gateway sends is what reached it from outside.
pub(crate) fn ask(policy: &Policy, question: &Question) -> Result<Answer, AskError> {
    let bundle = &policy.bundle;
    let inquiry = &Inquiry::of(policy);
    let gateways = bundle.inventory.iter().filter(|it| it.role == Role::Gateway);
    match &question.from {
        From::Outside => outside::ask(inquiry, gateways, question),
        From::Account { namespace, account } => {
            let runs =
                |it: &&Workload| it.namespace == *namespace && it.service_account == *account;
            // Routes may depend on a caller's labels, identities do not: the first one will do.
            let callers = bundle.inventory.iter().filter(runs);
            if let Some(caller) = callers.clone().find(|it| it.role == Role::Sidecar) {
                match policy.why_without_proxy(caller) {
                    Some(why) => plain::ask(inquiry, caller, why, question),
                    None => client::ask(inquiry, caller, question),
                }
            } else if callers.count() > 0 {
                outside::ask(inquiry, gateways.filter(runs), question)
            } else {
                let account_of = format!("{namespace}/{account}");
                Err(match policy.beside.gateways.get(&account_of).cloned() {
                    Some(gateway) => AskError::UnservedGateway { account: account_of, gateway },
                    None => AskError::unknown_caller(bundle, namespace, account),
                })
            }
        }
    }
}

impl AskError {
    fn unknown_caller(bundle: &Bundle, namespace: &str, account: &str) -> Self {
        let there = bundle.inventory.iter().filter(|it| it.namespace == namespace);
        let known: BTreeSet<_> = there.map(|it| it.service_account.as_str()).collect();
        let known = if known.is_empty() {
            "nothing runs there".to_owned()
        } else {
            format!("known there: {}", Vec::from_iter(known).join(", "))
        };
        let (namespace, account) = (namespace.to_owned(), account.to_owned());
        Self::UnknownCaller { namespace, account, known }
    }
}
