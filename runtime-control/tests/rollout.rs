//! The rollout's rules, one at a time: what is journalled, and who is told what.

#[cfg(test)]
mod obedient;

use std::sync::Arc;

use mesh_control::rollout::{
    Accepted, Cause, Event, GatePolicy, Inconclusive, Loosening, Newer, Order, Pace, Phase, Policy,
    ProxyState, Quarantine, Record, Rejected, Said, Sample, Serving, Verb, Version,
};
use mesh_snapshot::object::Workload;
use obedient::{Mesh, policy, snapshot};

#[test]
fn the_first_snapshot_is_confirmed_once_all_have_prepared_it() {
    let mut mesh = Mesh::new(policy(), &["web-1", "web-2"]);
    assert_eq!(mesh.phase(), Phase::Empty);
    mesh.offer("a").unwrap();
    assert_eq!(mesh.serves("web-1"), Some(snapshot("a")));
    assert_eq!(mesh.serves("web-2"), Some(snapshot("a")));
    assert!(mesh.waves().is_empty());
    assert_eq!(mesh.phase(), Phase::Idle);
}

#[test]
fn a_change_goes_wave_by_wave_and_whom_it_does_not_concern_is_in_none() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2", "still-1"]);
    mesh.offer("b").unwrap();
    assert_eq!(mesh.waves(), [["api-1"]]);
    assert_eq!(mesh.serves("api-2"), Some(snapshot("a")));
    mesh.wait(9);
    assert_eq!(mesh.waves().len(), 1, "the soak is not over");
    mesh.wait(2);
    assert_eq!(mesh.waves(), [["api-1"], ["api-2"]]);
    assert_eq!(mesh.serves("api-1"), None, "still on trial");
    mesh.wait(11);
    for proxy in ["api-1", "api-2", "still-1"] {
        assert_eq!(mesh.serves(proxy), Some(snapshot("b")));
    }
    let told_still = |(proxy, order): &&(String, Order)| {
        proxy == "still-1" && matches!(order, Order::Commit { .. })
    };
    let told: Vec<_> = mesh.orders.iter().filter(told_still).collect();
    assert!(matches!(told.as_slice(), [(_, Order::Commit { trial: None, .. })]), "{told:?}");
}

#[test]
fn the_first_wave_goes_where_there_is_traffic() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2", "still-1", "web-1", "web-2"]);
    for (proxy, requests) in [("still-1", 900), ("web-2", 90), ("api-2", 2)] {
        for total in [0, requests] {
            let totals = vec![(1, Sample { requests: total, ..Sample::default() })];
            mesh.say(proxy, Said::Health { instance: 1, totals });
        }
    }
    mesh.offer("b").unwrap();
    mesh.wait(1);
    assert_eq!(mesh.waves(), [["web-2"]], "nothing changes for the busiest one");
}

#[test]
fn a_change_that_concerns_nobody_is_confirmed_without_a_wave() {
    let mut mesh = Mesh::settled(policy(), &["still-1", "still-2"]);
    mesh.offer("b").unwrap();
    assert!(mesh.waves().is_empty());
    assert_eq!(mesh.serves("still-1"), Some(snapshot("b")));
    assert_eq!(mesh.phase(), Phase::Idle);
}

/// Each raise is a record on disk.
#[test]
fn a_proxy_that_raises_the_term_with_each_hello_is_turned_away() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "web-1"]);
    let term = |mesh: &Mesh| mesh.state.as_ref().unwrap().ledger().term;
    let hello = |mesh: &mut Mesh, workload: &str| {
        let service_account = workload.to_owned();
        let workload = Arc::new(Workload { service_account, ..Workload::default() });
        let term = term(mesh) + 1000;
        mesh.say("api-1", Said::Hello { workload, serving: None, term, epoch: 0 });
    };
    let mut terms = vec![term(&mesh)];
    for _ in 0..100 {
        hello(&mut mesh, "liar");
        terms.push(term(&mesh));
    }
    terms.dedup();
    assert_eq!(terms.len(), 5, "believed four times: {terms:?}");
    hello(&mut mesh, "web");
    assert!(terms.last() < Some(&term(&mesh)), "another one is believed");
}

