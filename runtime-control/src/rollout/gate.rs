//! Whether a snapshot does harm: the new epoch against the old one, in the same window.
//!
//! Four measures, all of one form: a share of the requests that went wrong in some way, here and there.
//! Harm is a share whose *lower* confidence bound (Wilson, 99 % one-sided) is above the other side's share and
//! the rise that the policy allows: few requests never condemn, many need no long wait. For the 99th
//! percentile the share is that of the requests slower than the old percentile, times the factor.
//!
//! Each workload is judged by itself, and then all together, so that harm to one is not drowned in the
//! traffic of others and many small ones still add up. The other side is, where they had enough requests, the
//! instances of the same workload that still serve the old epoch, since they see the same weather; else
//! the proxies' own window before they committed.

use std::collections::BTreeMap;

use mesh_snapshot::object::PartsPerMillion;
use mesh_snapshot::wire::LATENCY_BOUNDS_MS;
use serde::{Deserialize, Serialize};

use super::health::Sample;
use super::policy::GatePolicy;

/// What is known of one workload's instances.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// Under the new epoch, since they committed.
    pub new: Sample,
    /// The same instances, under the old one, for as long before.
    pub before: Sample,
    /// Other instances, under the old one, at the same time as `new`.
    pub peers: Sample,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    Failed,
    Denied,
    Resets,
    P99,
}

impl Measure {
    const ALL: [Self; 4] = [Self::Failed, Self::Denied, Self::Resets, Self::P99];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed requests",
            Self::Denied => "denied requests",
            Self::Resets => "resets",
            Self::P99 => "slow requests",
        }
    }
}

/// One comparison that showed harm.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Harm {
    /// `namespace/name`; empty: all workloads together.
    pub workload: String,
    pub measure: Measure,
    pub new: PartsPerMillion,
    pub old: PartsPerMillion,
    /// Requests seen under the new epoch.
    pub requests: u64,
}

impl std::fmt::Display for Harm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |share: PartsPerMillion| f64::from(share.0) / 10_000.0;
        let of = if self.workload.is_empty() { "all workloads" } else { &self.workload };
        let (measure, new, old) = (self.measure.name(), percent(self.new), percent(self.old));
        write!(f, "{measure} of {of} rose from {old:.1} % to {new:.1} %")?;
        write!(f, " ({} requests)", self.requests)
    }
}

/// Why nothing can be said yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lack {
    /// Too few requests under the new epoch.
    Requests { seen: u64, wanted: u64 },
    /// Nothing to compare with.
    Baseline,
    /// This workload had requests before, and has none now.
    Silent { workload: String },
    /// None of the proxies on trial is in contact.
    Nobody,
    /// More is denied by what was changed to deny: to take that back without being asked could let in what it keeps out.
    Consent(Harm),
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Requests { seen, wanted } => {
                write!(f, "{seen} requests seen, {wanted} are needed to judge")
            }
            Self::Baseline => f.write_str("too few requests under the old epoch to compare with"),
            Self::Silent { workload } => write!(f, "{workload} has no requests any more"),
            Self::Nobody => f.write_str("no proxy on trial is in contact"),
            Self::Consent(harm) => write!(
                f,
                "{harm}; what was changed says who may do what, and going back could let in what it keeps out: `promote` or `abort`"
            ),
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    Pass,
    Fail(Harm),
    Inconclusive(Lack),
}

/// Judges the windows of the workloads that have instances on trial. `excused` are measures that an operator took the
/// responsibility for.
#[must_use]
pub fn judge(
    policy: &GatePolicy,
    windows: &BTreeMap<String, Window>,
    excused: &[Measure],
) -> Verdict {
    let mut all = Window::default();
    for window in windows.values() {
        all.new += &window.new;
        all.before += &window.before;
        all.peers += &window.peers;
    }
    let groups = windows.iter().map(|(name, window)| (name.as_str(), window));
    for (workload, window) in groups.chain([("", &all)]) {
        let harm = Measure::ALL
            .into_iter()
            .filter(|measure| !excused.contains(measure))
            .find_map(|measure| harm(policy, workload, window, measure));
        if let Some(harm) = harm {
            return Verdict::Fail(harm);
        }
    }
    lack(policy, windows, &all).map_or(Verdict::Pass, Verdict::Inconclusive)
}

