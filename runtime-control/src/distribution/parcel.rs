//! What a proxy lacks of a slice: found and encoded once for all proxies that hold the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use mesh_snapshot::wire::{Objects, ToProxy, to_proxy};
use mesh_snapshot::{Digest, ReadObjects};
use prost::Message as _;

use crate::rollout::{Refusal, Version};
use crate::store::{Reach, Store, View};

/// Encoded messages, in order, of which the last is marked.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) frames: Vec<Bytes>,
    /// Bounds of all that the slice is made of, held or not: the proxy may ask for more.
    pub(super) objects: u64,
    pub(super) objects_bytes: u64,
}

/// Version, slice, and what is held: slices and path, sorted.
type Address = (u64, Digest, Vec<Digest>);

#[derive(Debug, Default)]
pub(super) struct Parcels(Mutex<BTreeMap<Address, Arc<Parcel>>>);

/// So much goes into one message, unless one object is larger.
const MESSAGE_BYTES: usize = 1 << 20;
/// Of how many epochs parcels are kept: the confirmed one, the candidate, and the one before.
const EPOCHS_KEPT: usize = 3;

/// What a proxy holds, of the snapshots that are in the store.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) reaches: Vec<Arc<Reach>>,
    /// Slices, manifests and sections.
    pub(super) roots: Vec<Digest>,
}

impl Held {
    fn has(&self, digest: &Digest) -> bool {
        self.roots.contains(digest) || self.reaches.iter().any(|reach| reach.all.contains(digest))
    }
}

impl Parcels {
    /// The parcel of `view`, which is of the snapshot of `version`, for who holds `held`.
    pub(super) fn of(
        &self,
        store: &Store,
        version: Version,
        view: &View,
        held: &Held,
    ) -> Result<Arc<Parcel>, Refusal> {
        let mut roots = held.roots.clone();
        roots.sort_unstable();
        let address = (version.epoch, view.digest, roots);
        if let Some(parcel) = self.with(|parcels| parcels.get(&address).cloned()) {
            return Ok(parcel);
        }
        let parcel = Arc::new(Parcel::pack(store, version, view, held)?);
        self.with(|parcels| {
            parcels.insert(address, parcel.clone());
            forget_old(parcels);
        });
        Ok(parcel)
    }

    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<Address, Arc<Parcel>>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn forget_old(parcels: &mut BTreeMap<Address, Arc<Parcel>>) {
    let mut epochs: Vec<u64> = parcels.keys().map(|(epoch, ..)| *epoch).collect();
    epochs.dedup();
    let excess = epochs.len().saturating_sub(EPOCHS_KEPT);
    if let Some(oldest) = epochs.get(excess) {
        parcels.retain(|(epoch, ..), _| epoch >= oldest);
    }
}

impl Parcel {
    fn pack(store: &Store, version: Version, view: &View, held: &Held) -> Result<Self, Refusal> {
        let reach = store.reach(version.snapshot, view)?;
        let Some(bundle) = store.get(&version.snapshot) else {
            // `reach` has just found it; it was forgotten in between, so nobody is to serve it.
            return Ok(Self { frames: Vec::new(), objects: 0, objects_bytes: 0 });
        };
        let all = view.path.iter().chain(&reach.order);
        let lacking = all.clone().filter(|digest| !held.has(digest));
        let lacking = lacking.filter_map(|digest| bundle.snapshot.read(digest));
        let path_bytes = view.path.iter().filter_map(|digest| bundle.snapshot.read(digest));
        let path_bytes: u64 = path_bytes.map(|bytes| bytes.len() as u64).sum();
        Ok(Self {
            frames: frames(version.epoch, lacking.map(Bytes::from_owner)),
            objects: all.count() as u64,
            objects_bytes: path_bytes + reach.bytes,
        })
    }
}

/// The messages that carry `objects`; one without any, where there are none.
pub(super) fn frames(epoch: u64, objects: impl Iterator<Item = Bytes>) -> Vec<Bytes> {
    let mut batches = vec![Vec::new()];
    let mut size = 0;
    for object in objects {
        if size > 0 && size + object.len() > MESSAGE_BYTES {
            batches.push(Vec::new());
            size = 0;
        }
        size += object.len();
        if let Some(batch) = batches.last_mut() {
            batch.push(object);
        }
    }
    let count = batches.len();
    let numbered = batches.into_iter().enumerate();
    numbered.map(|(index, objects)| frame(epoch, objects, index + 1 == count)).collect()
}

fn frame(epoch: u64, objects: Vec<Bytes>, last: bool) -> Bytes {
    let message = Some(to_proxy::Message::Objects(Objects { epoch, objects, last }));
    ToProxy { message }.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(frames: &[Bytes]) -> Vec<(usize, bool)> {
        let read = |frame: &Bytes| match ToProxy::decode(frame.clone()).unwrap().message {
            Some(to_proxy::Message::Objects(objects)) => (objects.objects.len(), objects.last),
            other => panic!("{other:?}"),
        };
        frames.iter().map(read).collect()
    }

    #[test]
    fn objects_come_in_as_many_messages_as_it_takes_and_the_last_is_marked() {
        let object = |size| Bytes::from(vec![0; size]);
        assert_eq!(unpack(&frames(1, std::iter::empty())), [(0, true)]);
        let many = (0..5).map(|_| object(MESSAGE_BYTES / 2));
        assert_eq!(unpack(&frames(1, many)), [(2, false), (2, false), (1, true)]);
        let large = [object(10), object(2 * MESSAGE_BYTES), object(10)];
        assert_eq!(unpack(&frames(1, large.into_iter())), [(1, false), (1, false), (1, true)]);
    }
}
