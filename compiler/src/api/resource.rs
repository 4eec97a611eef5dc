//! A resource whose type is known.

use crate::diagnostic::At;
use crate::parse::DocumentId;

use super::Metadata;

/// A resource: where it stands, what it is called, and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource<T> {
    /// Its document in `Parsed`, through which its places are looked up.
    pub id: DocumentId,
    /// `metadata.namespace`, or the project's default; empty for kinds that have none.
    pub namespace: String,
    pub metadata: Metadata,
    pub spec: T,
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
            metadata: self.metadata.clone(),
            spec: spec(&self.spec),
        }
    }

    /// For pointing at its fields: `resource.at().field("spec").field("hosts").index(0).value()`.
    #[must_use]
    pub fn at(&self) -> At<'static> {
        At::root(self.id)
    }
}
