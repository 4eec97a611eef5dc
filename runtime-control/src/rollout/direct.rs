//! Where each proxy should be, and what it is told to get there.

use std::time::Duration;

use super::effect::Order;
use super::event::Refusal;
use super::proxy::{Proxy, Way};
use super::state::{Slices, Step};
use super::version::{ProxyName, Timestamp, Version};

/// An order; or there is none, since the snapshot of this epoch has no slice for the proxy.
type Ordered = Result<Order, (u64, Refusal)>;

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
        let ordered = self.order(name, proxy);
        let Some(proxy) = self.state.proxies.get_mut(name) else { return false };
        match ordered {
            None => proxy.asked = None,
            Some(Err((epoch, refusal))) => {
                let known = proxy.refused.contains_key(&epoch);
                proxy.refuse(epoch, refusal, now);
                return !known;
            }
            Some(Ok(order)) if proxy.is_to_be_told(order, now, retry) => {
                proxy.asked = Some((order, now));
                if matches!(order, Order::Prepare { .. }) {
                    proxy.prepared = None;
                }
                self.send(name.clone(), connection, order);
            }
            Some(Ok(_)) => {}
        }
        false
    }

    /// What the proxy is to do, told before or not.
    fn order(&self, name: &ProxyName, proxy: &Proxy) -> Option<Ordered> {
        self.toward_trial(name, proxy)
            .or_else(|| self.toward_candidate(proxy))
            .or_else(|| self.toward_target(proxy))
    }

    /// For those of the waves, as long as they have not gone back.
    fn toward_trial(&self, name: &ProxyName, proxy: &Proxy) -> Option<Ordered> {
        let version = self.state.ledger.attempt?.version;
        let confirmed = self.state.ledger.confirmed?;
        let on_trial = self.state.trial.as_ref()?;
        if !on_trial.members.contains_key(name) || on_trial.fallen.contains(name) {
            return None;
        }
        let trial = self.state.policy.confirm_within;
        if proxy.serves(version) {
            Some(Ok(Order::Extend { version, trial }))
        } else if proxy.way_to(confirmed) != Way::There {
            None
        } else if proxy.prepared == Some(version.epoch) {
            Some(Ok(Order::Commit { version, trial: Some(trial) }))
        } else {
            Some(self.prepare(proxy, version, false))
        }
    }

    /// For those that are where they should be, and those that cannot get there.
    fn toward_candidate(&self, proxy: &Proxy) -> Option<Ordered> {
        let candidate = self.state.ledger.attempt?.version;
        let target = self.state.ledger.confirmed;
        let settled = target.is_none_or(|target| proxy.way_to(target) == Way::There);
        let waits = self.is_stuck(proxy) && !proxy.refused.contains_key(&candidate.epoch);
        let ready = proxy.prepared == Some(candidate.epoch);
        ((settled || waits) && !ready).then(|| self.prepare(proxy, candidate, false))
    }

    fn toward_target(&self, proxy: &Proxy) -> Option<Ordered> {
        let target = self.state.ledger.confirmed?;
        let candidate = self.state.ledger.attempt.map(|attempt| attempt.version.epoch);
        if self.is_stuck(proxy) && candidate.is_some() && proxy.prepared == candidate {
            return None;
        }
        Some(match proxy.way_to(target) {
            Way::There => return None,
            Way::Confirm => Ok(Order::Confirm { version: target }),
            Way::Revert(epoch) => Ok(Order::Revert { epoch }),
            Way::Commit => Ok(Order::Commit { version: target, trial: None }),
            Way::Prepare => self.prepare(proxy, target, true),
        })
    }

    fn prepare(&self, proxy: &Proxy, version: Version, confirmed: bool) -> Ordered {
        let slice = self
            .slices
            .slice(version.snapshot, &proxy.workload)
            .map_err(|refusal| (version.epoch, refusal))?;
        let within = self.state.policy.prepare_within;
        Ok(Order::Prepare { version, slice, within, confirmed })
    }
}

impl Proxy {
    /// Whether it is time to tell it: it was told something else before, or did not carry it out for long.
    fn is_to_be_told(&mut self, order: Order, now: Timestamp, retry: Duration) -> bool {
        if let Some((_, at)) = self.refused.get_mut(&order.epoch()) {
            if now < *at + retry {
                return false;
            }
            // It stands as refused until the proxy says something else.
            *at = now;
            return true;
        }
        self.asked.is_none_or(|(asked, at)| {
            !order.repeats(asked) || order.again_after(retry).is_some_and(|after| at + after <= now)
        })
    }
}

impl Order {
    /// The epoch that it speaks of; zero: none.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        match self {
            Self::Welcome { .. } => 0,
            Self::Prepare { version, .. }
            | Self::Commit { version, .. }
            | Self::Extend { version, .. }
            | Self::Confirm { version } => version.epoch,
            Self::Revert { epoch } | Self::Abandon { epoch } => *epoch,
        }
    }

    /// Whether it says the same as `before`. A commit begins the time that the first extension prolongs.
    fn repeats(&self, before: Self) -> bool {
        let begun = |version| matches!(before, Self::Commit { version: of, .. } if version == of);
        *self == before || matches!(*self, Self::Extend { version, .. } if begun(version))
    }

    /// A trial is renewed thrice before it runs out, and an order is repeated when it is not carried out. But a
    /// preparation takes as long as it takes, and then counts as refused.
    pub(super) fn again_after(&self, retry: Duration) -> Option<Duration> {
        match self {
            Self::Prepare { .. } => None,
            Self::Extend { trial, .. } => Some(*trial / 3),
            _ => Some(retry),
        }
    }
}
