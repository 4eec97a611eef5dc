//! Many repositories, and the classes of differences that they show.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::compare::{Class, Difference, differences};
use crate::generate::repository;
use crate::istio::{Istio, PeerError, Session};
use crate::known::{self, Reason};
use crate::shrink::shrink;
use crate::verdict::name;

const THREADS: usize = 2;

/// Of so many repositories Istio's tool may crash on one: that is a fault of its own. Of one whatever their number.
const REPOSITORIES_PER_CRASH: u64 = 100;

/// So many repositories show whatever is known to differ; of fewer, some of it is not met by chance.
const REPOSITORIES_OF_ALL: u64 = 3_000;

/// What came out.
#[derive(Debug)]
pub struct Report {
    repositories: u64,
    classes: BTreeMap<Class, Seen>,
    /// The seeds about which Istio's tool said nothing that can be read, and what it said.
    unanswered: Vec<(u64, String)>,
}

#[derive(Debug)]
struct Seen {
    times: usize,
    /// Where it was seen first.
    seed: u64,
    difference: Difference,
    /// As small as it got; empty where the class is explained.
    example: Vec<Value>,
}

/// Asks both sides about `count` repositories, from the seed `first` on; and as often as `tries` about parts of one, to make
/// the example of a class smaller.
///
/// # Errors
/// When Istio's tool does not answer.
#[expect(clippy::missing_panics_doc, reason = "nobody panics while holding a lock")]
pub fn run(istio: &Istio, first: u64, count: u64, tries: usize) -> Result<Report, PeerError> {
    let next = AtomicU64::new(first);
    let classes = Mutex::new(BTreeMap::<Class, Seen>::new());
    let unanswered = Mutex::new(Vec::new());
    let work = || -> Result<(), PeerError> {
        let mut session = istio.session()?;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return Ok(());
            }
            let resources = repository(seed);
            let found = match ask(&mut session, &resources) {
                Err(PeerError::Unreadable(text)) => {
                    // It may have crashed: that is for Istio to mend, and the others are asked all the same.
                    #[expect(clippy::expect_used, reason = "nobody panics while holding it")]
                    unanswered.lock().expect("not poisoned").push((seed, text));
                    continue;
                }
                found => found?,
            };
            for difference in found {
                #[expect(clippy::expect_used, reason = "nobody panics while holding it")]
                let mut classes = classes.lock().expect("not poisoned");
                let new =
                    || Seen { times: 0, seed, difference: difference.clone(), example: Vec::new() };
                let class = classes.entry(difference.class.clone()).or_insert_with(new);
                class.times += 1;
                if seed < class.seed {
                    (class.seed, class.difference) = (seed, difference);
                }
            }
        }
    };
    let results = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        #[expect(clippy::expect_used, reason = "a panic is a fault of ours, and is shown")]
        threads.into_iter().map(|it| it.join().expect("no panic")).collect::<Vec<_>>()
    });
    results.into_iter().collect::<Result<Vec<()>, _>>()?;
    #[expect(clippy::expect_used, reason = "all threads have ended")]
    let mut classes = classes.into_inner().expect("not poisoned");
    let mut session = istio.session()?;
    for (class, seen) in classes.iter_mut().filter(|(class, _)| class.reason.is_none()) {
        let shows = |resources: &[Value]| {
            let found = ask(&mut session, resources).unwrap_or_default();
            // Less of a repository may show another difference of the class, which is no example of this one.
            found.iter().any(|it| it.class == *class && it.said == seen.difference.said)
        };
        seen.example = shrink(repository(seen.seed), tries, shows);
        if tries == 0 {
            seen.example.retain(|it| name(it) == seen.difference.resource);
        }
    }
    #[expect(clippy::expect_used, reason = "all threads have ended")]
    let mut unanswered = unanswered.into_inner().expect("not poisoned");
    unanswered.sort();
    Ok(Report { repositories: count, classes, unanswered })
}

