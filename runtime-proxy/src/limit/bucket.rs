//! One bucket of tokens.
//!
//! Source: Envoy, `AtomicTokenBucketImpl`: it is full at first, tokens come back evenly and not all at once, and what it cannot
//! hold is lost.

use std::sync::atomic::{AtomicU64, Ordering};

use mesh_snapshot::object::TokenBucket;
use tokio::time::Instant;

/// Fractions of a token are counted in 65,536ths, always from the beginning, so that they never add up to an error.
const FRACTION_BITS: u32 = 16;
const TOKEN: u64 = 1 << FRACTION_BITS;

#[derive(Debug)]
pub(super) struct Bucket {
    tokens_max: u64,
    tokens_per_fill: u128,
    fill_nanos: u128,
    born: Instant,
    /// Of all that has come into the bucket since it was born, what is gone: taken, or lost since it was full. What is in it is
    /// what it held at first and what has come, without this.
    gone: AtomicU64,
}

impl Bucket {
    pub(super) fn full(bucket: TokenBucket, now: Instant) -> Self {
        Self {
            tokens_max: u64::from(bucket.tokens_max) << FRACTION_BITS,
            tokens_per_fill: bucket.tokens_per_fill.into(),
            fill_nanos: u128::from(bucket.fill_interval.0) * 1000,
            born: now,
            gone: AtomicU64::new(0),
        }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&self, now: Instant) -> bool {
        let come = self.come(now);
        let take = |gone: u64| {
            let gone = gone.max(come).saturating_add(TOKEN);
            (gone <= come.saturating_add(self.tokens_max)).then_some(gone)
        };
        // The number stands for itself: nothing else is read by it.
        self.gone.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// All that has come since it was born.
    fn come(&self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.born).as_nanos();
        let come = (nanos * self.tokens_per_fill) << FRACTION_BITS;
        u64::try_from(come / self.fill_nanos.max(1)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use mesh_snapshot::object::{Microseconds, TokenBucket};
    use tokio::time::Instant;

    use super::Bucket;

    fn bucket(tokens_max: u32, tokens_per_fill: u32, fill: Duration, now: Instant) -> Bucket {
        let fill_interval = Microseconds(u64::try_from(fill.as_micros()).unwrap());
        Bucket::full(TokenBucket { tokens_max, tokens_per_fill, fill_interval }, now)
    }

    fn taken(bucket: &Bucket, now: Instant) -> u32 {
        u32::try_from(std::iter::repeat_with(|| bucket.take(now)).take_while(|&it| it).count())
            .unwrap()
    }

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn tokens_come_back_evenly_and_no_more_than_there_is_room_for() {
        let start = Instant::now();
        let bucket = bucket(10, 5, MINUTE, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(taken(&bucket, at(0)), 10);
        assert_eq!(taken(&bucket, at(11)), 0);
        assert_eq!(taken(&bucket, at(12)), 1);
        assert_eq!(taken(&bucket, at(60)), 4);
        assert_eq!(taken(&bucket, at(100_000)), 10);
        // A clock that another thread has read before does not bring anything back.
        assert_eq!(taken(&bucket, at(3)), 0);
    }

    /// Whatever divides badly, the mean is the rate.
    #[test]
    fn no_rate_drifts() {
        let start = Instant::now();
        for (tokens, fill) in [(7, MINUTE), (999_983, Duration::from_secs(1)), (1, MINUTE * 10)] {
            let bucket = bucket(1_000_000, tokens, fill, start);
            taken(&bucket, start);
            let mut all = 0;
            for step in 1..=1000 {
                all += taken(&bucket, start + fill * step / 1000);
            }
            assert_eq!(all, tokens);
        }
    }

    #[test]
    fn many_threads_take_what_is_there_and_no_more() {
        let start = Instant::now();
        let bucket = bucket(1000, 1, MINUTE, start);
        let all = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mine = (0..500).filter(|_| bucket.take(start)).count();
                    all.fetch_add(u32::try_from(mine).unwrap(), Ordering::Relaxed);
                });
            }
        });
        assert_eq!(all.into_inner(), 1000);
    }
}
