//! Things that have labels, found by what selects them without a look at the others.

use std::collections::HashMap;

use mesh_snapshot::object::Labels;

/// Label → places of things, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Labelled<'a>(HashMap<&'a str, HashMap<&'a str, Vec<usize>>>);

impl<'a> Labelled<'a> {
    /// Places are ascending.
    pub(super) fn add(&mut self, labels: &'a Labels, place: usize) {
        let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.add_each(labels, place);
    }

    /// The same of labels that stand nowhere together.
    pub(super) fn add_each(
        &mut self,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        place: usize,
    ) {
        for (name, value) in labels {
            let places = self.0.entry(name).or_default().entry(value).or_default();
            if places.last() != Some(&place) {
                places.push(place);
            }
        }
    }

    /// Of the places with one of these labels the fewest; absent without labels, which select everything.
    pub(super) fn rarest(&self, selector: &Labels) -> Option<&[usize]> {
        let with = |(name, value): (&String, &String)| {
            let places = self.0.get(name.as_str()).and_then(|of| of.get(value.as_str()));
            places.map_or(&[][..], Vec::as_slice)
        };
        selector.iter().map(with).min_by_key(|places| places.len())
    }
}
