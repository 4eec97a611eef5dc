//! How the agent fares, for metrics and the admin port: written by the agent, read by anybody.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use super::store::Slot;

/// Counters rise from the start of the proxy on.
#[derive(Debug, Default)]
pub struct Status {
    /// It has ended in a panic: what is in force stays so, and nothing new is heard.
    pub panicked: Flag,
    pub connected: Flag,
    pub connections: Counter,
    /// The last attempt to store anything failed.
    pub storage_failing: Flag,
    /// What is confirmed could not be stored: it is not what the next start would begin with.
    pub start_outdated: Flag,
    pub storage_failures: Counter,
    /// Trials that nobody confirmed in time.
    pub trials_expired: Counter,
    /// Orders that this proxy could not carry out.
    pub refused: Counter,
    /// Of control runtimes that have been replaced.
    pub orders_ignored: Counter,
    started_from: AtomicU8,
    /// What could not be read, or not be served, of what the disk had at the start.
    pub problems: Counter,
    /// Seconds since 1970; zero: there is no certificate.
    pub certificate_expires: Gauge,
    pub renewals: Counter,
    pub renewals_failed: Counter,
}

/// What a proxy serves from its start on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StartedFrom {
    /// It has not started yet.
    Starting,
    /// It waited to be told: nothing passed.
    Nothing,
    /// What was confirmed last.
    Current,
    /// What was confirmed before: the last is damaged, or was not survived.
    Previous,
}

impl Status {
    #[must_use]
    pub fn started_from(&self) -> StartedFrom {
        match self.started_from.load(Ordering::Relaxed) {
            0 => StartedFrom::Starting,
            2 => StartedFrom::Current,
            3 => StartedFrom::Previous,
            _ => StartedFrom::Nothing,
        }
    }

    pub(super) fn note_start(&self, slot: Option<Slot>) {
        let code = match slot {
            None => 1,
            Some(Slot::Current) => 2,
            Some(Slot::Previous) => 3,
        };
        self.started_from.store(code, Ordering::Relaxed);
    }

    pub(super) fn note_storage(&self, works: bool) {
        self.storage_failing.set(!works);
        if !works {
            self.storage_failures.add();
        }
    }
}

#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, value: bool) {
        self.0.store(value, Ordering::Relaxed);
    }
}
