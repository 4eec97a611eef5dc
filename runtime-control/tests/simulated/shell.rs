//! The control runtime, as the others see it: it hears, and what it does has consequences.

use mesh_control::rollout::{Accepted, Event, Order, Record, Rejected, Said, Slices as _, Verb};
use mesh_snapshot::Digest;

use super::control::Outcome;
use super::link::ToProxy;
use super::mutation::Mutation;
use super::proxy::Proxy;
use super::world::{Happening, World};

impl World {
    pub(super) fn start_control(&mut self) {
        if self.control.state.is_some() {
            return;
        }
        let now = self.time();
        self.control.start(&self.policy, now, self.mutation);
        self.note(|world| format!("control starts, {} records", world.control.journal.len()));
        self.tell_control(Event::Tick);
    }

    pub(super) fn wake_control(&mut self, life: u64) {
        if self.control.life != life || self.control.wake.is_none_or(|at| self.time() < at) {
            return;
        }
        if self.now < self.control.busy_until {
            let delay = self.control.busy_until - self.now;
            return self.after(delay, Happening::ControlWakes { life });
        }
        self.control.wake = None;
        self.tell_control(Event::Tick);
    }

    pub(super) fn tell_control(&mut self, event: Event) {
        if let Event::Proxy { proxy, said, .. } = &event {
            let known = self.proxies.iter().find(|known| *known.name == **proxy);
            self.observed.heard(proxy, known.and_then(Proxy::serving), said);
        }
        let event = match self.mutation {
            Some(mutation) => self.mutate(mutation, event),
            None => event,
        };
        let now = self.time();
        let wake = self.control.wake;
        let outcomes =
            self.control.handle(event, now, &self.catalogue, self.mutation, &mut self.chance);
        for outcome in outcomes {
            self.follow(outcome);
        }
        if let Some(at) = self.control.wake.filter(|at| wake != Some(*at)) {
            let at = u64::try_from(at.0.as_millis()).unwrap();
            let life = self.control.life;
            self.after(at.saturating_sub(self.now), Happening::ControlWakes { life });
        }
    }

    pub(super) fn mutate(&mut self, mutation: Mutation, event: Event) -> Event {
        if mutation == Mutation::SkipsTheGate && matches!(event, Event::Tick) {
            return Event::Asked(Verb::Promote);
        }
        let catalogue = &self.catalogue;
        let attempt = self.control.state.as_ref().and_then(|state| state.ledger().attempt);
        let workload = match &event {
            Event::Proxy { proxy, .. } => self
                .proxies
                .iter()
                .find(|known| *known.name == **proxy)
                .map(|known| &known.workload),
            _ => None,
        };
        mutation.event(event, || {
            let slice = attempt.zip(workload).and_then(|(attempt, workload)| {
                catalogue.slice(attempt.version.snapshot, workload).ok()
            });
            slice.unwrap_or_else(|| Digest::of(b"none"))
        })
    }

    pub(super) fn follow(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Journalled(record) => {
                self.note(|_| format!("journal {record:?}"));
                let inconclusive = self.policy.gate.inconclusive;
                if let Record::Offered { snapshot, .. } = record {
                    // Acknowledged or not: it is on disk, and newer than what was before.
                    self.last_published = Some(snapshot);
                }
                self.observed.journalled(&record, &self.catalogue, inconclusive);
            }
            Outcome::Sent { proxy, connection, term, order } => {
                self.note(|_| format!("control to {proxy}: {order:?}"));
                let index = self.proxies.iter().position(|known| *known.name == *proxy).unwrap();
                self.send_to_proxy(index, connection, ToProxy::Order { term, order });
                if let Order::Prepare { version, .. } = order {
                    let objects = ToProxy::Objects(version.snapshot);
                    self.send_to_proxy(index, connection, objects);
                }
            }
            Outcome::Disconnected { proxy, connection } => {
                self.note(|_| format!("control fences {proxy}"));
                let index = self.proxies.iter().position(|known| *known.name == *proxy).unwrap();
                self.break_link(index, connection);
            }
            Outcome::Replied(reply) => self.hear_reply(&reply),
            Outcome::Died => {
                self.note(|_| "control dies".to_owned());
                self.control_is_gone();
            }
        }
    }

    pub(super) fn hear_reply(&mut self, reply: &Result<Accepted, Rejected>) {
        self.note(|_| format!("reply {reply:?}"));
        let Some(digest) = self.offering.take() else { return };
        self.published += 1;
        if reply.is_ok() {
            self.last_published = Some(digest);
        }
    }

    pub(super) fn control_is_gone(&mut self) {
        let connections: Vec<u64> = self.links.keys().copied().collect();
        for proxy in 0..self.proxies.len() {
            for connection in &connections {
                let stream = self.proxies[proxy].memory.as_ref().and_then(|memory| memory.stream);
                if stream == Some(*connection) {
                    self.break_link(proxy, *connection);
                }
            }
        }
    }

    pub(super) fn publish(&mut self, digest: Digest, number: u64) {
        if number != self.published {
            return;
        }
        self.after(300, Happening::Publish { digest, number });
        if self.control.state.is_some() && self.control.busy_until <= self.now {
            self.note(|world| format!("publish {}", world.catalogue.name(digest)));
            self.offering = Some(digest);
            self.tell_control(Event::Offered { snapshot: digest, serial: 0 });
            self.offering = None;
        }
    }
}

pub(super) fn told(said: &Said) -> String {
    match said {
        Said::Hello { serving, .. } => format!("Hello {serving:?}"),
        said => format!("{said:?}"),
    }
}