fn lack(policy: &GatePolicy, windows: &BTreeMap<String, Window>, all: &Window) -> Option<Lack> {
    let wanted = policy.samples_min;
    if windows.is_empty() {
        return Some(Lack::Nobody);
    }
    if all.new.requests < wanted {
        return Some(Lack::Requests { seen: all.new.requests, wanted });
    }
    if old(policy, all).is_none() {
        return Some(Lack::Baseline);
    }
    let silent = |window: &Window| window.new.requests == 0 && old(policy, window).is_some();
    let (workload, _) = windows.iter().find(|(_, window)| silent(window))?;
    Some(Lack::Silent { workload: workload.clone() })
}

/// What `window.new` is compared with.
fn old<'a>(policy: &GatePolicy, window: &'a Window) -> Option<&'a Sample> {
    [&window.peers, &window.before]
        .into_iter()
        .find(|sample| sample.requests >= policy.samples_min.max(1))
}

fn harm(policy: &GatePolicy, workload: &str, window: &Window, measure: Measure) -> Option<Harm> {
    let old = old(policy, window)?;
    if window.new.requests < policy.samples_min {
        return None;
    }
    let (rise, new, old) = match measure {
        Measure::Failed => (policy.failed_rise, failed(&window.new), failed(old)),
        Measure::Denied => (policy.denied_rise, denied(&window.new), denied(old)),
        Measure::Resets => (policy.resets_rise, resets(&window.new), resets(old)),
        Measure::P99 => {
            let bound = slow(policy, old)?;
            // One in a hundred may be slower than the percentile, by what a percentile is.
            (PartsPerMillion(10_000), window.new.slower_than(bound), (0, 1))
        }
    };
    let (new_share, old_share) = (share(new), share(old));
    let harmful = lower_bound(new) > old_share + f64::from(rise.0) / 1e6;
    harmful.then(|| Harm {
        workload: workload.to_owned(),
        measure,
        new: parts(new_share),
        old: parts(old_share),
        requests: window.new.requests,
    })
}

const fn failed(sample: &Sample) -> (u64, u64) {
    (sample.failed, sample.requests)
}

const fn denied(sample: &Sample) -> (u64, u64) {
    (sample.denied, sample.requests)
}

const fn resets(sample: &Sample) -> (u64, u64) {
    (sample.resets, sample.requests.saturating_add(sample.resets))
}

/// From what duration on a request counts as slow: the bound of a bucket, since nothing between two is known.
fn slow(policy: &GatePolicy, old: &Sample) -> Option<u64> {
    let allowed = old.p99_ms()?.saturating_mul(u64::from(policy.p99_factor));
    let allowed = allowed.saturating_add(u64::try_from(policy.p99_rise.as_millis()).ok()?);
    LATENCY_BOUNDS_MS.into_iter().find(|bound| *bound >= allowed)
}

/// A count for arithmetic with fractions. Beyond four billion it is capped: no share is finer than that.
fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn share((part, whole): (u64, u64)) -> f64 {
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
}

/// The share that `part` of `whole` shows to be there at least, with 99 % confidence: the lower end of
/// Wilson's score interval (Wilson 1927).
fn lower_bound((part, whole): (u64, u64)) -> f64 {
    const Z: f64 = 2.326;
    if whole == 0 {
        return 0.0;
    }
    let (n, p) = (number(whole), share((part.min(whole), whole)));
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (centre - spread) / (1.0 + Z * Z / n)
}

