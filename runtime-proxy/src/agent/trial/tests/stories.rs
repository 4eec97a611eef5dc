//! What a proxy does, step by step.

use mesh_snapshot::wire::{Refusal, Trial};

use super::super::{Answer, Offer, Order};
use super::{Proxy, SECOND, offer, snapshot, version};

#[test]
fn a_trial_that_is_confirmed_stays_and_one_that_is_not_ends() {
    let mut proxy = Proxy::fresh();
    proxy.serve(1, None);
    assert_eq!(proxy.last(), (1, Trial::Over));
    proxy.serve(2, Some(SECOND));
    assert_eq!((proxy.last(), proxy.disk.confirmed), ((2, Trial::Running), Some(version(1))));
    proxy.wait(SECOND / 2);
    proxy.commit(2, Some(SECOND));
    proxy.wait(SECOND / 2);
    assert_eq!(proxy.last(), (1, Trial::Expired), "a repeated commit prolongs nothing");

    proxy.serve(3, Some(SECOND));
    proxy.wait(SECOND / 2);
    proxy.order(1, Order::Extend { epoch: 3, trial: Some(SECOND) });
    proxy.order(1, Order::Extend { epoch: 3, trial: None });
    proxy.wait(SECOND * 9 / 10);
    assert_eq!(proxy.last(), (3, Trial::Running));
    proxy.order(1, Order::Confirm { epoch: 3, snapshot: snapshot(3) });
    assert_eq!(proxy.last(), (3, Trial::Running), "not before the disk has it");
    proxy.settle();
    proxy.wait(SECOND * 100);
    assert_eq!((proxy.last(), proxy.disk.confirmed), ((3, Trial::Over), Some(version(3))));
    assert_eq!(proxy.violation, None);
}

#[test]
fn a_trial_ends_by_itself_while_nobody_is_there() {
    let mut proxy = Proxy::fresh();
    proxy.serve(1, None);
    proxy.serve(2, Some(SECOND));
    proxy.down();
    proxy.wait(SECOND);
    assert_eq!(proxy.in_force, Some(1));
    assert_eq!(proxy.state.serving().trial, Trial::Expired, "as the next `Hello` says");
}

#[test]
fn a_first_snapshot_on_trial_leaves_nothing_behind() {
    let mut proxy = Proxy::fresh();
    proxy.serve(1, Some(SECOND));
    proxy.wait(SECOND);
    assert_eq!((proxy.in_force, proxy.last()), (None, (0, Trial::Expired)));
}

#[test]
fn a_disk_that_fails_is_no_reason_to_go_back_and_is_tried_again() {
    let mut proxy = Proxy::fresh();
    proxy.serve(1, None);
    proxy.order(1, Order::Prepare(offer(2)));
    proxy.prepared();
    proxy.settle();
    proxy.commit(2, Some(SECOND));
    proxy.order(1, Order::Confirm { epoch: 2, snapshot: snapshot(2) });
    proxy.saved(false);
    assert_eq!((proxy.last(), proxy.disk.confirmed), ((2, Trial::Over), Some(version(1))));
    proxy.wait(SECOND);
    proxy.saved(false);
    proxy.wait(SECOND);
    assert!(proxy.saving.is_none(), "the second pause is longer");
    proxy.wait(SECOND);
    proxy.saved(true);
    assert_eq!((proxy.in_force, proxy.disk.confirmed), (Some(2), Some(version(2))));
}

#[test]
fn a_new_term_is_stored_before_it_is_obeyed_and_ends_the_ones_before() {
    let mut proxy = Proxy::fresh();
    proxy.serve(1, None);
    proxy.serve(2, Some(SECOND));
    proxy.order(5, Order::Revert { epoch: 2 });
    assert_eq!((proxy.in_force, proxy.disk.marks.term), (Some(2), 1));
    proxy.saved(true);
    assert_eq!((proxy.in_force, proxy.disk.marks.term), (Some(1), 5));
    let answers = proxy.answers.len();
    proxy.order(4, Order::Prepare(offer(3)));
    assert_eq!((proxy.preparing, proxy.answers.len()), (None, answers));
    proxy.order(4, Order::Welcome);
    assert!(!proxy.stream, "hung up");
}

#[test]
fn orders_about_what_is_not_held_are_answered() {
    let mut proxy = Proxy::fresh();
    proxy.serve(1, None);
    proxy.commit(7, Some(SECOND));
    let absent = |answer: &Answer| matches!(answer, Answer::Refused { epoch: 7, refused } if refused.reason == Refusal::Absent);
    assert!(proxy.answers.last().is_some_and(absent));
    for order in [
        Order::Extend { epoch: 7, trial: Some(SECOND) },
        Order::Confirm { epoch: 7, snapshot: snapshot(7) },
        Order::Revert { epoch: 7 },
        Order::Abandon { epoch: 7 },
    ] {
        proxy.answers.clear();
        proxy.order(1, order);
        assert_eq!(proxy.last(), (1, Trial::Over));
    }
    let other = Offer { snapshot: snapshot(9), ..offer(1) };
    proxy.order(1, Order::Prepare(other));
    assert!(
        matches!(proxy.answers.last(), Some(Answer::Refused { refused, .. }) if refused.reason == Refusal::Stale)
    );
}

#[test]
fn what_is_held_is_prepared_at_once_and_what_is_abandoned_is_not_held() {
    let mut proxy = Proxy::fresh();
    proxy.order(1, Order::Prepare(offer(1)));
    proxy.settle();
    proxy.order(1, Order::Prepare(offer(1)));
    assert_eq!(proxy.preparing, Some((1, 1)), "still the first attempt");
    proxy.prepared();
    proxy.down();
    proxy.up();
    proxy.answers.clear();
    proxy.order(1, Order::Prepare(offer(1)));
    assert!(matches!(proxy.answers.as_slice(), [Answer::Prepared { .. }]));
    proxy.order(1, Order::Abandon { epoch: 1 });
    proxy.order(1, Order::Prepare(offer(1)));
    assert_eq!(proxy.preparing, Some((2, 1)));
    proxy.down();
    assert_eq!(proxy.preparing, None);
}

#[test]
fn a_disk_that_hangs_is_not_waited_for() {
    let mut proxy = Proxy::fresh();
    proxy.serve(1, None);
    proxy.serve(2, Some(SECOND * 60));
    proxy.order(1, Order::Confirm { epoch: 2, snapshot: snapshot(2) });
    assert_eq!(proxy.last(), (2, Trial::Running));
    proxy.wait(SECOND * 5);
    assert_eq!(proxy.last(), (2, Trial::Over), "in force and confirmed, if not stored");
    proxy.order(7, Order::Abandon { epoch: 9 });
    assert!(!proxy.state.is_waiting(), "nor for a new term");
    proxy.settle();
    assert_eq!((proxy.disk.confirmed, proxy.disk.marks.term), (Some(version(2)), 7));
}
