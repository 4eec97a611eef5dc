//! The way of one rollout: it starts, all prepare, and after the waves (`trial`) it is confirmed, or it ends.

use super::effect::Order;
use super::ledger::Attempt;
use super::proxy::Proxy;
use super::record::{Cause, Pace, Record, RefusedBy};
use super::state::{Slices, Step, Trial};

/// How many refusals of one snapshot are written down; the others are counted.
const REFUSALS_MAX: usize = 32;

impl<S: Slices> Step<'_, S> {
    /// Takes the next move, if one is due.
    pub(super) fn advance_attempt(&mut self) -> bool {
        match self.state.ledger.attempt {
            None => self.start(),
            Some(attempt) if self.state.trial.is_none() => self.finish_preparing(attempt),
            Some(attempt) => self.watch(attempt),
        }
    }

    fn start(&mut self) -> bool {
        let ledger = &self.state.ledger;
        let Some(candidate) = ledger.waiting else { return false };
        let first = ledger.confirmed.is_none();
        let pace = if first { Pace::AtOnce } else { candidate.pace };
        if self.now < self.state.gathering_until || (ledger.paused && pace == Pace::Waves) {
            return false;
        }
        // One epoch names one snapshot, so after the last one there is no other rollout.
        let taken = ledger.epochs_taken.max(self.state.epoch_heard);
        let Some(epoch) = taken.checked_add(1) else { return false };
        self.record(Record::Started { epoch, snapshot: candidate.snapshot, pace });
        true
    }

    fn finish_preparing(&mut self, attempt: Attempt) -> bool {
        let epoch = attempt.version.epoch;
        let refusals = self.refusals(attempt, |proxy| !self.is_stuck(proxy));
        let prepared = |proxy: &Proxy| proxy.prepared == Some(epoch);
        let unseen = !self.state.proxies.values().any(prepared);
        let open = self.state.proxies.values().any(|proxy| self.is_open(attempt, proxy));
        if let Some(cause) = refusals {
            self.end(cause);
        } else if unseen && self.state.ledger.confirmed.is_some() {
            // Without a proxy nothing is learned; only the very first snapshot may be confirmed unseen.
            let superseded = self.state.ledger.waiting.map(|_| Cause::Superseded);
            let by_all = self.refusals(attempt, |_| true).filter(|_| !open);
            let Some(cause) = by_all.or(superseded) else { return false };
            self.end(cause);
        } else if open || (self.state.ledger.paused && attempt.pace == Pace::Waves) {
            return false;
        } else {
            match attempt.pace {
                Pace::AtOnce => self.record(Record::Confirmed { version: attempt.version }),
                Pace::Waves => self.state.trial = Some(Trial::new(self.now)),
            }
        }
        true
    }

    /// Whether the proxy's answer to the preparation is still to come.
    fn is_open(&self, attempt: Attempt, proxy: &Proxy) -> bool {
        let epoch = attempt.version.epoch;
        let answered = proxy.prepared == Some(epoch) || proxy.refused.contains_key(&epoch);
        !answered && !self.is_stuck(proxy)
    }

    /// Whether it cannot even serve what is confirmed. The others do not wait for it, nor does its refusal stop them; but it is asked,
    /// since the candidate may be what it waits for.
    pub(super) fn is_stuck(&self, proxy: &Proxy) -> bool {
        self.state.ledger.confirmed.is_some_and(|target| proxy.is_stuck_before(target))
    }

    /// By the proxies that `count`.
    pub(super) fn refusals(
        &self,
        attempt: Attempt,
        count: impl Fn(&Proxy) -> bool,
    ) -> Option<Cause> {
        let of_candidate = |proxy: &Proxy| {
            let (refusal, _) = proxy.refused.get(&attempt.version.epoch)?;
            count(proxy).then(|| refusal.clone())
        };
        let proxies = self.state.proxies.iter();
        let mut refusing = proxies.filter_map(|(name, proxy)| {
            Some(RefusedBy { proxy: name.to_string(), refusal: of_candidate(proxy)? })
        });
        let by: Vec<_> = refusing.by_ref().take(REFUSALS_MAX).collect();
        (!by.is_empty()).then(|| Cause::Refused { by, more: refusing.count() })
    }

    /// Ends the rollout under way. Who is ready for it forgets it; who tries it goes back, being elsewhere than it should be.
    pub(super) fn end(&mut self, cause: Cause) {
        let Some(attempt) = self.state.ledger.attempt else { return };
        let epoch = attempt.version.epoch;
        self.record(Record::Ended { epoch, cause });
        self.state.trial = None;
        let mut abandoned = Vec::new();
        for (name, proxy) in &mut self.state.proxies {
            let asked = matches!(proxy.asked, Some((Order::Prepare { version, .. }, _)) if version.epoch == epoch);
            let ready = proxy.prepared == Some(epoch) && !proxy.serves(attempt.version);
            if let (Some(connection), true) = (proxy.connection, asked || ready) {
                proxy.asked = None;
                proxy.prepared = None;
                abandoned.push((name.clone(), connection));
            }
        }
        for (name, connection) in abandoned {
            self.send(name, connection, Order::Abandon { epoch });
        }
    }
}
