//! What became of requests, by epoch: counted on the data path, told to the control runtime.
//!
//! A request counts under the epoch it was decided under, when it has ended. Counters only rise, from the start of the
//! proxy on; an epoch that is served again goes on where it was. Each thread counts in a part of its own, so that cores
//! do not take a cache line from each other at every request; whoever reports adds the parts up.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesh_snapshot::wire::{EpochHealth, LATENCY_BOUNDS_MS};

/// How many epochs are remembered, those served last: a rollout, what it goes back to, and some before.
const EPOCHS_MAX: usize = 16;
/// More threads than this share parts.
const PARTS: usize = 32;
const BUCKETS: usize = LATENCY_BOUNDS_MS.len() + 1;

/// The counters of the epochs served of late. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct HealthCounters(Arc<Mutex<Epochs>>);

/// The one put in force last at the end.
type Epochs = VecDeque<(u64, Arc<EpochCounters>)>;

impl HealthCounters {
    /// The counters of an epoch that is about to be served: see [`crate::live::Live::health`].
    #[must_use]
    pub fn of(&self, epoch: u64) -> Arc<EpochCounters> {
        let mut epochs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = epochs.iter().position(|(known, _)| *known == epoch);
        let entry =
            known.and_then(|at| epochs.remove(at)).unwrap_or_else(|| (epoch, Arc::default()));
        let counters = Arc::clone(&entry.1);
        epochs.push_back(entry);
        while epochs.len() > EPOCHS_MAX {
            epochs.pop_front();
        }
        counters
    }

    /// By epoch, the one put in force last at the end.
    #[must_use]
    pub fn report(&self) -> Vec<EpochHealth> {
        let epochs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        epochs.iter().map(|(epoch, counters)| counters.sum(*epoch)).collect()
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// With an answer below 500, or an end of stream without one where none is due.
    Served,
    /// Refused by policy: 401, 403.
    Denied,
    /// Answered with 5xx, or not at all.
    Failed,
}

/// Of the requests decided under one epoch.
#[derive(Debug, Default)]
pub struct EpochCounters {
    parts: [Part; PARTS],
}

/// As far apart as two cache lines, which some processors fetch together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part {
    requests: AtomicU64,
    failed: AtomicU64,
    denied: AtomicU64,
    resets: AtomicU64,
    latency: [AtomicU64; BUCKETS],
}

impl EpochCounters {
    /// A request has ended, this long after it began.
    pub fn request(&self, outcome: Outcome, took: Duration) {
        let part = self.part();
        part.requests.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Outcome::Served => {}
            Outcome::Denied => drop(part.denied.fetch_add(1, Ordering::Relaxed)),
            Outcome::Failed => drop(part.failed.fetch_add(1, Ordering::Relaxed)),
        }
        if let Some(bucket) = part.latency.get(bucket(took)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection or stream broke off.
    pub fn reset(&self) {
        self.part().resets.fetch_add(1, Ordering::Relaxed);
    }

    fn part(&self) -> &Part {
        let [first, ..] = &self.parts;
        self.parts.get(this_thread()).unwrap_or(first)
    }

    fn sum(&self, epoch: u64) -> EpochHealth {
        let add = |of: fn(&Part) -> &AtomicU64| {
            self.parts.iter().map(|part| of(part).load(Ordering::Relaxed)).sum()
        };
        let mut latency = vec![0; BUCKETS];
        for part in &self.parts {
            for (sum, bucket) in latency.iter_mut().zip(&part.latency) {
                *sum += bucket.load(Ordering::Relaxed);
            }
        }
        EpochHealth {
            epoch,
            requests: add(|part| &part.requests),
            failed: add(|part| &part.failed),
            denied: add(|part| &part.denied),
            resets: add(|part| &part.resets),
            latency,
        }
    }
}

/// The first bucket whose bound is not less.
fn bucket(took: Duration) -> usize {
    let micros = took.as_micros();
    LATENCY_BOUNDS_MS.partition_point(|bound| u128::from(*bound) * 1000 < micros)
}

/// The part that this thread counts in.
fn this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static THIS: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % PARTS);
    }
    THIS.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_is_long_enough() {
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::from_millis(1)), 0);
        assert_eq!(bucket(Duration::from_micros(1001)), 1);
        assert_eq!(bucket(Duration::from_secs(30)), BUCKETS - 2);
        assert_eq!(bucket(Duration::from_secs(31)), BUCKETS - 1);
    }

    #[test]
    fn what_all_threads_counted_is_reported() {
        let health = HealthCounters::default();
        let counters = health.of(7);
        std::thread::scope(|scope| {
            for _ in 0..PARTS + 2 {
                scope.spawn(|| {
                    counters.request(Outcome::Served, Duration::from_millis(3));
                    counters.request(Outcome::Denied, Duration::ZERO);
                    counters.request(Outcome::Failed, Duration::from_mins(1));
                    counters.reset();
                });
            }
        });
        let each = PARTS as u64 + 2;
        let mut latency = vec![0; BUCKETS];
        (latency[0], latency[2], latency[BUCKETS - 1]) = (each, each, each);
        let expected = EpochHealth {
            epoch: 7,
            requests: 3 * each,
            failed: each,
            denied: each,
            resets: each,
            latency,
        };
        assert_eq!(health.report(), [expected]);
    }

    #[test]
    fn an_epoch_that_comes_back_counts_on_and_the_oldest_is_forgotten() {
        let health = HealthCounters::default();
        health.of(1).reset();
        for epoch in 2..=EPOCHS_MAX as u64 {
            let _ = health.of(epoch);
        }
        health.of(1).reset();
        assert_eq!(health.report().last().map(|last| (last.epoch, last.resets)), Some((1, 2)));
        let _ = health.of(99);
        assert!(health.report().iter().all(|epoch| epoch.epoch != 2), "served longest ago");
    }
}
