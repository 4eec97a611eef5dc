//! The proxy's side of the protocol, as `mesh_snapshot::wire` tells it, and nothing else of a proxy.

use std::collections::{BTreeMap, BTreeSet};
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
    generation: u64,
    /// The greatest term and epoch that it has met.
    term: u64,
    epoch: u64,
    /// Snapshots of which it holds all its objects.
    held: BTreeSet<Digest>,
}

#[derive(Default)]
pub(crate) struct Memory {
    serving: Option<Version>,
    /// Until when what is served is on trial.
    pub(crate) deadline: Option<u64>,
    prepared: Option<Version>,
    /// Until when, which version, and whether its objects are here.
    preparing: Option<(u64, Version, bool)>,
    /// The stream it believes to be open.
    pub(crate) stream: Option<u64>,
    /// Requests since the start, by epoch.
    totals: BTreeMap<u64, Sample>,
}

impl Proxy {
    pub(crate) fn new(name: String, workload: Arc<Workload>) -> Self {
        Self { name, workload, disk: Disk::default(), memory: None, life: 0 }
    }

    /// Starts, from its disk alone.
    pub(crate) fn start(&mut self, mutation: Option<Mutation>) {
        self.life += 1;
        self.memory = Some(Memory { serving: self.disk.confirmed, ..Memory::default() });
        if mutation == Some(Mutation::ProxyForgetsItsGeneration) {
            self.disk.generation = 0;
        }
        self.swapped();
    }

    pub(crate) fn crash(&mut self) {
        self.memory = None;
    }

    pub(crate) fn hello(&self) -> Said {
        let Disk { term, epoch, .. } = self.disk;
        Said::Hello { workload: self.workload.clone(), serving: self.serving(), term, epoch }
    }

    pub(crate) fn serving(&self) -> Option<Serving> {
        let memory = self.memory.as_ref()?;
        let (generation, confirmed) = (self.disk.generation, memory.deadline.is_none());
        Some(Serving { version: memory.serving?, generation, confirmed })
    }

    fn say_serving(&self) -> Vec<Said> {
        self.serving().map(Said::Serving).into_iter().collect()
    }

    /// Carries out an order, and answers.
    pub(crate) fn obey(
        &mut self,
        term: u64,
        order: Order,
        now: u64,
        chance: &mut Chance,
    ) -> Vec<Said> {
        if term < self.disk.term {
            return Vec::new();
        }
        self.disk.term = term;
        self.disk.epoch = self.disk.epoch.max(order.epoch());
        let until = |span: std::time::Duration| now + u64::try_from(span.as_millis()).unwrap();
        match order {
            Order::Welcome { .. } => return Vec::new(),
            Order::Prepare { version, .. } => {
                self.prepare(version, now, chance);
                return Vec::new();
            }
            Order::Commit { version, trial } => self.commit(version, trial.map(until)),
            Order::Extend { version, trial } => self.extend(version, until(trial)),
            Order::Confirm { version } => {
                if self.memory.as_ref().unwrap().serving == Some(version) {
                    self.keep();
                }
            }
            Order::Revert { epoch } => self.revert(epoch),
            Order::Abandon { epoch } => {
                self.abandon(epoch);
                return Vec::new();
            }
        }
        self.say_serving()
    }

    fn prepare(&mut self, version: Version, now: u64, chance: &mut Chance) {
        let held = self.disk.held.contains(&version.snapshot);
        let memory = self.memory.as_mut().unwrap();
        let again = memory.prepared == Some(version);
        let until = if again { now } else { now + chance.between(1, 200) };
        memory.prepared = None;
        memory.preparing = Some((until, version, held));
    }

    fn abandon(&mut self, epoch: u64) {
        let memory = self.memory.as_mut().unwrap();
        memory.prepared = memory.prepared.filter(|version| version.epoch != epoch);
        memory.preparing = memory.preparing.filter(|(_, version, _)| version.epoch != epoch);
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

    fn commit(&mut self, version: Version, deadline: Option<u64>) {
        let memory = self.memory.as_mut().unwrap();
        if memory.serving == Some(version) && deadline.is_none() {
            return self.keep();
        }
        if memory.serving == Some(version) || memory.prepared != Some(version) {
            return;
        }
        memory.prepared = None;
        memory.serving = Some(version);
        memory.deadline = deadline;
        if deadline.is_none() {
            self.disk.confirmed = Some(version);
        }
        self.swapped();
    }

    fn extend(&mut self, version: Version, until: u64) {
        let memory = self.memory.as_mut().unwrap();
        if memory.serving == Some(version) {
            memory.deadline = memory.deadline.map(|_| until);
        }
    }

    /// What is served now is what it starts from.
    fn keep(&mut self) {
        let memory = self.memory.as_mut().unwrap();
        memory.deadline = None;
        self.disk.confirmed = memory.serving;
    }

    fn revert(&mut self, epoch: u64) {
        let memory = self.memory.as_mut().unwrap();
        if memory.deadline.is_some() && memory.serving.is_some_and(|serves| serves.epoch == epoch) {
            self.go_back();
        }
    }

    fn go_back(&mut self) {
        let memory = self.memory.as_mut().unwrap();
        memory.serving = self.disk.confirmed;
        memory.deadline = None;
        memory.prepared = None;
        memory.preparing = None;
        self.swapped();
    }

    const fn swapped(&mut self) {
        self.disk.generation += 1;
    }

    /// Goes back, if nobody confirmed or renewed its trial in time.
    pub(crate) fn expire(&mut self, now: u64, mutation: Option<Mutation>) -> Vec<Said> {
        let deadline = self.memory.as_ref().and_then(|memory| memory.deadline);
        let over = deadline.is_some_and(|deadline| deadline <= now);
        if !over || mutation == Some(Mutation::ProxyNeverGoesBack) {
            return Vec::new();
        }
        self.go_back();
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
        *memory.totals.entry(version.epoch).or_default() += &sample;
    }

    pub(crate) fn health(&self) -> Said {
        let totals = self.memory.as_ref().map(|memory| memory.totals.clone());
        let totals = totals.unwrap_or_default().into_iter().collect();
        Said::Health { instance: self.life, totals }
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
