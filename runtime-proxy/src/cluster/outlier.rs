//! When an endpoint is set aside for what it answers, and when it is taken back.
//!
//! The semantics are Envoy's. Its detector looks at all hosts every interval, to take back those whose time is over and to forgive
//! the others a little; the same follows here from the time alone, so there is no timer: what would have happened at
//! the ticks in between is worked out when somebody asks. Time is measured from when the cluster was made.
//!
//! Counters are atomics that all threads share. Ejecting is rare and takes a lock, so that the largest share is kept.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use mesh_snapshot::object::OutlierDetection;

/// How an endpoint has done.
#[derive(Debug, Default)]
pub(super) struct Record {
    consecutive_5xx: AtomicU32,
    consecutive_gateway_errors: AtomicU32,
    consecutive_local_failures: AtomicU32,
    /// When the ejection ends, in microseconds; zero: it is not ejected, and the counters count.
    ejected_until: AtomicU64,
    /// When the last ejection ended.
    released_at: AtomicU64,
    /// How often it was ejected, less what it was forgiven by then.
    multiplier: AtomicU32,
}

/// What came of a request or a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// A status of HTTP, the server's own or what a gRPC status stands for.
    Status(u16),
    /// No connection, or one that broke.
    Failed,
    /// No answer in the time of one attempt.
    TimedOut,
    /// A connection for a request of HTTP, new or kept. Source: Envoy, `UpstreamRequest::onPoolReady`.
    Connected,
    /// A connection of a TCP cluster: all that can be known of it.
    Served,
}

/// Why an endpoint is to be ejected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Offence {
    Consecutive5xx,
    ConsecutiveGatewayErrors,
    ConsecutiveLocalFailures,
}

/// The longest ejection, unless the first is longer. Source: Envoy, `max_ejection_time`.
const EJECTION_MAX: Duration = Duration::from_mins(5);

impl Record {
    /// Takes note, and says whether that was once too often.
    pub(super) fn note(
        &self,
        outcome: Outcome,
        policy: &OutlierDetection,
        now: Duration,
    ) -> Option<Offence> {
        self.forget_once_released(now);
        let is_split = policy.split_local_origin_errors;
        match outcome {
            Outcome::Status(status) => self.note_status(status, policy),
            Outcome::Failed | Outcome::TimedOut if is_split => {
                let limit = policy.consecutive_local_origin_failures;
                reaches(&self.consecutive_local_failures, limit)
                    .then_some(Offence::ConsecutiveLocalFailures)
            }
            Outcome::Failed => self.note_status(503, policy),
            Outcome::TimedOut => self.note_status(504, policy),
            Outcome::Connected | Outcome::Served if is_split => {
                self.consecutive_local_failures.store(0, Ordering::Relaxed);
                None
            }
            Outcome::Connected => None,
            Outcome::Served => self.note_status(200, policy),
        }
    }

    fn note_status(&self, status: u16, policy: &OutlierDetection) -> Option<Offence> {
        if !(500..600).contains(&status) {
            self.consecutive_5xx.store(0, Ordering::Relaxed);
            self.consecutive_gateway_errors.store(0, Ordering::Relaxed);
            return None;
        }
        let mut offence = None;
        if !matches!(status, 502..=504) {
            self.consecutive_gateway_errors.store(0, Ordering::Relaxed);
        } else if reaches(&self.consecutive_gateway_errors, policy.consecutive_gateway_errors) {
            offence = Some(Offence::ConsecutiveGatewayErrors);
        }
        if reaches(&self.consecutive_5xx, policy.consecutive_5xx) {
            offence = offence.or(Some(Offence::Consecutive5xx));
        }
        offence
    }

    pub(super) fn is_ejected(&self, now: Duration) -> bool {
        micros(now) < self.ejected_until.load(Ordering::Acquire)
    }