#[test]
fn trials_are_extended_while_they_last() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    mesh.ask(Verb::Pause).unwrap();
    mesh.ask(Verb::Resume).unwrap();
    mesh.offer("b").unwrap();
    mesh.ask(Verb::Pause).unwrap();
    mesh.wait(60);
    assert_eq!(mesh.waves(), [["api-1"]], "no step forward while paused");
    let extended = |(proxy, order): &&(String, Order)| {
        proxy == "api-1" && matches!(order, Order::Extend { .. })
    };
    assert!(mesh.orders.iter().filter(extended).count() >= 5);
}

#[test]
fn one_refusal_stops_the_rollout_and_changes_nothing() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2", "web-1"]);
    mesh.refusing.insert("web-1".to_owned(), snapshot("b"));
    mesh.offer("b").unwrap();
    let Some(Cause::Refused { by, more: 0 }) = mesh.ended() else { panic!("{:?}", mesh.journal) };
    assert_eq!((by[0].proxy.as_str(), by[0].refusal.item.as_str()), ("web-1", "http[0]"));
    assert!(mesh.waves().is_empty());
    assert_eq!(mesh.serves("api-1"), Some(snapshot("a")));
    let commits = |(_, order): &&(String, Order)| matches!(order, Order::Commit { .. });
    assert_eq!(mesh.orders.iter().filter(commits).count(), 0);
    mesh.refusing.clear();
    mesh.offer("b").unwrap();
    assert_eq!(mesh.waves().len(), 1, "a refusal condemns nothing");
}

#[test]
fn of_many_refusals_a_few_are_written_down_and_the_others_counted() {
    let names: Vec<_> = (0..40).map(|n| format!("api-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut mesh = Mesh::settled(policy(), &names);
    mesh.offer("unservable").unwrap();
    let Some(cause @ Cause::Refused { by, more: 8 }) = mesh.ended() else {
        panic!("{:?}", mesh.ended())
    };
    assert_eq!(by.len(), 32);
    assert!(cause.to_string().ends_with(", and 8 more"), "{cause}");
}

#[test]
fn harm_is_taken_back_before_the_soak_is_over_and_the_digest_stays_out() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    let report = |mesh: &mut Mesh, epoch, requests, failed| {
        let totals = vec![(epoch, Sample { requests, failed, ..Sample::default() })];
        mesh.say("api-1", Said::Health { instance: 1, totals });
    };
    report(&mut mesh, 1, 500, 0);
    mesh.offer("b").unwrap();
    mesh.wait(1);
    report(&mut mesh, 2, 100, 60);
    mesh.wait(1);
    assert!(matches!(mesh.ended(), Some(Cause::Harmful { .. })), "{:?}", mesh.journal);
    assert_eq!(mesh.serves("api-1"), Some(snapshot("a")));
    assert!(matches!(mesh.offer("b"), Err(Rejected::Quarantined { .. })));
    mesh.restart(policy());
    assert!(matches!(mesh.offer("b"), Err(Rejected::Quarantined { .. })), "also after a restart");
    assert_eq!(mesh.ask(Verb::Lift(snapshot("b"))), Ok(Accepted::Queued));
}

#[test]
fn denials_take_back_no_policy_without_being_asked() {
    let report = |mesh: &mut Mesh, epoch, requests, denied, failed| {
        let totals = vec![(epoch, Sample { requests, denied, failed, ..Sample::default() })];
        mesh.say("api-1", Said::Health { instance: 1, totals });
    };
    let on_trial = |policy: Policy, name: &str| {
        let mut mesh = Mesh::settled(policy, &["api-1", "api-2"]);
        report(&mut mesh, 1, 500, 0, 0);
        mesh.offer(name).unwrap();
        mesh.wait(1);
        report(&mut mesh, 2, 100, 60, 0);
        mesh.wait(1);
        mesh
    };
    let is_taken_back = |mesh: &Mesh| matches!(mesh.ended(), Some(Cause::Harmful { .. }));
    assert!(is_taken_back(&on_trial(policy(), "b")), "no policy has changed");
    let mut mesh = on_trial(policy(), "tight");
    mesh.wait(60);
    assert!(!is_taken_back(&mesh));
    assert_eq!(mesh.serves("api-2"), Some(snapshot("a")), "and goes no further by itself");
    mesh.ask(Verb::Promote).unwrap();
    assert_eq!(mesh.serving["api-2"].version.snapshot, snapshot("tight"));
    let mut mesh = on_trial(policy(), "tight");
    report(&mut mesh, 2, 200, 60, 60);
    mesh.wait(1);
    assert!(is_taken_back(&mesh), "other harm is harm");
    let gate = GatePolicy { loosening: Loosening::Revert, ..policy().gate };
    assert!(is_taken_back(&on_trial(Policy { gate, ..policy() }, "tight")));
}

#[test]
fn a_proxy_that_goes_back_by_itself_takes_the_rollout_with_it() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    mesh.offer("b").unwrap();
    mesh.serve("api-1", Version { epoch: 1, snapshot: snapshot("a") }, true);
    assert_eq!(mesh.ended(), Some(&Cause::Fell { fallen: 1, committed: 1 }));
}

