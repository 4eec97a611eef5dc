//! The clock, the links and the order of events.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_control::rollout::{
    GatePolicy, Inconclusive, Newer, Policy, ProxyName, Reach, Record, Said, Timestamp,
};
use mesh_snapshot::Digest;
use mesh_snapshot::object::PartsPerMillion;

use super::catalogue::Catalogue;
use super::chance::Chance;
use super::control::Control;
use super::faults::{self, END, FAULTS_UNTIL, Fault};
use super::invariants::{Observed, SAMPLES_MIN};
use super::liar::Liar;
use super::link::{Link, ToProxy};
use super::mutation::Mutation;
use super::proxy::Proxy;

/// How a run ended.
pub(crate) struct Report {
    pub(crate) violation: Option<String>,
    /// How many rollouts were begun, and how many confirmed: a simulation in which nothing happens shows nothing.
    pub(crate) started: usize,
    pub(crate) confirmed: usize,
    pub(crate) trace: Vec<String>,
}

/// Runs the mesh of `seed` to its end, or to the first violation.
pub(crate) fn run(seed: u64, mutation: Option<Mutation>, tracing: bool) -> Report {
    let mut world = World::draw(seed, mutation, tracing);
    world.run();
    let journal = &world.control.journal;
    let count =
        |wanted: fn(&Record) -> bool| journal.iter().filter(|record| wanted(record)).count();
    Report {
        started: count(|record| matches!(record, Record::Started { .. })),
        confirmed: count(|record| matches!(record, Record::Confirmed { .. })),
        violation: world.observed.violation,
        trace: world.trace,
    }
}

pub(crate) enum Happening {
    Fault(Fault),
    Mend,
    /// An operator looks, and aborts what cannot be judged.
    OperatorLooks {
        held: Option<u64>,
    },
    ControlStarts,
    ControlWakes {
        life: u64,
    },
    ControlIsReachable,
    ToControl {
        proxy: usize,
        connection: u64,
        said: Said,
    },
    ToProxy {
        proxy: usize,
        connection: u64,
        message: ToProxy,
    },
    /// The stream has broken, as seen from one side.
    BrokenForControl {
        proxy: usize,
        connection: u64,
    },
    BrokenForProxy {
        proxy: usize,
        connection: u64,
    },
    Connect {
        proxy: usize,
        life: u64,
    },
    ProxyStarts {
        proxy: usize,
    },
    ProxyIsReachable {
        proxy: usize,
    },
    ProxyTimer {
        proxy: usize,
        life: u64,
    },
    Report {
        proxy: usize,
        life: u64,
    },
    /// The publisher tries again until it is answered.
    Publish {
        digest: Digest,
        number: u64,
    },
}

pub(crate) struct World {
    pub(super) now: u64,
    pub(super) mutation: Option<Mutation>,
    pub(super) chance: Chance,
    pub(super) liar: Liar,
    pub(super) catalogue: Catalogue,
    pub(super) policy: Policy,
    pub(super) control: Control,
    pub(super) control_reachable: bool,
    pub(super) proxies: Vec<Proxy>,
    pub(super) reachable: Vec<bool>,
    pub(super) removed: Vec<bool>,
    pub(super) links: BTreeMap<u64, Link>,
    pub(super) connections: u64,
    pub(super) queue: BTreeMap<(u64, u64), Happening>,
    pub(super) happenings: u64,
    pub(super) published: u64,
    pub(super) last_published: Option<Digest>,
    pub(super) offering: Option<Digest>,
    pub(super) observed: Observed,
    pub(super) tracing: bool,
    pub(super) trace: Vec<String>,
}

