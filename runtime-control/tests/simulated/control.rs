//! The shell around the machine, with a disk that keeps exactly what was synced.

use std::collections::BTreeMap;

use mesh_control::rollout::{
    Accepted, Effect, Event, Order, Policy, ProxyName, Record, Rejected, State, Timestamp,
};

use super::catalogue::Catalogue;
use super::chance::Chance;
use super::mutation::Mutation;

pub(crate) struct Control {
    /// None: not running.
    pub(crate) state: Option<State>,
    pub(crate) journal: Vec<Record>,
    pub(crate) life: u64,
    /// The stream of each proxy, as this side believes.
    pub(crate) streams: BTreeMap<ProxyName, u64>,
    pub(crate) wake: Option<Timestamp>,
    /// It does nothing before: its disk is slow.
    pub(crate) busy_until: u64,
    /// After so many effects it dies.
    pub(crate) dies_after: Option<u64>,
}

/// What leaves the shell.
pub(crate) enum Outcome {
    Journalled(Record),
    Sent { proxy: ProxyName, connection: u64, term: u64, order: Order },
    Disconnected { proxy: ProxyName, connection: u64 },
    Replied(Result<Accepted, Rejected>),
    Died,
}

impl Control {
    pub(crate) const fn new() -> Self {
        Self {
            state: None,
            journal: Vec::new(),
            life: 0,
            streams: BTreeMap::new(),
            wake: None,
            busy_until: 0,
            dies_after: None,
        }
    }

    pub(crate) fn start(&mut self, policy: &Policy, now: Timestamp, mutation: Option<Mutation>) {
        let mut records = self.journal.clone();
        if let Some(mutation) = mutation {
            records = mutation.records(records);
        }
        self.state = Some(State::recover(&records, policy.clone(), now));
        self.life += 1;
        self.wake = Some(now);
        self.busy_until = 0;
    }

    pub(crate) fn crash(&mut self) {
        self.state = None;
        self.streams.clear();
        self.wake = None;
        self.dies_after = None;
    }

    /// Steps, and carries the effects out in order, until it dies.
    pub(crate) fn handle(
        &mut self,
        event: Event,
        now: Timestamp,
        catalogue: &Catalogue,
        mutation: Option<Mutation>,
        chance: &mut Chance,
    ) -> Vec<Outcome> {
        let Some(state) = self.state.take() else { return Vec::new() };
        let (state, mut effects) = state.step(event, now, catalogue);
        let attempt = state.ledger().attempt.map(|attempt| attempt.version);
        self.state = Some(state);
        if let Some(mutation) = mutation {
            effects = mutation.effects(effects, attempt);
        }
        // Each answer in turn may be the last thing it does, and a record is on disk or is not.
        let mut outcomes = Vec::new();
        for effect in effects {
            if self.dies_after == Some(0) {
                if let (Effect::Journal(record), true) = (effect, chance.percent(50)) {
                    self.journal.push(record.clone());
                    outcomes.push(Outcome::Journalled(record));
                }
                self.crash();
                outcomes.push(Outcome::Died);
                return outcomes;
            }
            outcomes.extend(self.carry_out(effect));
        }
        outcomes
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Outcome> {
        // Records are counted thrice, so that a death hits just before or after one more often.
        let weight = if matches!(effect, Effect::Journal(_)) { 3 } else { 1 };
        self.dies_after = self.dies_after.map(|left| left.saturating_sub(weight));
        match effect {
            Effect::Journal(record) => {
                self.journal.push(record.clone());
                Some(Outcome::Journalled(record))
            }
            Effect::Send { proxy, connection, term, order } => (self.streams.get(&proxy)
                == Some(&connection))
            .then_some(Outcome::Sent { proxy, connection, term, order }),
            Effect::Disconnect { proxy, connection } => {
                let current = self.streams.get(&proxy) == Some(&connection);
                current.then(|| self.streams.remove(&proxy));
                current.then_some(Outcome::Disconnected { proxy, connection })
            }
            Effect::Reply(reply) => Some(Outcome::Replied(reply)),
            Effect::Wake(at) => {
                self.wake = Some(at);
                None
            }
        }
    }
}
