//! Collects objects, and where they come from.

use mesh_snapshot::feature;
use mesh_snapshot::object::Object;
use mesh_snapshot::snapshot::Builder;
use mesh_snapshot::{Applies, Conflict, Key, Location, Reference, Snapshot, SourceMap};

use super::checks;
use crate::diagnostic::{Diagnostic, Place};
use crate::parse::Parsed;
use crate::source::relative;

pub(super) struct Store<'m> {
    builder: Builder,
    source_map: SourceMap,
    parsed: &'m Parsed,
    /// The folder that places are relative to; empty: none.
    root: &'m str,
    /// What needs a feature that no proxy has.
    refused: Vec<Diagnostic>,
}

impl<'m> Store<'m> {
    pub(super) fn new(parsed: &'m Parsed, root: &'m str) -> Self {
        Self {
            builder: Builder::default(),
            source_map: SourceMap::default(),
            parsed,
            root,
            refused: Vec::new(),
        }
    }

    /// Names an object, and notes where its items are written.
    pub(super) fn add<'p>(
        &mut self,
        key: Key,
        object: &Object,
        places: impl IntoIterator<Item = &'p (String, Place)>,
    ) -> Reference {
        let mut lacking = feature::of(object);
        lacking.retain(|(name, _)| !feature::SERVED.contains(name));
        for (item, place) in places {
            let of_item = lacking.iter().filter(|(_, needing)| needing == item);
            let refused = of_item.map(|(name, _)| checks::unserved_feature(name, place.clone()));
            self.refused.extend(refused);
            self.source_map.insert(&key, item, location(place, self.parsed, self.root));
        }
        self.builder.add(key, object)
    }

    /// Lists an object for workloads of a namespace; empty: of all.
    pub(super) fn list(
        &mut self,
        namespace: &str,
        reference: Reference,
        applies: Applies,
        rank: usize,
    ) {
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        self.builder.list(namespace, reference, applies, rank);
    }

    /// Takes over what another one has collected.
    pub(super) fn absorb(&mut self, other: Self) {
        self.builder.absorb(other.builder);
        self.source_map.absorb(other.source_map);
        self.refused.extend(other.refused);
    }

    /// What was said of the objects, to be told.
    pub(super) fn refused(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.refused)
    }

    pub(super) fn finish(mut self) -> Result<(Snapshot, SourceMap), Conflict> {
        let snapshot = self.builder.build()?;
        // What nothing refers to is no part of it.
        self.source_map.retain(|key| snapshot.names().contains_key(key));
        Ok((snapshot, self.source_map))
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
