//! The orders that one proxy has not read yet: of those that supersede one another, the last.
//!
//! A proxy takes orders one by one, each after the objects of the one before, and snapshots may follow faster than that. What
//! it would do and undo again is not said at all, so what waits is bounded without a limit: one order of each of four kinds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::rollout::Order;

/// The end at which orders are given.
#[derive(Debug)]
pub struct Orders {
    waiting: Arc<Mutex<Waiting>>,
    bell: mpsc::Sender<()>,
}

/// The end at which they are carried out.
#[derive(Debug)]
pub struct Ordered {
    waiting: Arc<Mutex<Waiting>>,
    bell: mpsc::Receiver<()>,
}

#[must_use]
pub fn channel() -> (Orders, Ordered) {
    let waiting = Arc::<Mutex<Waiting>>::default();
    let (ring, bell) = mpsc::channel(1);
    (Orders { waiting: waiting.clone(), bell: ring }, Ordered { waiting, bell })
}

impl Orders {
    /// `term` is that in which it is given.
    pub fn give(&self, term: u64, order: Order) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(term, order);
        // A full queue holds a notice already; a closed one is a stream that is over.
        let _ = self.bell.try_send(());
    }
}

impl Ordered {
    /// The next order, with its term; none when all are taken and nobody gives any more. May be dropped at any time.
    pub async fn next(&mut self) -> Option<(u64, Order)> {
        loop {
            let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
            if next.is_some() {
                return next;
            }
            self.bell.recv().await?;
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    /// Oldest first.
    orders: VecDeque<(u64, Order)>,
    /// The epoch that the proxy was told last to prepare: it holds no other ready.
    told: Option<u64>,
}

impl Waiting {
    fn push(&mut self, term: u64, order: Order) {
        self.orders.retain(|(_, before)| !supersedes(order, *before));
        if !matches!(order, Order::Abandon { epoch } if self.told != Some(epoch)) {
            self.orders.push_back((term, order));
        }
    }

    fn pop(&mut self) -> Option<(u64, Order)> {
        let next = self.orders.pop_front();
        if let Some((_, Order::Prepare { version, .. })) = next {
            self.told = Some(version.epoch);
        }
        next
    }
}

/// Whether `before` need not be said any more, or must not, now that `order` is. A proxy prepares one snapshot at a time, and
/// what it serves is what it was told last to serve.
const fn supersedes(order: Order, before: Order) -> bool {
    match order {
        Order::Welcome { .. } => matches!(before, Order::Welcome { .. }),
        Order::Prepare { .. } => matches!(before, Order::Prepare { .. }),
        Order::Commit { .. }
        | Order::Extend { .. }
        | Order::Confirm { .. }
        | Order::Revert { .. } => decides_what_is_served(before),
        Order::Abandon { epoch } => match before {
            Order::Prepare { version, .. } | Order::Commit { version, .. } => {
                version.epoch == epoch
            }
            Order::Abandon { epoch: same } => same == epoch,
            _ => false,
        },
    }
}

const fn decides_what_is_served(order: Order) -> bool {
    matches!(
        order,
        Order::Commit { .. } | Order::Extend { .. } | Order::Confirm { .. } | Order::Revert { .. }
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mesh_snapshot::Digest;

    use super::*;
    use crate::rollout::Version;

    const TRIAL: Duration = Duration::from_secs(30);

    fn version(epoch: u64) -> Version {
        Version { epoch, snapshot: Digest::of(&epoch.to_be_bytes()) }
    }

    fn prepare(epoch: u64) -> Order {
        let version = version(epoch);
        Order::Prepare { version, slice: version.snapshot, within: TRIAL, confirmed: false }
    }

    fn abandon(epoch: u64) -> Order {
        Order::Abandon { epoch }
    }

    fn commit(epoch: u64, trial: Option<Duration>) -> Order {
        Order::Commit { version: version(epoch), trial }
    }

    fn push(waiting: &mut Waiting, orders: impl IntoIterator<Item = Order>) {
        orders.into_iter().for_each(|order| waiting.push(1, order));
    }

    /// All that is left to say.
    fn rest(waiting: &mut Waiting) -> Vec<Order> {
        std::iter::from_fn(|| waiting.pop()).map(|(_, order)| order).collect()
    }

    #[test]
    fn releases_that_supersede_one_another_do_not_pile_up() {
        let mut waiting = Waiting::default();
        push(&mut waiting, [Order::Welcome { lease: TRIAL }, prepare(1)]);
        assert_eq!(waiting.pop().map(|(_, order)| order), Some(Order::Welcome { lease: TRIAL }));
        assert_eq!(waiting.pop().map(|(_, order)| order), Some(prepare(1)));
        for epoch in 1..1000 {
            push(&mut waiting, [abandon(epoch), prepare(epoch + 1)]);
            assert!(waiting.orders.len() <= 4, "{waiting:?}");
        }
        assert_eq!(rest(&mut waiting), [abandon(1), prepare(1000)]);
    }

    #[test]
    fn what_is_abandoned_before_it_was_said_is_never_said() {
        let mut waiting = Waiting::default();
        push(&mut waiting, [prepare(1), abandon(1)]);
        assert_eq!(rest(&mut waiting), []);
        push(&mut waiting, [prepare(2)]);
        assert_eq!(rest(&mut waiting), [prepare(2)]);
        push(&mut waiting, [commit(2, Some(TRIAL)), abandon(2)]);
        assert_eq!(rest(&mut waiting), [abandon(2)], "it holds it ready");
    }

    #[test]
    fn what_is_served_is_said_once_and_as_it_was_decided_last() {
        let mut waiting = Waiting::default();
        let extend = Order::Extend { version: version(1), trial: TRIAL };
        let revert = Order::Revert { epoch: 1 };
        push(&mut waiting, [commit(1, Some(TRIAL)), commit(1, None)]);
        assert_eq!(rest(&mut waiting), [commit(1, None)]);
        push(&mut waiting, [extend, extend, revert, prepare(2)]);
        assert_eq!(rest(&mut waiting), [revert, prepare(2)], "in their order");
    }

    #[tokio::test]
    async fn orders_come_until_nobody_gives_any_more() {
        let (orders, mut ordered) = channel();
        orders.give(7, prepare(1));
        orders.give(7, commit(1, None));
        assert_eq!(ordered.next().await, Some((7, prepare(1))));
        drop(orders);
        assert_eq!(ordered.next().await, Some((7, commit(1, None))));
        assert_eq!(ordered.next().await, None);
    }
}
