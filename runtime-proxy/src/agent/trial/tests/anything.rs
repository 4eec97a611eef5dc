//! What holds whatever happens: duplicates, orders out of place, lost streams, failing disks, crashes.

use std::time::Duration;

use mesh_snapshot::wire::Trial;
use proptest::prelude::*;

use super::super::{Answer, Offer, Order};
use super::{Proxy, offer, snapshot};

#[derive(Clone, Debug)]
enum Do {
    Order(u64, Order),
    Prepared,
    Refused,
    Saved(bool),
    Wait(Duration),
    Down,
    Up,
    Crash,
}

fn order() -> impl Strategy<Value = Order> {
    let trial =
        prop_oneof![Just(None), (1..3000_u64).prop_map(|ms| Some(Duration::from_millis(ms)))];
    let epoch = 1..5_u64;
    let named = prop_oneof![9 => epoch.clone().prop_map(|epoch| (epoch, snapshot(epoch))), 1 => epoch.clone().prop_map(|epoch| (epoch, snapshot(9)))];
    prop_oneof![
        1 => Just(Order::Welcome),
        4 => named.clone().prop_map(|(epoch, snapshot)| Order::Prepare(Offer { snapshot, ..offer(epoch) })),
        4 => (named.clone(), trial.clone()).prop_map(|((epoch, snapshot), trial)| Order::Commit { epoch, snapshot, trial }),
        1 => (epoch.clone(), trial).prop_map(|(epoch, trial)| Order::Extend { epoch, trial }),
        2 => named.prop_map(|(epoch, snapshot)| Order::Confirm { epoch, snapshot }),
        1 => epoch.clone().prop_map(|epoch| Order::Revert { epoch }),
        1 => epoch.prop_map(|epoch| Order::Abandon { epoch }),
    ]
}

fn step() -> impl Strategy<Value = Do> {
    prop_oneof![
        12 => (prop_oneof![1 => 1..4_u64, 9 => Just(3)], order()).prop_map(|(term, order)| Do::Order(term, order)),
        5 => Just(Do::Prepared),
        1 => Just(Do::Refused),
        8 => Just(Do::Saved(true)),
        1 => Just(Do::Saved(false)),
        3 => (0..2000_u64).prop_map(|ms| Do::Wait(Duration::from_millis(ms))),
        1 => Just(Do::Down),
        2 => Just(Do::Up),
        1 => Just(Do::Crash),
    ]
}

/// What a reader of the rules would expect of trials, kept apart from the machine.
#[derive(Default)]
struct Expected {
    /// The epoch on trial, and when it is over.
    trial: Option<(u64, Duration)>,
    term_obeyed: u64,
}

impl Expected {
    fn after(&mut self, proxy: &mut Proxy, act: &Do, swaps_before: usize) {
        let swapped = swaps_before < proxy.generations.len();
        let too_late = matches!(act, Do::Order(term, _) if *term < self.term_obeyed);
        if too_late && swapped {
            proxy.violated(format!("{act:?} was obeyed after term {}", self.term_obeyed));
        }
        let serving = proxy.state.serving();
        let running = serving.trial == Trial::Running;
        if let Do::Order(term, order) = act {
            if swapped {
                self.term_obeyed = self.term_obeyed.max(*term);
            }
            let on = proxy.in_force.filter(|_| running);
            match (order, on) {
                // Nobody obeys what comes from an earlier term than has been heard of.
                _ if *term < proxy.state.marks.term => {}
                (Order::Commit { epoch, trial: Some(span), .. }, Some(on))
                    if on == *epoch && swapped =>
                {
                    self.trial = Some((on, proxy.now + *span));
                }
                // It waits for the disk: when its time begins, nobody can tell yet.
                (Order::Extend { .. }, _) if proxy.disk.marks.term < *term => self.trial = None,
                (Order::Extend { epoch, trial: Some(span) }, Some(on)) if on == *epoch => {
                    self.trial = Some((on, proxy.now + *span));
                }
                _ => {}
            }
        }
        if let (true, Some((_, over))) = (running, self.trial)
            && over < proxy.now
        {
            proxy.violated(format!("a trial goes on at {:?} that was over at {over:?}", proxy.now));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens(acts in proptest::collection::vec(step(), 1..120)) {
        let mut proxy = Proxy::fresh();
        let mut expected = Expected::default();
        for act in &acts {
            let swaps = proxy.generations.len();
            match act.clone() {
                Do::Order(term, order) if proxy.stream && !proxy.state.is_waiting() => {
                    proxy.order(term, order);
                }
                Do::Order(..) => continue,
                Do::Prepared => proxy.prepared(),
                Do::Refused => proxy.refused(),
                Do::Saved(works) => proxy.saved(works),
                Do::Wait(span) => proxy.wait(span),
                Do::Down => proxy.down(),
                Do::Up if proxy.stream => continue,
                Do::Up => proxy.up(),
                Do::Crash => {
                    let confirmed = proxy.disk.confirmed.map(|version| version.epoch);
                    proxy.crash();
                    prop_assert_eq!(proxy.in_force, confirmed);
                    expected = Expected { trial: None, ..expected };
                }
            }
            expected.after(&mut proxy, act, swaps);
            prop_assert_eq!(proxy.violation.as_deref(), None, "after {:?}", act);
        }
        // Once the disk works, it says what is confirmed, and the other side has heard what is served.
        proxy.wait(Duration::from_mins(1));
        proxy.settle();
        if !proxy.stream {
            proxy.up();
        }
        proxy.order(9, Order::Abandon { epoch: 99 });
        proxy.settle();
        let serving = proxy.state.serving();
        prop_assert_eq!(proxy.answers.last(), Some(&Answer::Serving(serving)));
        prop_assert_eq!(proxy.disk.confirmed, serving.version);
        prop_assert_ne!(serving.trial, Trial::Running, "every trial is over by now");
        prop_assert_eq!(proxy.violation.as_deref(), None);
    }
}
