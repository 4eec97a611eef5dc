//! Which of a cluster's endpoints may be used, and a balancer for them.

use std::sync::Arc;
use std::time::Duration;

use super::balance::Balancer;
use super::dice::Dice;
use super::endpoint::Endpoint;
use super::members::Members;
use super::spec::Spec;
use super::state::State;

/// Made for the members as they were, and the ejections as they were.
pub(super) struct Choice {
    members: Arc<Members>,
    ejections: u64,
    /// When the first ejection ends.
    until: Option<Duration>,
    usable: Vec<usize>,
    balancer: Option<Balancer>,
}

/// How often a balancer is asked for an endpoint that a request has not been to. Source: Istio,
/// `host_selection_retry_max_attempts`.
const ATTEMPTS: u64 = 5;

impl Choice {
    pub(super) fn new(spec: &Spec, state: &State, members: &Arc<Members>, dice: &Dice) -> Self {
        let ejections = state.ejections(); // first: an ejection meanwhile is seen again
        let (usable, until) = usable(spec, state, members);
        let endpoints = &members.endpoints;
        let turn = dice.roll(); // or all proxies would begin with the same
        let balancer = Balancer::new(&spec.policy.load_balancer, endpoints, &usable, turn);
        Self { members: Arc::clone(members), ejections, until, usable, balancer }
    }

    pub(super) fn is_current(&self, state: &State, members: &Arc<Members>) -> bool {
        Arc::ptr_eq(&self.members, members)
            && self.ejections == state.ejections()
            && self.until.is_none_or(|until| state.now() < until)
    }

    /// A position among the members; `None` where none may be used. Those that `avoid` names come last.
    pub(super) fn pick(
        &mut self,
        hash: Option<u64>,
        avoid: &[Arc<Endpoint>],
        dice: &Dice,
    ) -> Option<usize> {
        let Self { members, balancer, usable, .. } = self;
        let endpoints = &members.endpoints;
        let first = balancer.as_mut()?.pick(endpoints, hash, dice)?;
        let is_new = |position: usize| {
            endpoints.get(position).is_some_and(|endpoint| {
                avoid.iter().all(|avoided| avoided.standing.id != endpoint.standing.id)
            })
        };
        if is_new(first) {
            return Some(first);
        }
        for attempt in 1..ATTEMPTS {
            // Source: Envoy, for its hashing balancers: each attempt has a hash of its own, the same in all proxies.
            let hash = hash.map(|hash| hash ^ (u64::MAX - attempt + 1));
            let next = balancer.as_mut()?.pick(endpoints, hash, dice)?;
            if is_new(next) {
                return Some(next);
            }
        }
        usable.iter().copied().find(|position| is_new(*position)).or(Some(first))
    }
}

/// Positions, and when the first ejection ends. All members, if too few are well (panic).
fn usable(spec: &Spec, state: &State, members: &Members) -> (Vec<usize>, Option<Duration>) {
    let now = state.now();
    let policy = spec.policy.outlier_detection.as_ref();
    let mut until: Option<Duration> = None;
    let mut is_well = |endpoint: &Endpoint| {
        let ejected = policy.and_then(|_| endpoint.standing.record.ejected_until(now));
        until = until.into_iter().chain(ejected).min();
        !endpoint.is_unhealthy && ejected.is_none()
    };
    let all = members.endpoints.iter().enumerate();
    let well: Vec<usize> =
        all.filter(|(_, endpoint)| is_well(endpoint)).map(|(position, _)| position).collect();
    let count = members.endpoints.len();
    let least = policy.map_or(0, |policy| u64::from(policy.healthy_min.0)) * count as u64;
    let is_panic = (well.len() as u64) * 1_000_000 < least;
    (if is_panic { (0..count).collect() } else { well }, until)
}
