//! When a certificate is to be renewed.

use std::ops::Range;
use std::time::Duration;

use rand::Rng;

/// Half-way through its life, give or take a twentieth: a fleet that started at once does not renew at once.
/// Source: Istio renews at half, ± 1 %.
const SHARE: std::ops::RangeInclusive<f64> = 0.45..=0.55;

/// When to renew: by the clock, in seconds since 1970, or after a while, whichever comes first. The clock may jump, and time does not
/// pass while the machine sleeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Due {
    /// None: by this clock the certificate was not valid when it came, so the clock is wrong.
    pub(super) by_clock: Option<u64>,
    pub(super) after: Duration,
}

/// For what is `valid` and came at `now`. What was valid before it came (issuers allow for clocks that differ) is no part of its life
/// here.
pub(super) fn due(valid: &Range<u64>, now: u64, random: &mut impl Rng) -> Due {
    let trusted = valid.contains(&now);
    let begin = if trusted { now } else { valid.start };
    let life = Duration::from_secs(valid.end.saturating_sub(begin));
    let after = life.mul_f64(random.random_range(SHARE));
    Due { by_clock: trusted.then_some(begin + after.as_secs()), after }
}

/// For what came earlier, nobody knows when: at once, if it has passed the middle of its life or the clock is wrong.
pub(super) fn due_for_stored(valid: &Range<u64>, now: u64, random: &mut impl Rng) -> Due {
    let Due { by_clock, .. } = due(valid, valid.start, random);
    let left = by_clock.filter(|_| valid.contains(&now)).map(|at| at.saturating_sub(now));
    Due { by_clock, after: Duration::from_secs(left.unwrap_or(0)) }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn half_way_and_not_all_at_once() {
        let mut random = SmallRng::seed_from_u64(1);
        let due = (0..1000).map(|_| due(&(1000..11_120), 1120, &mut random));
        let times: Vec<_> = due.map(|due| (due.by_clock.unwrap(), due.after.as_secs())).collect();
        assert!(times.iter().all(|(at, after)| *at == 1120 + after));
        let (first, last) = (times.iter().min().unwrap().0, times.iter().max().unwrap().0);
        assert!((5620..5700).contains(&first), "{first}");
        assert!((6500..=6620).contains(&last), "{last}");
    }

    #[test]
    fn by_a_clock_that_is_wrong_nothing_is_renewed_all_the_time() {
        let mut random = SmallRng::seed_from_u64(1);
        for now in [0, 999, 2000, 99_999] {
            let due = due(&(1000..2000), now, &mut random);
            assert_eq!(due.by_clock, None);
            assert!((450..=550).contains(&due.after.as_secs()));
        }
    }

    #[test]
    fn what_was_stored_is_renewed_at_once_when_its_time_has_come() {
        let mut random = SmallRng::seed_from_u64(1);
        let mut after = |now| due_for_stored(&(1000..2000), now, &mut random).after.as_secs();
        assert!((350..=450).contains(&after(1100)));
        assert_eq!([after(1600), after(3000), after(0)], [0, 0, 0]);
    }
}
