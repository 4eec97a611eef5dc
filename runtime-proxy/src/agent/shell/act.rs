//! Carries out effects.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_snapshot::Digest;
use mesh_snapshot::wire::{Trial, from_proxy};
use tokio::time::Instant;

use super::{Inner, Preparing, Shell};
use crate::agent::prepare::{Build, Held, Intake, Job};
use crate::agent::store::{Contents, Record, Store};
use crate::agent::stream::write;
use crate::agent::trial::{Answer, Built, Durable, Effect, Event, Offer};
use crate::live::Live;

impl<B: Build> Shell<B> {
    /// Carries out one effect; what happened at once, if something did.
    pub(super) fn act(
        &mut self,
        effect: Effect<Arc<Held<B::Program>>>,
    ) -> Option<Event<Arc<Held<B::Program>>>> {
        match effect {
            Effect::Prepare { attempt, offer, floor } => self.prepare(attempt, offer, floor),
            Effect::GiveUp => self.give_up(),
            Effect::Swap { to, generation } => self.swap(to, generation),
            Effect::Save(durable) => return self.save(durable),
            Effect::Answer(answer) => self.answer(answer),
            Effect::Ignored { term } => {
                self.with.status.orders_ignored.add();
                tracing::warn!(term, "an order of a control runtime that has been replaced");
            }
            Effect::HangUp => {
                tracing::warn!("hanging up on a control runtime that has been replaced");
                if let Some(stream) = self.stream.take() {
                    stream.hang_up();
                }
            }
            Effect::Wake(at) => self.timers.wake = at.map(|at| self.began + at),
        }
        None
    }

    fn prepare(&mut self, attempt: u64, offer: Offer, floor: u64) {
        self.stop_preparing();
        let limits = &self.with.config.limits;
        let intake = Intake::new(&offer, limits.policy_bytes);
        let epoch = offer.epoch;
        tracing::info!(epoch, snapshot = %offer.snapshot, "preparing");
        let inner = self.inner.clone();
        let programs = self.state.held().map(|built| {
            let program = Arc::clone(&built.payload.program);
            (built.version.slice, (program, built.memory_bytes))
        });
        let job = Job {
            within: offer.within.min(limits.prepare),
            offer,
            floor,
            assembler: Arc::clone(&self.with.assembler),
            builds: Arc::clone(&self.builds),
            intake: intake.clone(),
            stored: self.with.stored.clone(),
            disk: Arc::clone(&self.with.disk),
            world: self.with.world.clone(),
            needs: self.needs.clone(),
            programs: programs.collect(),
        };
        let task = tokio::spawn(async move {
            let outcome = job.run().await;
            // Nobody hears it when the proxy is ending.
            let _ = inner.send(Inner::Outcome { attempt, outcome }).await;
        });
        self.preparing = Some(Preparing { epoch, intake, task: task.abort_handle() });
    }

    fn stop_preparing(&mut self) {
        if let Some(Preparing { task, .. }) = self.preparing.take() {
            task.abort();
        }
    }

    fn give_up(&mut self) {
        self.stop_preparing();
        // What it stored stays until something else is prepared, if the disk is too busy to hear of it.
        let _ = self.with.disk.give(Store::give_up);
    }

    fn swap(&mut self, to: Option<Built<Arc<Held<B::Program>>>>, generation: u64) {
        if self.state.serving().trial == Trial::Expired {
            self.with.status.trials_expired.add();
        }
        // What was in force before has been survived for as long as it was.
        if let Some((_, before)) = self.timers.survival.take() {
            self.survived(before);
        }
        let Some(Built { version, payload, .. }) = to else {
            tracing::warn!(generation, "nothing is in force");
            self.with.live.swap(None);
            return;
        };
        let (epoch, snapshot) = (version.epoch, version.snapshot);
        tracing::info!(epoch, generation, %snapshot, "in force");
        self.with.live.swap(Some(Live {
            epoch,
            generation,
            snapshot,
            program: Arc::clone(&payload.program),
            sources: self.sources.of(snapshot),
            health: self.with.health.of(epoch),
        }));
        self.timers.survival = Some((Instant::now() + self.with.config.limits.survival, snapshot));
    }

    fn save(&mut self, durable: Durable) -> Option<Event<Arc<Held<B::Program>>>> {
        // The record is left alone when only the marks change.
        let changed = durable.confirmed.filter(|_| durable.confirmed != self.recorded);
        let confirmed = changed.and_then(|version| {
            let held = self.state.held().find(|built| built.version == version)?;
            Some((version, Arc::clone(&held.payload)))
        });
        let workload = &self.with.config.workload;
        let generation = self.state.serving().generation;
        let record = confirmed.as_ref().map(|(version, held)| {
            let marks = durable.marks;
            let record = Record::new(*version, generation, marks, &held.signatures, workload);
            (record, Arc::clone(&held.reach))
        });
        let inner = self.inner.clone();
        let given = self.with.disk.give(move |store| {
            let none = Contents::new();
            let unsaved = confirmed.as_ref().map_or(&none, |(_, held)| &held.unsaved);
            let saved = store.save(durable.marks, record, unsaved);
            if let Err(error) = &saved {
                tracing::error!(%error, "what is in force is not what the next start begins with");
            }
            let saved = saved.is_ok().then_some(durable);
            // Nobody hears it when the proxy is ending.
            let _ = inner.blocking_send(Inner::Saved(saved));
        });
        given.is_err().then(|| {
            self.with.status.note_storage(false);
            Event::SaveFailed
        })
    }

    pub(super) fn answer(&self, answer: Answer) {
        if let Answer::Refused { epoch, refused } = &answer {
            self.with.status.refused.add();
            tracing::warn!(epoch, reason = ?refused.reason, detail = refused.detail, "refused");
        }
        self.say(write(answer));
    }

    pub(super) fn say(&self, message: from_proxy::Message) {
        if let Some(stream) = &self.stream {
            stream.say(message);
        }
    }

    /// Tells the disk what is needed, when that has changed.
    pub(super) fn pin(&mut self) {
        let held: BTreeMap<_, _> = self
            .state
            .held()
            .map(|built| (built.version.epoch, Arc::clone(&built.payload.reach)))
            .collect();
        let epochs = held.keys().copied().collect();
        if self.pinned != epochs && self.with.disk.give(move |store| store.pin(held)).is_ok() {
            self.pinned = epochs;
        }
    }

    pub(super) fn survived(&self, snapshot: Digest) {
        // Otherwise it counts as a death, which one more start will put right.
        let _ = self.with.disk.give(move |store| {
            if let Err(error) = store.survived(&snapshot) {
                tracing::warn!(%error, "it is not known on the disk that this start was survived");
            }
        });
    }
}
