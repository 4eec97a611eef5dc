//! Picks an endpoint, and waits for those that nobody has heard of yet.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::cluster::{Cluster, Pick, PickError, Picked};

/// How long the first word about endpoints is waited for.
const KNOWN_WAIT: Duration = Duration::from_secs(5);

/// `None`: there is nobody to ask, not until `deadline` either.
pub(super) async fn pick(
    cluster: &Rc<Cluster>,
    pick: &Pick<'_>,
    deadline: Option<Instant>,
) -> Option<Picked> {
    match cluster.pick(pick) {
        Err(PickError::Unknown) => {
            let until = Instant::now() + KNOWN_WAIT;
            let until = deadline.map_or(until, |deadline| deadline.min(until));
            let _ = timeout_at(until, cluster.known()).await;
            cluster.pick(pick).ok()
        }
        picked => picked.ok(),
    }
}
