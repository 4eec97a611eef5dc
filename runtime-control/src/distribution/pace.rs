//! How much one proxy, or one place, may ask for per time. Well above what a proxy does, and well below what would be felt by others.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A bucket of tokens that fills by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How many are in a full one.
    burst: u32,
    /// For one token.
    every: Duration,
    /// When it is full.
    full: Instant,
}

impl Pace {
    /// Of the messages on one stream. A proxy reports each second, and asks for objects and names many at a time.
    pub(super) fn of_messages() -> Self {
        Self { burst: 1000, every: Duration::from_millis(5), full: Instant::now() }
    }

    /// Of the streams of one instance. A proxy pauses for longer each time that it is not answered.
    pub(super) fn of_streams() -> Self {
        Self { burst: 30, every: Duration::from_millis(250), full: Instant::now() }
    }

    /// Of the certificates that one holder of a certificate asks for. It asks once in half the life of one, of seconds in tests.
    pub(super) fn of_renewals() -> Self {
        Self { burst: 30, every: Duration::from_secs(1), full: Instant::now() }
    }

    /// Of the first certificates that are asked for from one address. Behind one may be all workloads of a machine.
    pub(super) fn of_first_certificates() -> Self {
        Self { burst: 1000, every: Duration::from_millis(10), full: Instant::now() }
    }

    /// Takes a token, and waits where none is left: whoever sends faster is read later.
    pub(super) async fn keep(&mut self) {
        let now = Instant::now();
        let until = self.take(now);
        // A timer takes a millisecond even for a time that has come.
        if now < until {
            sleep_until(until).await;
        }
    }

    /// Since when there is one to be taken.
    fn take(&mut self, now: Instant) -> Instant {
        self.full = self.full.max(now) + self.every;
        self.full.checked_sub(self.every * self.burst).map_or(now, |since| since.max(now))
    }

    fn is_full(&self, now: Instant) -> bool {
        self.full <= now
    }
}

/// Who came, each at a pace of its own: instances of the registry that begin a stream, say.
#[derive(Debug)]
pub(super) struct Arrivals<K> {
    pace: fn() -> Pace,
    known: Mutex<BTreeMap<K, Pace>>,
}

/// With fewer, nobody looks which can be forgotten.
const KEPT_MIN: usize = 1024;

impl<K: Clone + Ord> Arrivals<K> {
    pub(super) const fn at(pace: fn() -> Pace) -> Self {
        Self { pace, known: Mutex::new(BTreeMap::new()) }
    }

    /// Whether this one may come once more now.
    pub(super) fn admit(&self, who: &K) -> bool {
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // The map doubles between two looks at all of it.
        if known.len() >= KEPT_MIN && known.len().is_power_of_two() {
            known.retain(|_, pace| !pace.is_full(now));
        }
        let pace = known.entry(who.clone()).or_insert_with(self.pace);
        let before = *pace;
        let admitted = pace.take(now) <= now;
        if !admitted {
            *pace = before;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_sends_faster_is_read_later() {
        let mut pace = Pace::of_messages();
        let (began, burst, every) = (Instant::now(), pace.burst, pace.every);
        for _ in 0..burst {
            pace.keep().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..100 {
            pace.keep().await;
        }
        assert!((every * 100..every * 102).contains(&began.elapsed()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_comes_again_and_again_is_turned_away_for_a_while() {
        let arrivals = Arrivals::at(Pace::of_streams);
        let [liar, other] = ["liar", "other"].map(|name| ("shop".to_owned(), name.to_owned()));
        let burst = Pace::of_streams().burst as usize;
        assert_eq!((0..1000).filter(|_| arrivals.admit(&liar)).count(), burst);
        assert!(arrivals.admit(&other));
        tokio::time::sleep(Pace::of_streams().every).await;
        assert_eq!((0..1000).filter(|_| arrivals.admit(&liar)).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_came_long_ago_are_forgotten() {
        let arrivals = Arrivals::at(Pace::of_streams);
        for name in 0..KEPT_MIN {
            assert!(arrivals.admit(&("shop".to_owned(), name.to_string())));
        }
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(arrivals.admit(&("shop".to_owned(), "late".to_owned())));
        assert_eq!(arrivals.known.lock().unwrap().len(), 1);
    }
}
