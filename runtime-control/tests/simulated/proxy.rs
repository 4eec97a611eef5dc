//! The proxy's side of the protocol, as `mesh_snapshot::wire` tells it, and nothing else of a proxy.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_control::rollout::{Order, Reason, Refusal, Said, Sample, Serving, Slices as _, Version};
use mesh_snapshot::Digest;
use mesh_snapshot::object::Workload;

use super::catalogue::Catalogue;
use super::chance::Chance;
use super::mutation::Mutation;

pub(crate) struct Proxy {
    pub(crate) name: String,
    pub(crate) workload: Arc<Workload>,
    disk: Disk,
    /// None: not running.
    pub(crate) memory: Option<Memory>,
    /// How often it was started, so that a timer of an earlier life is known as such.
    pub(crate) life: u64,
}

/// Survives a crash.
#[derive(Default)]
struct Disk {
    confirmed: Option<Version>,
    /// Served on trial, and not confirmed.
    tried: Option<u64>,
    /// Snapshots of which it holds all its objects.
    held: BTreeSet<Digest>,
}

#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) serving: Option<Version>,
    pub(crate) trial: Option<Trial>,
    prepared: Option<Version>,
    /// Until when, which version, and whether its objects are here.
    preparing: Option<(u64, Version, bool)>,
    /// The stream it believes to be open.
    pub(crate) stream: Option<u64>,
    /// Requests since the last report.
    pub(crate) traffic: Vec<(u64, Sample)>,
}

#[derive(Clone, Copy)]
pub(crate) struct Trial {
    pub(crate) deadline: u64,
    way_back: Option<Digest>,
}

impl Proxy {
    pub(crate) fn new(name: String, workload: Arc<Workload>) -> Self {
        Self { name, workload, disk: Disk::default(), memory: None, life: 0 }
    }

    /// Starts, from its disk alone.
    pub(crate) fn start(&mut self, mutation: Option<Mutation>) {
        self.life += 1;
        if mutation == Some(Mutation::ProxyForgetsWhatItTried) {
            self.disk.tried = None;
        }
        if let (Some(epoch), Some(confirmed)) =
            (self.disk.tried.take(), self.disk.confirmed.as_mut())
        {
            confirmed.epoch = epoch + 1;
        }
        self.memory = Some(Memory { serving: self.disk.confirmed, ..Memory::default() });
    }

    pub(crate) fn crash(&mut self) {
        self.memory = None;
    }

    pub(crate) fn hello(&self) -> Said {
        Said::Hello { workload: self.workload.clone(), serving: self.serving() }
    }

    pub(crate) fn serving(&self) -> Option<Serving> {
        let memory = self.memory.as_ref()?;
        Some(Serving { version: memory.serving?, confirmed: memory.trial.is_none() })
    }

    fn say_serving(&self) -> Vec<Said> {
        self.serving().map(Said::Serving).into_iter().collect()
    }

    fn epoch(&self) -> u64 {
        self.serving().map_or(0, |serving| serving.version.epoch)
    }

    /// Carries out an order, and answers.
    pub(crate) fn obey(&mut self, order: Order, now: u64, chance: &mut Chance) -> Vec<Said> {
        match order {
            Order::Prepare { version, .. } => self.prepare(version, now, chance),
            Order::Commit { version, trial } => {
                let trial = trial.map(|within| now + u64::try_from(within.as_millis()).unwrap());
                self.commit(version.epoch, trial)
            }
            Order::Confirm { epoch } => {
                if self.epoch() == epoch {
                    self.keep();
                }
                self.say_serving()
            }
            Order::Revert { version } => self.revert(version),
            Order::Abandon { epoch } => {
                let memory = self.memory.as_mut().unwrap();
                memory.prepared = memory.prepared.filter(|version| version.epoch != epoch);
                memory.preparing =
                    memory.preparing.filter(|(_, version, _)| version.epoch != epoch);
                Vec::new()
            }
        }
    }

    fn prepare(&mut self, version: Version, now: u64, chance: &mut Chance) -> Vec<Said> {
        if version.epoch <= self.epoch() {
            return vec![refused(version.epoch, Reason::Stale)];
        }
        let held = self.disk.held.contains(&version.snapshot);
        let memory = self.memory.as_mut().unwrap();
        let again = memory.prepared == Some(version);
        let until = if again { now } else { now + chance.between(1, 200) };
        memory.prepared = None;
        memory.preparing = Some((until, version, held));
        Vec::new()
    }

    /// The objects of a snapshot arrive.
    pub(crate) fn receive(&mut self, snapshot: Digest) {
        if let Some((_, version, here)) = &mut self.memory.as_mut().unwrap().preparing {
            *here |= version.snapshot == snapshot;
        }
    }

