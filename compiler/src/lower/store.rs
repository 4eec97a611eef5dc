//! Collects objects, and where they come from.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_snapshot::feature;
use mesh_snapshot::object::Object;
use mesh_snapshot::snapshot::{Builder, Encoded};
use mesh_snapshot::{Applies, Conflict, Key, Reference, Snapshot, SourceMap};

use super::{Locator, checks};
use crate::diagnostic::{Diagnostic, Place};

/// Takes objects from many threads at once. The order in which they come has no effect on the result.
pub(super) struct Store<'m> {
    kept: Mutex<Kept>,
    /// Absent where nobody asks for places.
    locator: Option<&'m Locator<'m>>,
}

/// All that was added.
#[derive(Default)]
pub(super) struct Kept {
    builder: Builder,
    source_map: SourceMap,
    /// What needs a feature that no proxy has.
    refused: Vec<Diagnostic>,
}

impl<'m> Store<'m> {
    pub(super) fn new(locator: Option<&'m Locator<'m>>) -> Self {
        Self { kept: Mutex::default(), locator }
    }

    /// Names an object, and notes where its items are written.
    pub(super) fn add<'p>(
        &self,
        key: Key,
        object: &Object,
        places: impl IntoIterator<Item = &'p (String, Place)>,
    ) -> Reference {
        self.add_encoded(key, Encoded::of(object), places)
    }

    /// The same, of an object that is encoded already.
    pub(super) fn add_encoded<'p>(
        &self,
        key: Key,
        encoded: Encoded,
        places: impl IntoIterator<Item = &'p (String, Place)>,
    ) -> Reference {
        let is_lacking = |name: &str| !feature::SERVED.contains(&name);
        let places = places.into_iter();
        let mut located = Vec::new();
        let mut refused = Vec::new();
        for (item, place) in places {
            let lacking = encoded.features().iter().filter(|(name, _)| is_lacking(name));
            let of_item = lacking.filter(|(_, needing)| needing == item);
            refused.extend(of_item.map(|(name, _)| checks::unserved_feature(name, place.clone())));
            located.extend(self.locator.map(|locator| (item.clone(), locator.location(place))));
        }
        let mut kept = self.kept();
        kept.refused.append(&mut refused);
        if !located.is_empty() {
            kept.source_map.note(&key, located);
        }
        kept.builder.add_encoded(key, encoded)
    }

    /// Lists an object for workloads of a namespace; empty: of all.
    pub(super) fn list(
        &self,
        namespace: &str,
        reference: Reference,
        applies: Applies,
        rank: usize,
    ) {
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        self.kept().builder.list(namespace, reference, applies, rank);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells `out` what is to be said of the objects.
    pub(super) fn finish(self, out: &mut Vec<Diagnostic>) -> Kept {
        let mut kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        out.append(&mut kept.refused);
        kept
    }
}

impl Kept {
    pub(super) fn seal(self) -> Result<(Snapshot, SourceMap), Conflict> {
        let Self { builder, mut source_map, .. } = self;
        let snapshot = builder.build()?;
        // What nothing refers to is no part of it.
        source_map.retain(|key| snapshot.names().contains_key(key));
        Ok((snapshot, source_map))
    }
}
