//! What came earlier and is seen together with something, without a look at all that came earlier.

use std::collections::HashMap;

use crate::resolve::Visibility;

/// A few things of each audience: `T` keeps of those that it is told the ones that can matter, so that a question costs
/// what an audience is, not how much there is.
#[derive(Debug)]
pub(super) struct Audiences<'m, T> {
    /// Of all that somebody sees.
    seen: T,
    /// Of what everybody sees.
    public: T,
    /// Of what these see and others do not.
    named: HashMap<&'m str, T>,
}

impl<T: Default> Default for Audiences<'_, T> {
    fn default() -> Self {
        Self { seen: T::default(), public: T::default(), named: HashMap::new() }
    }
}

impl<'m, T: Default> Audiences<'m, T> {
    /// Tells all audiences of what has this visibility.
    pub(super) fn tell(&mut self, visibility: &Visibility<'m>, mut tell: impl FnMut(&mut T)) {
        match visibility {
            Visibility::Nobody => return,
            Visibility::Public => tell(&mut self.public),
            Visibility::Namespaces(names) => {
                for name in names {
                    tell(self.named.entry(name).or_default());
                }
            }
        }
        tell(&mut self.seen);
    }

    /// What the audiences have kept that see what has this visibility: together with [`Visibility::meets`] it is the same.
    pub(super) fn of(&self, visibility: &Visibility<'m>) -> Vec<&T> {
        match visibility {
            Visibility::Nobody => Vec::new(),
            Visibility::Public => vec![&self.seen],
            Visibility::Namespaces(names) => {
                let own = names.iter().filter_map(|name| self.named.get(name));
                own.chain([&self.public]).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Audiences;
    use crate::resolve::Visibility;

    #[test]
    fn what_meets_is_found_and_nothing_else() {
        let all = [&["*"][..], &["~"], &["a"], &["a", "b"], &["b"], &["c"]];
        let all = all.map(|names| Visibility::of(names.iter().copied(), "own", &[]));
        let mut audiences: Audiences<'_, Vec<usize>> = Audiences::default();
        for (place, visibility) in all.iter().enumerate() {
            audiences.tell(visibility, |told| told.push(place));
        }
        for visibility in &all {
            let mut found: Vec<_> = audiences.of(visibility).into_iter().flatten().collect();
            found.sort_unstable();
            found.dedup();
            let meets = |place: &usize| all.get(*place).is_some_and(|it| it.meets(visibility));
            let expected: Vec<_> = (0..all.len()).filter(meets).collect();
            assert!(found.into_iter().eq(&expected), "{visibility:?}");
        }
    }
}
