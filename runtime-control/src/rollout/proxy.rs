//! What is known of one proxy, and what it is told next to get where it should be.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_snapshot::object::Workload;

use super::effect::Order;
use super::event::{Refusal, Serving};
use super::health::Recent;
use super::version::{Timestamp, Version};

/// A proxy in contact: one that has said something within its lease.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    pub(super) workload: Arc<Workload>,
    /// Its stream; none since it broke.
    pub(super) connection: Option<u64>,
    pub(super) heard: Timestamp,
    /// In contact, and serving the same, without a gap since then.
    pub(super) since: Timestamp,
    pub(super) serving: Option<Serving>,
    /// The epoch that it holds ready.
    pub(super) prepared: Option<u64>,
    /// The last order that it has not carried out, and when it was sent.
    pub(super) asked: Option<(Order, Timestamp)>,
    /// The epochs that it cannot serve, and when it was asked last: that of the target, that of the candidate, or both.
    pub(super) refused: BTreeMap<u64, (Refusal, Timestamp)>,
    pub(super) recent: Recent,
}

/// How a proxy stands to the version that it should serve for good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    There,
    Confirm,
    /// It is on trial of something else, of this epoch.
    Revert(u64),
    Commit,
    Prepare,
}

impl Proxy {
    pub(super) fn new(
        workload: Arc<Workload>,
        connection: u64,
        serving: Option<Serving>,
        now: Timestamp,
    ) -> Self {
        Self {
            workload,
            connection: Some(connection),
            heard: now,
            since: now,
            serving,
            prepared: None,
            asked: None,
            refused: BTreeMap::new(),
            recent: Recent::default(),
        }
    }

    /// The stream broke; what was said on it and not answered is forgotten.
    pub(super) fn leave(&mut self) {
        self.connection = None;
        self.prepared = None;
        self.asked = None;
    }

    pub(super) fn serves(&self, version: Version) -> bool {
        self.serving.is_some_and(|serving| serving.version == version)
    }

    /// By what it said last.
    pub(super) fn way_to(&self, target: Version) -> Way {
        match self.serving {
            Some(Serving { version, confirmed: true, .. }) if version == target => Way::There,
            Some(Serving { version, .. }) if version == target => Way::Confirm,
            Some(Serving { version, confirmed: false, .. }) => Way::Revert(version.epoch),
            _ if self.prepared == Some(target.epoch) => Way::Commit,
            _ => Way::Prepare,
        }
    }

    /// Whether it said that it cannot be brought to `target`.
    pub(super) fn is_stuck_before(&self, target: Version) -> bool {
        self.way_to(target) != Way::There && self.refused.contains_key(&target.epoch)
    }

    pub(super) fn refuse(&mut self, epoch: u64, refusal: Refusal, now: Timestamp) {
        /// Epochs older than the target and the candidate are of no interest.
        const KEPT: usize = 3;
        self.refused.insert(epoch, (refusal, now));
        while self.refused.len() > KEPT {
            self.refused.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::Digest;

    use super::*;

    fn version(epoch: u64, name: &str) -> Version {
        Version { epoch, snapshot: Digest::of(name.as_bytes()) }
    }

    fn serving(epoch: u64, name: &str, confirmed: bool) -> Proxy {
        let serving = Serving { version: version(epoch, name), generation: 1, confirmed };
        Proxy::new(Arc::default(), 1, Some(serving), Timestamp::default())
    }

    #[test]
    fn a_proxy_finds_the_shortest_way_to_what_it_should_serve() {
        assert_eq!(serving(4, "a", true).way_to(version(4, "a")), Way::There);
        assert_eq!(serving(4, "a", false).way_to(version(4, "a")), Way::Confirm);
        assert_eq!(serving(5, "b", false).way_to(version(4, "a")), Way::Revert(5));
        assert_eq!(serving(2, "a", true).way_to(version(4, "b")), Way::Prepare);
        assert_eq!(serving(5, "a", true).way_to(version(4, "b")), Way::Prepare);
        let nothing = Proxy::new(Arc::default(), 1, None, Timestamp::default());
        assert_eq!(nothing.way_to(version(2, "a")), Way::Prepare);
        let mut ready = serving(2, "a", true);
        ready.prepared = Some(4);
        assert_eq!(ready.way_to(version(4, "b")), Way::Commit);
    }
}