    /// When its ejection ends, if it is ejected.
    pub(super) fn ejected_until(&self, now: Duration) -> Option<Duration> {
        let until = self.ejected_until.load(Ordering::Acquire);
        (micros(now) < until).then(|| Duration::from_micros(until))
    }

    /// Sets it aside. The caller holds the lock under which ejections are decided.
    pub(super) fn eject(&self, policy: &OutlierDetection, now: Duration) {
        self.forget_once_released(now);
        let base = Duration::from(policy.base_ejection_time);
        let longest = EJECTION_MAX.max(base);
        let multiplier = self.multiplier_at(policy, now);
        let multiplier = if base.saturating_mul(multiplier) < longest + base {
            multiplier.saturating_add(1)
        } else {
            multiplier
        };
        let until = next_tick(now + base.saturating_mul(multiplier).min(longest), interval(policy));
        self.multiplier.store(multiplier, Ordering::Relaxed);
        self.ejected_until.store(micros(until), Ordering::Release);
    }

    /// Starts counting anew after `offence`, whether or not it led to an ejection.
    pub(super) fn forgive(&self, offence: Offence) {
        let counter = match offence {
            Offence::Consecutive5xx => &self.consecutive_5xx,
            Offence::ConsecutiveGatewayErrors => &self.consecutive_gateway_errors,
            Offence::ConsecutiveLocalFailures => &self.consecutive_local_failures,
        };
        counter.store(0, Ordering::Relaxed);
    }

    /// One ejection is forgiven at every tick after the one that took it back.
    fn multiplier_at(&self, policy: &OutlierDetection, now: Duration) -> u32 {
        let released_at = Duration::from_micros(self.released_at.load(Ordering::Relaxed));
        let ticks = |time: Duration| time.as_micros() / interval(policy).as_micros();
        let forgiven = ticks(now).saturating_sub(ticks(released_at));
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        self.multiplier.load(Ordering::Relaxed).saturating_sub(forgiven)
    }

    /// An endpoint that is taken back starts with clean counters.
    fn forget_once_released(&self, now: Duration) {
        let until = self.ejected_until.load(Ordering::Acquire);
        if until == 0 || micros(now) < until {
            return;
        }
        let release =
            self.ejected_until.compare_exchange(until, 0, Ordering::AcqRel, Ordering::Relaxed);
        if release.is_ok() {
            self.released_at.store(until, Ordering::Relaxed);
            for offence in [
                Offence::Consecutive5xx,
                Offence::ConsecutiveGatewayErrors,
                Offence::ConsecutiveLocalFailures,
            ] {
                self.forgive(offence);
            }
        }
    }
}

/// Counts one more, and says whether that is exactly the limit; zero is none.
fn reaches(counter: &AtomicU32, limit: u32) -> bool {
    counter.fetch_add(1, Ordering::Relaxed).wrapping_add(1) == limit
}

fn interval(policy: &OutlierDetection) -> Duration {
    Duration::from(policy.interval).max(Duration::from_millis(1))
}

