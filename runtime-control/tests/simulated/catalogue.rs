//! The snapshots of a simulated mesh: whom they concern, who cannot serve them, and what they do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use mesh_control::rollout::{Reason, Refusal, Slices};
use mesh_snapshot::Digest;
use mesh_snapshot::object::Workload;

use super::chance::Chance;

pub(crate) struct Catalogue {
    pub(crate) workloads: Vec<Arc<Workload>>,
    /// By name.
    pub(crate) proxies: Vec<(String, Arc<Workload>)>,
    /// In the order of publication.
    pub(crate) snapshots: Vec<Digest>,
    traits: BTreeMap<Digest, Traits>,
    /// Slices under which requests fail.
    harmful: BTreeSet<Digest>,
}

struct Traits {
    /// Workload → digest of its slice; absent: the snapshot has none for it.
    slices: BTreeMap<String, Digest>,
    /// Proxies that lack a feature that it needs.
    refused_by: BTreeSet<String>,
    forged: bool,
}

impl Catalogue {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let count = chance.between(1, 4);
        let workloads: Vec<_> = (0..count).map(|index| workload(&format!("w{index}"))).collect();
        let of = |index: usize| workloads[index % workloads.len()].clone();
        let proxies = (0..usize::try_from(chance.between(1, 9)).unwrap())
            .map(|index| (format!("{}-{index}", of(index).name), of(index)))
            .collect();
        let mut catalogue = Self {
            workloads,
            proxies,
            snapshots: Vec::new(),
            traits: BTreeMap::new(),
            harmful: BTreeSet::new(),
        };
        for index in 0..chance.between(2, 8) {
            let digest = Digest::of(format!("snapshot {index}").as_bytes());
            let drawn = catalogue.draw_traits(chance);
            catalogue.snapshots.push(digest);
            catalogue.traits.insert(digest, drawn);
        }
        catalogue
    }

    fn draw_traits(&mut self, chance: &mut Chance) -> Traits {
        // The first one is good, so that most runs have something to lose.
        let first = self.snapshots.is_empty();
        let mut slices = BTreeMap::new();
        for workload in &self.workloads {
            // Few contents, so that many snapshots leave many workloads as they are.
            let harmful = !first && chance.percent(10);
            let content = if harmful { 9 } else { chance.between(0, 4) };
            let slice = Digest::of(format!("{} {content}", workload.name).as_bytes());
            if harmful {
                self.harmful.insert(slice);
            }
            if first || !chance.percent(1) {
                slices.insert(workload.name.clone(), slice);
            }
        }
        let mut refused_by = BTreeSet::new();
        if !first && chance.percent(20) {
            refused_by.insert(chance.pick(&self.proxies).0.clone());
        }
        Traits { slices, refused_by, forged: !first && chance.percent(5) }
    }

    pub(crate) fn is_forged(&self, snapshot: Digest) -> bool {
        self.traits[&snapshot].forged
    }

    pub(crate) fn is_harmful(&self, snapshot: Digest) -> bool {
        self.workloads.iter().any(|workload| self.harms(snapshot, &workload.name))
    }

    /// Whether it makes the workload's requests fail.
    pub(crate) fn harms(&self, snapshot: Digest, workload: &str) -> bool {
        let slice = self.traits[&snapshot].slices.get(workload);
        slice.is_some_and(|slice| self.harmful.contains(slice))
    }

    pub(crate) fn is_refused_by(&self, snapshot: Digest, proxy: &str) -> bool {
        self.traits[&snapshot].refused_by.contains(proxy)
    }

    /// Whether some proxy or workload cannot have it.
    pub(crate) fn can_be_refused(&self, snapshot: Digest) -> bool {
        let traits = &self.traits[&snapshot];
        traits.forged || !traits.refused_by.is_empty() || traits.slices.len() < self.workloads.len()
    }

    /// For the trace.
    pub(crate) fn name(&self, snapshot: Digest) -> String {
        let traits = &self.traits[&snapshot];
        let index = self.snapshots.iter().position(|digest| *digest == snapshot).unwrap();
        let mut name = format!("s{index}");
        if self.is_harmful(snapshot) {
            name += " (harmful)";
        }
        if traits.forged {
            name += " (forged)";
        }
        if !traits.refused_by.is_empty() {
            let _ = write!(name, " (refused by {:?})", traits.refused_by);
        }
        name
    }
}

impl Slices for Catalogue {
    fn slice(&self, snapshot: Digest, workload: &Workload) -> Result<Digest, Refusal> {
        let slice = self.traits[&snapshot].slices.get(&workload.name).copied();
        slice.ok_or_else(|| Refusal {
            reason: Reason::Corrupt,
            detail: format!("the snapshot has no slice for {}", workload.name),
            key: None,
            item: String::new(),
        })
    }

    fn differ_in_access(&self, one: Digest, other: Digest) -> bool {
        one != other
    }
}

fn workload(name: &str) -> Arc<Workload> {
    Arc::new(Workload {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        service_account: name.to_owned(),
        ..Workload::default()
    })
}
