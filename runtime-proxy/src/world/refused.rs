//! The secrets whose newest version cannot be used.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Reasons, by `namespace/name`.
#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<BTreeMap<String, String>>);

impl Refused {
    /// What became of a secret.
    pub(super) fn note(&self, name: String, fault: Option<String>) {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match fault {
            Some(reason) => drop(refused.insert(name, reason)),
            None => drop(refused.remove(&name)),
        }
    }

    pub(super) fn all(&self) -> Vec<(String, String)> {
        let refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().map(|(name, reason)| (name.clone(), reason.clone())).collect()
    }
}
