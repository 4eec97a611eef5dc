//! Things that select workloads by labels, found by a workload's namespace and labels without asking each of them.

use std::collections::BTreeMap;

use mesh_snapshot::object::Labels;

/// Numbers of things, by the namespace whose workloads they select and by one label that each of them asks for.
///
/// It answers with those that may select a workload; whether one does is for the thing itself to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selectors<'a> {
    by_namespace: BTreeMap<Option<&'a str>, mesh_snapshot::Selectors>,
}

impl<'a> Selectors<'a> {
    /// Of things with their numbers, ascending. One may have several selectors; none, or one without labels, may select anything.
    pub(crate) fn new<'l>(
        things: impl Iterator<Item = (Option<&'a str>, usize, &'l [Labels])>,
    ) -> Self {
        let mut of_namespaces = BTreeMap::<_, Vec<_>>::new();
        for (namespace, number, selectors) in things {
            of_namespaces.entry(namespace).or_default().push((number, selectors));
        }
        let of = |(namespace, things): (_, Vec<_>)| {
            (namespace, mesh_snapshot::Selectors::of(things.into_iter()))
        };
        Self { by_namespace: of_namespaces.into_iter().map(of).collect() }
    }

    /// Those that may select a workload of `namespace` that has `labels`, ascending, each once.
    pub(crate) fn candidates(&self, namespace: Option<&str>, labels: &Labels) -> Vec<usize> {
        self.by_namespace.get(&namespace).map_or_else(Vec::new, |it| it.candidates(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_selects_is_among_the_candidates_and_most_others_are_not() {
        let part = ("part-of", "shop");
        let selectors = [
            vec![labels(&[("app", "a"), part])],
            vec![labels(&[("app", "b"), part])],
            vec![labels(&[])],
            vec![labels(&[("app", "b"), part]), labels(&[("app", "c"), part])],
            vec![],
        ];
        let things = selectors.iter().enumerate().map(|(at, it)| (Some("shop"), at, it.as_slice()));
        let all = Selectors::new(things);
        let of = |namespace, app| all.candidates(namespace, &labels(&[("app", app), part]));
        assert_eq!(of(Some("shop"), "a"), [0, 2, 4]);
        assert_eq!(of(Some("shop"), "b"), [1, 2, 3, 4]);
        assert_eq!(of(Some("shop"), "c"), [2, 3, 4]);
        assert_eq!(of(Some("web"), "a"), [0; 0]);
        assert_eq!(of(None, "a"), [0; 0]);
    }
}
