//! Things that select workloads by labels, found by a workload's labels without asking each of them.

use std::collections::BTreeMap;

use crate::object::Labels;

/// Numbers of things, by one label that each of them asks for.
///
/// It answers with those that may select a workload; whether one does is for the thing itself to say.
#[derive(Clone, Debug, Default)]
pub struct Selectors {
    /// Of each selector the label that the fewest others ask for: one such as `app.kubernetes.io/part-of` tells nothing apart.
    by_label: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    /// Those that ask for no label.
    open: Vec<usize>,
}

impl Selectors {
    /// Of things with their numbers, ascending. One may have several selectors; none, or one without labels, may select anything.
    #[must_use]
    pub fn of<'l>(things: impl Iterator<Item = (usize, &'l [Labels])> + Clone) -> Self {
        let mut asked: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (name, value) in things.clone().flat_map(|(_, selectors)| selectors).flatten() {
            *asked.entry((name, value)).or_default() += 1;
        }
        let count =
            |label: &(&String, &String)| asked.get(&(label.0.as_str(), label.1.as_str())).copied();
        let mut new = Self::default();
        for (number, selectors) in things {
            let rarest = selectors.iter().map(|it| it.iter().min_by_key(count));
            match rarest.collect::<Option<Vec<_>>>() {
                Some(labels) if !labels.is_empty() => {
                    for (name, value) in labels {
                        let of_name = new.by_label.entry(name.clone()).or_default();
                        of_name.entry(value.clone()).or_default().push(number);
                    }
                }
                _ => new.open.push(number),
            }
        }
        new
    }

    /// Those that may select a workload with these labels, ascending, each once.
    #[must_use]
    pub fn candidates(&self, labels: &Labels) -> Vec<usize> {
        let asked = labels.iter().filter_map(|(name, value)| self.by_label.get(name)?.get(value));
        let mut all: Vec<_> = asked.flatten().chain(&self.open).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
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
        let all = Selectors::of(selectors.iter().map(Vec::as_slice).enumerate());
        let of = |app| all.candidates(&labels(&[("app", app), part]));
        assert_eq!(of("a"), [0, 2, 4]);
        assert_eq!(of("b"), [1, 2, 3, 4]);
        assert_eq!(of("c"), [2, 3, 4]);
        assert_eq!(of("d"), [2, 4]);
    }
}
