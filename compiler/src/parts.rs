//! What of a mesh something was made of, so that it is not made again while that has not changed.
//!
//! A part notes on its thread that somebody looks at it, and [`reading`] hears of it. So nobody has to say what a rule
//! depends on, and none can forget to; but for the few that take a part `unnoted`. What is looked at on other threads nobody hears of: whatever runs within [`reading`]
//! stays on its thread, and takes no help of `rayon`.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::{BitOr, Deref, DerefMut};
use std::sync::Arc;

use crate::api::Resource;
use crate::parse::DocumentId;

/// Some parts of an [`crate::api::Mesh`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Parts(u64);

impl Parts {
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// Whether any part is one of both.
    pub(crate) const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those of these that are not among `others`.
    pub(crate) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

/// What of a mesh may be otherwise than the time before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) parts: Parts,
    /// Whose the changes are, unless all parts have changed.
    pub(crate) resources: HashSet<DocumentId>,
}

impl Changes {
    /// Nothing is known of the time before.
    pub(crate) fn all() -> Self {
        Self { parts: Parts::ALL, resources: HashSet::new() }
    }
}

impl BitOr for Parts {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

thread_local! {
    static SEEN: Cell<Parts> = const { Cell::new(Parts(0)) };
}

/// Somebody looks at `parts`.
pub(crate) fn note(parts: Parts) {
    SEEN.set(seen() | parts);
}

/// What was looked at so far.
pub(crate) fn seen() -> Parts {
    SEEN.get()
}

/// What `look` returns, and the parts that it looked at or changed. It must do so on this thread.
pub(crate) fn reading<T>(look: impl FnOnce() -> T) -> (T, Parts) {
    let (value, own) = reading_apart(look);
    note(own);
    (value, own)
}

/// The same, of which whoever calls it takes note himself.
pub(crate) fn reading_apart<T>(look: impl FnOnce() -> T) -> (T, Parts) {
    let outer = SEEN.replace(Parts::default());
    let value = look();
    (value, SEEN.replace(outer))
}

/// The part of this number, which no other part has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part<T, const NUMBER: u32>(T);

impl<T, const NUMBER: u32> Part<T, NUMBER> {
    const ALONE: Parts = {
        assert!(NUMBER < u64::BITS, "no number is left for another part");
        Parts(1 << NUMBER)
    };
}

impl<T, const NUMBER: u32> Part<T, NUMBER> {
    /// What it is, and what is to be noted by whoever takes it by this way, of which no note is taken.
    pub(crate) fn unnoted(&self) -> (&T, Parts) {
        (&self.0, Self::ALONE)
    }
}

impl<T, const NUMBER: u32> Deref for Part<T, NUMBER> {
    type Target = T;

    fn deref(&self) -> &T {
        note(Self::ALONE);
        &self.0
    }
}

impl<T, const NUMBER: u32> DerefMut for Part<T, NUMBER> {
    fn deref_mut(&mut self) -> &mut T {
        note(Self::ALONE);
        &mut self.0
    }
}

impl<T, const NUMBER: u32> Part<Vec<Resource<T>>, NUMBER> {
    /// Where they stand, of which nobody takes note: where a resource comes, goes or gets another name, all parts change.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|it| it.namespace.as_str())
    }
}

#[expect(clippy::into_iter_without_iter, reason = "it has the one of what it holds")]
impl<'p, T, const NUMBER: u32> IntoIterator for &'p Part<T, NUMBER>
where
    &'p T: IntoIterator,
{
    type Item = <&'p T as IntoIterator>::Item;
    type IntoIter = <&'p T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&**self).into_iter()
    }
}

/// Something that was made of parts: who looks at it looks at them.
#[derive(Debug)]
pub struct Made<T> {
    value: Arc<T>,
    of: Parts,
}

/// It costs nothing: all have the same.
impl<T> Clone for Made<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), of: self.of }
    }
}

impl<T> Made<T> {
    /// What is looked at is looked at within `make`, and on its thread.
    pub(crate) fn by(make: impl FnOnce() -> T) -> Self {
        let (value, of) = reading(make);
        Self { value: Arc::new(value), of }
    }

    /// What it is, and what is to be noted by whoever takes it by this way, of which no note is taken.
    pub(crate) fn unnoted(&self) -> (&T, Parts) {
        (&self.value, self.of)
    }
}

impl<T> Deref for Made<T> {
    type Target = T;

    fn deref(&self) -> &T {
        note(self.of);
        &self.value
    }
}

#[expect(clippy::into_iter_without_iter, reason = "it has the one of what it holds")]
impl<'m, T> IntoIterator for &'m Made<T>
where
    &'m T: IntoIterator,
{
    type Item = <&'m T as IntoIterator>::Item;
    type IntoIter = <&'m T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&**self).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looks_at_what_was_made_looks_at_its_parts() {
        let (a, mut b) = (Part::<u8, 1>(1), Part::<u8, 2>(2));
        let made = Made::by(|| *a);
        let (sum, seen) = reading(|| *made + reading(|| 1).0);
        assert_eq!((sum, seen), (2, Parts(0b10)));
        let ((), seen) = reading(|| *b += 1);
        assert_eq!(seen, Parts(0b100));
        assert!(!seen.meet(Parts(0b10)) && seen.meet(Parts::ALL));
        // What is looked at within is looked at.
        assert_eq!(reading(|| reading(|| *b)).1, Parts(0b100));
    }
}
