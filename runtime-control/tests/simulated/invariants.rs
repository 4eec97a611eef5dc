//! What must hold, whatever happens. Each check says what it found; the first finding ends the run.

use std::collections::{BTreeMap, BTreeSet};

use mesh_control::rollout::{
    Cause, Inconclusive, Pace, Phase, Record, Said, Sample, Serving, Version,
};
use mesh_snapshot::Digest;

use super::catalogue::Catalogue;
use super::control::Control;
use super::proxy::Proxy;

/// What has been seen so far.
#[derive(Default)]
pub(crate) struct Observed {
    /// One epoch names one snapshot.
    names: BTreeMap<u64, Digest>,
    /// What each proxy served last, and under which generation.
    last: BTreeMap<String, (u64, u64)>,
    /// What the journal has made the target at some time.
    targets: BTreeSet<(u64, Digest)>,
    target: Option<Digest>,
    started: BTreeMap<u64, Digest>,
    waves: BTreeSet<(u64, String)>,
    quarantined: BTreeSet<Digest>,
    /// An operator took the responsibility for it.
    excused: BTreeSet<Digest>,
    /// Epochs that the control runtime has heard a refusal of.
    refused: BTreeSet<u64>,
    /// Epochs of rollouts that an operator let through unjudged.
    unjudged: BTreeSet<u64>,
    /// Epochs of rollouts without waves.
    at_once: BTreeSet<u64>,
    totals: BTreeMap<String, (u64, Vec<(u64, Sample)>)>,
    /// Requests that the control runtime heard of, by epoch and workload.
    reported: BTreeMap<(u64, String), u64>,
    pub(crate) violation: Option<String>,
}

/// Of the gate's policy.
pub(crate) const SAMPLES_MIN: u64 = 50;

/// No term or epoch of a run comes near.
const NUMBERS_MAX: u64 = 1 << 20;

impl Observed {
    fn violated(&mut self, what: impl FnOnce() -> String) {
        self.violation.get_or_insert_with(what);
    }

    /// A record reached the disk.
    pub(crate) fn journalled(
        &mut self,
        record: &Record,
        catalogue: &Catalogue,
        inconclusive: Inconclusive,
    ) {
        if let Record::Reigned { term: number } | Record::Started { epoch: number, .. } = record
            && *number > NUMBERS_MAX
        {
            self.violated(|| format!("a lie was believed: {record:?}"));
        }
        match record {
            Record::Started { epoch, snapshot, pace } => {
                if self.started.keys().next_back().is_some_and(|last| last >= epoch) {
                    self.violated(|| format!("epoch {epoch} was taken before"));
                }
                if self.quarantined.contains(snapshot) {
                    self.violated(|| format!("epoch {epoch} rolls out what is in quarantine"));
                }
                self.started.insert(*epoch, *snapshot);
                if *pace == Pace::AtOnce {
                    self.at_once.insert(*epoch);
                }
            }
            Record::Wave { epoch, proxies, .. } => {
                self.waves.extend(proxies.iter().map(|proxy| (*epoch, proxy.clone())));
            }
            Record::Confirmed { version } => {
                let before = self.target.replace(version.snapshot);
                if self.at_once.contains(&version.epoch) {
                    self.quarantined.extend(before.filter(|before| *before != version.snapshot));
                }
                self.targets.insert((version.epoch, version.snapshot));
                if self.refused.contains(&version.epoch) {
                    self.violated(|| {
                        format!("epoch {} was refused, and is confirmed", version.epoch)
                    });
                }
                let judged = inconclusive == Inconclusive::Hold
                    && !self.unjudged.contains(&version.epoch)
                    && !self.at_once.contains(&version.epoch)
                    && !self.excused.contains(&version.snapshot)
                    && self.waves.iter().any(|(epoch, _)| *epoch == version.epoch);
                if judged && self.harms_more_than(before, *version, catalogue) {
                    self.violated(|| {
                        format!("epoch {} does harm, and is confirmed", version.epoch)
                    });
                }
            }
            Record::Ended { epoch, cause } => {
                let snapshot = self.started.get(epoch).copied();
                let undo = self.at_once.contains(epoch) && self.target.is_some();
                if matches!(cause, Cause::Harmful { .. } | Cause::Fell { .. } | Cause::Aborted)
                    && !undo
                {
                    self.quarantined.extend(snapshot);
                }
                let harmless = |snapshot| !catalogue.is_harmful(snapshot);
                if matches!(cause, Cause::Harmful { .. }) && snapshot.is_some_and(harmless) {
                    self.violated(|| {
                        format!("epoch {epoch} does no harm, and was taken for harmful")
                    });
                }
            }
            Record::Lifted { snapshot } => {
                self.quarantined.remove(snapshot);
                self.excused.insert(*snapshot);
            }
            _ => {}
        }
    }

    /// Whether it harms some workload, as `before` did not, and enough was reported to know.
    fn harms_more_than(
        &self,
        before: Option<Digest>,
        version: Version,
        catalogue: &Catalogue,
    ) -> bool {
        catalogue.workloads.iter().any(|workload| {
            let reported = self.reported.get(&(version.epoch, workload.name.clone()));
            catalogue.harms(version.snapshot, &workload.name)
                && !before.is_some_and(|before| catalogue.harms(before, &workload.name))
                && reported.is_some_and(|requests| *requests >= SAMPLES_MIN)
        })
    }

    /// An operator said to go on, whatever the gate says.
    pub(crate) fn promoted(&mut self) {
        self.unjudged.extend(self.started.keys().next_back());
    }

