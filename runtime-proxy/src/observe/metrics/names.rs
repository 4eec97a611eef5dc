//! Names, numbered, so that series are told apart by numbers.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Grows to a limit and forgets nothing: a number means the same for as long as the process lives.
#[derive(Debug)]
pub(super) struct Names<T> {
    max: usize,
    known: Mutex<Known<T>>,
}

#[derive(Debug)]
struct Known<T> {
    ids: HashMap<Arc<T>, u32>,
    all: Vec<Arc<T>>,
}

impl<T: Eq + Hash> Names<T> {
    /// `constants` have the first numbers.
    pub(super) fn new(constants: impl IntoIterator<Item = T>, max: usize) -> Self {
        let names = Self { max, known: Mutex::new(Known { ids: HashMap::new(), all: Vec::new() }) };
        for constant in constants {
            names.id(constant);
        }
        names
    }

    /// `None` where there is no room for another.
    pub(super) fn id(&self, name: T) -> Option<u32> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known.ids.get(&name) {
            return Some(*id);
        }
        if self.max <= known.all.len() {
            return None;
        }
        let id = u32::try_from(known.all.len()).ok()?;
        let name = Arc::new(name);
        known.all.push(Arc::clone(&name));
        known.ids.insert(name, id);
        Some(id)
    }

    /// All names, by number.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).all.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn a_name_keeps_its_number_and_there_are_so_many() {
        let names = Names::new(["unknown"], 3);
        assert_eq!([names.id("a"), names.id("b"), names.id("a")], [Some(1), Some(2), Some(1)]);
        assert_eq!([names.id("c"), names.id("b")], [None, Some(2)]);
        assert_eq!(
            names.all().iter().map(|name| **name).collect::<Vec<_>>(),
            ["unknown", "a", "b"]
        );
    }
}
