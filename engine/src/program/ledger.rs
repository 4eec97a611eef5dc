//! How much memory a program takes: counted while it is built, so that one that is too large is never finished.

use std::cell::Cell;

use super::Fault;
use crate::pattern::Pattern;

/// What a whole build may use, and has.
#[derive(Debug)]
pub(crate) struct Ledger {
    used: Cell<usize>,
    budget: usize,
}

impl Ledger {
    pub(crate) const fn new(budget: usize) -> Self {
        Self { used: Cell::new(0), budget }
    }

    #[cfg(test)]
    pub(crate) const fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    pub(crate) const fn used(&self) -> usize {
        self.used.get()
    }

    /// Notes `bytes` more, before they are taken where that can be told.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), Fault> {
        self.used.set(self.used.get().saturating_add(bytes));
        if self.used.get() <= self.budget { Ok(()) } else { Err(Fault::Budget(self.budget)) }
    }

    /// Compiles an expression and charges for it.
    pub(crate) fn pattern(&self, text: &str) -> Result<Pattern, Fault> {
        let pattern =
            Pattern::new(text).map_err(|error| Fault::Pattern { text: text.to_owned(), error })?;
        self.charge(pattern.memory_bytes())?;
        Ok(pattern)
    }

    /// Compiles a path template and charges for it.
    pub(crate) fn template(&self, text: &str) -> Result<Pattern, Fault> {
        let pattern = Pattern::template(text)
            .map_err(|error| Fault::Template { text: text.to_owned(), error })?;
        self.charge(pattern.memory_bytes())?;
        Ok(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Ledger};

    #[test]
    fn a_budget_is_spent_once() {
        let ledger = Ledger::new(100);
        assert_eq!(ledger.charge(100), Ok(()));
        assert_eq!(ledger.charge(1), Err(Fault::Budget(100)));
        assert_eq!(ledger.used(), 101);
    }

    #[test]
    fn an_expression_pays_for_its_table() {
        let ledger = Ledger::new(512);
        assert_eq!(ledger.pattern("/api/.*/users").unwrap_err(), Fault::Budget(512));
    }
}
