//! Counters of one thread: it writes, others read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Has one writer, so that to count is a load and a store, and no two cores fight over it.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the buckets, in thousandths of what is measured (milliseconds, or bytes). Source: Envoy's default, which
/// Istio keeps.
const BOUNDS: [u64; BUCKETS - 1] = [
    500,
    1_000,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    600_000_000,
    1_800_000_000,
    3_600_000_000,
];
const BUCKETS: usize = 20;

/// How values are spread. In thousandths, so that a duration in milliseconds keeps its microseconds.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    buckets: [Counter; BUCKETS],
    sum: Counter,
}

impl Histogram {
    pub(super) fn record(&self, thousandths: u64) {
        let at = BOUNDS.partition_point(|bound| *bound < thousandths);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.add(1);
        }
        self.sum.add(thousandths);
    }
}

/// Histograms of several threads, added up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    buckets: [u64; BUCKETS],
    /// In thousandths.
    pub(super) sum: u64,
}

impl Spread {
    pub(super) fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum = sum.wrapping_add(bucket.get());
        }
        self.sum = self.sum.wrapping_add(histogram.sum.get());
    }

    /// How many values are not above each bound (in thousandths, `None`: infinity), as Prometheus counts.
    pub(super) fn cumulated(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let bounds = BOUNDS.iter().copied().map(Some).chain([None]);
        bounds.zip(self.buckets).scan(0_u64, |total, (bound, count)| {
            *total = total.wrapping_add(count);
            Some((bound, *total))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Histogram, Spread};

    #[test]
    fn a_value_falls_into_the_first_bucket_that_is_not_below_it() {
        let histogram = Histogram::default();
        for thousandths in [0, 500, 501, 3_600_000_000, 3_600_000_001] {
            histogram.record(thousandths);
        }
        let mut spread = Spread::default();
        spread.add(&histogram);
        let counts: Vec<_> = spread.cumulated().collect();
        assert_eq!(counts[..2], [(Some(500), 2), (Some(1000), 3)]);
        assert_eq!(counts[18..], [(Some(3_600_000_000), 4), (None, 5)]);
        assert_eq!(spread.sum, 500 + 501 + 2 * 3_600_000_000 + 1);
    }
}