impl World {
    fn draw(seed: u64, mutation: Option<Mutation>, tracing: bool) -> Self {
        let mut chance = Chance::new(seed);
        let catalogue = Catalogue::draw(&mut chance);
        let proxies: Vec<_> = catalogue
            .proxies
            .iter()
            .map(|(name, workload)| Proxy::new(name.clone(), workload.clone()))
            .collect();
        let policy = draw_policy(&mut chance);
        let script = faults::draw(&mut chance, &catalogue, proxies.len());
        let everybody = proxies.len();
        let mut world = Self {
            now: 0,
            mutation,
            chance,
            liar: Liar::new(seed),
            catalogue,
            policy,
            control: Control::new(),
            control_reachable: true,
            proxies,
            reachable: vec![true; everybody],
            removed: vec![false; everybody],
            links: BTreeMap::new(),
            connections: 0,
            queue: BTreeMap::new(),
            happenings: 0,
            published: 0,
            last_published: None,
            offering: None,
            observed: Observed::default(),
            tracing,
            trace: Vec::new(),
        };
        world.after(0, Happening::ControlStarts);
        for proxy in 0..everybody {
            // Some join late.
            let at =
                if world.chance.percent(70) { 10 } else { world.chance.between(0, FAULTS_UNTIL) };
            world.after(at, Happening::ProxyStarts { proxy });
        }
        for (at, fault) in script {
            world.after(at, Happening::Fault(fault));
        }
        world.after(FAULTS_UNTIL, Happening::Mend);
        world
    }

    fn run(&mut self) {
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            if at > END {
                break;
            }
            self.now = at;
            self.happen(happening);
            if let Some(violation) = &self.observed.violation {
                let violation = violation.clone();
                return self.note(|_| format!("VIOLATED: {violation}"));
            }
        }
        let last = self.last_published;
        self.observed.at_the_end(&self.control, &self.proxies, &self.catalogue, last);
    }

    pub(super) fn note(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.tracing {
            let line = format!("{:>6} {}", self.now, what(self));
            self.trace.push(line);
        }
    }

    pub(super) fn after(&mut self, delay: u64, happening: Happening) {
        self.happenings += 1;
        self.queue.insert((self.now + delay, self.happenings), happening);
    }

    pub(super) const fn time(&self) -> Timestamp {
        Timestamp(Duration::from_millis(self.now))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Fault(fault) => self.go_wrong(fault),
            Happening::Mend => self.mend(),
            Happening::OperatorLooks { held } => self.look_as_operator(held),
            Happening::ControlStarts => self.start_control(),
            Happening::ControlWakes { life } => self.wake_control(life),
            Happening::ControlIsReachable => self.control_reachable = true,
            Happening::ToControl { proxy, connection, said } => {
                self.arrive_at_control(proxy, connection, said);
            }
            Happening::ToProxy { proxy, connection, message } => {
                self.arrive_at_proxy(proxy, connection, message);
            }
            Happening::BrokenForControl { proxy, connection } => {
                let name: ProxyName = self.proxies[proxy].name.as_str().into();
                if self.control.streams.get(&name) == Some(&connection) {
                    self.control.streams.remove(&name);
                    self.hear(proxy, connection, Said::Left);
                }
            }
            Happening::BrokenForProxy { proxy, connection } => self.lose_stream(proxy, connection),
            Happening::Connect { proxy, life } => self.connect(proxy, life),
            Happening::ProxyStarts { proxy } => self.start_proxy(proxy),
            Happening::ProxyIsReachable { proxy } => self.reachable[proxy] = true,
            Happening::ProxyTimer { proxy, life } => self.proxy_timer(proxy, life),
            Happening::Report { proxy, life } => self.report(proxy, life),
            Happening::Publish { digest, number } => self.publish(digest, number),
        }
    }
}

fn draw_policy(chance: &mut Chance) -> Policy {
    let half = Reach::Share(PartsPerMillion(500_000));
    let waves: &[&[Reach]] = &[
        &[Reach::Proxies(1), half, Reach::All],
        &[half, Reach::All],
        &[Reach::All],
        &[Reach::Proxies(1), Reach::Proxies(2), Reach::All],
    ];
    let hold = chance.percent(80);
    Policy {
        lease: Duration::from_millis(1500),
        prepare_within: Duration::from_millis(1500),
        commit_within: Duration::from_millis(700),
        confirm_within: Duration::from_secs(2),
        soak: Duration::from_millis(500),
        retry: Duration::from_millis(800),
        waves: chance.pick(waves).to_vec(),
        newer: if chance.percent(70) { Newer::Waits } else { Newer::Replaces },
        fallen_max: PartsPerMillion(if chance.percent(50) { 0 } else { 300_000 }),
        gate: GatePolicy {
            samples_min: SAMPLES_MIN,
            inconclusive: if hold { Inconclusive::Hold } else { Inconclusive::Proceed },
            ..GatePolicy::default()
        },
        history: 4,
    }
}
