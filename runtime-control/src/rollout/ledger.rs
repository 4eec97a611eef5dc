//! What survives a crash: the sum of all records.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::Digest;
use serde::{Deserialize, Serialize};

use super::gate::Measure;
use super::record::{Cause, Pace, Quarantine, Record};
use super::version::Version;

/// How many snapshots in quarantine are kept whole.
const CONDEMNED_MAX: usize = 8;

/// Changed by [`Ledger::apply`] alone, when a record is written and when it is read again: so what is
/// known after a crash is what was known before it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ledger {
    pub term: u64,
    /// The greatest number given out.
    pub epochs_taken: u64,
    /// Of the newest publication.
    pub serial: u64,
    /// What every proxy is to serve.
    pub confirmed: Option<Version>,
    /// What was confirmed before, oldest first, each snapshot once, without the one confirmed now.
    pub history: Vec<Digest>,
    pub attempt: Option<Attempt>,
    /// The newest publication that no rollout has taken up yet.
    pub waiting: Option<Candidate>,
    pub quarantine: BTreeMap<Digest, Quarantine>,
    /// Those of them that came in last, the latest at the end: they are still held, to be looked at and lifted.
    #[serde(default)]
    pub condemned: Vec<Digest>,
    /// Lifted from quarantine, with what does not count against them any more.
    pub excused: BTreeMap<Digest, Measure>,
    pub paused: bool,
    /// How the last rollout that was not confirmed ended.
    pub last_ended: Option<Ended>,
}

