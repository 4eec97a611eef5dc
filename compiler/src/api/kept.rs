//! What is kept of resources from one compilation of a repository to the next: they are decoded, and checked by themselves, once.
//!
//! Of those that are not the same it is known of which parts of a [`Mesh`] they are.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::Mesh;
use super::mesh::Look;
use super::read::Scope;
use crate::diagnostic::{Diagnostic, Place};
use crate::parse::{Document, DocumentId, Identity, Parsed};
use crate::parts::{Changes, Parts, reading};
use crate::source::FileId;

/// What was made of the resources that were read last.
#[derive(Default)]
pub(crate) struct KeptResources {
    /// Of those that name none.
    default_namespace: String,
    /// By the address of a document's identity, which is the same one while its file does not change.
    known: HashMap<usize, Known>,
    /// The addresses of all, in the order of the documents.
    order: Vec<usize>,
    /// Of a document that says the same as before, the address that it had and the one that it has.
    alike: HashSet<(usize, usize)>,
    environment: Option<String>,
    are_of_several: bool,
    broken: Vec<Identity>,
}

struct Known {
    /// Kept, so that no other can have its address.
    identity: Arc<Identity>,
    looked: Arc<Looked>,
    /// Whether kustomizations changed its file, by which placeholders in it are judged.
    is_built: bool,
}

/// What was made of a resource, under the ids that it and its file had then.
pub(super) struct Looked {
    id: DocumentId,
    file: FileId,
    pub(super) value: Look,
}

impl Looked {
    fn of(
        look: impl Fn(DocumentId, &Document) -> Look,
        id: DocumentId,
        document: &Document,
    ) -> Arc<Self> {
        Arc::new(Self { id, file: document.file, value: look(id, document) })
    }
}

/// What `look` makes of each resource, in their order.
pub(super) fn looks(
    parsed: &Parsed,
    look: impl Fn(DocumentId, &Document) -> Look + Sync,
) -> Vec<Arc<Looked>> {
    let documents: Vec<_> = parsed.documents().collect();
    documents.into_par_iter().map(|(id, document)| Looked::of(&look, id, document)).collect()
}

impl KeptResources {
    /// Whether those of another environment were read before.
    pub(crate) fn are_of_several(&self) -> bool {
        self.are_of_several
    }

    /// Says before a round which documents say the same as the time before, although they are others: `(before, now)`.
    pub(crate) fn set_alike<'i>(
        &mut self,
        pairs: impl Iterator<Item = (&'i Arc<Identity>, &'i Arc<Identity>)>,
    ) {
        let address = |identity: &Arc<Identity>| Arc::as_ptr(identity).addr();
        self.alike = pairs.map(|(before, now)| (address(before), address(now))).collect();
    }

    /// The same, of those alone that are not known; and what may be otherwise than the time before.
    pub(super) fn looks(
        &mut self,
        parsed: &Parsed,
        scope: &Scope,
        look: impl Fn(DocumentId, &Document) -> Look + Sync,
    ) -> (Vec<Arc<Looked>>, Changes) {
        let is_other = !self.is_about(parsed, scope);
        if self.default_namespace != scope.default_namespace {
            self.known.clear();
            self.default_namespace.clone_from(&scope.default_namespace);
        }
        let documents: Vec<_> = parsed.documents().collect();
        let known = &self.known;
        let looks: Vec<_> = documents
            .into_par_iter()
            .map(|(id, document)| {
                let is_built = parsed.kustomizations().change(document.file);
                match known.get(&address(document)).filter(|it| it.is_built == is_built) {
                    Some(known) => (Arc::clone(&known.looked), false),
                    None => (Looked::of(&look, id, document), true),
                }
            })
            .collect();
        let changed = if is_other { Changes::all() } else { self.changed(parsed, &looks) };
        // Nobody else has what changed.
        self.known.retain(|_, it| Arc::strong_count(&it.identity) > 1);
        for ((_, document), (looked, _)) in parsed.documents().zip(&looks).filter(|(_, it)| it.1) {
            let identity = Arc::clone(&document.identity);
            let is_built = parsed.kustomizations().change(document.file);
            let looked = Arc::clone(looked);
            self.known.insert(address(document), Known { identity, looked, is_built });
        }
        self.order = parsed.documents().map(|(_, document)| address(document)).collect();
        (looks.into_iter().map(|(looked, _)| looked).collect(), changed)
    }

    /// Whether what is no resource is as it was, and there are as many resources.
    fn is_about(&mut self, parsed: &Parsed, scope: &Scope) -> bool {
        let broken = parsed.broken().iter().map(|it| &it.identity);
        let broken = broken.chain(parsed.kustomizations().made());
        let is_same = self.default_namespace == scope.default_namespace
            && self.environment.as_deref() == parsed.environment()
            && self.order.len() == parsed.documents().len()
            && self.broken.iter().eq(broken.clone());
        let has_other = |it: &str| parsed.environment() != Some(it);
        self.are_of_several |= self.environment.as_deref().is_some_and(has_other);
        self.environment = parsed.environment().map(str::to_owned);
        self.broken = broken.cloned().collect();
        is_same
    }

    /// The resources that say something else than those in their places did, and the parts that hold these or those.
    fn changed(&self, parsed: &Parsed, looks: &[(Arc<Looked>, bool)]) -> Changes {
        let mut changed = Changes::default();
        let places = self.order.iter().zip(parsed.documents()).zip(looks);
        for ((before, (id, document)), (looked, is_new)) in places {
            let now = address(document);
            let is_built = parsed.kustomizations().change(document.file);
            let is_judged_alike = self.known.get(before).is_none_or(|it| it.is_built == is_built);
            let is_alike = *before == now || self.alike.contains(&(*before, now));
            if is_alike && is_judged_alike {
                continue;
            }
            // One that is known and had another place has another number.
            let known = self.known.get(before).filter(|_| *is_new);
            let Some(known) = known.filter(|it| it.identity == document.identity) else {
                return Changes::all();
            };
            changed.parts = changed.parts | touched(&known.looked, id) | touched(looked, id);
            changed.resources.insert(id);
        }
        changed
    }
}

/// The parts that a resource is put into.
fn touched(looked: &Looked, id: DocumentId) -> Parts {
    match &looked.value {
        Look::Read(_, outcome) => match &outcome.insert {
            Some(insert) => reading(|| insert(&mut Mesh::default(), id)).1,
            None => Parts::ALL,
        },
        Look::Unsupported(..) | Look::Say(_) | Look::Skip | Look::Project => Parts::ALL,
    }
}

fn address(document: &Document) -> usize {
    Arc::as_ptr(&document.identity).addr()
}

impl Looked {
    /// What was found in the resource, which is called `id` now and stands in `file`.
    pub(super) fn told(&self, found: &Diagnostic, id: DocumentId, file: FileId) -> Diagnostic {
        let mut found = found.clone();
        if (id, file) != (self.id, self.file) {
            found.each_place(|place| {
                self.rename(place, id);
                place.rename_file(self.file, file);
            });
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
