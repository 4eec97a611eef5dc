//! What the control runtime was asked to tell, on one stream.

use std::collections::BTreeSet;

use mesh_snapshot::wire::{Name, Subscribe};

/// Names in one message: it stays well below the size that a message may have.
const NAMES_MAX: usize = 1000;

/// A stream begins with none.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(BTreeSet<Name>);

impl Subscriptions {
    /// What to say so that exactly `wanted` is subscribed to.
    pub(crate) fn change_to(&mut self, wanted: Vec<Name>) -> Vec<Subscribe> {
        let wanted: BTreeSet<Name> = wanted.into_iter().collect();
        let added: Vec<_> = wanted.difference(&self.0).cloned().collect();
        let removed: Vec<_> = self.0.difference(&wanted).cloned().collect();
        self.0 = wanted;
        let add =
            added.chunks(NAMES_MAX).map(|add| Subscribe { add: add.to_vec(), remove: Vec::new() });
        let remove = removed
            .chunks(NAMES_MAX)
            .map(|remove| Subscribe { add: Vec::new(), remove: remove.to_vec() });
        add.chain(remove).collect()
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::wire::name;

    use super::*;

    #[test]
    fn only_what_changes_is_said_and_not_all_at_once() {
        let host = |host: usize| Name { name: Some(name::Name::Addresses(host.to_string())) };
        let mut subscriptions = Subscriptions::default();
        let first = subscriptions.change_to((0..2500).map(host).collect());
        assert_eq!(first.iter().map(|said| said.add.len()).collect::<Vec<_>>(), [1000, 1000, 500]);
        assert!(subscriptions.change_to((0..2500).map(host).collect()).is_empty());
        let then = subscriptions.change_to((1..2501).map(host).collect());
        let expected = [
            Subscribe { add: vec![host(2500)], remove: Vec::new() },
            Subscribe { add: Vec::new(), remove: vec![host(0)] },
        ];
        assert_eq!(then, expected);
    }
}