#[test]
fn only_the_newest_publication_waits() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    for name in ["b", "c", "d"] {
        mesh.offer(name).unwrap();
    }
    mesh.wait(100);
    assert_eq!(mesh.serves("api-1"), Some(snapshot("d")));
    let started = |record: &&Record| matches!(record, Record::Started { .. });
    assert_eq!(mesh.journal.iter().filter(started).count(), 2, "b and d");
}

#[test]
fn a_newer_publication_replaces_the_rollout_where_the_policy_says_so() {
    let replaces = Policy { newer: Newer::Replaces, ..policy() };
    let mut mesh = Mesh::settled(replaces, &["api-1", "api-2"]);
    mesh.offer("b").unwrap();
    mesh.offer("c").unwrap();
    assert_eq!(mesh.ended(), Some(&Cause::Superseded));
    assert_eq!(mesh.offer("b"), Ok(Accepted::Queued), "not condemned");
}

#[test]
fn what_is_confirmed_or_under_way_is_offered_in_vain() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    assert_eq!(mesh.offer("a"), Ok(Accepted::AsItIs));
    mesh.offer("b").unwrap();
    assert_eq!(mesh.offer("b"), Ok(Accepted::AsItIs));
    mesh.offer("c").unwrap();
    mesh.offer("b").unwrap();
    assert_eq!(mesh.state.as_ref().unwrap().ledger().waiting, None, "b is wanted, not c");
}

#[test]
fn an_old_publication_is_not_taken_for_a_new_one() {
    let mut mesh = Mesh::settled(policy(), &["api-1"]);
    let mut offer = |name, serial| {
        mesh.step(Event::Offered { snapshot: snapshot(name), serial });
        mesh.replies.pop().unwrap()
    };
    assert_eq!(offer("b", 20), Ok(Accepted::Queued));
    assert_eq!(offer("a", 10), Err(Rejected::Older { serial: 10, newest: 20 }));
    assert_eq!(offer("b", 30), Ok(Accepted::AsItIs), "signed anew");
    assert_eq!(offer("c", 25), Err(Rejected::Older { serial: 25, newest: 30 }));
    assert_eq!(offer("a", 31), Ok(Accepted::Queued), "signed anew, it is the newest");
}

#[test]
fn a_late_joiner_serves_what_is_confirmed_and_prepares_what_is_coming() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    mesh.offer("b").unwrap();
    mesh.join("api-3");
    assert_eq!(mesh.serves("api-3"), Some(snapshot("a")));
    let status = mesh.state.as_ref().unwrap().status();
    let late = status.proxies.iter().find(|proxy| proxy.name == "api-3").unwrap();
    assert_eq!(late.state, ProxyState::Prepared);
}

#[test]
fn a_straggler_is_not_waited_for_and_catches_up() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    mesh.serving.remove("api-2");
    mesh.wait(20);
    mesh.offer("b").unwrap();
    mesh.wait(12);
    assert_eq!(mesh.serves("api-1"), Some(snapshot("b")));
    mesh.join("api-2");
    assert_eq!(mesh.serves("api-2"), Some(snapshot("b")));
}

