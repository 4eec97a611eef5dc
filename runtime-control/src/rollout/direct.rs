//! Where each proxy should be, and what it is told to get there.

use std::time::Duration;

use super::effect::{Effect, Order};
use super::event::Refusal;
use super::proxy::{Proxy, Way};
use super::state::{Slices, Step};
use super::version::{ProxyName, Timestamp, Version};

impl<S: Slices> Step<'_, S> {
    /// Tells each proxy what it has not been told yet. Whether one turned out to have no slice to be told of.
    pub(super) fn direct_all(&mut self) -> bool {
        let names: Vec<_> = self.state.proxies.keys().cloned().collect();
        let mut refused = false;
        for name in &names {
            refused |= self.direct(name);
        }
        refused
    }

    /// As [`Self::direct_all`], for one proxy.
    pub(super) fn direct(&mut self, name: &ProxyName) -> bool {
        let (now, retry) = (self.now, self.state.policy.retry);
        let Some(proxy) = self.state.proxies.get(name) else { return false };
        let Some(connection) = proxy.connection else { return false };
        let order = self.order(name, proxy);
        let Some(proxy) = self.state.proxies.get_mut(name) else { return false };
        let order = match order {
            None => {
                proxy.asked = None;
                return false;
            }
            Some(Err((epoch, refusal))) => {
                let known = proxy.refused.contains_key(&epoch);
                proxy.refuse(epoch, refusal, now);
                return !known;
            }
            Some(Ok(order)) => order,
        };
        if let Some((_, at)) = proxy.refused.get_mut(&order.epoch()) {
            if now < *at + retry {
                return false;
            }
            // It stands as refused until the proxy says something else.
            *at = now;
            proxy.asked = None;
        }
        if let Some((asked, at)) = proxy.asked
            && asked == order
            && !order.is_due_again(now.since(at), retry)
        {
            return false;
        }
        proxy.asked = Some((order, now));
        if matches!(order, Order::Prepare { .. }) {
            proxy.prepared = None;
        }
        self.effects.push(Effect::Send { proxy: name.clone(), connection, order });
        false
    }

    /// What the proxy is to do, told before or not. An error: there is no slice for it under that epoch.
    fn order(&self, name: &ProxyName, proxy: &Proxy) -> Option<Result<Order, (u64, Refusal)>> {
        if let Some(order) = self.toward_trial(name, proxy) {
            return Some(order);
        }
        self.toward_candidate(proxy).or_else(|| self.toward_target(proxy))
    }

    /// For those that are where they should be, and those that cannot get there.
    fn toward_candidate(&self, proxy: &Proxy) -> Option<Result<Order, (u64, Refusal)>> {
        let candidate = self.state.ledger.attempt?.version;
        let settled = self
            .state
            .ledger
            .confirmed
            .is_none_or(|target| matches!(proxy.way_to(target), Way::There | Way::Ahead));
        let waits = self.is_stuck(proxy) && !proxy.refused.contains_key(&candidate.epoch);
        let ready = proxy.prepared == Some(candidate.epoch) || proxy.epoch() >= candidate.epoch;
        ((settled || waits) && !ready).then(|| self.prepare(proxy, candidate))
    }

    fn toward_target(&self, proxy: &Proxy) -> Option<Result<Order, (u64, Refusal)>> {
        let target = self.state.ledger.confirmed?;
        let candidate = self.state.ledger.attempt.map(|attempt| attempt.version.epoch);
        if self.is_stuck(proxy) && candidate.is_some() && proxy.prepared == candidate {
            return None;
        }
        Some(match proxy.way_to(target) {
            Way::There | Way::Ahead => return None,
            Way::Confirm => Ok(Order::Confirm { epoch: target.epoch }),
            Way::Revert => Ok(Order::Revert { version: target }),
            Way::Commit => Ok(Order::Commit { version: target, trial: None }),
            Way::Prepare => self.prepare(proxy, target),
        })
    }

    /// For those of the waves, as long as they have not gone back.
    fn toward_trial(
        &self,
        name: &ProxyName,
        proxy: &Proxy,
    ) -> Option<Result<Order, (u64, Refusal)>> {
        let attempt = self.state.ledger.attempt?;
        let confirmed = self.state.ledger.confirmed?;
        self.state.trial.as_ref()?.members.get(name)?;
        let version = attempt.version;
        let serves = proxy.serving.is_some_and(|serving| serving.version == version);
        if !serves && proxy.way_to(confirmed) != Way::There {
            return None;
        }
        if !serves && proxy.prepared != Some(version.epoch) {
            return Some(self.prepare(proxy, version));
        }
        let trial = Some(self.state.policy.confirm_within);
        Some(Ok(Order::Commit { version, trial }))
    }

    fn prepare(&self, proxy: &Proxy, version: Version) -> Result<Order, (u64, Refusal)> {
        let slice = self
            .slices
            .slice(version.snapshot, &proxy.workload)
            .map_err(|refusal| (version.epoch, refusal))?;
        Ok(Order::Prepare { version, slice, within: self.state.policy.prepare_within })
    }

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
        let answer = proxy.asked.map(|(order, at)| match order {
            Order::Prepare { .. } => at + (policy.prepare_within + policy.lease),
            _ => at + order.again_after(policy.retry),
        });
        let retry = proxy.refused.values().map(|(_, at)| *at + policy.retry);
        let retry = retry.filter(|at| self.now < *at).min();
        [lease].into_iter().chain(answer).chain(retry)
    }
}

impl Order {
    /// The epoch that it speaks of.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        match self {
            Self::Prepare { version, .. }
            | Self::Commit { version, .. }
            | Self::Revert { version } => version.epoch,
            Self::Confirm { epoch } | Self::Abandon { epoch } => *epoch,
        }
    }

    /// A trial is renewed thrice before it runs out; everything else is repeated when there is no answer.
    fn again_after(&self, retry: Duration) -> Duration {
        match self {
            Self::Commit { trial: Some(trial), .. } => *trial / 3,
            _ => retry,
        }
    }

    /// A preparation is not repeated: it takes as long as it takes, and then counts as refused.
    fn is_due_again(&self, after: Duration, retry: Duration) -> bool {
        !matches!(self, Self::Prepare { .. }) && self.again_after(retry) <= after
    }
}
