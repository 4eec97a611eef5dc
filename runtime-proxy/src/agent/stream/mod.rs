//! The stream to the control runtime: opened, kept, and opened again when it ends.
//!
//! This module carries messages and judges none. It tells the agent of three things ([`StreamEvent`]), in order: a stream is
//! open, and where to put what is to be said, `Hello` first; something was said; the stream has ended. Between two streams
//! there is a pause, which grows while nobody answers. Both directions have short queues: a side that does not keep up is
//! waited for (theirs, by HTTP/2) or hung up on (ours).

mod channel;
mod tls;

mod read;
mod subscriptions;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::wire::{FromProxy, to_proxy};
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;

pub(super) use channel::{Channel, ConnectError};
pub(super) use read::{Heard, Malformed, read, write, write_serving};
pub(super) use subscriptions::Subscriptions;
pub(super) use tls::spiffe_id;

use super::backoff::Backoff;
use super::clock::Clock;
use super::config::{Control, Limits};
use super::status::Status as AgentStatus;
use crate::world::{Identity, Watched};

/// What may wait to be said.
const OUTGOING_MAX: usize = 256;

#[derive(Debug)]
pub(super) enum StreamEvent {
    Open(Outgoing),
    Said(to_proxy::Message),
    Closed,
}

/// Where to put what is to be said.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    messages: mpsc::Sender<FromProxy>,
    hang_up: CancellationToken,
}

impl Outgoing {
    /// Ends the stream when too much waits already: then nobody is listening.
    pub(super) fn say(&self, message: mesh_snapshot::wire::from_proxy::Message) {
        if self.messages.try_send(FromProxy { message: Some(message) }).is_err() {
            self.hang_up();
        }
    }

    pub(super) fn hang_up(&self) {
        self.hang_up.cancel();
    }
}

/// Keeps a stream open, as far as that is up to this side.
pub(super) struct Keeper {
    pub(super) control: Control,
    pub(super) limits: Limits,
    pub(super) identity: Arc<Watched<Identity>>,
    pub(super) clock: Clock,
    pub(super) status: Arc<AgentStatus>,
    pub(super) events: mpsc::Sender<StreamEvent>,
}

/// Why a stream has ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the control runtime ended it: {}: {}", .0.code(), .0.message())]
    Status(Status),
    #[error("the control runtime ended it")]
    Closed,
    #[error("the control runtime said nothing within {} ms", .0.as_millis())]
    Silent(Duration),
    #[error("this proxy hung up")]
    HungUp,
    #[error("its certificate is about to expire")]
    Old,
}

impl Keeper {
    /// Never ends by itself.
    pub(super) async fn run(self) {
        let (first, longest) = self.limits.reconnect;
        let mut backoff = Backoff::new(first, longest);
        let mut random = SmallRng::from_os_rng();
        loop {
            let identity = self.identity.known().await;
            let mut answered = false;
            let ended = self.once(&identity, &mut answered).await;
            self.status.connected.set(false);
            if answered {
                backoff.reset();
            }
            let pause = backoff.pause(&mut random);
            tracing::info!(%ended, pause_ms = pause.as_millis(), "no stream to the control runtime");
            sleep(pause).await;
        }
    }

    /// One stream, from its beginning to its end.
    async fn once(&self, identity: &Identity, answered: &mut bool) -> Ended {
        let within = self.limits.connect;
        let connected =
            Channel::connect(&self.control, &identity.roots, Some(identity), within).await;
        let mut channel = match connected {
            Ok(channel) => channel,
            Err(error) => return error.into(),
        };
        let (messages, outgoing) = mpsc::channel(OUTGOING_MAX);
        let hang_up = CancellationToken::new();
        let open = Outgoing { messages, hang_up: hang_up.clone() };
        if self.events.send(StreamEvent::Open(open)).await.is_err() {
            return Ended::HungUp;
        }
        let ended = tokio::select! {
            ended = self.listen(&mut channel, outgoing, answered) => ended,
            () = hang_up.cancelled() => Ended::HungUp,
            () = sleep(self.lifetime(identity)) => Ended::Old,
        };
        // Who hears no more of it is ending, too.
        let _ = self.events.send(StreamEvent::Closed).await;
        ended
    }

    async fn listen(
        &self,
        channel: &mut Channel,
        outgoing: mpsc::Receiver<FromProxy>,
        answered: &mut bool,
    ) -> Ended {
        let within = self.limits.connect;
        let mut incoming = match timeout(within, channel.open(outgoing)).await {
            Ok(Ok(incoming)) => incoming,
            Ok(Err(status)) => return Ended::Status(status),
            Err(_) => return Ended::Silent(within),
        };
        loop {
            let next = incoming.message();
            let next = if *answered { Ok(next.await) } else { timeout(within, next).await };
            let said = match next {
                Ok(Ok(Some(said))) => said,
                Ok(Ok(None)) => return Ended::Closed,
                Ok(Err(status)) => return Ended::Status(status),
                Err(_) => return Ended::Silent(within),
            };
            if !std::mem::replace(answered, true) {
                self.status.connections.add();
                self.status.connected.set(true);
            }
            // A message of a later version that means nothing to this one has none.
            if let Some(message) = said.message
                && self.events.send(StreamEvent::Said(message)).await.is_err()
            {
                return Ended::HungUp;
            }
        }
    }

    /// A stream does not outlive the certificate that it was opened with: another one is opened in good time. A clock by which it has
    /// expired already is wrong, or else nobody would have let this proxy in.
    fn lifetime(&self, identity: &Identity) -> Duration {
        let Range { start, end } = identity.valid;
        let left = match end.saturating_sub(self.clock.now()) {
            0 => end - start,
            left => left,
        };
        Duration::from_secs(left).mul_f64(0.9)
    }
}
