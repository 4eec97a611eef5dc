//! The state, and what happens to it whoever causes it.

use std::time::Duration;

use mesh_snapshot::Digest;
use mesh_snapshot::wire::Trial;

use super::durability::{Durability, Durable, Marks};
use super::effect::{Answer, Effect, Serving};
use super::event::{Built, Event, Order, Refused, Version};

/// See the module's documentation. Times are since the start of the process.
#[derive(Clone, Debug)]
pub struct State<P> {
    pub(super) marks: Marks,
    /// Of what is in force.
    generation: u64,
    pub(super) confirmed: Option<Built<P>>,
    /// How `confirmed` came to be served last.
    came_back: Trial,
    pub(super) trial: Option<OnTrial<P>>,
    pub(super) ready: Option<Built<P>>,
    pub(super) preparing: Option<Preparing>,
    pub(super) attempts: u64,
    durability: Durability,
    /// [`Trial::Over`] is to be said once it is true of the disk, too.
    announce: bool,
    stream: bool,
    /// It is in a term that the disk does not have yet.
    waiting: Option<(u64, Order)>,
    wake: Option<Duration>,
    pub(super) effects: Vec<Effect<P>>,
}

#[derive(Clone, Debug)]
pub(super) struct OnTrial<P> {
    pub(super) built: Built<P>,
    pub(super) deadline: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Preparing {
    pub(super) attempt: u64,
    pub(super) epoch: u64,
    pub(super) snapshot: Digest,
}

/// What a proxy begins with.
#[derive(Clone, Debug)]
pub struct Start<P> {
    /// This start counted, and all else the greatest that the disk remembers.
    pub marks: Marks,
    /// What the disk says.
    pub saved: Durable,
    /// What is served from it, if anything.
    pub confirmed: Option<Built<P>>,
}

impl<P: Clone> State<P> {
    /// Starts, and says what to do first.
    #[must_use]
    pub fn start(start: Start<P>, now: Duration) -> (Self, Vec<Effect<P>>) {
        let Start { marks, saved, confirmed } = start;
        let mut state = Self {
            marks,
            generation: u64::from(marks.starts) << 32,
            confirmed,
            came_back: Trial::Over,
            trial: None,
            ready: None,
            preparing: None,
            attempts: 0,
            durability: Durability::new(saved),
            announce: false,
            stream: false,
            waiting: None,
            wake: None,
            effects: Vec::new(),
        };
        if state.confirmed.is_some() {
            state.swap();
        }
        let effects = state.settle(now);
        (state, effects)
    }

    /// Takes in what happened, and says what to do.
    #[must_use]
    pub fn step(&mut self, now: Duration, event: Event<P>) -> Vec<Effect<P>> {
        // First: what comes after the deadline comes too late.
        self.expire(now);
        self.durability.lose_patience(now);
        match event {
            Event::Tick => {}
            Event::StreamUp => self.stream = true,
            Event::StreamDown => self.lose_stream(),
            Event::Order { term, order } => self.hear(now, term, order),
            Event::Prepared { attempt, built, elapsed } => self.prepared(attempt, built, elapsed),
            Event::Refused { attempt, refused } => self.refused(attempt, refused),
            Event::Saved => self.durability.saved(),
            Event::SaveFailed => self.durability.failed(now),
        }
        self.settle(now)
    }

    /// What follows from the state and the time, whatever happened.
    fn settle(&mut self, now: Duration) -> Vec<Effect<P>> {
        if let Some((term, order)) =
            self.waiting.take_if(|(term, _)| !self.durability.awaits_term(*term))
        {
            self.obey_unless_over(now, term, order);
        }
        let confirmed = self.confirmed();
        if self.announce && !self.durability.awaits_confirmed(confirmed) {
            self.announce = false;
            self.say_serving();
        }
        let wanted = Durable { marks: self.marks, confirmed };
        self.effects.extend(self.durability.next(wanted, now).map(Effect::Save));
        let deadline = self.trial.as_ref().map(|trial| trial.deadline);
        let wake = deadline.into_iter().chain(self.durability.wakes_at()).min();
        if wake != self.wake || self.wake.is_some_and(|at| at <= now) {
            self.wake = wake;
            self.effects.push(Effect::Wake(wake));
        }
        std::mem::take(&mut self.effects)
    }

