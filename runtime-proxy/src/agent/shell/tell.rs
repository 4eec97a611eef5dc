//! What is said without being asked: who this is, what it wants to know, how it fares. And what the disk is told of the world.

use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::wire::{self, PROTOCOL, from_proxy, to_proxy};
use tokio::time::Instant;

use super::Shell;
use crate::agent::prepare::Build;
use crate::agent::store::Remembered;
use crate::agent::stream::{Heard, read, write_serving};

/// However short a lease is said to be.
const SIGN_OF_LIFE_MIN: Duration = Duration::from_millis(10);

impl<B: Build> Shell<B> {
    pub(super) fn hello(&self) -> wire::Hello {
        let config = &self.with.config;
        let (marks, serving) = (self.state.marks(), self.state.serving());
        let held = self.state.held().map(|built| built.version.slice);
        let slices = held.chain(self.with.slices.iter().copied());
        wire::Hello {
            protocol: PROTOCOL,
            proxy: config.proxy.clone(),
            workload: Some((&config.workload).into()),
            version: config.version.clone(),
            features: config.features.iter().cloned().collect(),
            serving: serving.version.map(|_| write_serving(serving)),
            slices: slices.map(|slice| slice.as_bytes().to_vec()).collect(),
            instance: marks.starts.into(),
            term: marks.term,
            epoch: marks.epoch,
        }
    }

    /// Asks for what the world was asked for.
    pub(super) fn subscribe(&mut self) {
        if self.stream.is_none() {
            return;
        }
        for change in self.subscriptions.change_to(self.with.world.names()) {
            self.say(from_proxy::Message::Subscribe(change));
        }
    }

    /// Forgets what nobody wants to know any more. While nobody could tell it again, it is kept.
    pub(super) fn sweep(&mut self) {
        if self.stream.is_some() {
            self.with.world.sweep();
            self.subscribe();
        }
    }

    /// Reports what has changed; nothing, when it is time for a sign of life.
    pub(super) fn report(&mut self, now: Instant) {
        let Some(lease) = self.lease else { return };
        let sign_of_life = (lease / 3).max(SIGN_OF_LIFE_MIN);
        self.timers.report = Some(now + sign_of_life.min(self.with.config.limits.health));
        let epochs = self.with.health.report();
        if epochs != self.reported || self.timers.reported + sign_of_life <= now {
            self.timers.reported = now;
            self.reported.clone_from(&epochs);
            let instance = self.state.marks().starts.into();
            self.say(from_proxy::Message::Health(wire::Health { instance, epochs }));
        }
    }

    /// Tells the disk what is known of the world, when that has changed.
    pub(super) fn remember(&mut self) {
        let news = (self.with.world.news(), self.news);
        if self.remembered == news {
            return;
        }
        let mut messages: Vec<to_proxy::Message> =
            self.with.world.items().into_iter().map(Into::into).collect();
        messages.extend(self.sources.said().map(to_proxy::Message::Sources));
        let status = Arc::clone(&self.with.status);
        let given = self.with.disk.give(move |store| {
            let saved = store.save_world(messages);
            status.note_storage(saved.is_ok());
            if let Err(error) = saved {
                tracing::warn!(%error, "what is known of the world is not stored");
            }
        });
        if given.is_ok() {
            self.remembered = news;
        }
    }

    /// Takes in what the disk remembers.
    pub(super) fn recall(&mut self, remembered: Remembered) {
        for (name, why) in remembered.problems {
            tracing::warn!(name, %why, "what the disk remembers of the world cannot be read");
        }
        for message in remembered.messages {
            match read(message) {
                Ok(Heard::World(item)) => self.with.world.remember(item),
                Ok(Heard::Sources(sources)) => self.sources.hear(sources),
                // Nothing else was written.
                Ok(_) | Err(_) => {}
            }
        }
    }
}