fn ask(session: &mut Session, resources: &[Value]) -> Result<Vec<Difference>, PeerError> {
    let (istio, ours) = (session.judge(resources)?, crate::ours::judge(resources));
    let mut found = differences(&istio, &ours, |name| kind(resources, name));
    for Difference { class, resource, .. } in &mut found {
        let called: Vec<_> = resources.iter().filter(|it| name(it) == *resource).collect();
        let of_settings = [&Value::Null];
        // Settings of the mesh are no resource of their own.
        let called = if called.is_empty() { of_settings.as_slice() } else { &called };
        class.reason = known::reason(class, called, resources);
    }
    Ok(found)
}

/// What is called so: Istio and the Gateway API have a kind `Gateway` each.
fn kind(resources: &[Value], wanted: &str) -> String {
    let called = resources.iter().filter(|it| name(it) == wanted);
    let is_gateway_api = |it: &Value| {
        let version = it.get("apiVersion").and_then(Value::as_str);
        version.is_some_and(|it| it.starts_with("gateway.networking.k8s.io/"))
    };
    let kind = wanted.split(' ').next().unwrap_or_default();
    if kind == "Gateway" && called.into_iter().any(is_gateway_api) {
        return "Gateway of the Gateway API".to_owned();
    }
    kind.to_owned()
}

impl Report {
    /// Whether both sides have been compared, and every class of differences has a reason to stay.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.is_answered() && self.classes.keys().all(|class| class.reason.is_some())
    }

    /// Whether Istio's tool has answered, but for a crash or two: one of another version may answer nothing that can be read.
    fn is_answered(&self) -> bool {
        let unanswered = self.unanswered.len() as u64;
        let crashes_max = (self.repositories / REPOSITORIES_PER_CRASH).max(1);
        unanswered < self.repositories && unanswered <= crashes_max
    }

    /// What is known and was not met, as far as there was enough to meet it in.
    fn unused(&self) -> impl Iterator<Item = Reason> {
        let used: BTreeSet<_> = self.classes.keys().filter_map(|class| class.reason).collect();
        let is_enough = self.repositories >= REPOSITORIES_OF_ALL && self.is_answered();
        let unused: Vec<_> = known::unused(&used).filter(|_| is_enough).collect();
        unused.into_iter()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut open, mut explained) = (0, 0);
        for (class, seen) in &self.classes {
            if let Some(reason) = class.reason {
                explained += 1;
                writeln!(f, "{class}\n  {} times: {}", seen.times, reason.text())?;
                continue;
            }
            open += 1;
            writeln!(
                f,
                "{class}\n  {} times, as of {} (seed {}): {}",
                seen.times, seen.difference.resource, seen.seed, seen.difference.said
            )?;
            for resource in &seen.example {
                writeln!(f, "    {resource}")?;
            }
        }
        for (seed, text) in &self.unanswered {
            let lines = text.lines().filter(|line| !line.contains("\tinfo\t")).take(4);
            let lines = lines.collect::<Vec<_>>().join(" / ");
            writeln!(f, "no answer about seed {seed}: {lines}")?;
        }
        for reason in self.unused() {
            writeln!(f, "known, and not met any more: {}", reason.text())?;
        }
        if !self.is_answered() {
            let (none, all) = (self.unanswered.len(), self.repositories);
            writeln!(f, "no answer about {none} of {all}: too few were compared")?;
        }
        writeln!(
            f,
            "{} repositories, {} classes of differences: {explained} explained, {open} not",
            self.repositories,
            open + explained
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(repositories: u64, unanswered: u64) -> Report {
        let unanswered = (0..unanswered).map(|seed| (seed, "no JSON".to_owned())).collect();
        Report { repositories, classes: BTreeMap::new(), unanswered }
    }

    #[test]
    fn a_run_without_answers_is_not_well() {
        assert!(report(200, 0).is_well() && report(50, 1).is_well());
        assert!(report(3_000, 30).is_well() && !report(3_000, 31).is_well());
        // Nothing was compared.
        for none in [report(200, 200), report(1, 1), report(0, 0)] {
            assert!(!none.is_well());
            assert!(none.to_string().contains("too few were compared"), "{none}");
        }
    }

    #[test]
    fn what_is_not_met_is_told_where_there_was_enough_to_meet_it_in() {
        let told = |repositories, unanswered| {
            report(repositories, unanswered).to_string().contains("not met any more")
        };
        assert!(told(3_000, 0));
        assert!(!told(200, 0) && !told(3_000, 3_000));
    }
}
