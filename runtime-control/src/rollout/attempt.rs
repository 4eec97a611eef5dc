//! The way of one rollout: prepare, commit by wave, confirm or end.

use std::collections::BTreeMap;
use std::time::Duration;

use super::direct::LOOK;
use super::effect::{Effect, Order};
use super::gate::{self, Lack, Verdict, Window};
use super::ledger::Attempt;
use super::policy::Inconclusive;
use super::proxy::{Proxy, Way};
use super::record::{Cause, Pace, Record, RefusedBy};
use super::state::{Member, Slices, Step, Trial};
use super::version::{ProxyName, Version};
use super::wave;

/// The shortest window before a commit that is compared with the one after it.
const BEFORE_MIN: Duration = Duration::from_secs(10);

impl<S: Slices> Step<'_, S> {
    /// Takes the next move, if one is due.
    pub(super) fn advance_attempt(&mut self) -> bool {
        match self.state.ledger.attempt {
            None => self.renumber() || self.start(),
            Some(attempt) if self.state.trial.is_none() => self.finish_preparing(attempt),
            Some(attempt) => self.watch(attempt),
        }
    }

    fn fresh_epoch(&self) -> u64 {
        1 + self.state.ledger.epochs_taken.max(self.state.epoch_heard)
    }

    /// A proxy beyond the target's number can never be brought to it, so the target gets a number beyond the proxy's.
    fn renumber(&mut self) -> bool {
        let Some(confirmed) = self.state.ledger.confirmed else { return false };
        let ahead = |proxy: &Proxy| {
            // One on trial goes back under the next number: wait for it to say which.
            proxy.serving.is_some_and(|serving| serving.confirmed)
                && proxy.way_to(confirmed) == Way::Ahead
        };
        if !self.state.proxies.values().any(ahead) {
            return false;
        }
        let version = Version { epoch: self.fresh_epoch(), ..confirmed };
        self.record(Record::Renumbered { version });
        true
    }

    fn start(&mut self) -> bool {
        let ledger = &self.state.ledger;
        let Some(candidate) = ledger.waiting else { return false };
        let first = ledger.confirmed.is_none();
        let pace = if first { Pace::AtOnce } else { candidate.pace };
        if self.now < self.state.gathering_until || (ledger.paused && pace == Pace::Waves) {
            return false;
        }
        let epoch = self.fresh_epoch();
        self.record(Record::Started { epoch, snapshot: candidate.snapshot, pace });
        true
    }

    fn finish_preparing(&mut self, attempt: Attempt) -> bool {
        if let Some(cause) = self.refusals(attempt) {
            self.end(cause);
            return true;
        }
        let (state, epoch) = (&self.state, attempt.version.epoch);
        let paused = state.ledger.paused && attempt.pace == Pace::Waves;
        let prepared = |proxy: &Proxy| proxy.prepared == Some(epoch);
        let nobody = !state.proxies.values().any(prepared);
        // Without a proxy nothing is learned; only the very first snapshot may be confirmed unseen.
        let unseen = nobody && state.ledger.confirmed.is_some();
        if paused || unseen || state.proxies.values().any(|proxy| self.is_open(attempt, proxy)) {
            return false;
        }
        match attempt.pace {
            Pace::AtOnce => self.record(Record::Confirmed { version: attempt.version }),
            Pace::Waves => self.state.trial = Some(Trial::new(self.now)),
        }
        true
    }

    /// Whether the proxy's answer to the preparation is still to come.
    fn is_open(&self, attempt: Attempt, proxy: &Proxy) -> bool {
        let epoch = attempt.version.epoch;
        let answered = proxy.prepared == Some(epoch)
            || proxy.refused.as_ref().is_some_and(|(refused, ..)| *refused == epoch);
        let target = self.state.ledger.confirmed;
        let stuck = target.is_some_and(|target| proxy.is_stuck_before(target));
        !answered && !stuck && proxy.epoch() < epoch
    }

    fn refusals(&self, attempt: Attempt) -> Option<Cause> {
        let by: Vec<_> = self
            .state
            .proxies
            .iter()
            .filter_map(|(name, proxy)| Some((name, proxy.refused.as_ref()?)))
            .filter(|(_, (epoch, refusal, _))| {
                *epoch == attempt.version.epoch && refusal.reason.is_verdict()
            })
            .map(|(name, (_, refusal, _))| RefusedBy {
                proxy: name.to_string(),
                refusal: refusal.clone(),
            })
            .collect();
        (!by.is_empty()).then_some(Cause::Refused { by })
    }

    fn watch(&mut self, attempt: Attempt) -> bool {
        if let Some(cause) = self.refusals(attempt).or_else(|| self.falls()) {
            self.end(cause);
            return true;
        }
        let waves_out = self.state.trial.as_ref().is_some_and(|trial| trial.wave > 0);
        if waves_out {
            match self.soak(attempt) {
                Soak::Harm(cause) => {
                    self.end(cause);
                    return true;
                }
                Soak::Wait => return false,
                Soak::Done => {}
            }
        }
        self.commit_next_wave(attempt);
        true
    }

    fn falls(&self) -> Option<Cause> {
        let trial = self.state.trial.as_ref()?;
        let (fallen, committed) = (trial.fallen.len(), trial.members.len());
        let share = (fallen as u64).saturating_mul(1_000_000);
        let allowed = (committed as u64) * u64::from(self.state.policy.fallen_max.0);
        let cause =
            if trial.stalled { Cause::Interrupted } else { Cause::Fell { fallen, committed } };
        (share > allowed).then_some(cause)
    }

    fn soak(&mut self, attempt: Attempt) -> Soak {
        let begins = self.soak_begins(attempt);
        if let Some(trial) = self.state.trial.as_mut().filter(|_| begins) {
            trial.soaking_since = Some(self.now);
        }
        self.look(attempt, begins);
        let Some(trial) = &self.state.trial else { return Soak::Wait };
        let policy = &self.state.policy;
        let enough = match &trial.verdict {
            Some(Verdict::Fail(harm)) => return Soak::Harm(Cause::Harmful { harm: harm.clone() }),
            Some(Verdict::Pass) => true,
            // Nobody in contact is not too little traffic: it may be what the snapshot did.
            Some(Verdict::Inconclusive(Lack::Nobody)) | None => false,
            Some(Verdict::Inconclusive(_)) => policy.gate.inconclusive == Inconclusive::Proceed,
        };
        let Some(since) = trial.soaking_since else { return Soak::Wait };
        let soaked = enough && since + policy.soak <= self.now;
        let paused = self.state.ledger.paused;
        if !paused && (trial.promoted || soaked) { Soak::Done } else { Soak::Wait }
    }

    /// Once the whole wave serves it, or was given the time to.
    fn soak_begins(&self, attempt: Attempt) -> bool {
        self.state.trial.as_ref().is_some_and(|trial| {
            let late = trial.wave_began + self.state.policy.commit_within <= self.now;
            trial.soaking_since.is_none() && (late || self.all_serve(trial, attempt.version))
        })
    }

    /// Judges by the reports there are, when it is time to.
    fn look(&mut self, attempt: Attempt, begins: bool) {
        let now = self.now;
        let due = |trial: &Trial| {
            let soaked = trial.soaking_since.is_some_and(|at| at + self.state.policy.soak <= now);
            begins || soaked || trial.looked + LOOK <= now
        };
        if !self.state.trial.as_ref().is_some_and(due) {
            return;
        }
        let excused = self.state.ledger.excused.get(&attempt.version.snapshot).copied();
        let verdict = gate::judge(&self.state.policy.gate, &self.windows(attempt), excused);
        if let Some(trial) = &mut self.state.trial {
            trial.looked = now;
            trial.verdict = Some(verdict);
        }
    }

    /// Whether all on trial that are in contact serve it.
    fn all_serve(&self, trial: &Trial, version: Version) -> bool {
        let members = trial.members.keys().filter(|name| !trial.fallen.contains(*name));
        members
            .filter_map(|name| self.state.proxies.get(name))
            .all(|proxy| proxy.serving.is_some_and(|serving| serving.version == version))
    }

    fn windows(&self, attempt: Attempt) -> BTreeMap<String, Window> {
        let Some(trial) = &self.state.trial else { return BTreeMap::new() };
        let epoch = attempt.version.epoch;
        let mut windows: BTreeMap<String, Window> = BTreeMap::new();
        let on_trial =
            |name: &ProxyName| trial.members.get(name).filter(|_| !trial.fallen.contains(name));
        for (name, proxy) in &self.state.proxies {
            let Some(member) = on_trial(name) else { continue };
            let window = windows.entry(workload_name(proxy)).or_default();
            window.new += &proxy.recent.since(member.committed, |of| of == epoch);
            window.before += &member.before;
        }
        for (name, proxy) in &self.state.proxies {
            if let (None, Some(window)) = (on_trial(name), windows.get_mut(&workload_name(proxy))) {
                window.peers += &proxy.recent.since(trial.first_wave, |of| of < epoch);
            }
        }
        windows
    }

    /// Commits the next wave that has somebody in it; confirms when there is none.
    fn commit_next_wave(&mut self, attempt: Attempt) {
        let eligible = self.eligible(attempt);
        let Some(trial) = &self.state.trial else { return };
        let total = trial.members.len() + eligible.len();
        let waves = self.state.policy.waves.iter().enumerate().skip(trial.wave);
        let missing = |reach: usize| reach.saturating_sub(trial.members.len());
        let next = waves
            .map(|(index, reach)| (index, missing(reach.of(total))))
            .find(|(_, missing)| *missing > 0);
        if let Some((index, count)) = next {
            self.commit(attempt, index, eligible.into_iter().take(count).collect());
        } else {
            self.record(Record::Confirmed { version: attempt.version });
            self.state.trial = None;
        }
    }

    /// Who can be on trial: connected, ready, on the target, and with something to try.
    fn eligible(&self, attempt: Attempt) -> Vec<ProxyName> {
        let Some(confirmed) = self.state.ledger.confirmed else { return Vec::new() };
        let Some(trial) = &self.state.trial else { return Vec::new() };
        let changes = |proxy: &Proxy| {
            let slice = |snapshot| self.slices.slice(snapshot, &proxy.workload).ok();
            slice(confirmed.snapshot) != slice(attempt.version.snapshot)
        };
        let eligible = self.state.proxies.iter().filter(|(name, proxy)| {
            proxy.connection.is_some()
                && proxy.prepared == Some(attempt.version.epoch)
                && proxy.way_to(confirmed) == Way::There
                && !trial.members.contains_key(*name)
                && changes(proxy)
        });
        wave::order(eligible.map(|(name, proxy)| (workload_name(proxy), name)))
    }

    fn commit(&mut self, attempt: Attempt, index: usize, proxies: Vec<ProxyName>) {
        let epoch = attempt.version.epoch;
        let wave = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let names = proxies.iter().map(ToString::to_string).collect();
        self.record(Record::Wave { epoch, wave, proxies: names });
        let now = self.now;
        let Some(trial) = &mut self.state.trial else { return };
        let span = self.state.policy.soak.max(BEFORE_MIN);
        let from = super::Timestamp(now.0.saturating_sub(span));
        for name in proxies {
            let proxy = self.state.proxies.get(&name);
            let before = proxy.map(|proxy| proxy.recent.since(from, |of| of < epoch));
            let before = before.unwrap_or_default();
            trial.members.insert(name, Member { committed: now, before });
        }
        if trial.wave == 0 {
            trial.first_wave = now;
        }
        trial.wave = index + 1;
        trial.wave_began = now;
        trial.soaking_since = None;
        trial.promoted = false;
        trial.verdict = None;
    }

    /// Ends the rollout under way; who committed goes back under the number that was kept for it.
    pub(super) fn end(&mut self, cause: Cause) {
        let Some(attempt) = self.state.ledger.attempt else { return };
        let Version { epoch, .. } = attempt.version;
        let confirmed = self.state.ledger.confirmed.filter(|_| attempt.committing);
        let back_to = confirmed.map(|confirmed| Version { epoch: epoch + 1, ..confirmed });
        self.record(Record::Ended { epoch, back_to, cause });
        self.state.trial = None;
        for (name, proxy) in &mut self.state.proxies {
            let asked = matches!(proxy.asked, Some((Order::Prepare { version, .. }, _)) if version.epoch == epoch);
            let ready = proxy.prepared == Some(epoch);
            if let (Some(connection), true) = (proxy.connection, asked || ready) {
                proxy.asked = None;
                proxy.prepared = None;
                let order = Order::Abandon { epoch };
                self.effects.push(Effect::Send { proxy: name.clone(), connection, order });
            }
        }
    }
}

enum Soak {
    Wait,
    Done,
    Harm(Cause),
}

impl Trial {
    fn new(now: super::Timestamp) -> Self {
        Self {
            wave: 0,
            members: BTreeMap::new(),
            fallen: std::collections::BTreeSet::new(),
            first_wave: now,
            wave_began: now,
            soaking_since: None,
            promoted: false,
            stalled: false,
            looked: now,
            verdict: None,
        }
    }
}

fn workload_name(proxy: &Proxy) -> String {
    format!("{}/{}", proxy.workload.namespace, proxy.workload.name)
}
