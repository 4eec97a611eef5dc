//! What went through a proxy, by epoch and second: what gates compare.

use std::collections::{BTreeMap, VecDeque};
use std::ops::AddAssign;
use std::time::Duration;

use mesh_snapshot::wire::LATENCY_BOUNDS_MS;

use super::version::Timestamp;

/// How long the past reaches: a longer soak compares its last minutes.
const PAST: Duration = Duration::from_mins(5);

/// Counts of requests that ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sample {
    pub requests: u64,
    /// Answered with 5xx, or not at all.
    pub failed: u64,
    /// Refused by policy.
    pub denied: u64,
    /// Connections and streams that broke off.
    pub resets: u64,
    /// Durations, by the buckets of [`LATENCY_BOUNDS_MS`] and one without a bound.
    pub latency: [u64; LATENCY_BOUNDS_MS.len() + 1],
}

impl AddAssign<&Self> for Sample {
    fn add_assign(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failed = self.failed.saturating_add(other.failed);
        self.denied = self.denied.saturating_add(other.denied);
        self.resets = self.resets.saturating_add(other.resets);
        for (mine, theirs) in self.latency.iter_mut().zip(&other.latency) {
            *mine = mine.saturating_add(*theirs);
        }
    }
}

impl Sample {
    /// What has come to `earlier`.
    fn since(&self, earlier: &Self) -> Self {
        let mut latency = self.latency;
        for (count, before) in latency.iter_mut().zip(&earlier.latency) {
            *count = count.saturating_sub(*before);
        }
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            failed: self.failed.saturating_sub(earlier.failed),
            denied: self.denied.saturating_sub(earlier.denied),
            resets: self.resets.saturating_sub(earlier.resets),
            latency,
        }
    }

    /// The upper bound, in milliseconds, of the bucket that holds the 99th percentile; the highest bound where it has none, and
    /// nothing without requests.
    #[must_use]
    pub fn p99_ms(&self) -> Option<u64> {
        let total = sum(&self.latency);
        let slowest = total / 100;
        let mut above = total;
        for (count, bound) in self.latency.iter().zip(LATENCY_BOUNDS_MS) {
            above = above.saturating_sub(*count);
            if total > 0 && above <= slowest {
                return Some(bound);
            }
        }
        LATENCY_BOUNDS_MS.last().copied().filter(|_| total > 0)
    }

    /// How many requests took longer than `bound_ms`, and how many there were. Exact when it is one of the bounds.
    #[must_use]
    pub fn slower_than(&self, bound_ms: u64) -> (u64, u64) {
        let within = LATENCY_BOUNDS_MS.iter().filter(|bound| **bound <= bound_ms).count();
        (sum(self.latency.get(within..).unwrap_or_default()), sum(&self.latency))
    }
}

/// Counts come from proxies, which may say anything.
fn sum(counts: &[u64]) -> u64 {
    counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
}

/// What one proxy reported during the last minutes.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// What the last report said: the start it counts from, and the totals since.
    last: Option<(u64, BTreeMap<u64, Sample>)>,
    /// By second of arrival, then epoch.
    reports: VecDeque<(Timestamp, u64, Sample)>,
}

impl Recent {
    /// Notes a report that arrived `now`. The first one since a start of the proxy says only where its counting stands.
    pub fn report(&mut self, now: Timestamp, instance: u64, totals: Vec<(u64, Sample)>) {
        let totals: BTreeMap<u64, Sample> = totals.into_iter().collect();
        let last = self.last.take().filter(|(of, _)| *of == instance);
        if let Some((_, last)) = last {
            for (epoch, total) in &totals {
                let before = last.get(epoch).copied().unwrap_or_default();
                self.add(now, *epoch, &total.since(&before));
            }
        }
        self.last = Some((instance, totals));
    }

    /// Those of one second and epoch become one. That nothing happened is not worth a place.
    fn add(&mut self, now: Timestamp, epoch: u64, sample: &Sample) {
        let second = Timestamp(Duration::from_secs(now.0.as_secs()));
        while self.reports.front().is_some_and(|(at, ..)| *at + PAST < second) {
            self.reports.pop_front();
        }
        if *sample == Sample::default() {
            return;
        }
        let mut latest = self.reports.iter_mut().rev().take_while(|(at, ..)| *at == second);
        match latest.find(|(_, of, _)| *of == epoch) {
            Some((_, _, sum)) => *sum += sample,
            None => self.reports.push_back((second, epoch, *sample)),
        }
    }

