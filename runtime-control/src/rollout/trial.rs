//! The waves of one rollout: commit, soak, judge, and the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::gate::{self, Lack, Measure, Verdict, Window};
use super::ledger::Attempt;
use super::policy::{Inconclusive, Loosening};
use super::proxy::{Proxy, Way};
use super::record::{Cause, Record};
use super::state::{Member, Slices, Step, Trial};
use super::version::{ProxyName, Timestamp, Version};
use super::wave::{self, Traffic};

/// How often a wave's reports are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The shortest window before a commit that is compared with the one after it.
const BEFORE_MIN: Duration = Duration::from_secs(10);

impl<S: Slices> Step<'_, S> {
    pub(super) fn watch(&mut self, attempt: Attempt) -> bool {
        let refusals = self.refusals(attempt, |proxy| !self.is_stuck(proxy));
        if let Some(cause) = refusals.or_else(|| self.falls()) {
            self.end(cause);
            return true;
        }
        let wave_is_out = self.state.trial.as_ref().is_some_and(|trial| trial.wave > 0);
        let soak = if wave_is_out { self.soak(attempt) } else { self.watch_before(attempt) };
        match soak {
            Soak::Wait => return false,
            Soak::Harm(cause) => self.end(cause),
            Soak::Done => self.commit_next_wave(attempt),
        }
        true
    }

    /// Proxies that have only just come to the target are watched for a soak before the first wave, too, or there would be nothing to
    /// compare it with. Where the policy or an operator goes on without a comparison, they are not waited for.
    fn watch_before(&self, attempt: Attempt) -> Soak {
        let (now, soak) = (self.now, self.state.policy.soak);
        let watched = self.state.trial.as_ref().is_none_or(|trial| trial.first_wave + soak <= now);
        let promoted = self.state.trial.as_ref().is_some_and(|trial| trial.promoted);
        let needed = !promoted && self.state.policy.gate.inconclusive == Inconclusive::Hold;
        let is_new = |proxy: &Proxy| now < proxy.since + soak;
        let waits = self.state.ledger.paused
            || (needed && !watched && self.eligible(attempt).any(|(_, proxy)| is_new(proxy)));
        if waits { Soak::Wait } else { Soak::Done }
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
            Some(Verdict::Inconclusive(Lack::Nobody | Lack::Consent(_))) | None => false,
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
            let soaked = trial.soaking_since.map(|since| since + self.state.policy.soak);
            let ends = soaked.is_some_and(|end| trial.looked < end && end <= now);
            begins || ends || trial.looked + LOOK <= now
        };
        if !self.state.trial.as_ref().is_some_and(due) {
            return;
        }
        let verdict = self.judge(attempt);
        if let Some(trial) = &mut self.state.trial {
            trial.looked = now;
            trial.verdict = Some(verdict);
        }
    }

    /// Denials that a change of policies brings are harm, or what it is for: an operator knows.
    fn judge(&self, attempt: Attempt) -> Verdict {
        let (gate, windows) = (&self.state.policy.gate, self.windows(attempt));
        let excused = self.state.ledger.excused.get(&attempt.version.snapshot);
        let mut excused: Vec<_> = excused.copied().into_iter().collect();
        let harm = match gate::judge(gate, &windows, &excused) {
            Verdict::Fail(harm) if harm.measure == Measure::Denied => harm,
            verdict => return verdict,
        };
        let before = self.state.ledger.confirmed.map(|confirmed| confirmed.snapshot);
        let may_loosen = before
            .is_some_and(|before| self.slices.differ_in_access(before, attempt.version.snapshot));
        if !may_loosen || gate.loosening == Loosening::Revert {
            return Verdict::Fail(harm);
        }
        excused.push(Measure::Denied);
        match gate::judge(gate, &windows, &excused) {
            Verdict::Fail(other) => Verdict::Fail(other),
            Verdict::Pass | Verdict::Inconclusive(_) => Verdict::Inconclusive(Lack::Consent(harm)),
        }
    }

    /// When the last one on trial has gone for good nothing can be learned from the wave any more, so the waves begin anew with those
    /// that are there. One that fell has shown what it could.
    pub(super) fn forget_on_trial(&mut self, name: &ProxyName) {
        let Some(trial) = &mut self.state.trial else { return };
        let fell = trial.fallen.contains(name);
        if !fell && trial.members.remove(name).is_some() && trial.members.is_empty() {
            self.state.trial = None;
        }
    }

    /// Whether all on trial that are in contact serve it.
    fn all_serve(&self, trial: &Trial, version: Version) -> bool {
        let members = trial.members.keys().filter(|name| !trial.fallen.contains(*name));
        members.filter_map(|name| self.state.proxies.get(name)).all(|proxy| proxy.serves(version))
    }

    fn windows(&self, attempt: Attempt) -> BTreeMap<String, Window> {
        let Some(trial) = &self.state.trial else { return BTreeMap::new() };
        let epoch = attempt.version.epoch;
        let old = self.state.ledger.confirmed.map(|confirmed| confirmed.epoch);
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
                window.peers += &proxy.recent.since(trial.first_wave, |of| Some(of) == old);
            }
        }
        windows
    }

    /// Commits the next wave that has somebody in it; confirms when there is none.
    fn commit_next_wave(&mut self, attempt: Attempt) {
        let eligible = self.in_order(attempt);
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
    fn eligible(&self, attempt: Attempt) -> impl Iterator<Item = (&ProxyName, &Proxy)> {
        let target = self.state.ledger.confirmed.zip(self.state.trial.as_ref());
        let changes = move |confirmed: Version, proxy: &Proxy| {
            let slice = |snapshot| self.slices.slice(snapshot, &proxy.workload).ok();
            slice(confirmed.snapshot) != slice(attempt.version.snapshot)
        };
        self.state.proxies.iter().filter(move |(name, proxy)| {
            target.is_some_and(|(confirmed, trial)| {
                proxy.connection.is_some()
                    && proxy.prepared == Some(attempt.version.epoch)
                    && proxy.way_to(confirmed) == Way::There
                    && !trial.members.contains_key(*name)
                    && changes(confirmed, proxy)
            })
        })
    }

    /// Those who can be on trial, who should be first before the others.
    fn in_order(&self, attempt: Attempt) -> Vec<ProxyName> {
        let from = self.before();
        let telling = self.state.policy.gate.samples_min;
        wave::order(self.eligible(attempt).map(|(name, proxy)| {
            let requests = proxy.recent.since(from, |_| true).requests;
            (workload_name(proxy), Traffic::of(requests, telling), name)
        }))
    }

    /// Since when a commit now is compared with what was before it.
    fn before(&self) -> Timestamp {
        let span = self.state.policy.soak.max(BEFORE_MIN);
        Timestamp(self.now.0.saturating_sub(span))
    }

    fn commit(&mut self, attempt: Attempt, index: usize, proxies: Vec<ProxyName>) {
        let epoch = attempt.version.epoch;
        let old = self.state.ledger.confirmed.map(|confirmed| confirmed.epoch);
        let wave = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let names = proxies.iter().map(ToString::to_string).collect();
        self.record(Record::Wave { epoch, wave, proxies: names });
        let (now, from) = (self.now, self.before());
        let Some(trial) = &mut self.state.trial else { return };
        for name in proxies {
            let proxy = self.state.proxies.get(&name);
            let before = proxy.map(|proxy| proxy.recent.since(from, |of| Some(of) == old));
            let before = before.unwrap_or_default();
            let serving = proxy.and_then(|proxy| proxy.serving);
            let generation = serving.map_or(0, |serving| serving.generation);
            trial.members.insert(name, Member { committed: now, generation, before });
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

    /// When the wave is looked at again.
    pub(super) fn next_look(&self) -> Option<Timestamp> {
        let trial = self.state.trial.as_ref()?;
        let soak = self.state.policy.soak;
        if trial.wave == 0 {
            return Some(trial.first_wave + soak).filter(|end| self.now < *end);
        }
        let soaked = trial.soaking_since.map(|since| since + soak);
        let look = trial.looked + LOOK;
        Some(soaked.filter(|end| self.now < *end).map_or(look, |end| end.min(look)))
    }
}

enum Soak {
    Wait,
    Done,
    Harm(Cause),
}

impl Trial {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            wave: 0,
            members: BTreeMap::new(),
            fallen: BTreeSet::new(),
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
