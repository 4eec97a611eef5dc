//! What is wrong at the moment, by where: no error is swallowed, and none is told twice.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by all tasks. A problem stands until whoever reported it says that it is over.
#[derive(Clone, Debug, Default)]
pub struct Problems(Arc<Mutex<BTreeMap<String, String>>>);

impl Problems {
    /// Logged when it is new.
    pub fn report(&self, place: &str, problem: &dyn Display) {
        let problem = problem.to_string();
        let before = self.with(|problems| problems.insert(place.to_owned(), problem.clone()));
        if before.as_ref() != Some(&problem) {
            tracing::warn!(place, "{problem}");
        }
    }

    pub fn resolve(&self, place: &str) {
        if self.with(|problems| problems.remove(place)).is_some() {
            tracing::info!(place, "resolved");
        }
    }

    /// [`Self::report`] or [`Self::resolve`].
    pub fn note<T, E: Display>(&self, place: &str, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => {
                self.resolve(place);
                Some(value)
            }
            Err(error) => {
                self.report(place, &error);
                None
            }
        }
    }

    /// All that is wrong of one kind, which the places begin with: what is not among `found` is over.
    pub fn replace(&self, kind: &str, found: &BTreeMap<String, String>) {
        for place in self.all().keys().filter(|place| place.starts_with(kind)) {
            if !found.contains_key(place) {
                self.resolve(place);
            }
        }
        for (place, problem) in found {
            self.report(place, problem);
        }
    }

    /// Place → problem.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, String> {
        self.with(|problems| problems.clone())
    }

    fn with<T>(&self, f: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
