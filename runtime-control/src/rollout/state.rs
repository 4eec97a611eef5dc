//! The machine: what it knows, and one step of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mesh_snapshot::Digest;
use mesh_snapshot::object::Workload;

use super::effect::{Effect, Order};
use super::event::{Event, Refusal};
use super::gate::Verdict;
use super::health::Sample;
use super::hearsay::Hearsay;
use super::ledger::Ledger;
use super::policy::Policy;
use super::proxy::Proxy;
use super::record::{Cause, Record};
use super::version::{ProxyName, Timestamp};

/// The slice of a snapshot that a workload's proxy needs: [`mesh_snapshot::slice()`], over whatever store there is.
pub trait Slices {
    /// Its digest.
    ///
    /// # Errors
    ///
    /// When the snapshot has none for this workload: its proxy could not serve it.
    fn slice(&self, snapshot: Digest, workload: &Workload) -> Result<Digest, Refusal>;

    /// Whether two snapshots differ in who may do what, or that cannot be told.
    fn differ_in_access(&self, one: Digest, other: Digest) -> bool;
}

#[derive(Clone, Debug)]
pub struct State {
    pub(super) policy: Policy,
    pub(super) ledger: Ledger,
    pub(super) proxies: BTreeMap<ProxyName, Proxy>,
    /// Of the rollout under way, once it commits.
    pub(super) trial: Option<Trial>,
    /// No rollout begins before: the proxies are coming back.
    pub(super) gathering_until: Timestamp,
    /// Nothing was done yet in this life.
    pub(super) newborn: bool,
    /// The greatest epoch that any proxy spoke of.
    pub(super) epoch_heard: u64,
    pub(super) hearsay: Hearsay,
    pub(super) wake: Option<Timestamp>,
}

/// What is known of the waves of one rollout.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// How many entries of [`Policy::waves`] are through or out.
    pub(super) wave: usize,
    /// All that were told to commit.
    pub(super) members: BTreeMap<ProxyName, Member>,
    /// Those of them that went back by themselves.
    pub(super) fallen: BTreeSet<ProxyName>,
    pub(super) first_wave: Timestamp,
    pub(super) wave_began: Timestamp,
    /// All of the wave serve it since then.
    pub(super) soaking_since: Option<Timestamp>,
    /// An operator has seen enough of this wave.
    pub(super) promoted: bool,
    /// This side was away so long that proxies may have gone back for want of a renewal.
    pub(super) stalled: bool,
    /// When the reports were looked at last, and what they said.
    pub(super) looked: Timestamp,
    pub(super) verdict: Option<Verdict>,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) committed: Timestamp,
    /// Of what it served then. Under another one it has served the candidate and gone back.
    pub(super) generation: u64,
    /// What went through it just before.
    pub(super) before: Sample,
}

impl State {
    /// What is known after reading `records` at the start: all that was written, and of the proxies nothing.
    #[must_use]
    pub fn recover<'a>(
        records: impl IntoIterator<Item = &'a Record>,
        policy: Policy,
        now: Timestamp,
    ) -> Self {
        let ledger = Ledger::of(records, policy.history);
        // Where nothing is confirmed there is nothing to lose by beginning with the proxies that are here.
        let gathering = if ledger.confirmed.is_some() { policy.lease } else { Duration::ZERO };
        Self {
            newborn: true,
            policy,
            ledger,
            proxies: BTreeMap::new(),
            trial: None,
            gathering_until: now + gathering,
            epoch_heard: 0,
            hearsay: Hearsay::default(),
            wake: None,
        }
    }

    /// What follows from `event`, and what is to be done about it.
    #[must_use]
    pub fn step(self, event: Event, now: Timestamp, slices: &impl Slices) -> (Self, Vec<Effect>) {
        let mut step = Step { state: self, now, slices, effects: Vec::new() };
        step.take_over();
        step.notice_a_stall();
        let due = step.state.wake.is_some_and(|wake| wake <= now);
        let concerned = match event {
            Event::Offered { snapshot, serial } => step.offer(snapshot, serial),
            Event::Considered { snapshot, serial, anew } => step.consider(snapshot, serial, anew),
            Event::Asked(verb) => step.ask(verb),
            Event::Proxy { proxy, connection, said } => step.hear(proxy, connection, said),
            Event::Departed { proxy, connection } => step.forget(proxy, connection),
            Event::Tick => Concerned::All,
        };
        step.advance(if due { Concerned::All } else { concerned });
        (step.state, step.effects)
    }

    /// What is durable.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// A record in place of all so far.
    #[must_use]
    pub fn checkpoint(&self) -> Record {
        Record::Checkpoint { ledger: Box::new(self.ledger.clone()) }
    }
}

/// One step on its way. Its methods stand where they belong: `ask`, `hear`, `attempt`, `direct`.
pub(super) struct Step<'a, S> {
    pub(super) state: State,
    pub(super) now: Timestamp,
    pub(super) slices: &'a S,
    pub(super) effects: Vec<Effect>,
}

/// Whom an event may have consequences for, unless it moves the rollout: then it is everybody.
pub(super) enum Concerned {
    Nobody,
    One(ProxyName),
    All,
}

impl<S: Slices> Step<'_, S> {
    /// Takes every move that is due, and then tells each proxy what follows for it.
    fn advance(&mut self, concerned: Concerned) {
        if matches!(concerned, Concerned::Nobody) {
            return;
        }
        // With a thousand proxies that answer at once, what one says must not mean a look at all.
        let mut one = if let Concerned::One(name) = concerned { Some(name) } else { None };
        if one.is_none() {
            self.fence();
            self.refuse_overdue();
        }
        loop {
            while self.advance_attempt() {
                one = None;
            }
            let refused = match &one {
                Some(name) => self.direct(name),
                None => self.direct_all(),
            };
            if !refused {
                break;
            }
        }
        self.ask_for_a_wake(one.as_ref());
    }

    /// A new life is a new term, and ends what the one before had begun.
    fn take_over(&mut self) {
        if std::mem::take(&mut self.state.newborn) {
            self.record(Record::Reigned { term: self.state.ledger.term.saturating_add(1) });
            self.end(Cause::Interrupted);
        }
    }

    pub(super) fn send(&mut self, proxy: ProxyName, connection: u64, order: Order) {
        let term = self.state.ledger.term;
        self.effects.push(Effect::Send { proxy, connection, term, order });
    }

    pub(super) fn record(&mut self, record: Record) {
        self.state.ledger.apply(&record, self.state.policy.history);
        self.effects.push(Effect::Journal(record));
    }

    /// A timer that fires late means that this side did not run. What proxies said meanwhile is still unread, so the time
    /// does not count against them; and trials were not renewed, so falls do not count against the snapshot.
    fn notice_a_stall(&mut self) {
        let late = self.state.wake.map_or(Duration::ZERO, |wake| self.now.since(wake));
        let policy = &self.state.policy;
        if late >= policy.lease / 3 {
            for proxy in self.state.proxies.values_mut() {
                proxy.heard = proxy.heard + late;
                proxy.asked = proxy.asked.map(|(order, at)| (order, at + late));
            }
        }
        if late >= policy.confirm_within / 3 {
            self.state.trial.iter_mut().for_each(|trial| trial.stalled = true);
        }
    }
}