    /// The sum of what was reported since `from`, to the second, of the epochs that `of` accepts.
    #[must_use]
    pub fn since(&self, from: Timestamp, of: impl Fn(u64) -> bool) -> Sample {
        let mut sum = Sample::default();
        let from = Timestamp(Duration::from_secs(from.0.as_secs()));
        let reports = self.reports.iter().rev().take_while(|(at, ..)| *at >= from);
        for (_, _, sample) in reports.filter(|(_, epoch, _)| of(*epoch)) {
            sum += sample;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(count: u64) -> Sample {
        let mut sample = Sample { requests: count, ..Sample::default() };
        sample.latency[0] = count;
        sample
    }

    #[test]
    fn the_percentile_is_the_bucket_that_ninety_nine_of_a_hundred_fit_into() {
        let mut sample = requests(99);
        sample.latency[9] = 1;
        assert_eq!(sample.p99_ms(), Some(LATENCY_BOUNDS_MS[0]));
        sample.latency[9] = 2;
        assert_eq!(sample.p99_ms(), Some(LATENCY_BOUNDS_MS[9]));
        assert_eq!(sample.slower_than(LATENCY_BOUNDS_MS[8]), (2, 101));
        assert_eq!(sample.slower_than(LATENCY_BOUNDS_MS[9]), (0, 101));
        assert_eq!(Sample::default().p99_ms(), None);
    }

    #[test]
    fn a_report_counts_for_what_it_adds_to_the_one_before() {
        let at = Timestamp::default();
        let sum = |recent: &Recent, epoch| recent.since(at, |of| of == epoch).requests;
        let mut recent = Recent::default();
        recent.report(at, 1, vec![(3, requests(1000))]);
        assert_eq!(sum(&recent, 3), 0, "nobody knows since when");
        recent.report(at, 1, vec![(3, requests(1010)), (4, requests(7))]);
        assert_eq!((sum(&recent, 3), sum(&recent, 4)), (10, 7));
        recent.report(at, 2, vec![(3, requests(5))]);
        recent.report(at, 2, vec![(3, requests(8))]);
        assert_eq!(sum(&recent, 3), 13, "a restarted proxy counts anew");
    }

    #[test]
    fn counts_without_an_end_are_counted_as_far_as_one_can() {
        let mut sample = requests(u64::MAX);
        sample.latency = [u64::MAX; LATENCY_BOUNDS_MS.len() + 1];
        assert_eq!(sample.slower_than(LATENCY_BOUNDS_MS[3]), (u64::MAX, u64::MAX));
        assert!(sample.p99_ms().is_some());
    }

    #[test]
    fn the_past_reaches_as_far_back_with_many_epochs_as_with_one() {
        let at = |seconds| Timestamp(Duration::from_secs(seconds));
        let mut recent = Recent::default();
        for second in 0..=400 {
            // The last one serves, the others are only remembered.
            let totals =
                (1..=16).map(|epoch| (epoch, requests(if epoch == 16 { second } else { 9 })));
            recent.report(at(second), 1, totals.collect());
        }
        assert_eq!(recent.since(at(0), |_| true).requests, 301);
        assert_eq!(recent.since(at(391), |epoch| epoch == 16).requests, 10);
        assert_eq!(recent.reports.len(), 301, "one a second");
    }

    #[test]
    fn a_window_holds_its_epoch_and_its_seconds_only() {
        let at = |millis| Timestamp(Duration::from_millis(millis));
        let mut recent = Recent::default();
        recent.add(at(900), 1, &requests(1));
        recent.add(at(1100), 1, &requests(2));
        recent.add(at(1900), 1, &requests(4));
        recent.add(at(1950), 3, &requests(8));
        assert_eq!(recent.since(at(1000), |epoch| epoch == 1).requests, 6);
        assert_eq!(recent.since(at(0), |_| true).requests, 15);
        assert_eq!(recent.since(at(2000), |_| true).requests, 0);
    }
}
