//! The clusters of one program.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mesh_engine::Program;

use super::spec::Spec;
use super::state::{State, Surroundings};

/// A cluster's place in its directory.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClusterId(u32);

impl ClusterId {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<mesh_engine::cluster::ClusterId> for ClusterId {
    /// In the directory of the program that gave it out.
    fn from(id: mesh_engine::cluster::ClusterId) -> Self {
        Self(u32::try_from(id.index()).unwrap_or(u32::MAX))
    }
}

/// Made when a program is prepared, and immutable; shared by the threads of a process. A cluster that the directory before
/// had too, but for how its load is spread and limited, keeps its endpoints' standing, its connections and its counters.
pub struct Directory {
    /// Rises with each directory that is made.
    pub(super) generation: u64,
    pub(super) clusters: Vec<Entry>,
    ids: HashMap<Arc<str>, ClusterId>,
}

pub(super) struct Entry {
    pub(super) spec: Arc<Spec>,
    pub(super) state: Arc<State>,
}

impl Directory {
    /// Of a program's clusters, each of the ID that the program gave it, and of `others` that the proxy has beside them.
    #[must_use]
    pub fn of(
        program: &Program,
        others: impl IntoIterator<Item = Spec>,
        surroundings: &Surroundings,
        before: Option<&Self>,
    ) -> Self {
        let known = program.clusters().iter().map(|cluster| Spec::of(cluster, program.defaults()));
        let directory = Self::new(known.chain(others).collect(), surroundings, before);
        if let Some(outbound) = program.outbound() {
            directory.want(outbound.preload());
        }
        directory
    }

    /// The id of each cluster is its position in `specs`.
    #[must_use]
    pub fn new(specs: Vec<Spec>, surroundings: &Surroundings, before: Option<&Self>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut ids = HashMap::new();
        let mut clusters = Vec::with_capacity(specs.len());
        for (id, spec) in (0..).map(ClusterId).zip(specs) {
            let kept = before.and_then(|before| before.state_for(&spec));
            let state = kept.unwrap_or_else(|| State::new(&spec, surroundings));
            ids.insert(Arc::clone(&spec.name), id);
            clusters.push(Entry { spec: Arc::new(spec), state });
        }
        Self { generation: NEXT.fetch_add(1, Ordering::Relaxed), clusters, ids }
    }

    /// The endpoints of others are asked for when they are called first.
    fn want(&self, hosts: &BTreeSet<String>) {
        let is_wanted = |entry: &&Entry| hosts.contains(&entry.spec.host);
        self.clusters.iter().filter(is_wanted).for_each(|entry| entry.state.want());
    }

    #[must_use]
    pub fn id(&self, name: &str) -> Option<ClusterId> {
        self.ids.get(name).copied()
    }

    pub(super) fn entry(&self, id: ClusterId) -> Option<&Entry> {
        self.clusters.get(id.index())
    }

    fn state_for(&self, spec: &Spec) -> Option<Arc<State>> {
        let entry = self.entry(self.id(&spec.name)?)?;
        entry.spec.is_same_but_for_load(spec).then(|| Arc::clone(&entry.state))
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").field("generation", &self.generation).finish_non_exhaustive()
    }
}
