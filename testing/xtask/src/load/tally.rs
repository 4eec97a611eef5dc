//! What came of all requests.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::Failure;

/// Shared by the clients of one load.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Report>);

/// By kind of client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) succeeded: BTreeMap<&'static str, u64>,
    pub(crate) failed: u64,
    /// The first few.
    pub(crate) failures: Vec<String>,
}

const FAILURES_MAX: usize = 10;

impl Tally {
    pub(super) fn succeeded(&self, kind: &'static str) {
        self.with(|report| *report.succeeded.entry(kind).or_default() += 1);
    }

    pub(super) fn failed(&self, kind: &'static str, failure: &Failure) {
        self.with(|report| {
            report.failed += 1;
            if report.failures.len() < FAILURES_MAX {
                report.failures.push(format!("{kind}: {failure}"));
            }
        });
    }

    pub(super) fn report(&self) -> Report {
        self.with(|report| report.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Report) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Report {
    pub(crate) fn total(&self) -> u64 {
        self.succeeded.values().sum::<u64>() + self.failed
    }

    /// Whether every kind of client got something, and nobody anything wrong.
    pub(crate) fn is_flawless(&self, kinds: usize) -> bool {
        self.failed == 0 && self.succeeded.len() == kinds
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} failed", self.total(), self.failed)?;
        for (index, (kind, count)) in self.succeeded.iter().enumerate() {
            write!(f, "{}{kind} {count}", if index == 0 { " (" } else { ", " })?;
        }
        f.write_str(if self.succeeded.is_empty() { "" } else { ")" })?;
        for failure in &self.failures {
            write!(f, "\n  {failure}")?;
        }
        Ok(())
    }
}
