//! Slices, each walked once: proxies with the same view share it, however many they are.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use mesh_snapshot::object::{Labels, Role, Workload};
use mesh_snapshot::slice::SliceError;
use mesh_snapshot::{Digest, Key, Kind, ReadObjects as _, Slice, Snapshot};

use super::entitlements::Entitlements;

/// What one kind of workload needs of a snapshot.
#[derive(Debug)]
pub struct View {
    /// Of the slice.
    pub digest: Digest,
    /// The manifest and the sections, from which a proxy finds its slice.
    pub path: Vec<Digest>,
    slice: Slice,
    namespace: String,
}

/// Everything that is reachable from a slice.
#[derive(Debug)]
pub struct Reach {
    /// Parents before what they refer to.
    pub order: Vec<Digest>,
    pub all: HashSet<Digest>,
    pub bytes: u64,
    /// The policies that judge requests: the proxy's logs name their places.
    pub policies: Vec<Key>,
    pub entitlements: Entitlements,
}

/// What a slice depends on, beside the snapshot.
type Sort = (String, Labels, Role);

/// Of a walk: the slice, and the namespace of the workload, which credentials without one are of.
type Start = (Digest, String);

#[derive(Debug, Default)]
pub(super) struct Views {
    views: Mutex<BTreeMap<Digest, BTreeMap<Sort, Arc<View>>>>,
    reaches: Mutex<BTreeMap<Start, Arc<Reach>>>,
}

/// More than a mesh has: labels come from proxies, and must not fill the memory.
const VIEWS_MAX: usize = 50_000;

impl Views {
    pub(super) fn of(
        &self,
        snapshot: &Snapshot,
        workload: &Workload,
    ) -> Result<Arc<View>, SliceError> {
        let sort = (workload.namespace.clone(), workload.labels.clone(), workload.role);
        let known = |views: &mut BTreeMap<_, BTreeMap<Sort, Arc<View>>>| {
            views.get(&snapshot.digest()).and_then(|views| views.get(&sort).cloned())
        };
        if let Some(view) = with(&self.views, known) {
            return Ok(view);
        }
        let view = Arc::new(find(snapshot, workload)?);
        with(&self.views, |views| {
            let views = views.entry(snapshot.digest()).or_default();
            if views.len() < VIEWS_MAX {
                views.insert(sort, view.clone());
            }
        });
        Ok(view)
    }

    pub(super) fn forget(&self, snapshot: Digest) {
        let used: BTreeSet<_> = with(&self.views, |views| {
            views.remove(&snapshot);
            views.values().flat_map(BTreeMap::values).map(|view| view.leads_to()).collect()
        });
        with(&self.reaches, |reaches| reaches.retain(|key, _| used.contains(key)));
    }

    /// Everything that a view leads to. Walked once, and then shared by all views that lead to the same.
    pub(super) fn reach(&self, snapshot: &Snapshot, view: &View) -> Result<Arc<Reach>, SliceError> {
        let key = view.leads_to();
        if let Some(reach) = with(&self.reaches, |reaches| reaches.get(&key).cloned()) {
            return Ok(reach);
        }
        let reach = Arc::new(Reach::of(snapshot, &view.slice, &view.namespace)?);
        with(&self.reaches, |reaches| reaches.insert(key, reach.clone()));
        Ok(reach)
    }
}

impl View {
    fn leads_to(&self) -> Start {
        (self.digest, self.namespace.clone())
    }
}

fn find(snapshot: &Snapshot, workload: &Workload) -> Result<View, SliceError> {
    let manifest = snapshot.manifest();
    let own = manifest.namespaces.get(&workload.namespace);
    let slice = snapshot.slice_of(workload)?;
    let path = [snapshot.digest(), manifest.mesh].into_iter().chain(own.copied()).collect();
    Ok(View { digest: slice.digest(), path, slice, namespace: workload.namespace.clone() })
}

fn with<T, R>(mutex: &Mutex<T>, f: impl FnOnce(&mut T) -> R) -> R {
    f(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Reach {
    fn of(snapshot: &Snapshot, slice: &Slice, namespace: &str) -> Result<Self, SliceError> {
        let references = slice.objects(snapshot)?;
        let mut entitlements = Entitlements::default();
        let mut bytes = 0;
        for reference in &references {
            bytes += snapshot.read(&reference.digest).map_or(0, |bytes| bytes.len() as u64);
            if let Some(object) = snapshot.object(&reference.digest) {
                entitlements.add(&object, namespace);
            }
        }
        let judges =
            [Kind::PeerAuthentication, Kind::RequestAuthentication, Kind::AuthorizationPolicy];
        let judging = references.iter().filter(|reference| judges.contains(&reference.key.kind));
        Ok(Self {
            policies: judging.map(|reference| reference.key.clone()).collect(),
            order: references.iter().map(|reference| reference.digest).collect(),
            all: references.iter().map(|reference| reference.digest).collect(),
            bytes,
            entitlements,
        })
    }
}
