//! What becomes of one request, step by step: the engine's own decisions, told with the lines of policy that made them.
//!
//! ```text
//! Question ─▶ client: its outbound side, or a gateway ─▶ server: its inbound side ─▶ Answer
//! ```
//! Nothing is sent. What only the world knows (which instance, whether it is up) is not decided here.

mod question;

mod answer;

mod client;
mod describe;
mod edge;
mod follow;
mod server;
mod tracer;

pub(crate) use answer::{Answer, Mark, Outcome};
pub(crate) use question::{From, Question, QuestionError, To, header};

use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::{Role, Workload};

use crate::local::PlanError;

/// Why a question cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("no workload runs as service account `{account}` in `{namespace}`; there {known}")]
    UnknownCaller { namespace: String, account: String, known: String },
    #[error("no gateway listens on port {0}")]
    NoGateway(u16),
    #[error(transparent)]
    Program(#[from] PlanError),
}

/// What becomes of the request.
pub(crate) fn ask(bundle: &Bundle, question: &Question) -> Result<Answer, AskError> {
    match &question.from {
        From::Outside => edge::ask(bundle, question),
        From::Account { namespace, account } => {
            let caller = caller(bundle, namespace, account)?;
            client::ask(bundle, caller, question)
        }
    }
}

/// The first workload that runs as the account: routes may depend on a caller's labels, identities do not.
fn caller<'b>(
    bundle: &'b Bundle,
    namespace: &str,
    account: &str,
) -> Result<&'b Workload, AskError> {
    let mut there = bundle.inventory.iter().filter(|it| it.namespace == namespace);
    let found = there.clone().find(|it| it.service_account == account && it.role == Role::Sidecar);
    found.ok_or_else(|| {
        let mut known: Vec<_> = there.by_ref().map(|it| it.service_account.as_str()).collect();
        known.dedup();
        let known = match known.as_slice() {
            [] => "nothing runs".to_owned(),
            known => format!("run {}", known.join(", ")),
        };
        AskError::UnknownCaller {
            namespace: namespace.to_owned(),
            account: account.to_owned(),
            known,
        }
    })
}