fn parts(share: f64) -> PartsPerMillion {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is between 0 and 1"
    )]
    let parts = (share.clamp(0.0, 1.0) * 1e6).round() as u32;
    PartsPerMillion(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `requests` answered within a millisecond, of which `failed` failed.
    fn sample(requests: u64, failed: u64) -> Sample {
        let mut sample = Sample { requests, failed, ..Sample::default() };
        sample.latency[0] = requests;
        sample
    }

    fn judged(new: Sample, before: Sample, peers: Sample) -> Verdict {
        let window = Window { new, before, peers };
        let windows = BTreeMap::from([("shop/reviews".to_owned(), window)]);
        judge(&GatePolicy::default(), &windows, &[])
    }

    fn measure(verdict: &Verdict) -> Option<Measure> {
        let Verdict::Fail(harm) = verdict else { return None };
        Some(harm.measure)
    }

    #[test]
    fn the_same_share_of_failures_passes_even_when_it_is_high() {
        let bad = sample(1000, 900);
        assert_eq!(judged(bad, bad, Sample::default()), Verdict::Pass);
    }

    #[test]
    fn more_failures_than_the_peers_have_now_is_harm() {
        let verdict = judged(sample(200, 40), sample(200, 0), sample(200, 2));
        let Verdict::Fail(harm) = &verdict else { panic!("{verdict:?}") };
        assert_eq!((harm.new, harm.old), (PartsPerMillion(200_000), PartsPerMillion(10_000)));
        assert_eq!(harm.workload, "shop/reviews");
    }

    #[test]
    fn failures_that_the_peers_share_are_not_the_snapshots_fault() {
        let verdict = judged(sample(200, 40), sample(200, 0), sample(200, 40));
        assert_eq!(verdict, Verdict::Pass);
    }

    #[test]
    fn one_failure_among_few_requests_condemns_nothing() {
        assert_eq!(judged(sample(50, 1), sample(500, 0), Sample::default()), Verdict::Pass);
    }

    #[test]
    fn too_little_on_either_side_is_inconclusive() {
        let verdict = judged(sample(10, 10), sample(500, 0), Sample::default());
        assert_eq!(verdict, Verdict::Inconclusive(Lack::Requests { seen: 10, wanted: 50 }));
        let verdict = judged(sample(500, 500), sample(10, 0), sample(10, 0));
        assert_eq!(verdict, Verdict::Inconclusive(Lack::Baseline));
        let nobody = judge(&GatePolicy::default(), &BTreeMap::new(), &[]);
        assert_eq!(nobody, Verdict::Inconclusive(Lack::Nobody));
    }

    #[test]
    fn a_workload_that_fell_silent_is_not_passed_for_the_traffic_of_others() {
        let busy = Window { new: sample(500, 0), before: sample(500, 0), ..Window::default() };
        let silent = Window { before: sample(500, 0), ..Window::default() };
        let windows = BTreeMap::from([("shop/a".to_owned(), busy), ("shop/b".to_owned(), silent)]);
        let verdict = judge(&GatePolicy::default(), &windows, &[]);
        let workload = "shop/b".to_owned();
        assert_eq!(verdict, Verdict::Inconclusive(Lack::Silent { workload }));
    }

    #[test]
    fn harm_to_one_workload_is_not_drowned_in_the_traffic_of_others() {
        let busy =
            Window { new: sample(100_000, 0), before: sample(100_000, 0), ..Window::default() };
        let hurt = Window { new: sample(100, 50), before: sample(100, 0), ..Window::default() };
        let windows = BTreeMap::from([("shop/a".to_owned(), busy), ("shop/b".to_owned(), hurt)]);
        let verdict = judge(&GatePolicy::default(), &windows, &[]);
        assert_eq!(measure(&verdict), Some(Measure::Failed));
    }

    #[test]
    fn small_workloads_are_judged_together() {
        let hurt = Window { new: sample(20, 10), before: sample(20, 0), ..Window::default() };
        let windows: BTreeMap<_, _> = (0..5).map(|n| (format!("shop/w{n}"), hurt)).collect();
        let verdict = judge(&GatePolicy::default(), &windows, &[]);
        let Verdict::Fail(harm) = &verdict else { panic!("{verdict:?}") };
        assert_eq!((harm.workload.as_str(), harm.requests), ("", 100));
    }

    #[test]
    fn denials_and_resets_are_measures_of_their_own_and_can_be_excused() {
        let denied = Sample { denied: 100, ..sample(200, 0) };
        let verdict = judged(denied, sample(200, 0), Sample::default());
        assert_eq!(measure(&verdict), Some(Measure::Denied));
        let window = Window { new: denied, before: sample(200, 0), ..Window::default() };
        let windows = BTreeMap::from([("shop/reviews".to_owned(), window)]);
        let excused = judge(&GatePolicy::default(), &windows, &[Measure::Denied]);
        assert_eq!(excused, Verdict::Pass);
        let reset = Sample { resets: 100, ..sample(200, 0) };
        let verdict = judged(reset, sample(200, 0), Sample::default());
        assert_eq!(measure(&verdict), Some(Measure::Resets));
    }

    #[test]
    fn a_percentile_far_above_the_old_one_is_harm_and_one_near_it_is_not() {
        let slow = |bucket: usize, slow: u64| {
            let mut sample = sample(1000, 0);
            sample.latency[0] -= slow;
            sample.latency[bucket] += slow;
            sample
        };
        let far = judged(slow(11, 100), sample(1000, 0), Sample::default());
        assert_eq!(measure(&far), Some(Measure::P99));
        let near = judged(slow(3, 100), sample(1000, 0), Sample::default());
        assert_eq!(near, Verdict::Pass);
        let rare = judged(slow(11, 8), sample(1000, 0), Sample::default());
        assert_eq!(rare, Verdict::Pass);
    }
}
