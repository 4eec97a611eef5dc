//! What exists, and could not be read: of it no more is known than what it is called, or not even that.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Incomplete, Mesh};

/// By kind, and then by namespace and name.
#[derive(Clone, Debug, Default)]
pub struct Unread<'a> {
    named: BTreeMap<&'a str, BTreeSet<(&'a str, &'a str)>>,
    /// Those in whose names or namespaces placeholders stand.
    unnamed: BTreeMap<&'a str, Vec<&'a Incomplete>>,
}

impl<'a> Unread<'a> {
    pub(super) fn of(mesh: &'a Mesh) -> Self {
        let mut unread = Self::default();
        for it in &mesh.incomplete {
            if it.is_named() {
                unread.named.entry(&it.kind).or_default().insert((&it.namespace, &it.name));
            } else {
                unread.unnamed.entry(&it.kind).or_default().push(it);
            }
        }
        unread
    }

    /// Whether there is any of this kind.
    #[must_use]
    pub fn has_any(&self, kind: &str) -> bool {
        self.named.contains_key(kind) || self.unnamed.contains_key(kind)
    }

    /// Whether one may be this resource.
    #[must_use]
    pub fn may_be(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let is_named = |named: &BTreeSet<_>| named.contains(&(namespace, name));
        self.named.get(kind).is_some_and(is_named)
            || self
                .unnamed
                .get(kind)
                .into_iter()
                .flatten()
                .any(|it| it.may_be(kind, namespace, name))
    }
}

#[cfg(test)]
mod tests {
    use super::Unread;
    use crate::testing::Compiled;

    #[test]
    fn what_is_called_something_is_that_and_nothing_else() {
        let service = |name: &str| {
            format!(
                "kind: Service\napiVersion: v1\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{ports: [}}\n---\n"
            )
        };
        let mesh = Compiled::text(&(service("a") + &service("'b-${X}'"))).mesh;
        let unread = Unread::of(&mesh);
        for (namespace, name, may_be) in
            [("shop", "a", true), ("shop", "b-1", true), ("shop", "c", false), ("b", "a", false)]
        {
            assert_eq!(unread.may_be("Service", namespace, name), may_be, "{namespace}/{name}");
        }
        assert!(unread.has_any("Service") && !unread.has_any("Secret"));
    }
}