    /// The control runtime hears something. A refusal counts from those that serve what they should.
    pub(crate) fn heard(&mut self, proxy: &str, serving: Option<Serving>, said: &Said) {
        match said {
            Said::Refused { epoch, .. } => {
                let settled = serving.is_none_or(|serving| serving.confirmed)
                    && serving.map(|serving| serving.version.snapshot) == self.target;
                if settled {
                    self.refused.insert(*epoch);
                }
            }
            Said::Hello { .. } => {
                self.totals.remove(proxy);
            }
            Said::Health { instance, totals } => {
                let workload = proxy.split('-').next().unwrap_or_default();
                let before = self.totals.insert(proxy.to_owned(), (*instance, totals.clone()));
                let Some((_, before)) = before.filter(|(of, _)| of == instance) else { return };
                for (epoch, sample) in totals {
                    let seen = before.iter().find(|(of, _)| of == epoch);
                    let seen = seen.map_or(0, |(_, sample)| sample.requests);
                    let key = (*epoch, workload.to_owned());
                    *self.reported.entry(key).or_default() += sample.requests.saturating_sub(seen);
                }
            }
            _ => {}
        }
    }

    /// A proxy may have changed what it serves.
    pub(crate) fn serves(&mut self, proxy: &Proxy, catalogue: &Catalogue) {
        let Some(Serving { version, generation, confirmed }) = proxy.serving() else { return };
        let Version { epoch, snapshot } = version;
        let name = &proxy.name;
        if *self.names.entry(epoch).or_insert(snapshot) != snapshot {
            self.violated(|| format!("epoch {epoch} names two snapshots, one at {name}"));
        }
        let before = self.last.insert(name.clone(), (generation, epoch));
        if before.is_some_and(|(of, what)| generation < of || (generation == of && what != epoch)) {
            self.violated(|| format!("I3: the generation of {name} did not rise"));
        }
        if catalogue.is_forged(snapshot) || !proxy.holds(snapshot) {
            self.violated(|| format!("I2: {name} serves what is forged or incomplete"));
        }
        if catalogue.is_refused_by(snapshot, name) {
            self.violated(|| format!("{name} serves what it cannot"));
        }
        if confirmed && !self.targets.contains(&(epoch, snapshot)) {
            self.violated(|| {
                format!("{name} serves epoch {epoch} for good, which is not confirmed")
            });
        }
        if !confirmed && !self.waves.contains(&(epoch, name.clone())) {
            self.violated(|| format!("{name} was committed to epoch {epoch} outside its waves"));
        }
    }

    /// Nobody is on trial longer than it was told to be.
    pub(crate) fn no_trial_is_late(&mut self, proxy: &Proxy, now: u64) {
        let deadline = proxy.memory.as_ref().and_then(|memory| memory.deadline);
        if deadline.is_some_and(|deadline| deadline < now) {
            self.violated(|| format!("{} is on trial beyond its deadline", proxy.name));
        }
    }

    /// I4, I5: the faults are over, and were for long enough.
    pub(crate) fn at_the_end(
        &mut self,
        control: &Control,
        proxies: &[Proxy],
        catalogue: &Catalogue,
        last_published: Option<Digest>,
    ) {
        let Some(state) = &control.state else {
            return self.violated(|| "I4: the control runtime does not run".to_owned());
        };
        let status = state.status();
        let somebody = proxies.iter().any(|proxy| proxy.memory.is_some());
        let over = matches!(status.phase, Phase::Idle | Phase::Empty) && status.waiting.is_none();
        if somebody && !over {
            self.violated(|| {
                format!("I4: {:?} is not over, waiting {:?}", status.phase, status.waiting)
            });
        }
        for proxy in proxies.iter().filter(|proxy| proxy.memory.is_some()) {
            let serving = proxy.serving().filter(|serving| serving.confirmed);
            let serving = serving.map(|serving| serving.version);
            let wanted = status.confirmed;
            let cannot = wanted.is_some_and(|wanted| {
                catalogue.is_refused_by(wanted.snapshot, &proxy.name)
                    || catalogue.can_be_refused(wanted.snapshot) && serving != Some(wanted)
            });
            let told = status.proxies.iter().find(|told| told.name == proxy.name);
            let said_so = told.is_some_and(|told| told.refusal.is_some());
            if cannot && said_so {
                continue;
            }
            if serving != wanted {
                self.violated(|| {
                    format!("I4: {} serves {serving:?}, where {wanted:?} is confirmed", proxy.name)
                });
            }
        }
        self.last_publication(control, catalogue, last_published);
    }

    /// What was acknowledged last is served, or it is on record why not.
    fn last_publication(&mut self, control: &Control, catalogue: &Catalogue, last: Option<Digest>) {
        let (Some(last), Some(state)) = (last, &control.state) else { return };
        // Without a proxy nothing is learned, so it waits.
        if state.status().proxies.is_empty() {
            return;
        }
        let ledger = state.ledger();
        if let Some(confirmed) = ledger.confirmed {
            if self.quarantined.contains(&confirmed.snapshot) {
                self.violated(|| "a snapshot in quarantine is confirmed".to_owned());
            }
            if confirmed.snapshot == last {
                return;
            }
        }
        let refused = ledger.last_ended.as_ref().is_some_and(|ended| {
            ended.version.snapshot == last
                && matches!(ended.cause, Cause::Refused { .. })
                && catalogue.can_be_refused(last)
        });
        if !refused && !ledger.quarantine.contains_key(&last) {
            self.violated(|| format!("I5: {} was acknowledged, and is lost", catalogue.name(last)));
        }
    }
}
