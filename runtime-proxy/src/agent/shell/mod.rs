//! Carries out what the state machine decides, and tells it what happens.
//!
//! One task, one loop: it waits for the stream, for what it set going, for the world to be asked for something, and for the clock.
//! It never waits for anything else: preparing is a task of its own, the disk a thread of its own, and what is to be said goes into a
//! queue or ends the stream.

mod sources;

mod act;
mod hear;
mod tell;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::Digest;
use mesh_snapshot::wire::{EpochHealth, Need, TrustBundle};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use sources::Sources;

use super::config::Config;
use super::health::HealthCounters;
use super::prepare::{Assembler, Build, Held, Intake, Outcome};
use super::status::Status;
use super::store::{Objects, Queue, Remembered, Slot};
use super::stream::{Outgoing, StreamEvent, Subscriptions};
use super::trial::{Durable, Effect, Event, Start, State, Version};
use crate::live::Current;
use crate::world::World;

/// What tasks and threads may have to say at a time.
const INNER_MAX: usize = 64;

/// What something that was set going has to say.
enum Inner<P> {
    Outcome {
        attempt: u64,
        outcome: Outcome<P>,
    },
    /// What the disk says now; none: it failed.
    Saved(Option<Durable>),
}

/// What the agent works with.
pub(super) struct Parts<B: Build> {
    pub(super) config: Arc<Config>,
    pub(super) assembler: Arc<Assembler<B>>,
    pub(super) live: Current<B::Program>,
    pub(super) world: World,
    pub(super) health: HealthCounters,
    pub(super) status: Arc<Status>,
    pub(super) disk: Arc<Queue>,
    pub(super) stored: Objects,
    /// What is streamed of them goes to whoever keeps the identity.
    pub(super) bundles: watch::Sender<Option<TrustBundle>>,
    /// Of the records on the disk, the last one first: what the control runtime need not send.
    pub(super) slices: Vec<Digest>,
    pub(super) started_from: Option<Slot>,
}

/// See the module's documentation.
pub(super) struct Shell<B: Build> {
    with: Parts<B>,
    state: State<Arc<Held<B::Program>>>,
    inner: mpsc::Sender<Inner<B::Program>>,
    needs: mpsc::Sender<Need>,
    builds: Arc<Semaphore>,
    began: Instant,
    stream: Option<Outgoing>,
    subscriptions: Subscriptions,
    lease: Option<Duration>,
    preparing: Option<Preparing>,
    sources: Sources,
    /// What the next start begins with.
    recorded: Option<Version>,
    /// Epochs whose objects the disk was told to keep.
    pinned: BTreeSet<u64>,
    timers: Timers,
    reported: Vec<EpochHealth>,
    /// Counts what was heard of sources.
    news: u64,
    /// What was known of the world when the disk was told last.
    remembered: (u64, u64),
}

struct Preparing {
    epoch: u64,
    intake: Intake,
    task: AbortHandle,
}

/// What is due when.
struct Timers {
    wake: Option<Instant>,
    /// Then it has been survived that this snapshot is in force.
    survival: Option<(Instant, Digest)>,
    report: Option<Instant>,
    /// The last time that counters were.
    reported: Instant,
    sweep: Instant,
    remember: Instant,
}

impl<B: Build> Shell<B> {
    /// Serves what `start` gives, from the first moment on; then until `shutdown`.
    pub(super) async fn run(
        with: Parts<B>,
        start: Start<Arc<Held<B::Program>>>,
        remembered: Remembered,
        mut events: mpsc::Receiver<StreamEvent>,
        shutdown: CancellationToken,
    ) {
        let now = Instant::now();
        let recorded = start.saved.confirmed;
        let (state, effects) = State::start(start, Duration::ZERO);
        let (inner, mut heard) = mpsc::channel(INNER_MAX);
        let (needs, mut needed) = mpsc::channel(INNER_MAX);
        let timers = Timers {
            wake: None,
            survival: None,
            report: None,
            reported: now,
            sweep: now + with.config.limits.sweep_world,
            remember: now + with.config.limits.remember_world,
        };
        let mut shell = Self {
            pinned: state.held().map(|built| built.version.epoch).collect(),
            recorded,
            state,
            inner,
            needs,
            builds: Arc::new(Semaphore::new(1)),
            began: now,
            stream: None,
            subscriptions: Subscriptions::default(),
            lease: None,
            preparing: None,
            sources: Sources::default(),
            timers,
            reported: Vec::new(),
            news: 0,
            remembered: (0, 0),
            with,
        };
        shell.recall(remembered);
        shell.act_all(effects);
        shell.with.status.note_start(shell.with.started_from);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(event) = events.recv(), if !shell.state.is_waiting() => shell.hear(event),
                Some(inner) = heard.recv() => shell.hear_inner(inner),
                Some(need) = needed.recv() => shell.need(need),
                () = shell.with.world.wanted(), if shell.stream.is_some() => shell.subscribe(),
                () = sleep_until(shell.timers.next()) => {}
            }
            shell.look_at_clock();
        }
        // Whoever has something to say is not kept waiting for somebody to listen.
        drop((events, heard, needed));
        shell.end();
    }

    /// Steps the state machine, and whatever follows from it.
    fn step(&mut self, event: Event<Arc<Held<B::Program>>>) {
        let effects = self.state.step(self.began.elapsed(), event);
        self.act_all(effects);
    }

    fn act_all(&mut self, effects: Vec<Effect<Arc<Held<B::Program>>>>) {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            if let Some(event) = self.act(effect) {
                effects.extend(self.state.step(self.began.elapsed(), event));
            }
        }
        self.pin();
        self.with.status.start_outdated.set(self.state.is_outdated_on_disk());
    }

    /// Does what is due.
    fn look_at_clock(&mut self) {
        let now = Instant::now();
        if self.timers.wake.take_if(|at| *at <= now).is_some() {
            self.step(Event::Tick);
        }
        if let Some((_, snapshot)) = self.timers.survival.take_if(|(at, _)| *at <= now) {
            self.survived(snapshot);
        }
        if self.timers.report.is_some_and(|at| at <= now) {
            self.report(now);
        }
        if self.timers.sweep <= now {
            self.timers.sweep = now + self.with.config.limits.sweep_world;
            self.sweep();
        }
        if self.timers.remember <= now {
            self.timers.remember = now + self.with.config.limits.remember_world;
            self.remember();
        }
    }

    /// The proxy ends in good order.
    fn end(mut self) {
        if let Some(Preparing { task, .. }) = self.preparing.take() {
            task.abort();
        }
        if let Some(version) = self.state.serving().version {
            self.survived(version.snapshot);
        }
        self.remember();
    }
}

impl Timers {
    fn next(&self) -> Instant {
        let survival = self.survival.map(|(at, _)| at);
        let rare = self.sweep.min(self.remember);
        [self.wake, survival, self.report].into_iter().flatten().fold(rare, Instant::min)
    }
}
