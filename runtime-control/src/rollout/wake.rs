//! When to look again though nobody says anything.

use std::time::Duration;

use super::effect::{Effect, Order};
use super::proxy::Proxy;
use super::state::{Slices, Step};
use super::version::{ProxyName, Timestamp};

impl<S: Slices> Step<'_, S> {
    /// Asks to be called when the next of all limits is reached. When nothing but `one` proxy has changed, its limits alone are new.
    pub(super) fn ask_for_a_wake(&mut self, one: Option<&ProxyName>) {
        let state = &self.state;
        let next = if let Some(name) = one {
            let limits = state.proxies.get(name).into_iter().flat_map(|proxy| self.limits(proxy));
            limits.chain(state.wake).min()
        } else {
            let limits = state.proxies.values().flat_map(|proxy| self.limits(proxy));
            let gathering = state.ledger.waiting.map(|_| state.gathering_until);
            limits.chain(gathering.filter(|until| self.now < *until)).min()
        };
        let next = next.into_iter().chain(self.next_look()).min();
        // A moment later at least: a limit that is reached and changed nothing must not keep this side busy.
        let next = next.map(|next| next.max(self.now + Duration::from_millis(1)));
        if next != state.wake || one.is_none() {
            self.state.wake = next;
            self.effects.extend(next.map(Effect::Wake));
        }
    }

    fn limits(&self, proxy: &Proxy) -> impl Iterator<Item = Timestamp> {
        let policy = &self.state.policy;
        let lease = proxy.heard + policy.lease;
        let answer = proxy.asked.map(|(order, at)| {
            let renewal = match order {
                Order::Commit { trial: Some(trial), .. } => trial / 3,
                _ => Duration::MAX,
            };
            let again = order.again_after(policy.retry);
            at + again.unwrap_or(policy.prepare_within + policy.lease).min(renewal)
        });
        let retry = proxy.refused.values().map(|(_, at)| *at + policy.retry);
        let retry = retry.filter(|at| self.now < *at).min();
        [lease].into_iter().chain(answer).chain(retry)
    }
}
