//! What the disk should say, what it says, and what waits for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::Version;

/// Numbers that only rise, and must not be forgotten.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Marks {
    /// How often this proxy was started: [`mesh_snapshot::wire::Hello::instance`].
    pub starts: u32,
    /// The greatest it has taken orders of.
    pub term: u64,
    /// The greatest it has heard of.
    pub epoch: u64,
    /// The greatest floor among the statements about what it confirmed.
    pub floor: u64,
}

impl Marks {
    /// The greater of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            starts: self.starts.max(other.starts),
            term: self.term.max(other.term),
            epoch: self.epoch.max(other.epoch),
            floor: self.floor.max(other.floor),
        }
    }
}

/// What survives the process.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Durable {
    pub marks: Marks,
    /// What it starts from.
    pub confirmed: Option<Version>,
}

/// A disk that takes longer than this is taken for one that fails: nobody waits for it any more.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause after a failure doubles from the first to the longest.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_LONGEST: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(super) struct Durability {
    saved: Durable,
    /// What is being saved, and since when.
    saving: Option<(Durable, Duration)>,
    /// The last attempt failed, or takes too long: nobody waits for the disk until one succeeds.
    failing: bool,
    pause: Duration,
    retry_at: Option<Duration>,
}

impl Durability {
    pub(super) const fn new(saved: Durable) -> Self {
        Self { saved, saving: None, failing: false, pause: PAUSE_FIRST, retry_at: None }
    }

    /// What to save now, if anything.
    pub(super) fn next(&mut self, wanted: Durable, now: Duration) -> Option<Durable> {
        self.retry_at = self.retry_at.filter(|at| now < *at);
        if self.saving.is_some() || self.saved == wanted || self.retry_at.is_some() {
            return None;
        }
        self.saving = Some((wanted, now));
        Some(wanted)
    }

    /// Time has passed.
    pub(super) fn lose_patience(&mut self, now: Duration) {
        self.failing |= self.loses_patience_at().is_some_and(|at| at <= now);
    }

    pub(super) fn saved(&mut self) {
        if let Some((saved, _)) = self.saving.take() {
            self.saved = saved;
        }
        self.failing = false;
        self.pause = PAUSE_FIRST;
    }

    pub(super) fn failed(&mut self, now: Duration) {
        self.saving = None;
        self.failing = true;
        self.retry_at = Some(now.saturating_add(self.pause));
        self.pause = (self.pause * 2).min(PAUSE_LONGEST);
    }

    /// When something is to be done, if nothing happens before.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        self.retry_at.or_else(|| self.loses_patience_at())
    }

    fn loses_patience_at(&self) -> Option<Duration> {
        let (_, since) = self.saving.filter(|_| !self.failing)?;
        Some(since.saturating_add(PATIENCE))
    }

    /// Whether the disk may still come to have that term, and has not.
    pub(super) const fn awaits_term(&self, term: u64) -> bool {
        self.saved.marks.term < term && !self.failing
    }

    /// Whether the disk fails to have what is confirmed.
    pub(super) fn lacks_confirmed(&self, confirmed: Option<Version>) -> bool {
        self.saved.confirmed != confirmed && self.failing
    }

    /// Whether the disk may still come to have what is confirmed, and has not.
    pub(super) fn awaits_confirmed(&self, confirmed: Option<Version>) -> bool {
        self.saved.confirmed != confirmed && !self.failing
    }
}