    /// Finishes what it is preparing, if it is time.
    pub(crate) fn finish_preparing(
        &mut self,
        now: u64,
        catalogue: &Catalogue,
        mutation: Option<Mutation>,
    ) -> Vec<Said> {
        let memory = self.memory.as_mut().unwrap();
        let Some((until, version, here)) = memory.preparing else { return Vec::new() };
        let blind = mutation == Some(Mutation::ProxyVerifiesNothing);
        if now < until || !(here || blind) {
            return Vec::new();
        }
        memory.preparing = None;
        let (epoch, snapshot) = (version.epoch, version.snapshot);
        if catalogue.is_forged(snapshot) && !blind {
            return vec![refused(epoch, Reason::Signature)];
        }
        if catalogue.is_refused_by(snapshot, &self.name) {
            return vec![refused(epoch, Reason::Feature)];
        }
        memory.prepared = Some(version);
        if here {
            self.disk.held.insert(snapshot);
        }
        let slice = catalogue.slice(snapshot, &self.workload);
        let slice = slice.unwrap_or_else(|_| Digest::of(b"none"));
        vec![Said::Prepared { epoch, slice }]
    }

    pub(crate) fn prepares_until(&self) -> Option<u64> {
        self.memory.as_ref()?.preparing.map(|(until, ..)| until)
    }

    fn commit(&mut self, epoch: u64, deadline: Option<u64>) -> Vec<Said> {
        let served = self.epoch();
        let memory = self.memory.as_mut().unwrap();
        if served == epoch {
            match (&mut memory.trial, deadline) {
                (Some(trial), Some(deadline)) => trial.deadline = deadline,
                (Some(_), None) => self.keep(),
                (None, _) => {}
            }
            return self.say_serving();
        }
        if epoch < served {
            return vec![refused(epoch, Reason::Stale)];
        }
        let Some(version) = memory.prepared.take_if(|version| version.epoch == epoch) else {
            return vec![refused(epoch, Reason::Absent)];
        };
        let way_back = self.disk.confirmed.map(|version| version.snapshot);
        // On disk first: whatever happens next, it will not serve a lesser number again.
        self.disk.tried = Some(epoch);
        memory.serving = Some(version);
        memory.trial = deadline.map(|deadline| Trial { deadline, way_back });
        if deadline.is_none() {
            self.keep();
        }
        self.say_serving()
    }

    /// What is served now is what it starts from.
    fn keep(&mut self) {
        let memory = self.memory.as_mut().unwrap();
        memory.trial = None;
        self.disk.confirmed = memory.serving;
        self.disk.tried = None;
    }

    fn revert(&mut self, version: Version) -> Vec<Said> {
        let served = self.epoch();
        let memory = self.memory.as_mut().unwrap();
        let same = memory.serving.map(|version| version.snapshot);
        let way_back = memory.trial.and_then(|trial| trial.way_back);
        if memory.serving != Some(version) && version.epoch <= served {
            return vec![refused(version.epoch, Reason::Stale)];
        }
        if ![same, way_back].contains(&Some(version.snapshot)) {
            return vec![refused(version.epoch, Reason::Absent)];
        }
        memory.serving = Some(version);
        memory.prepared = None;
        memory.preparing = None;
        self.keep();
        self.say_serving()
    }

    /// Goes back, if nobody confirmed or renewed its trial in time.
    pub(crate) fn expire(&mut self, now: u64, mutation: Option<Mutation>) -> Vec<Said> {
        let Some(memory) = self.memory.as_mut() else { return Vec::new() };
        let Some(trial) = memory.trial.filter(|trial| trial.deadline <= now) else {
            return Vec::new();
        };
        if mutation == Some(Mutation::ProxyNeverGoesBack) {
            return Vec::new();
        }
        let epoch = memory.serving.unwrap().epoch + 1;
        memory.serving = trial.way_back.map(|snapshot| Version { epoch, snapshot });
        self.keep();
        self.say_serving()
    }

    /// What goes through it in `span_ms`.
    pub(crate) fn serve_traffic(&mut self, span_ms: u64, catalogue: &Catalogue) {
        let name = self.workload.name.clone();
        let Some(memory) = self.memory.as_mut() else { return };
        let Some(version) = memory.serving else { return };
        let requests = span_ms / 5;
        let failed = if catalogue.harms(version.snapshot, &name) { requests / 2 } else { 0 };
        let mut sample = Sample { requests, failed, ..Sample::default() };
        sample.latency[2] = requests;
        match memory.traffic.last_mut() {
            Some((epoch, sum)) if *epoch == version.epoch => *sum += &sample,
            _ => memory.traffic.push((version.epoch, sample)),
        }
    }

    /// Whether it holds all that it serves.
    pub(crate) fn holds(&self, snapshot: Digest) -> bool {
        self.disk.held.contains(&snapshot)
    }
}

fn refused(epoch: u64, reason: Reason) -> Said {
    let detail = "as simulated".to_owned();
    Said::Refused { epoch, refusal: Refusal { reason, detail, key: None, item: String::new() } }
}
