//! A mesh whose proxies do at once as they are told, and remember what it was.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mesh_control::rollout::{
    Accepted, Cause, Effect, Event, GatePolicy, Inconclusive, Order, Phase, Policy, Reach, Reason,
    Record, Refusal, Rejected, Said, Serving, Slices, State, Timestamp, Verb, Version,
};
use mesh_snapshot::Digest;
use mesh_snapshot::object::{PartsPerMillion, Workload};

/// A snapshot is named `a`, `b`, …, or `tight`; workload `still` has the same slice of all of them, and nobody one of `unservable`.
pub(crate) fn snapshot(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

struct Table;

impl Slices for Table {
    fn slice(&self, snapshot: Digest, workload: &Workload) -> Result<Digest, Refusal> {
        if snapshot == self::snapshot("unservable") {
            let detail = "no slice".to_owned();
            return Err(Refusal {
                reason: Reason::Corrupt,
                detail,
                key: None,
                item: String::new(),
            });
        }
        Ok(if workload.name == "still" { Digest::of(b"still") } else { snapshot })
    }

    /// `tight` has other policies than all others.
    fn differ_in_access(&self, one: Digest, other: Digest) -> bool {
        (one == self::snapshot("tight")) != (other == self::snapshot("tight"))
    }
}

/// Proxies that do as they are told, and remember what it was.
pub(crate) struct Mesh {
    pub(crate) state: Option<State>,
    pub(crate) now: Duration,
    pub(crate) journal: Vec<Record>,
    pub(crate) orders: Vec<(String, Order)>,
    pub(crate) serving: BTreeMap<String, Serving>,
    pub(crate) refusing: BTreeMap<String, Digest>,
    pub(crate) replies: Vec<Result<Accepted, Rejected>>,
}

pub(crate) fn policy() -> Policy {
    let gate = GatePolicy { inconclusive: Inconclusive::Proceed, ..GatePolicy::default() };
    let waves = vec![Reach::Proxies(1), Reach::All];
    Policy {
        soak: Duration::from_secs(10),
        fallen_max: PartsPerMillion(0),
        waves,
        gate,
        ..Policy::default()
    }
}

impl Mesh {
    pub(crate) fn new(policy: Policy, proxies: &[&str]) -> Self {
        let mut mesh = Self {
            state: Some(State::recover([], policy, Timestamp::default())),
            now: Duration::ZERO,
            journal: Vec::new(),
            orders: Vec::new(),
            serving: BTreeMap::new(),
            refusing: BTreeMap::new(),
            replies: Vec::new(),
        };
        for proxy in proxies {
            mesh.join(proxy);
        }
        mesh
    }

    /// With `a` confirmed, and watched for long enough.
    pub(crate) fn settled(policy: Policy, proxies: &[&str]) -> Self {
        let mut mesh = Self::new(policy, proxies);
        mesh.offer("a").unwrap();
        mesh.wait(60);
        mesh.journal.clear();
        mesh.orders.clear();
        mesh
    }

    pub(crate) fn restart(&mut self, policy: Policy) {
        self.state = Some(State::recover(&self.journal, policy, Timestamp(self.now)));
        self.step(Event::Tick);
    }

    pub(crate) fn join(&mut self, proxy: &str) {
        let name = proxy.split('-').next().unwrap().to_owned();
        let workload = Arc::new(Workload { name, ..Workload::default() });
        let serving = self.serving.get(proxy).copied();
        self.say(proxy, Said::Hello { workload, serving, term: 0, epoch: 0 });
    }

    pub(crate) fn say(&mut self, proxy: &str, said: Said) {
        self.step(Event::Proxy { proxy: proxy.into(), connection: 1, said });
    }

    pub(crate) fn offer(&mut self, name: &str) -> Result<Accepted, Rejected> {
        self.step(Event::Offered { snapshot: snapshot(name), serial: 0 });
        self.replies.pop().unwrap()
    }

    pub(crate) fn ask(&mut self, verb: Verb) -> Result<Accepted, Rejected> {
        self.step(Event::Asked(verb));
        self.replies.pop().unwrap()
    }

    /// Seconds pass, in which everybody gives a sign of life.
    pub(crate) fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            let proxies: Vec<_> = self.serving.keys().cloned().collect();
            for proxy in proxies {
                self.say(&proxy, Said::Health { instance: 1, totals: Vec::new() });
            }
            self.step(Event::Tick);
        }
    }

    pub(crate) fn step(&mut self, event: Event) {
        let state = self.state.take().unwrap();
        let (state, effects) = state.step(event, Timestamp(self.now), &Table);
        self.state = Some(state);
        for effect in effects {
            match effect {
                Effect::Journal(record) => self.journal.push(record),
                Effect::Reply(reply) => self.replies.push(reply),
                Effect::Send { proxy, order, .. } => {
                    self.orders.push((proxy.to_string(), order));
                    self.obey(&proxy, order);
                }
                Effect::Disconnect { .. } | Effect::Wake(_) => {}
            }
        }
    }

    pub(crate) fn obey(&mut self, proxy: &str, order: Order) {
        match order {
            Order::Prepare { version: Version { epoch, snapshot }, slice, .. } => {
                if self.refusing.get(proxy) == Some(&snapshot) {
                    let (detail, item) = ("no".to_owned(), "http[0]".to_owned());
                    let refusal = Refusal { reason: Reason::Feature, detail, key: None, item };
                    return self.say(proxy, Said::Refused { epoch, refusal });
                }
                self.say(proxy, Said::Prepared { epoch, slice });
            }
            Order::Commit { version, trial } => self.serve(proxy, version, trial.is_none()),
            Order::Confirm { version } => self.serve(proxy, version, true),
            Order::Revert { .. } => {
                let confirmed = self.state.as_ref().unwrap().ledger().confirmed.unwrap();
                self.serve(proxy, confirmed, true);
            }
            Order::Welcome { .. } | Order::Extend { .. } | Order::Abandon { .. } => {}
        }
    }

    pub(crate) fn serve(&mut self, proxy: &str, version: Version, confirmed: bool) {
        let generation = self.serving.get(proxy).map_or(0, |serving| serving.generation) + 1;
        let serving = Serving { version, generation, confirmed };
        self.serving.insert(proxy.to_owned(), serving);
        self.say(proxy, Said::Serving(serving));
    }

    /// What each proxy serves for good.
    pub(crate) fn serves(&self, proxy: &str) -> Option<Digest> {
        let serving = self.serving.get(proxy).filter(|serving| serving.confirmed)?;
        Some(serving.version.snapshot)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state.as_ref().unwrap().status().phase
    }

    pub(crate) fn waves(&self) -> Vec<Vec<String>> {
        let wave = |record: &Record| match record {
            Record::Wave { proxies, .. } => Some(proxies.clone()),
            _ => None,
        };
        self.journal.iter().filter_map(wave).collect()
    }

    pub(crate) fn ended(&self) -> Option<&Cause> {
        self.journal.iter().rev().find_map(|record| match record {
            Record::Ended { cause, .. } => Some(cause),
            _ => None,
        })
    }
}