/// The rollout under way.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attempt {
    pub version: Version,
    pub pace: Pace,
    /// Some proxy may have committed.
    pub committing: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Candidate {
    pub snapshot: Digest,
    pub pace: Pace,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ended {
    pub version: Version,
    pub cause: Cause,
}

impl Ledger {
    /// The sum of `records`, of which the first may be a checkpoint.
    #[must_use]
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>, history: usize) -> Self {
        let mut ledger = Self::default();
        for record in records {
            ledger.apply(record, history);
        }
        ledger
    }

    /// Takes one more record into account. `history` is how many earlier snapshots are kept to go back to.
    pub fn apply(&mut self, record: &Record, history: usize) {
        match record {
            Record::Reigned { term } => self.term = *term,
            Record::Offered { snapshot, serial } => {
                self.serial = self.serial.max(*serial);
                self.offer(*snapshot);
            }
            Record::Started { epoch, snapshot, pace } => {
                self.epochs_taken = self.epochs_taken.max(*epoch);
                let version = Version { epoch: *epoch, snapshot: *snapshot };
                self.attempt = Some(Attempt { version, pace: *pace, committing: false });
                self.waiting = None;
            }
            Record::Wave { .. } => {
                self.attempt.iter_mut().for_each(|attempt| attempt.committing = true);
            }
            Record::Confirmed { version } => self.confirm(*version, history),
            Record::Ended { cause, .. } => self.end(cause),
            Record::Undone { to } => {
                self.waiting = Some(Candidate { snapshot: *to, pace: Pace::AtOnce });
            }
            Record::Lifted { snapshot } => {
                let measure = self.quarantine.remove(snapshot).and_then(|why| why.measure());
                self.excused.extend(measure.map(|measure| (*snapshot, measure)));
                if self.is_held(*snapshot) {
                    self.offer(*snapshot);
                }
                self.condemned.retain(|digest| digest != snapshot);
            }
            Record::Paused => self.paused = true,
            Record::Resumed => self.paused = false,
            Record::Checkpoint { ledger } => *self = (**ledger).clone(),
        }
        self.drop_what_is_settled();
    }

    /// What waits and is confirmed already waits no more, nor does what came into quarantine meanwhile.
    fn drop_what_is_settled(&mut self) {
        let confirmed = self.confirmed.map(|version| version.snapshot);
        let settled = |candidate: &Candidate| {
            let reached = self.attempt.is_none() && confirmed == Some(candidate.snapshot);
            reached || self.quarantine.contains_key(&candidate.snapshot)
        };
        if self.waiting.as_ref().is_some_and(settled) {
            self.waiting = None;
        }
    }

    /// The newest publication is what the mesh should end on, so it takes the place of any that waits; none waits when it is
    /// what the mesh is on its way to.
    fn offer(&mut self, snapshot: Digest) {
        let heading = self.attempt.map(|attempt| attempt.version).or(self.confirmed);
        self.waiting = (heading.map(|version| version.snapshot) != Some(snapshot))
            .then_some(Candidate { snapshot, pace: Pace::Waves });
    }

    fn confirm(&mut self, version: Version, history: usize) {
        let undo = self.undoes();
        self.attempt = None;
        if let Some(before) = self.confirmed.replace(version) {
            self.history.retain(|digest| *digest != before.snapshot);
            self.history.push(before.snapshot);
            if undo && before.snapshot != version.snapshot {
                self.condemn(before.snapshot, Quarantine::Undone);
            }
        }
        self.history.retain(|digest| *digest != version.snapshot);
        let excess = self.history.len().saturating_sub(history);
        self.history.drain(..excess);
    }

    /// Whether the rollout under way goes back to an earlier snapshot, as an operator asked.
    fn undoes(&self) -> bool {
        self.confirmed.is_some() && self.attempt.is_some_and(|attempt| attempt.pace == Pace::AtOnce)
    }

    fn end(&mut self, cause: &Cause) {
        let undo = self.undoes();
        let Some(attempt) = self.attempt.take() else { return };
        let snapshot = attempt.version.snapshot;
        // Who aborts an undo has nothing against what it went back to.
        if let Some(quarantine) = cause.quarantine().filter(|_| !undo) {
            self.condemn(snapshot, quarantine);
        }
        if *cause == Cause::Interrupted && self.waiting.is_none() {
            self.waiting = Some(Candidate { snapshot, pace: attempt.pace });
        }
        self.last_ended = Some(Ended { version: attempt.version, cause: cause.clone() });
    }

    /// The digest stays for good, the snapshot for as long as few came after it.
    fn condemn(&mut self, snapshot: Digest, why: Quarantine) {
        self.quarantine.insert(snapshot, why);
        self.condemned.retain(|digest| *digest != snapshot);
        self.condemned.push(snapshot);
        let excess = self.condemned.len().saturating_sub(CONDEMNED_MAX);
        self.condemned.drain(..excess);
    }

    /// Whether a snapshot that comes out of quarantine is there to be rolled out.
    fn is_held(&self, snapshot: Digest) -> bool {
        self.condemned.contains(&snapshot) || self.history.contains(&snapshot)
    }

    /// The snapshots that must be kept in the store.
    #[must_use]
    pub fn needed(&self) -> BTreeSet<Digest> {
        let confirmed = self.confirmed.map(|version| version.snapshot);
        let attempt = self.attempt.map(|attempt| attempt.version.snapshot);
        let waiting = self.waiting.map(|candidate| candidate.snapshot);
        // Why it was refused is told by its source map.
        let ended = self.last_ended.as_ref().map(|ended| ended.version.snapshot);
        let current = [confirmed, attempt, waiting, ended].into_iter().flatten();
        let earlier = self.history.iter().chain(&self.condemned).copied();
        current.chain(earlier).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(n: u64) -> Digest {
        Digest::of(&n.to_le_bytes())
    }

    /// So many snapshots, each aborted.
    fn aborted(count: u64) -> Vec<Record> {
        let each = |epoch| {
            let pace = Pace::Waves;
            let started = Record::Started { epoch, snapshot: snapshot(epoch), pace };
            [started, Record::Ended { epoch, cause: Cause::Aborted }]
        };
        (1..=count).flat_map(each).collect()
    }

    #[test]
    fn every_digest_stays_in_quarantine_and_the_last_snapshots_in_the_store() {
        let ledger = Ledger::of(&aborted(100), 4);
        assert_eq!(ledger.quarantine.len(), 100);
        let kept: BTreeSet<_> = (0..CONDEMNED_MAX as u64).map(|n| snapshot(100 - n)).collect();
        assert_eq!(ledger.needed(), kept);
    }

    #[test]
    fn what_is_lifted_is_offered_again_while_it_is_held() {
        let mut ledger = Ledger::of(&aborted(100), 4);
        ledger.apply(&Record::Lifted { snapshot: snapshot(1) }, 4);
        assert_eq!(ledger.waiting, None, "it must be published again");
        assert!(!ledger.quarantine.contains_key(&snapshot(1)));
        ledger.apply(&Record::Lifted { snapshot: snapshot(99) }, 4);
        assert_eq!(ledger.waiting.map(|it| it.snapshot), Some(snapshot(99)));
        assert!(ledger.needed().contains(&snapshot(99)));
    }
}
