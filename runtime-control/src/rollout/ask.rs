//! Offers and operators' verbs: each is answered, and what it changes is written down before it is.

use mesh_snapshot::Digest;

use super::effect::{Accepted, Effect, Rejected};
use super::event::Verb;
use super::ledger::Attempt;
use super::policy::Newer;
use super::record::{Cause, Pace, Record};
use super::state::{Concerned, Slices, Step};

type Answer = Result<Accepted, Rejected>;

impl<S: Slices> Step<'_, S> {
    pub(super) fn offer(&mut self, snapshot: Digest, serial: u64) -> Concerned {
        let answer = self.take_offer(snapshot, serial);
        self.effects.push(Effect::Reply(answer));
        let replaces = self.state.policy.newer == Newer::Replaces;
        if replaces && self.state.ledger.waiting.is_some() && self.state.ledger.attempt.is_some() {
            self.end(Cause::Superseded);
        }
        Concerned::All
    }

    /// A publication that is older than this control runtime, and that a proxy has refused, is not rolled out again by a restart.
    pub(super) fn consider(&mut self, snapshot: Digest, serial: u64, anew: bool) -> Concerned {
        let ended = self.state.ledger.last_ended.as_ref();
        let was_refused = ended.is_some_and(|ended| {
            ended.version.snapshot == snapshot && matches!(ended.cause, Cause::Refused { .. })
        });
        let answer = self
            .refuse_offer(snapshot, serial)
            .map(|()| if was_refused && !anew { Accepted::AsItIs } else { Accepted::Queued });
        self.effects.push(Effect::Reply(answer));
        Concerned::Nobody
    }

    fn refuse_offer(&self, snapshot: Digest, serial: u64) -> Result<(), Rejected> {
        let newest = self.state.ledger.serial;
        if serial < newest {
            return Err(Rejected::Older { serial, newest });
        }
        self.refuse_quarantined(snapshot)
    }

    fn take_offer(&mut self, snapshot: Digest, serial: u64) -> Answer {
        self.refuse_offer(snapshot, serial)?;
        let ledger = &self.state.ledger;
        let heading = ledger.attempt.map(|attempt| attempt.version).or(ledger.confirmed);
        let newest = ledger.waiting.map(|candidate| candidate.snapshot);
        let known = newest.or(heading.map(|version| version.snapshot)) == Some(snapshot);
        if !known || ledger.serial < serial {
            self.record(Record::Offered { snapshot, serial });
        }
        Ok(if known { Accepted::AsItIs } else { Accepted::Queued })
    }

    fn refuse_quarantined(&self, digest: Digest) -> Result<(), Rejected> {
        match self.state.ledger.quarantine.get(&digest) {
            Some(why) => Err(Rejected::Quarantined { digest, quarantine: why.clone() }),
            None => Ok(()),
        }
    }

    pub(super) fn ask(&mut self, verb: Verb) -> Concerned {
        let answer = match verb {
            Verb::Pause => Ok(self.pause(true)),
            Verb::Resume => Ok(self.pause(false)),
            Verb::Promote => self.promote(),
            Verb::Abort => self.abort(),
            Verb::Undo(to) => self.undo(to),
            Verb::Lift(snapshot) => self.lift(snapshot),
        };
        self.effects.push(Effect::Reply(answer));
        Concerned::All
    }

    fn pause(&mut self, paused: bool) -> Accepted {
        if self.state.ledger.paused == paused {
            return Accepted::AsItIs;
        }
        self.record(if paused { Record::Paused } else { Record::Resumed });
        Accepted::Queued
    }

    fn promote(&mut self) -> Answer {
        if self.state.ledger.attempt.is_none() {
            return Err(Rejected::NothingUnderWay);
        }
        let trial = self.state.trial.as_mut().ok_or(Rejected::NotYet)?;
        trial.promoted = true;
        Ok(Accepted::Queued)
    }

    fn abort(&mut self) -> Answer {
        if self.state.ledger.attempt.is_none() {
            return Err(Rejected::NothingUnderWay);
        }
        self.end(Cause::Aborted);
        Ok(Accepted::Queued)
    }

    fn undo(&mut self, to: Option<Digest>) -> Answer {
        let ledger = &self.state.ledger;
        let now = ledger.confirmed.ok_or(Rejected::NothingBefore)?.snapshot;
        let under_way = ledger.attempt.is_some();
        let free = |digest: &&Digest| !ledger.quarantine.contains_key(*digest);
        let to = match to {
            Some(to) => to,
            // What is under way is the last thing that was done.
            None if under_way => now,
            None => *ledger.history.iter().rev().find(free).ok_or(Rejected::NothingBefore)?,
        };
        if to != now && !ledger.history.contains(&to) {
            return Err(Rejected::UnknownVersion(to));
        }
        self.refuse_quarantined(to)?;
        let there =
            |attempt: Attempt| attempt.pace == Pace::AtOnce && attempt.version.snapshot == to;
        if ledger.attempt.is_some_and(there) {
            return Ok(Accepted::AsItIs);
        }
        if under_way {
            self.end(Cause::Aborted);
        }
        if to != now {
            self.record(Record::Undone { to });
        }
        Ok(if under_way || to != now { Accepted::Queued } else { Accepted::AsItIs })
    }

    fn lift(&mut self, snapshot: Digest) -> Answer {
        if !self.state.ledger.quarantine.contains_key(&snapshot) {
            return Err(Rejected::NotQuarantined(snapshot));
        }
        self.record(Record::Lifted { snapshot });
        Ok(Accepted::Queued)
    }
}
