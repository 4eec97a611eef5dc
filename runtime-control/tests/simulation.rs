//! The rollout under loss, delay, duplication, crashes and partitions: `SEED=n cargo test -p mesh-control --test simulation`
//! replays one run and prints what happened.

#![expect(clippy::print_stderr, reason = "a failing seed is printed")]

#[cfg(test)]
mod simulated;

use std::sync::atomic::{AtomicU64, Ordering};

use simulated::{Mutation, run};

/// As many as `SEEDS` says.
fn seeds(default: u64) -> u64 {
    std::env::var("SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs the seeds on two threads, and returns the least that fails.
fn first_failure(seeds: u64, mutation: Option<Mutation>) -> Option<u64> {
    let next = AtomicU64::new(0);
    let failed = AtomicU64::new(u64::MAX);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || seed > failed.load(Ordering::Relaxed) {
                        break;
                    }
                    if run(seed, mutation, false).violation.is_some() {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    Some(failed.into_inner()).filter(|seed| *seed < u64::MAX)
}

fn explain(seed: u64) -> String {
    let report = run(seed, None, true);
    for line in &report.trace {
        eprintln!("{line}");
    }
    report.violation.unwrap_or_default()
}

#[test]
fn the_invariants_hold_whatever_happens() {
    if let Ok(seed) = std::env::var("SEED") {
        let violation = explain(seed.parse().unwrap());
        assert_eq!(violation, "", "seed {seed}");
        return;
    }
    if let Some(seed) = first_failure(seeds(2000), None) {
        let violation = explain(seed);
        panic!("SEED={seed}: {violation}");
    }
}

#[test]
fn something_happens_in_most_runs() {
    let reports: Vec<_> = (0..50).map(|seed| run(seed, None, false)).collect();
    let started: usize = reports.iter().map(|report| report.started).sum();
    let confirmed: usize = reports.iter().map(|report| report.confirmed).sum();
    assert!(started > 150, "{started} rollouts begun in 50 runs");
    assert!(confirmed > 75 && confirmed < started, "{confirmed} of {started} confirmed");
}

#[test]
fn every_mutation_is_found() {
    let missed: Vec<_> = Mutation::ALL
        .into_iter()
        .filter(|mutation| first_failure(seeds(2000), Some(*mutation)).is_none())
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn a_seed_replays() {
    let (first, second) = (run(7, None, true), run(7, None, true));
    assert_eq!(first.trace, second.trace);
}
