//! A server of a gateway that reads no requests: bytes, of TCP or of TLS, go by its routes.

use mesh_engine::Request;
use mesh_engine::gateway::{Listener, StreamServer};
use mesh_snapshot::object::ServerTls;

use super::answer::{Answer, Outcome, Step};
use super::edge::{Accepted, Edge};
use super::spoken::{Payload, Spoken};
use super::{AskError, Question, bytes, server};

impl Edge<'_> {
    /// As the proxy does it: policies judge who connects, and then a route is looked for.
    pub(super) fn carry(
        &self,
        (question, request): (&Question, &Request<'_>),
        (listener, server): (&Listener, &StreamServer),
        accepted: &Accepted<'_>,
        mut first: Step,
    ) -> Result<Answer, AskError> {
        let chain = listener.chain(accepted.sni);
        let is_ended = chain.is_some_and(|it| matches!(it.tls, ServerTls::Terminate(_)));
        if accepted.spoken != Spoken::Plain {
            first.note(if is_ended {
                "the client's TLS ends here"
            } else {
                "the client's TLS passes through, unread"
            });
        }
        let sender = self.sender(question, accepted.goes_on(is_ended));
        let connection = accepted.connection(question, question.source, listener.port);
        let mut judged = Step::new("policy");
        let (outcome, status, summary) =
            server::decide_bytes(&sender, sender.program, &connection, &mut judged);
        let steps = vec![first, judged];
        if outcome == Outcome::Denied {
            return Ok(Answer { outcome, status, summary, steps });
        }
        if accepted.spoken == Spoken::Mutual && !is_ended {
            let summary = "the mesh's TLS of the client goes on to who ends it: `mesh request` does not follow it there";
            let summary = summary.to_owned();
            return Ok(Answer { outcome: Outcome::Forwarded, status: None, summary, steps });
        }
        bytes::through(&sender, server, accepted.sni, request, steps)
    }
}

impl Accepted<'_> {
    /// What the gateway sends on of a connection whose TLS, if it has any, ends at the gateway or does not.
    fn goes_on(&self, is_ended: bool) -> Payload {
        let server_name = match (self.payload, is_ended) {
            // The client's own TLS within the mesh's, which alone has ended.
            (Payload::Bytes { server_name }, true) if self.spoken == Spoken::Mutual => {
                server_name.clone()
            }
            (_, true) => None,
            (_, false) => self.sni.map(str::to_owned),
        };
        Payload::Bytes { server_name }
    }
}
