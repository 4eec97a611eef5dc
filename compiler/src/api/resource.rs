//! A resource whose type is known.

use std::sync::Arc;

use crate::diagnostic::At;
use crate::parse::DocumentId;

use super::Metadata;

/// A resource: where it stands, what it is called, and what it says.
///
/// What it says may be shared with the same resource of an earlier compilation, in which it had another `id`.
#[derive(Debug, PartialEq)]
pub struct Resource<T> {
    /// Its document in `Parsed`, through which its places are looked up.
    pub id: DocumentId,
    /// `metadata.namespace`, or the project's default; empty for kinds that have none.
    pub namespace: String,
    pub metadata: Arc<Metadata>,
    pub spec: Arc<T>,
}

/// It costs little: nothing that it says is copied.
impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        let (metadata, spec) = (Arc::clone(&self.metadata), Arc::clone(&self.spec));
        Self { id: self.id, namespace: self.namespace.clone(), metadata, spec }
    }
}

impl<T> Resource<T> {
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The same, saying something else.
    #[must_use]
    pub fn map<U>(&self, spec: impl FnOnce(&T) -> U) -> Resource<U> {
        Resource {
            id: self.id,
            namespace: self.namespace.clone(),
            metadata: Arc::clone(&self.metadata),
            spec: Arc::new(spec(&self.spec)),
        }
    }

    /// For pointing at its fields: `resource.at().field("spec").field("hosts").index(0).value()`.
    #[must_use]
    pub fn at(&self) -> At<'static> {
        At::root(self.id)
    }
}

/// By namespace and name, as each vector of a mesh is; of those that are called alike as they stand.
pub(super) fn sort<T>(resources: &mut [Resource<T>]) {
    resources.sort_by(|a, b| (&a.namespace, a.name(), a.id).cmp(&(&b.namespace, b.name(), b.id)));
}
