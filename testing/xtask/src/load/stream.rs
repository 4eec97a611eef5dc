//! A gRPC stream whose other end sends back what it gets.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::mpsc;

use super::Failure;

pub(super) struct Echo {
    say: mpsc::Sender<Bytes>,
    hear: Incoming,
    /// Heard and not asked for yet.
    heard: BytesMut,
}

impl Echo {
    pub(super) fn new(say: mpsc::Sender<Bytes>, hear: Incoming) -> Self {
        Self { say, hear, heard: BytesMut::new() }
    }

    /// Sends a message, and waits for it to come back.
    pub(super) async fn say(&mut self, turn: u32) -> Result<(), Failure> {
        let message = message(turn);
        self.say.send(message.clone()).await.map_err(|_| Failure::Ended)?;
        while self.heard.len() < message.len() {
            let frame = self.hear.frame().await.ok_or(Failure::Ended)??;
            let data = frame.into_data().map_err(|_| Failure::Ended)?;
            self.heard.extend_from_slice(&data);
        }
        let heard = self.heard.split_to(message.len());
        if heard == message { Ok(()) } else { Err(Failure::Garbled) }
    }

    /// Says no more, and waits for the status.
    pub(super) async fn end(self) -> Result<(), Failure> {
        drop(self.say);
        let rest = self.hear.collect().await?;
        let status = rest.trailers().and_then(|trailers| trailers.get("grpc-status"));
        if status.is_some_and(|status| status == "0") { Ok(()) } else { Err(Failure::Ended) }
    }
}

/// Not compressed, with its length: the form of gRPC over HTTP/2.
fn message(turn: u32) -> Bytes {
    let payload = format!("message {turn}");
    let mut message = BytesMut::from(&[0][..]);
    message.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    message.extend_from_slice(payload.as_bytes());
    message.freeze()
}
