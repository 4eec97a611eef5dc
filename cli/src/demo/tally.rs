//! What visitors saw.

use std::collections::BTreeMap;
use std::ops::Sub;
use std::time::Duration;

/// Counts that only grow; the difference of two is what happened in between.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub good: u64,
    pub failed: u64,
    /// By the version of reviews that a page shows.
    pub versions: BTreeMap<String, u64>,
    /// How long good answers took, in milliseconds, rounded up: how many took so long.
    durations: BTreeMap<u64, u64>,
}

/// How one request ended.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    Page { version: String, took: Duration },
    Failure,
}

impl Tally {
    pub(super) fn count(&mut self, seen: Seen) {
        match seen {
            Seen::Failure => self.failed += 1,
            Seen::Page { version, took } => {
                self.good += 1;
                *self.versions.entry(version).or_default() += 1;
                let millis = u64::try_from(took.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
                *self.durations.entry(millis).or_default() += 1;
            }
        }
    }

    pub(crate) const fn requests(&self) -> u64 {
        self.good + self.failed
    }

    pub(crate) fn of_version(&self, version: &str) -> u64 {
        self.versions.get(version).copied().unwrap_or(0)
    }

    /// In milliseconds; zero when there was no good answer.
    pub(crate) fn percentile(&self, percent: u64) -> u64 {
        let wanted = (self.good * percent).div_ceil(100);
        let mut seen = 0;
        for (millis, count) in &self.durations {
            seen += count;
            if seen >= wanted {
                return *millis;
            }
        }
        0
    }
}

impl Sub for &Tally {
    type Output = Tally;

    /// What was counted since `earlier`.
    fn sub(self, earlier: Self) -> Tally {
        Tally {
            good: self.good - earlier.good,
            failed: self.failed - earlier.failed,
            versions: less(&self.versions, &earlier.versions),
            durations: less(&self.durations, &earlier.durations),
        }
    }
}

fn less<K: Clone + Ord>(now: &BTreeMap<K, u64>, then: &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    let since = |(key, count): (&K, &u64)| {
        let count = count - then.get(key).copied().unwrap_or(0);
        (count > 0).then(|| (key.clone(), count))
    };
    now.iter().filter_map(since).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_what_happened_in_between() {
        let page = |version: &str, millis| Seen::Page {
            version: version.to_owned(),
            took: Duration::from_millis(millis),
        };
        let mut tally = Tally::default();
        tally.count(page("v1", 50));
        let before = tally.clone();
        for millis in 1..=99 {
            tally.count(page("v2", millis));
        }
        tally.count(page("v1", 500));
        tally.count(Seen::Failure);
        let since = &tally - &before;
        assert_eq!((since.good, since.failed, since.requests()), (100, 1, 101));
        assert_eq!((since.of_version("v1"), since.of_version("v2")), (1, 99));
        assert_eq!((since.percentile(50), since.percentile(99)), (50, 99));
        assert_eq!(Tally::default().percentile(99), 0);
    }
}
