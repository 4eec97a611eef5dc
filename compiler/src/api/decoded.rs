//! What is kept of resources from one compilation of a repository to the next: they are decoded, and checked by themselves, once.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::mesh::Look;
use super::read::Scope;
use crate::diagnostic::{Diagnostic, Place};
use crate::parse::{Document, DocumentId, Identity, Parsed};

/// What was made of the resources that were read last.
#[derive(Default)]
pub(crate) struct Decoded {
    /// Of those that name none.
    default_namespace: String,
    /// By the address of a document's identity, which is the same one while its file does not change.
    known: HashMap<usize, Known>,
}

struct Known {
    /// Kept, so that no other can have its address.
    identity: Arc<Identity>,
    looked: Arc<Looked>,
}

/// What was made of a resource, under the id that it had then.
pub(super) struct Looked {
    id: DocumentId,
    pub(super) value: Look,
}

/// What `look` makes of each resource, in their order.
pub(super) fn looks(
    parsed: &Parsed,
    look: impl Fn(DocumentId, &Document) -> Look + Sync,
) -> Vec<Arc<Looked>> {
    let documents: Vec<_> = parsed.documents().collect();
    let looked = |(id, document)| Arc::new(Looked { id, value: look(id, document) });
    documents.into_par_iter().map(looked).collect()
}

impl Decoded {
    /// The same, of those alone that are not known.
    pub(super) fn looks(
        &mut self,
        parsed: &Parsed,
        scope: &Scope,
        look: impl Fn(DocumentId, &Document) -> Look + Sync,
    ) -> Vec<Arc<Looked>> {
        if self.default_namespace != scope.default_namespace {
            self.known.clear();
            self.default_namespace.clone_from(&scope.default_namespace);
        }
        // Nobody else has what changed.
        self.known.retain(|_, it| Arc::strong_count(&it.identity) > 1);
        let documents: Vec<_> = parsed.documents().collect();
        let known = &self.known;
        let looks: Vec<_> = documents
            .into_par_iter()
            .map(|(id, document)| match known.get(&address(document)) {
                Some(known) => (Arc::clone(&known.looked), false),
                None => (Arc::new(Looked { id, value: look(id, document) }), true),
            })
            .collect();
        for ((_, document), (looked, _)) in parsed.documents().zip(&looks).filter(|(_, it)| it.1) {
            let identity = Arc::clone(&document.identity);
            self.known.insert(address(document), Known { identity, looked: Arc::clone(looked) });
        }
        looks.into_iter().map(|(looked, _)| looked).collect()
    }
}

fn address(document: &Document) -> usize {
    Arc::as_ptr(&document.identity).addr()
}

impl Looked {
    /// What was found in the resource, which is called `id` now.
    pub(super) fn told(&self, found: &Diagnostic, id: DocumentId) -> Diagnostic {
        let mut found = found.clone();
        if id != self.id {
            found.each_place(|place| self.rename(place, id));
        }
        found
    }

    fn rename(&self, place: &mut Place, id: DocumentId) {
        match place {
            Place::Field { document, .. } | Place::Text { document: Some(document), .. }
                if *document == self.id =>
            {
                *document = id;
            }
            Place::Field { .. } | Place::Text { .. } | Place::File(_) => {}
        }
    }
}
