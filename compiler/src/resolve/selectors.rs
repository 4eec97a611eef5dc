//! Things that select workloads by labels, found by a workload's labels without asking each of them.

use std::collections::{BTreeMap, HashMap};

use mesh_snapshot::object::Labels;

/// Numbers of things, by the namespace whose workloads they select and by one label that each of them asks for.
///
/// It answers with those that may select a workload; whether one does is for the thing itself to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selectors<'a> {
    by_namespace: BTreeMap<Option<&'a str>, OfNamespace>,
}

/// Of each selector the label that the fewest others ask for: a label such as `app.kubernetes.io/part-of` tells nothing apart.
#[derive(Clone, Debug, Default)]
struct OfNamespace {
    by_label: HashMap<String, HashMap<String, Vec<usize>>>,
    /// Those that ask for no label.
    open: Vec<usize>,
}

impl<'a> Selectors<'a> {
    /// Of things with their numbers, ascending. One may have several selectors; none, or one without labels, may select anything.
    pub(crate) fn new<'l>(
        things: impl Iterator<Item = (Option<&'a str>, usize, &'l [Labels])> + Clone,
    ) -> Self {
        let mut asked: HashMap<(&str, &str), usize> = HashMap::new();
        for labels in things.clone().flat_map(|(_, _, selectors)| selectors).flatten() {
            *asked.entry((labels.0, labels.1)).or_default() += 1;
        }
        let count =
            |label: &(&String, &String)| asked.get(&(label.0.as_str(), label.1.as_str())).copied();
        let mut new = Self::default();
        for (namespace, number, selectors) in things {
            let of = new.by_namespace.entry(namespace).or_default();
            let rarest = selectors.iter().map(|it| it.iter().min_by_key(count));
            match rarest.collect::<Option<Vec<_>>>() {
                Some(labels) if !labels.is_empty() => {
                    for (name, value) in labels {
                        of.add(name, value, number);
                    }
                }
                _ => of.open.push(number),
            }
        }
        new
    }

    /// Those that may select a workload of `namespace` that has `labels`, ascending, each once.
    pub(crate) fn candidates(&self, namespace: Option<&str>, labels: &Labels) -> Vec<usize> {
        let Some(of) = self.by_namespace.get(&namespace) else { return Vec::new() };
        let selected = labels.iter().filter_map(|(name, value)| of.by_label.get(name)?.get(value));
        let mut all: Vec<_> = selected.flatten().chain(&of.open).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl OfNamespace {
    fn add(&mut self, name: &str, value: &str, number: usize) {
        if !self.by_label.contains_key(name) {
            self.by_label.insert(name.to_owned(), HashMap::new());
        }
        let Some(values) = self.by_label.get_mut(name) else { return };
        match values.get_mut(value) {
            Some(numbers) if numbers.last() == Some(&number) => {}
            Some(numbers) => numbers.push(number),
            None => drop(values.insert(value.to_owned(), vec![number])),
        }
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
