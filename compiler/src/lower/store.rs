//! Collects objects, and where they come from.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_snapshot::feature;
use mesh_snapshot::object::Object;
use mesh_snapshot::snapshot::{Builder, Encoded};
use mesh_snapshot::{Applies, Conflict, Key, Location, Reference, Snapshot, SourceMap};

use super::checks;
use crate::diagnostic::{Diagnostic, Place};
use crate::parse::Parsed;
use crate::source::relative;

/// Takes objects from many threads at once. The order in which they come has no effect on the result.
pub(super) struct Store<'m> {
    kept: Mutex<Kept>,
    parsed: &'m Parsed,
    /// The folder that places are relative to; empty: none.
    root: &'m str,
}

#[derive(Default)]
struct Kept {
    builder: Builder,
    source_map: SourceMap,
    /// What needs a feature that no proxy has.
    refused: Vec<Diagnostic>,
}

impl<'m> Store<'m> {
    pub(super) fn new(parsed: &'m Parsed, root: &'m str) -> Self {
        Self { kept: Mutex::default(), parsed, root }
    }

    /// Names an object, and notes where its items are written.
    pub(super) fn add<'p>(
        &self,
        key: Key,
        object: &Object,
        places: impl IntoIterator<Item = &'p (String, Place)>,
    ) -> Reference {
        let encoded = Encoded::of(object);
        let is_lacking = |name: &str| !feature::SERVED.contains(&name);
        let mut located = Vec::new();
        let mut refused = Vec::new();
        for (item, place) in places {
            let lacking = encoded.features().iter().filter(|(name, _)| is_lacking(name));
            let of_item = lacking.filter(|(_, needing)| needing == item);
            refused.extend(of_item.map(|(name, _)| checks::unserved_feature(name, place.clone())));
            located.push((item.clone(), location(place, self.parsed, self.root)));
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
    pub(super) fn finish(
        self,
        out: &mut Vec<Diagnostic>,
    ) -> Result<(Snapshot, SourceMap), Conflict> {
        let Kept { builder, mut source_map, refused } =
            self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        out.extend(refused);
        let snapshot = builder.build()?;
        // What nothing refers to is no part of it.
        source_map.retain(|key| snapshot.names().contains_key(key));
        Ok((snapshot, source_map))
    }
}

fn location(place: &Place, parsed: &Parsed, root: &str) -> Location {
    let (file, span) = place.locate(parsed);
    let source = parsed.source(file);
    let position = source.position(span.start);
    let document = place.document().map(|id| parsed.document(id).to_string());
    Location {
        file: relative(&source.path, root).to_owned(),
        line: position.line,
        column: position.column,
        resource: document.unwrap_or_default(),
    }
}