    fn hear(&mut self, now: Duration, term: u64, order: Order) {
        // Whoever did not wait for the disk, as it is asked to, is not waited for either.
        if let Some((term, earlier)) = self.waiting.take() {
            self.obey_unless_over(now, term, earlier);
        }
        self.marks.term = self.marks.term.max(term);
        if self.durability.awaits_term(term) {
            self.waiting = Some((term, order));
        } else {
            self.obey_unless_over(now, term, order);
        }
    }

    fn obey_unless_over(&mut self, now: Duration, term: u64, order: Order) {
        match order {
            order if self.marks.term <= term => self.obey(now, order),
            Order::Welcome => {
                self.lose_stream();
                self.effects.push(Effect::HangUp);
            }
            _ => self.effects.push(Effect::Ignored { term }),
        }
    }

    fn lose_stream(&mut self) {
        self.stream = false;
        self.announce = false;
        self.waiting = None;
        self.give_up();
    }

    pub(super) fn give_up(&mut self) {
        if self.preparing.take().is_some() {
            self.effects.push(Effect::GiveUp);
        }
    }

    fn prepared(&mut self, attempt: u64, built: Built<P>, elapsed: Duration) {
        if self.preparing.take_if(|preparing| preparing.attempt == attempt).is_some() {
            let (version, memory_bytes) = (built.version, built.memory_bytes);
            self.ready = Some(built);
            self.answer(Answer::Prepared { version, memory_bytes, elapsed });
        }
    }

    fn refused(&mut self, attempt: u64, refused: Refused) {
        if let Some(given_up) = self.preparing.take_if(|preparing| preparing.attempt == attempt) {
            self.answer(Answer::Refused { epoch: given_up.epoch, refused });
        }
    }

    fn expire(&mut self, now: Duration) {
        if self.trial.as_ref().is_some_and(|trial| trial.deadline <= now) {
            self.go_back(Trial::Expired);
        }
    }

    /// Ends the trial: what is confirmed is served again.
    pub(super) fn go_back(&mut self, why: Trial) {
        self.trial = None;
        self.came_back = why;
        self.swap();
        self.say_serving();
    }

    /// From now on it is what this proxy goes back to.
    pub(super) fn keep(&mut self, built: Built<P>) {
        self.trial = None;
        self.came_back = Trial::Over;
        self.marks.floor = self.marks.floor.max(built.floor);
        self.confirmed = Some(built);
    }

    /// Puts in force what the state says.
    pub(super) fn swap(&mut self) {
        self.generation += 1;
        let to = self.in_force().cloned();
        self.effects.push(Effect::Swap { to, generation: self.generation });
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        if self.stream {
            self.effects.push(Effect::Answer(answer));
        }
    }

    pub(super) fn say_serving(&mut self) {
        let settled = self.trial.is_none();
        if settled && self.durability.awaits_confirmed(self.confirmed()) {
            self.announce = self.stream;
        } else {
            self.answer(Answer::Serving(self.serving()));
        }
    }

    fn in_force(&self) -> Option<&Built<P>> {
        self.trial.as_ref().map(|trial| &trial.built).or(self.confirmed.as_ref())
    }

    #[must_use]
    pub fn serving(&self) -> Serving {
        Serving {
            version: self.in_force().map(|built| built.version),
            generation: self.generation,
            trial: if self.trial.is_some() { Trial::Running } else { self.came_back },
        }
    }

    /// Whether an order waits for the disk: until it does no longer, nothing more is to be taken from the stream. That is not for long,
    /// also when the disk hangs.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// What is served unless something is on trial.
    #[must_use]
    pub fn confirmed(&self) -> Option<Version> {
        self.confirmed.as_ref().map(|confirmed| confirmed.version)
    }

    /// The disk fails, or hangs: what is confirmed is not what the next start begins with.
    #[must_use]
    pub fn is_outdated_on_disk(&self) -> bool {
        self.durability.lacks_confirmed(self.confirmed())
    }

    #[must_use]
    pub const fn marks(&self) -> Marks {
        self.marks
    }

    /// Everything that can be put in force, or was and can be again.
    pub fn held(&self) -> impl Iterator<Item = &Built<P>> {
        let trial = self.trial.as_ref().map(|trial| &trial.built);
        self.confirmed.iter().chain(trial).chain(&self.ready)
    }

    /// Whether somebody waits for the outcome of that attempt.
    #[must_use]
    pub fn awaits(&self, attempt: u64) -> bool {
        self.preparing.is_some_and(|preparing| preparing.attempt == attempt)
    }
}
