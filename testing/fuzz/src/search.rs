//! Runs a target on mutations of its inputs for a bounded time.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use crate::Target;
use crate::mutate::mutated;

/// How long one input may take. Inputs are small; whoever needs more for one is a denial of service.
const RUN_MAX: Duration = Duration::from_secs(5);
/// How many inputs that led to new ends are built upon.
const SEEDS_MAX: usize = 5000;

/// What a search did.
#[derive(Debug, Default)]
pub struct Found {
    /// How many inputs were tried.
    pub runs: u64,
    /// How many led to an end that none before had.
    pub ends: usize,
    /// The longest that one took.
    pub slowest: Duration,
    pub failure: Option<Failure>,
}

/// An input that does not hold.
#[derive(Debug)]
pub struct Failure {
    pub input: Vec<u8>,
    pub why: String,
}

/// Tries mutations of `seeds` until the time is over or one does not hold. Equal seeds and an equal `seed` give equal
/// inputs. There is no coverage to go by: an input is built upon if it led to a new end, such as a new finding.
#[must_use]
pub fn search(target: &Target, seeds: Vec<Vec<u8>>, seed: u64, time: Duration) -> Found {
    let began = Instant::now();
    let mut random = SmallRng::seed_from_u64(seed);
    let mut seeds = seeds;
    let mut known = BTreeSet::new();
    let mut found = Found::default();
    for bytes in seeds.clone() {
        found.failure = run(target, bytes, &mut known, &mut found).1;
        if found.failure.is_some() {
            return found;
        }
    }
    while began.elapsed() < time {
        let bytes = mutated(&seeds, &mut random);
        let (is_new, failure) = run(target, bytes.clone(), &mut known, &mut found);
        found.failure = failure.map(|failure| smaller(target, failure));
        if found.failure.is_some() {
            return found;
        }
        if is_new && seeds.len() < SEEDS_MAX {
            seeds.push(bytes);
        }
    }
    found
}

/// Whether the input led to a new end, and whether it does not hold.
fn run(
    target: &Target,
    input: Vec<u8>,
    known: &mut BTreeSet<Vec<String>>,
    found: &mut Found,
) -> (bool, Option<Failure>) {
    found.runs += 1;
    let began = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
    let took = began.elapsed();
    found.slowest = found.slowest.max(took);
    let why = match ended {
        Err(_) => Some("it panicked".to_owned()),
        Ok(_) if took > RUN_MAX => Some(format!("it took {:.1} s", took.as_secs_f64())),
        Ok(mut ends) => {
            ends.sort_unstable();
            ends.dedup();
            let is_new = known.insert(ends);
            found.ends += usize::from(is_new);
            return (is_new, None);
        }
    };
    (false, why.map(|why| Failure { input, why }))
}

/// Without the lines that do not matter.
fn smaller(target: &Target, failure: Failure) -> Failure {
    let fails = |input: &[u8]| catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err();
    if !fails(&failure.input) {
        return failure;
    }
    let mut lines: Vec<Vec<u8>> =
        failure.input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let mut at = 0;
    while at < lines.len() {
        let line = lines.remove(at);
        if !fails(&lines.concat()) {
            lines.insert(at, line);
            at += 1;
        }
    }
    Failure { input: lines.concat(), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_bang(bytes: &[u8]) -> Vec<String> {
        assert!(!bytes.contains(&b'#'), "a mark");
        Vec::new()
    }

    #[test]
    fn what_does_not_hold_is_found_and_made_small() {
        let target = Target { name: "mark", run: no_bang };
        let seeds = vec![b"a: 1\nb: 2\nc: 3\n".to_vec()];
        let found = search(&target, seeds, 1, Duration::from_mins(1));
        let failure = found.failure.unwrap();
        assert_eq!(failure.why, "it panicked");
        assert!(failure.input.split(|byte| *byte == b'\n').count() <= 2);
    }
}
