//! What proxies say, and when they say nothing.

use std::sync::Arc;

use mesh_snapshot::Digest;
use mesh_snapshot::object::Workload;

use super::effect::{Effect, Order};
use super::event::{Reason, Refusal, Said, Serving};
use super::ledger::Ledger;
use super::proxy::Proxy;
use super::record::Record;
use super::state::{Concerned, Slices, Step};
use super::version::ProxyName;

/// How far a proxy's terms and epochs may be ahead of this side's: more lives and more rollouts than any mesh has behind it,
/// and too few for the numbers ever to run out.
const LEAP_MAX: u64 = 1 << 24;

impl<S: Slices> Step<'_, S> {
    pub(super) fn hear(&mut self, name: ProxyName, connection: u64, said: Said) -> Concerned {
        if let Said::Hello { workload, serving, term, epoch } = said {
            let spoken = serving.map_or(epoch, |serving| epoch.max(serving.version.epoch));
            if !self.is_plausible(term, spoken) {
                return self.turn_away(name, connection);
            }
            // Only a control runtime that lost its journal meets a term beyond its own.
            let is_later = self.state.ledger.term < term;
            if is_later && !self.state.hearsay.believes(&workload, self.now) {
                return self.turn_away(name, connection);
            }
            self.state.epoch_heard = self.state.epoch_heard.max(spoken);
            if is_later {
                self.record(Record::Reigned { term: term.saturating_add(1) });
            }
            self.welcome(&name, connection, workload, serving);
            return Concerned::One(name);
        }
        let now = self.now;
        let latest = |proxy: &&mut Proxy| proxy.connection == Some(connection);
        let Some(proxy) = self.state.proxies.get_mut(&name).filter(latest) else {
            return Concerned::Nobody;
        };
        proxy.heard = now;
        if let Said::Serving(Serving { version, .. }) = said
            && !self.is_plausible(0, version.epoch)
        {
            return self.turn_away(name, connection);
        }
        let Some(proxy) = self.state.proxies.get_mut(&name) else { return Concerned::Nobody };
        match said {
            Said::Prepared { epoch, slice } => self.note_prepared(&name, epoch, slice),
            Said::Refused { epoch, refusal } => self.note_refusal(&name, epoch, refusal),
            Said::Serving(serving) => self.note_serving(&name, serving),
            Said::Health { instance, totals } => {
                proxy.recent.report(now, instance, totals);
                // The gate looks at reports in its own time.
                return Concerned::Nobody;
            }
            Said::Left => proxy.leave(),
            Said::Hello { .. } => {}
        }
        Concerned::One(name)
    }

    /// Whether the numbers that a proxy speaks of can come from a control runtime of this mesh. They are taken over by one that lost its
    /// journal, so a proxy in the wrong hands could otherwise use them up.
    const fn is_plausible(&self, term: u64, epoch: u64) -> bool {
        let Ledger { term: reigned, epochs_taken, .. } = self.state.ledger;
        term <= reigned.saturating_add(LEAP_MAX) && epoch <= epochs_taken.saturating_add(LEAP_MAX)
    }

    /// What such a proxy says does not count, and it may come again with something better.
    fn turn_away(&mut self, name: ProxyName, connection: u64) -> Concerned {
        if let Some(proxy) = self.state.proxies.get_mut(&name) {
            proxy.leave();
        }
        self.effects.push(Effect::Disconnect { proxy: name.clone(), connection });
        Concerned::One(name)
    }

    fn welcome(
        &mut self,
        name: &ProxyName,
        connection: u64,
        workload: Arc<Workload>,
        serving: Option<Serving>,
    ) {
        let mut proxy = Proxy::new(workload, connection, serving, self.now);
        if let Some(before) = self.state.proxies.remove(name) {
            proxy.recent = before.recent;
            if before.serving == serving {
                proxy.since = before.since;
            }
        }
        self.state.proxies.insert(name.clone(), proxy);
        let lease = self.state.policy.lease;
        self.send(name.clone(), connection, Order::Welcome { lease });
        if let Some(serving) = serving {
            self.note_serving(name, serving);
        }
    }

    fn note_serving(&mut self, name: &ProxyName, serving: Serving) {
        let epoch = serving.version.epoch;
        self.state.epoch_heard = self.state.epoch_heard.max(epoch);
        if let Some(proxy) = self.state.proxies.get_mut(name) {
            if proxy.serving.replace(serving) != Some(serving) {
                proxy.since = self.now;
            }
            proxy.refused.remove(&epoch);
            // It answers so when it does not hold what it was to commit.
            if matches!(proxy.asked, Some((Order::Commit { version, .. }, _)) if version != serving.version)
            {
                proxy.prepared = None;
            }
        }
        let attempt = self.state.ledger.attempt;
        if let (Some(trial), Some(attempt)) = (&mut self.state.trial, attempt)
            && let Some(member) = trial.members.get(name)
            && serving.version != attempt.version
            && serving.generation != member.generation
        {
            trial.fallen.insert(name.clone());
        }
    }

    fn note_prepared(&mut self, name: &ProxyName, epoch: u64, slice: Digest) {
        let Some(proxy) = self.state.proxies.get_mut(name) else { return };
        let Some((Order::Prepare { version, slice: expected, .. }, _)) = proxy.asked else {
            return;
        };
        if version.epoch != epoch {
            return;
        }
        if slice == expected {
            proxy.prepared = Some(epoch);
            proxy.refused.remove(&epoch);
            return;
        }
        let detail = format!("it computed the slice {slice}, where {expected} was expected");
        let refusal = Refusal { reason: Reason::Corrupt, detail, key: None, item: String::new() };
        proxy.refuse(epoch, refusal, self.now);
    }

    fn note_refusal(&mut self, name: &ProxyName, epoch: u64, refusal: Refusal) {
        let Some(proxy) = self.state.proxies.get_mut(name) else { return };
        if proxy.prepared == Some(epoch) {
            proxy.prepared = None;
        }
        proxy.refuse(epoch, refusal, self.now);
    }

    /// Nobody waits for who has gone for good, neither for an answer nor for a lease.
    pub(super) fn forget(&mut self, name: ProxyName, of: Option<u64>) -> Concerned {
        let is_other = |proxy: &Proxy| of.is_some() && proxy.connection != of;
        if self.state.proxies.get(&name).is_some_and(is_other) {
            return Concerned::Nobody;
        }
        let Some(proxy) = self.state.proxies.remove(&name) else { return Concerned::Nobody };
        self.forget_on_trial(&name);
        let connection = proxy.connection;
        self.effects
            .extend(connection.map(|connection| Effect::Disconnect { proxy: name, connection }));
        Concerned::All
    }

    /// Who has said nothing for a lease is not in contact. When it comes back it begins with `Hello`.
    pub(super) fn fence(&mut self) {
        let (now, lease) = (self.now, self.state.policy.lease);
        let silent = |proxy: &Proxy| proxy.heard + lease <= now;
        for (name, proxy) in self.state.proxies.extract_if(.., |_, proxy| silent(proxy)) {
            let connection = proxy.connection;
            self.effects.extend(
                connection.map(|connection| Effect::Disconnect { proxy: name, connection }),
            );
        }
    }

    /// Who lives, but does not answer, refuses.
    pub(super) fn refuse_overdue(&mut self) {
        let limit = self.state.policy.prepare_within + self.state.policy.lease;
        for proxy in self.state.proxies.values_mut() {
            let Some((Order::Prepare { version, .. }, at)) = proxy.asked else { continue };
            if proxy.prepared != Some(version.epoch) && at + limit <= self.now {
                let detail = format!("no answer within {} s", limit.as_secs());
                let refusal =
                    Refusal { reason: Reason::Time, detail, key: None, item: String::new() };
                proxy.asked = None;
                proxy.refuse(version.epoch, refusal, self.now);
            }
        }
    }
}