#[test]
fn nobody_waits_for_who_has_left_the_registry() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    mesh.say("api-2", Said::Left);
    mesh.offer("b").unwrap();
    assert_eq!(mesh.phase(), Phase::Preparing, "it may come back within its lease");
    mesh.step(Event::Departed { proxy: "api-2".into(), connection: None });
    assert_eq!(mesh.waves(), [["api-1"]]);
    assert_eq!(mesh.state.as_ref().unwrap().status().proxies.len(), 1);
}

/// It ends later than the one that took its place began.
#[test]
fn a_stream_that_was_replaced_does_not_end_the_one_in_its_place() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    let proxies = |mesh: &Mesh| mesh.state.as_ref().unwrap().status().proxies.len();
    mesh.step(Event::Departed { proxy: "api-2".into(), connection: Some(u64::MAX) });
    assert_eq!(proxies(&mesh), 2);
    mesh.step(Event::Departed { proxy: "api-2".into(), connection: None });
    assert_eq!(proxies(&mesh), 1);
}

#[test]
fn the_waves_begin_anew_when_the_only_proxy_on_trial_leaves_for_good() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2", "api-3"]);
    mesh.offer("b").unwrap();
    mesh.serving.remove("api-1");
    mesh.step(Event::Departed { proxy: "api-1".into(), connection: None });
    assert_eq!(mesh.waves(), [["api-1"], ["api-2"]], "and not all at once");
    mesh.wait(11);
    assert_eq!(mesh.waves()[2], ["api-3"]);
    mesh.wait(11);
    assert_eq!(mesh.serves("api-3"), Some(snapshot("b")));
}

#[test]
fn operators_pause_promote_abort_and_undo() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    assert_eq!(mesh.ask(Verb::Promote), Err(Rejected::NothingUnderWay));
    assert_eq!(mesh.ask(Verb::Abort), Err(Rejected::NothingUnderWay));
    assert_eq!(mesh.ask(Verb::Undo(None)), Err(Rejected::NothingBefore));
    mesh.offer("b").unwrap();
    mesh.ask(Verb::Promote).unwrap();
    mesh.ask(Verb::Promote).unwrap();
    assert_eq!(mesh.serves("api-2"), Some(snapshot("b")), "both waves without a soak");
    mesh.ask(Verb::Undo(None)).unwrap();
    assert_eq!(mesh.serves("api-1"), Some(snapshot("a")), "at once, without waves");
    let quarantine = mesh.state.as_ref().unwrap().ledger().quarantine.clone();
    assert_eq!(quarantine.get(&snapshot("b")), Some(&Quarantine::Undone));
    mesh.offer("c").unwrap();
    mesh.ask(Verb::Abort).unwrap();
    assert_eq!(mesh.serves("api-1"), Some(snapshot("a")));
    assert!(matches!(mesh.offer("c"), Err(Rejected::Quarantined { .. })));
    let unknown = Rejected::UnknownVersion(snapshot("x"));
    assert_eq!(mesh.ask(Verb::Undo(Some(snapshot("x")))), Err(unknown));
}

#[test]
fn who_promotes_does_not_wait_for_proxies_to_be_watched_first() {
    let gate = GatePolicy { inconclusive: Inconclusive::Hold, ..GatePolicy::default() };
    let mut mesh = Mesh::new(Policy { gate, ..policy() }, &["api-1", "api-2"]);
    mesh.offer("a").unwrap();
    mesh.wait(1);
    mesh.offer("b").unwrap();
    let serving = |mesh: &Mesh| ["api-1", "api-2"].map(|it| mesh.serving[it].version.snapshot);
    assert_eq!(serving(&mesh), [snapshot("a"); 2], "they have only just come");
    mesh.ask(Verb::Promote).unwrap();
    let on_trial = serving(&mesh).into_iter().filter(|it| *it == snapshot("b")).count();
    assert_eq!(on_trial, 1);
    mesh.wait(20);
    assert!(mesh.state.as_ref().unwrap().ledger().attempt.is_some(), "it was for one wave");
}

