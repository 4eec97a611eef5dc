//! What exists, and could not be read: of it no more is known than what it is called, or not even that.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Mesh, Said, said};

/// By kind, and then by namespace and name.
#[derive(Clone, Debug, Default)]
pub struct Unread<'a> {
    named: BTreeMap<&'a str, BTreeSet<(&'a str, &'a str)>>,
    /// Those in whose names or namespaces placeholders stand.
    unnamed: BTreeMap<&'a str, Unnamed<'a>>,
}

/// Of one kind. There may be as many as documents of templates, and each name that is missed is asked for: so nothing walks them all.
#[derive(Clone, Debug, Default)]
struct Unnamed<'a> {
    exact: BTreeMap<&'a str, Namespaces<'a>>,
    /// By what names begin and end with.
    around: BTreeMap<&'a str, BTreeMap<&'a str, Namespaces<'a>>>,
}

/// Those in which some of one name may be.
type Namespaces<'a> = BTreeSet<Said<'a>>;

impl<'a> Unread<'a> {
    pub(super) fn of(mesh: &'a Mesh) -> Self {
        let mut unread = Self::default();
        for it in &mesh.incomplete {
            if it.is_named() {
                unread.named.entry(&it.kind).or_default().insert((&it.namespace, &it.name));
            } else {
                unread.unnamed.entry(&it.kind).or_default().add(&it.namespace, &it.name);
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
            || self.unnamed.get(kind).is_some_and(|it| it.may_be(namespace, name))
    }
}

impl<'a> Unnamed<'a> {
    fn add(&mut self, namespace: &'a str, name: &'a str) {
        let namespaces = match said(name) {
            Said::This(name) => self.exact.entry(name).or_default(),
            Said::Around(before, after) => {
                self.around.entry(before).or_default().entry(after).or_default()
            }
        };
        namespaces.insert(said(namespace));
    }

    fn may_be(&self, namespace: &str, name: &str) -> bool {
        let is_there = |all: &Namespaces<'_>| {
            let mut unclear = all.range(Said::Around("", "")..);
            all.contains(&Said::This(namespace)) || unclear.any(|it| it.may_be(namespace))
        };
        let splits = || (0..=name.len()).filter_map(|at| name.split_at_checked(at));
        self.exact.get(name).is_some_and(is_there)
            || splits().filter_map(|(before, rest)| Some((self.around.get(before)?, rest))).any(
                |(by_end, rest)| {
                    let ends = (0..=rest.len()).filter_map(|at| rest.get(at..));
                    ends.filter_map(|end| by_end.get(end)).any(is_there)
                },
            )
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

    #[test]
    fn what_stands_around_placeholders_is_looked_up() {
        let service = |namespace: &str, name: &str| {
            format!(
                "kind: Service\napiVersion: v1\nmetadata: {{name: '{name}', namespace: '{namespace}'}}\nspec: {{ports: [}}\n---\n"
            )
        };
        let all = [
            ("shop", "a-${X}"),
            ("shop", "a-${X}-b"),
            ("web-${E}", "a-${X}-b"),
            ("${N}-eu", "c"),
            ("db", "${X}-${Y}-d"),
        ];
        let mesh = Compiled::text(&all.map(|(space, name)| service(space, name)).concat()).mesh;
        assert_eq!(mesh.incomplete.len(), all.len());
        let unread = Unread::of(&mesh);
        for namespace in ["shop", "web-1", "web-", "web", "x-eu", "db"] {
            for name in ["a-", "a-1", "a-1-b", "a--b", "a-b", "c", "x-d", "-d", "d", "", "é-d"] {
                let one_by_one =
                    mesh.incomplete.iter().any(|it| it.may_be("Service", namespace, name));
                let looked_up = unread.may_be("Service", namespace, name);
                assert_eq!(looked_up, one_by_one, "{namespace}/{name}");
            }
        }
    }
}
