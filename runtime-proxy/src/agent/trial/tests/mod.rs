//! A proxy around the machine: a disk that takes its time, and a stream whose other end writes down what it hears.
//! `stories` tell what happens in full; `anything` says what holds in any order of events.

mod anything;
mod stories;

use std::time::Duration;

use mesh_snapshot::Digest;
use mesh_snapshot::wire::{Refusal, Trial};

use super::{
    Answer, Built, Durable, Effect, Event, Offer, Order, Refused, Serving, Start, State, Version,
};

const SECOND: Duration = Duration::from_secs(1);

fn snapshot(epoch: u64) -> Digest {
    Digest::of(&epoch.to_be_bytes())
}

fn version(epoch: u64) -> Version {
    Version { epoch, snapshot: snapshot(epoch), slice: Digest::of(b"slice") }
}

fn built(epoch: u64) -> Built<u64> {
    Built { version: version(epoch), serial: epoch, floor: 0, memory_bytes: 1, payload: epoch }
}

fn offer(epoch: u64) -> Offer {
    Offer {
        epoch,
        snapshot: snapshot(epoch),
        slice: None,
        signatures: Vec::new(),
        within: SECOND,
        objects: 0,
        objects_bytes: 0,
        confirmed: false,
    }
}

struct Proxy {
    state: State<u64>,
    now: Duration,
    wake: Option<Duration>,
    disk: Durable,
    saving: Option<(Durable, Duration)>,
    preparing: Option<(u64, u64)>,
    stream: bool,
    in_force: Option<u64>,
    generations: Vec<u64>,
    answers: Vec<Answer>,
    /// The last save failed, or has taken so long that nobody waits for it.
    disk_fails: bool,
    violation: Option<String>,
}

impl Proxy {
    fn start(mut disk: Durable, generations: Vec<u64>) -> Self {
        // Counted on the disk before anything else.
        disk.marks.starts += 1;
        let confirmed = disk.confirmed.map(|version| built(version.epoch));
        let start = Start { marks: disk.marks, saved: disk, confirmed };
        let (state, effects) = State::start(start, Duration::ZERO);
        let mut proxy = Self {
            state,
            now: Duration::ZERO,
            wake: None,
            disk,
            saving: None,
            preparing: None,
            stream: false,
            in_force: None,
            generations,
            answers: Vec::new(),
            disk_fails: false,
            violation: None,
        };
        proxy.carry_out(effects);
        proxy
    }

    fn fresh() -> Self {
        let mut proxy = Self::start(Durable::default(), Vec::new());
        proxy.up();
        proxy.order(1, Order::Welcome);
        proxy.settle();
        proxy
    }

    fn crash(&mut self) {
        *self = Self {
            violation: self.violation.take(),
            ..Self::start(self.disk, std::mem::take(&mut self.generations))
        };
    }

    fn violated(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    fn step(&mut self, event: Event<u64>) {
        let effects = self.state.step(self.now, event);
        self.carry_out(effects);
    }

    fn order(&mut self, term: u64, order: Order) {
        self.step(Event::Order { term, order });
    }

    fn carry_out(&mut self, effects: Vec<Effect<u64>>) {
        for effect in effects {
            match effect {
                Effect::Prepare { attempt, offer, .. } => {
                    self.preparing = Some((attempt, offer.epoch));
                }
                Effect::GiveUp => self.preparing = None,
                Effect::Swap { to, generation } => {
                    if self.generations.last().is_some_and(|last| generation <= *last) {
                        self.violated(format!(
                            "generation {generation} after {:?}",
                            self.generations
                        ));
                    }
                    self.generations.push(generation);
                    self.in_force = to.map(|built| built.payload);
                }
                Effect::Save(durable) => {
                    if self.saving.replace((durable, self.now)).is_some() {
                        self.violated("two saves at a time".to_owned());
                    }
                }
                Effect::Answer(answer) => self.hear(answer),
                Effect::Wake(at) => self.wake = at,
                Effect::Ignored { .. } => {}
                Effect::HangUp => self.down(),
            }
        }
    }

    fn hear(&mut self, answer: Answer) {
        if !self.stream {
            self.violated(format!("{answer:?} without a stream"));
        }
        self.disk_fails |= self.saving.is_some_and(|(_, since)| since + 5 * SECOND <= self.now);
        if let Answer::Serving(Serving { version, trial, generation }) = &answer {
            let over = *trial != Trial::Running;
            if over && *version != self.disk.confirmed && !self.disk_fails {
                self.violated(format!("{answer:?} while the disk says {:?}", self.disk));
            }
            if version.map(|version| version.epoch) != self.in_force
                || (self.generations.last().is_some_and(|last| generation < last))
            {
                self.violated(format!("{answer:?} while {:?} is in force", self.in_force));
            }
        }
        self.answers.push(answer);
    }

    fn up(&mut self) {
        self.stream = true;
        self.step(Event::StreamUp);
    }

    fn down(&mut self) {
        self.stream = false;
        self.step(Event::StreamDown);
    }

    fn prepared(&mut self) {
        if let Some((attempt, epoch)) = self.preparing.take() {
            self.step(Event::Prepared { attempt, built: built(epoch), elapsed: SECOND });
        }
    }

    fn refused(&mut self) {
        if let Some((attempt, _)) = self.preparing.take() {
            let refused = Refused::new(Refusal::Program, "as tested");
            self.step(Event::Refused { attempt, refused });
        }
    }

    fn saved(&mut self, works: bool) {
        let Some((durable, _)) = self.saving.take() else { return };
        self.disk_fails = !works;
        if works {
            self.disk = durable;
            self.step(Event::Saved);
        } else {
            self.step(Event::SaveFailed);
        }
    }

    /// Time passes; the timer goes off when it was set to.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.wake.filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.wake = None;
            self.step(Event::Tick);
        }
        self.now = end;
    }

    fn settle(&mut self) {
        while self.saving.is_some() {
            self.saved(true);
        }
    }

    fn commit(&mut self, epoch: u64, trial: Option<Duration>) {
        self.order(1, Order::Commit { epoch, snapshot: snapshot(epoch), trial });
    }

    fn serve(&mut self, epoch: u64, trial: Option<Duration>) {
        self.order(1, Order::Prepare(offer(epoch)));
        self.prepared();
        self.commit(epoch, trial);
        self.settle();
    }

    fn last(&self) -> (u64, Trial) {
        match self.answers.last() {
            Some(Answer::Serving(serving)) => {
                (serving.version.map_or(0, |version| version.epoch), serving.trial)
            }
            other => panic!("{other:?}"),
        }
    }
}
