//! An object before it has a name.

use crate::diagnostic::Place;

/// An object, and where its items are written: `http[1]`, `rules[0]`; the empty item is the object as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Written<T> {
    pub(super) object: T,
    pub(super) places: Vec<(String, Place)>,
}

impl<T> Written<T> {
    /// An object that one place is to be blamed for.
    pub(super) fn at(object: T, place: Place) -> Self {
        Self { object, places: vec![(String::new(), place)] }
    }
}
