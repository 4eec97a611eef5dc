//! What each order does. An order that is carried out already, or is about what is not held, changes nothing and is answered.

use std::time::Duration;

use mesh_snapshot::Digest;
use mesh_snapshot::wire::{Refusal, Trial};

use super::effect::{Answer, Effect};
use super::event::{Built, Offer, Order, Refused};
use super::state::{OnTrial, Preparing, State};

impl<P: Clone> State<P> {
    pub(super) fn obey(&mut self, now: Duration, order: Order) {
        match order {
            Order::Welcome => {}
            Order::Prepare(offer) => self.prepare(offer),
            Order::Commit { epoch, snapshot, trial } => self.commit(now, epoch, snapshot, trial),
            Order::Extend { epoch, trial } => self.extend(now, epoch, trial),
            Order::Confirm { epoch, snapshot } => self.confirm(epoch, snapshot),
            Order::Revert { epoch } => self.revert(epoch),
            Order::Abandon { epoch } => {
                self.drop_prepared(epoch);
                self.say_serving();
            }
        }
    }

    fn prepare(&mut self, offer: Offer) {
        let (epoch, snapshot) = (offer.epoch, offer.snapshot);
        self.marks.epoch = self.marks.epoch.max(epoch);
        let held = self.held().find(|built| built.version.epoch == epoch);
        if let Some(Built { version, memory_bytes, .. }) = held {
            let (version, memory_bytes) = (*version, *memory_bytes);
            self.answer(if version.snapshot == snapshot {
                Answer::Prepared { version, memory_bytes, elapsed: Duration::ZERO }
            } else {
                let detail = format!("epoch {epoch} is that of {} here", version.snapshot);
                Answer::Refused { epoch, refused: Refused::new(Refusal::Stale, detail) }
            });
            return;
        }
        let same =
            |under_way: Preparing| (under_way.epoch, under_way.snapshot) == (epoch, snapshot);
        if self.preparing.is_some_and(same) {
            return;
        }
        self.give_up();
        self.ready = None;
        self.attempts += 1;
        let attempt = self.attempts;
        self.preparing = Some(Preparing { attempt, epoch, snapshot });
        self.effects.push(Effect::Prepare { attempt, offer, floor: self.marks.floor });
    }

    fn commit(&mut self, now: Duration, epoch: u64, snapshot: Digest, trial: Option<Duration>) {
        let wanted = |built: &Built<P>| is(built, epoch, snapshot);
        if self.trial.as_ref().is_some_and(|trial| wanted(&trial.built)) {
            if trial.is_none() {
                self.confirm(epoch, snapshot);
            } else {
                self.say_serving();
            }
        } else if self.confirmed.as_ref().is_some_and(wanted) {
            self.return_to_confirmed();
        } else if let Some(built) = self.ready.take_if(|ready| wanted(ready)) {
            self.put_in_force_unless_stale(now, built, trial);
        } else {
            let detail = format!("epoch {epoch} is not prepared here");
            let refused = Refused::new(Refusal::Absent, detail);
            self.answer(Answer::Refused { epoch, refused });
        }
    }

    /// What was confirmed since it was prepared may forbid it.
    fn put_in_force_unless_stale(
        &mut self,
        now: Duration,
        built: Built<P>,
        trial: Option<Duration>,
    ) {
        let (serial, floor) = (built.serial, self.marks.floor);
        if floor <= serial {
            self.put_in_force(now, built, trial);
            return;
        }
        let (epoch, refused) = (built.version.epoch, Refused::stale(serial, floor));
        self.answer(Answer::Refused { epoch, refused });
    }

    fn put_in_force(&mut self, now: Duration, built: Built<P>, trial: Option<Duration>) {
        match trial {
            Some(trial) => {
                self.trial = Some(OnTrial { built, deadline: now.saturating_add(trial) });
            }
            // In force first, stored then: a slow disk keeps nobody waiting.
            None => self.keep(built),
        }
        self.swap();
        self.say_serving();
    }

    fn return_to_confirmed(&mut self) {
        if self.trial.is_some() {
            self.go_back(Trial::Reverted);
        } else {
            self.say_serving();
        }
    }

    /// An order without a time prolongs nothing.
    fn extend(&mut self, now: Duration, epoch: u64, by: Option<Duration>) {
        if let (Some(trial), Some(by)) = (&mut self.trial, by)
            && trial.built.version.epoch == epoch
        {
            trial.deadline = now.saturating_add(by);
        }
        self.say_serving();
    }

    fn confirm(&mut self, epoch: u64, snapshot: Digest) {
        if let Some(trial) = self.trial.take_if(|trial| is(&trial.built, epoch, snapshot)) {
            self.keep(trial.built);
        }
        self.say_serving();
    }

    fn revert(&mut self, epoch: u64) {
        self.drop_prepared(epoch);
        if self.trial.as_ref().is_some_and(|trial| trial.built.version.epoch == epoch) {
            self.go_back(Trial::Reverted);
        } else {
            self.say_serving();
        }
    }

    fn drop_prepared(&mut self, epoch: u64) {
        self.ready.take_if(|ready| ready.version.epoch == epoch);
        if self.preparing.is_some_and(|preparing| preparing.epoch == epoch) {
            self.give_up();
        }
    }
}

fn is<P>(built: &Built<P>, epoch: u64, snapshot: Digest) -> bool {
    (built.version.epoch, built.version.snapshot) == (epoch, snapshot)
}