/// The first tick that is not before `time`.
fn next_tick(time: Duration, interval: Duration) -> Duration {
    let ticks = micros(time).div_ceil(micros(interval).max(1));
    Duration::from_micros(ticks.saturating_mul(micros(interval)))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mesh_snapshot::object::{Microseconds, OutlierDetection, PartsPerMillion};

    use super::{Offence, Outcome, Record};

    fn policy() -> OutlierDetection {
        OutlierDetection {
            consecutive_5xx: 3,
            consecutive_gateway_errors: 2,
            consecutive_local_origin_failures: 2,
            split_local_origin_errors: false,
            interval: Microseconds::from_secs(10),
            base_ejection_time: Microseconds::from_secs(30),
            ejected_max: PartsPerMillion::ALL,
            healthy_min: PartsPerMillion(0),
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn notes(
        record: &Record,
        policy: &OutlierDetection,
        outcomes: &[Outcome],
    ) -> Vec<Option<Offence>> {
        outcomes.iter().map(|outcome| record.note(*outcome, policy, at(0))).collect()
    }

    #[test]
    fn errors_count_while_nothing_else_comes_between() {
        use Outcome::Status;
        let record = Record::default();
        let five = [500, 500, 200, 500, 500, 500].map(Status);
        let found = notes(&record, &policy(), &five);
        assert_eq!(found, [None, None, None, None, None, Some(Offence::Consecutive5xx)]);
    }

    #[test]
    fn gateway_errors_are_both_and_other_errors_break_their_row() {
        use Outcome::Status;
        let record = Record::default();
        let found = notes(&record, &policy(), &[Status(503), Status(500), Status(502)]);
        assert_eq!(found, [None, None, Some(Offence::Consecutive5xx)]);
        let record = Record::default();
        let found = notes(&record, &policy(), &[Status(503), Outcome::TimedOut]);
        assert_eq!(found, [None, Some(Offence::ConsecutiveGatewayErrors)]);
    }

    #[test]
    fn failures_of_our_own_count_apart_when_told_to() {
        let policy = OutlierDetection { split_local_origin_errors: true, ..policy() };
        let record = Record::default();
        let outcomes = [
            Outcome::Failed,
            Outcome::Connected,
            Outcome::Failed,
            Outcome::Status(200),
            Outcome::TimedOut,
        ];
        let found = notes(&record, &policy, &outcomes);
        assert_eq!(found.last().unwrap(), &Some(Offence::ConsecutiveLocalFailures));
        assert_eq!(found.iter().flatten().count(), 1);
    }

    #[test]
    fn zero_switches_a_cause_off() {
        let policy =
            OutlierDetection { consecutive_5xx: 0, consecutive_gateway_errors: 0, ..policy() };
        let found = notes(&Record::default(), &policy, &[Outcome::Status(503); 20]);
        assert!(found.iter().all(Option::is_none));
    }

    #[test]
    fn ejections_last_longer_each_time_and_end_with_a_tick() {
        let (record, policy) = (Record::default(), policy());
        record.eject(&policy, at(5));
        assert_eq!(record.ejected_until(at(5)), Some(at(40)), "5 + 30, at the next tick");
        assert!(record.is_ejected(at(39)) && !record.is_ejected(at(40)));
        record.eject(&policy, at(41));
        assert_eq!(record.ejected_until(at(41)), Some(at(110)), "41 + 2 * 30");
        record.eject(&policy, at(111));
        assert_eq!(record.ejected_until(at(111)), Some(at(210)), "111 + 3 * 30");
    }

    #[test]
    fn every_healthy_interval_forgives_one_ejection() {
        let (record, policy) = (Record::default(), policy());
        record.eject(&policy, at(5));
        record.eject(&policy, at(41));
        assert_eq!(record.ejected_until(at(41)), Some(at(110)));
        record.eject(&policy, at(121));
        assert_eq!(record.ejected_until(at(121)), Some(at(190)), "the tick at 120 forgave one");
        record.eject(&policy, at(1000));
        assert_eq!(record.ejected_until(at(1000)), Some(at(1030)), "all is forgiven");
    }

    #[test]
    fn no_ejection_is_longer_than_five_minutes() {
        let record = Record::default();
        record.multiplier.store(50, std::sync::atomic::Ordering::Relaxed);
        record.eject(&policy(), at(0));
        assert_eq!(record.ejected_until(at(0)), Some(at(300)));
    }

    #[test]
    fn counters_are_clean_after_an_ejection() {
        let (record, policy) = (Record::default(), policy());
        record.note(Outcome::Status(500), &policy, at(0));
        record.note(Outcome::Status(500), &policy, at(0));
        record.eject(&policy, at(0));
        assert_eq!(record.note(Outcome::Status(500), &policy, at(31)), None);
        assert_eq!(record.note(Outcome::Status(500), &policy, at(40)), None, "the first again");
    }
}
