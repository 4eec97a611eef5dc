//! What comes from the stream, and from what was set going.

use std::time::Duration;

use mesh_snapshot::wire::{self, PROTOCOL, Refusal, from_proxy, to_proxy};
use tokio::time::Instant;

use super::{Inner, Shell};
use crate::agent::prepare::Build;
use crate::agent::stream::{Heard, Malformed, Outgoing, StreamEvent, Subscriptions, read};
use crate::agent::trial::{Answer, Event, Order, Refused};

impl<B: Build> Shell<B> {
    pub(super) fn hear(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Open(outgoing) => self.greet(outgoing),
            // What a stream says after this side has hung up is not heard.
            StreamEvent::Said(message) if self.stream.is_some() => self.hear_message(message),
            StreamEvent::Said(_) => {}
            StreamEvent::Closed => {
                self.stream = None;
                self.with.world.note_told(false);
                self.lease = None;
                self.timers.report = None;
                self.step(Event::StreamDown);
            }
        }
    }

    fn greet(&mut self, outgoing: Outgoing) {
        self.stream = Some(outgoing);
        self.with.world.note_told(true);
        self.say(from_proxy::Message::Hello(self.hello()));
        self.subscriptions = Subscriptions::default();
        self.subscribe();
        self.step(Event::StreamUp);
    }

    fn hear_message(&mut self, message: to_proxy::Message) {
        match read(message) {
            Ok(Heard::Welcome(welcome)) => self.hear_welcome(&welcome),
            Ok(Heard::Order { term, order }) => self.step(Event::Order { term, order }),
            Ok(Heard::Objects(wire::Objects { epoch, objects, last })) => {
                // What comes too late is for an offer that nobody waits for.
                let under_way =
                    self.preparing.as_ref().filter(|preparing| preparing.epoch == epoch);
                if let Some(preparing) = under_way {
                    preparing.intake.take(objects, last);
                }
            }
            Ok(Heard::World(item)) => self.with.world.receive(item),
            Ok(Heard::TrustBundle(bundle)) => drop(self.with.bundles.send_replace(Some(bundle))),
            Ok(Heard::Sources(sources)) => {
                self.sources.hear(sources);
                self.news += 1;
            }
            Err(error @ Malformed { epoch }) => {
                let refused = Refused::new(Refusal::Corrupt, error.to_string());
                self.answer(Answer::Refused { epoch, refused });
            }
        }
    }

    fn hear_welcome(&mut self, welcome: &wire::Welcome) {
        let wire::Welcome { protocol, control, term, lease_ms } = welcome;
        if *protocol != PROTOCOL {
            tracing::error!(
                protocol,
                expected = PROTOCOL,
                "the control runtime speaks another protocol"
            );
            if let Some(stream) = self.stream.take() {
                stream.hang_up();
            }
            return;
        }
        tracing::info!(control, term, lease_ms, "in contact with the control runtime");
        self.lease = Some(Duration::from_millis(*lease_ms));
        self.timers.report = Some(Instant::now());
        self.step(Event::Order { term: *term, order: Order::Welcome });
    }

    pub(super) fn hear_inner(&mut self, inner: Inner<B::Program>) {
        match inner {
            Inner::Outcome { attempt, outcome } => {
                if self.state.awaits(attempt) {
                    self.preparing = None;
                }
                self.step(match outcome {
                    Ok((built, elapsed)) => Event::Prepared { attempt, built, elapsed },
                    Err(refused) => Event::Refused { attempt, refused },
                });
            }
            Inner::Saved(Some(durable)) => {
                if let Some(version) =
                    durable.confirmed.filter(|_| durable.confirmed != self.recorded)
                {
                    self.with.slices.insert(0, version.slice);
                    self.with.slices.truncate(2);
                }
                self.recorded = durable.confirmed;
                self.with.status.note_storage(true);
                self.step(Event::Saved);
            }
            Inner::Saved(None) => {
                self.with.status.note_storage(false);
                self.step(Event::SaveFailed);
            }
        }
    }

    /// What a preparation lacks.
    pub(super) fn need(&self, need: wire::Need) {
        if self.preparing.as_ref().is_some_and(|preparing| preparing.epoch == need.epoch) {
            self.say(from_proxy::Message::Need(need));
        }
    }
}
