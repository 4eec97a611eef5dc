//! A port of a workload that no proxy takes: the application has what arrives.

use mesh_engine::cluster::{Cluster, Endpoint};

use super::answer::{Mark, Outcome, Step};
use super::judgement::Judgement;
use super::sender::Sender;
use super::spoken::Spoken;

/// `text` says why, of the server of this name.
pub(super) fn take(
    sender: &Sender<'_>,
    cluster: &Cluster,
    endpoint: &Endpoint<'_>,
    (name, text): (String, &str),
    judged: &mut Judgement,
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