#[test]
fn a_restart_rolls_out_nothing_that_was_refused() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    let consider = |mesh: &mut Mesh, name: &str, anew| {
        mesh.step(Event::Considered { snapshot: snapshot(name), serial: 0, anew });
        mesh.replies.pop().unwrap()
    };
    assert_eq!(consider(&mut mesh, "b", false), Ok(Accepted::Queued));
    mesh.refusing.insert("api-2".to_owned(), snapshot("b"));
    mesh.offer("b").unwrap();
    let before = (mesh.journal.len(), mesh.orders.len());
    assert_eq!(consider(&mut mesh, "b", false), Ok(Accepted::AsItIs));
    assert_eq!(consider(&mut mesh, "b", true), Ok(Accepted::Queued));
    assert_eq!(consider(&mut mesh, "c", false), Ok(Accepted::Queued));
    assert_eq!((mesh.journal.len(), mesh.orders.len()), before, "nothing changes");
    mesh.offer("c").unwrap();
    mesh.ask(Verb::Abort).unwrap();
    assert!(matches!(consider(&mut mesh, "c", true), Err(Rejected::Quarantined { .. })));
}

#[test]
fn numbers_that_no_control_runtime_gave_out_are_not_taken_over() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    for impossible in [u64::MAX, u64::MAX - 1, 1 << 40] {
        let version = Version { epoch: impossible, snapshot: snapshot("z") };
        let serving = Serving { version, generation: 1, confirmed: true };
        let hello = |serving, term, epoch| {
            let workload = Arc::new(Workload { name: "api".to_owned(), ..Workload::default() });
            Said::Hello { workload, serving, term, epoch }
        };
        for said in [
            hello(None, impossible, 0),
            hello(None, 0, impossible),
            hello(Some(serving), 0, 0),
            Said::Serving(serving),
        ] {
            mesh.join("api-3");
            mesh.say("api-3", said);
        }
    }
    assert_eq!(mesh.journal, [], "nothing of it is written down");
    mesh.offer("b").unwrap();
    mesh.restart(policy());
    let terms = mesh.journal.iter().filter_map(|record| match record {
        Record::Reigned { term } => Some(*term),
        Record::Started { epoch, .. } => Some(*epoch),
        _ => None,
    });
    assert!(terms.max() < Some(10), "{:?}", mesh.journal);
}

#[test]
fn a_journal_at_the_end_of_all_numbers_can_still_be_read() {
    let mut mesh = Mesh::settled(policy(), &["api-1"]);
    let version = Version { epoch: u64::MAX, snapshot: snapshot("a") };
    mesh.journal = vec![
        Record::Reigned { term: u64::MAX },
        Record::Started { epoch: u64::MAX, snapshot: snapshot("a"), pace: Pace::AtOnce },
        Record::Confirmed { version },
    ];
    mesh.restart(policy());
    mesh.join("api-1");
    assert_eq!(mesh.offer("b"), Ok(Accepted::Queued));
    mesh.wait(60);
    assert_eq!(mesh.waves(), Vec::<Vec<String>>::new(), "there is no epoch left for it");
}

#[test]
fn a_crash_takes_the_rollout_back_and_tries_again() {
    let mut mesh = Mesh::settled(policy(), &["api-1", "api-2"]);
    mesh.journal
        .insert(0, Record::Confirmed { version: Version { epoch: 1, snapshot: snapshot("a") } });
    mesh.offer("b").unwrap();
    assert_eq!(mesh.waves(), [["api-1"]]);
    mesh.restart(policy());
    assert_eq!(mesh.ended(), Some(&Cause::Interrupted));
    mesh.join("api-1");
    mesh.join("api-2");
    assert_eq!(mesh.serves("api-1"), Some(snapshot("a")));
    mesh.wait(60);
    assert_eq!(mesh.serves("api-2"), Some(snapshot("b")), "{:?}", mesh.journal);
}

#[test]
fn nothing_is_rolled_out_while_nobody_is_there_to_judge_by() {
    let mut mesh = Mesh::settled(policy(), &["api-1"]);
    mesh.serving.clear();
    mesh.wait(20);
    mesh.offer("b").unwrap();
    mesh.wait(60);
    assert_eq!(mesh.phase(), Phase::Preparing);
    mesh.join("api-1");
    mesh.wait(40);
    assert_eq!(mesh.serves("api-1"), Some(snapshot("b")));
}
