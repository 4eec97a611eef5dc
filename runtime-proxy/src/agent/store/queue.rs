//! The thread that a store lives on.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use std::{io, thread};

use super::Store;

/// What waits for the disk at most. More than this is asked of it only when it hangs.
const WAITING_MAX: usize = 64;

enum Message {
    Job(Box<dyn FnOnce(&mut Store) + Send>),
    End(SyncSender<()>),
}

/// Carries out jobs one after the other, in the order they were given.
pub struct Queue(SyncSender<Message>);

/// The disk hangs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the disk does not keep up: {WAITING_MAX} jobs wait for it")]
pub struct QueueFull;

impl Queue {
    /// # Errors
    ///
    /// When there can be no more threads.
    pub fn start(store: Store) -> io::Result<Self> {
        let (messages, given) = sync_channel(WAITING_MAX);
        thread::Builder::new().name("mesh-disk".to_owned()).spawn(move || run(store, given))?;
        Ok(Self(messages))
    }

    /// Has `job` done when its turn comes.
    ///
    /// # Errors
    ///
    /// When too many wait already: it will not be done.
    pub fn give(&self, job: impl FnOnce(&mut Store) + Send + 'static) -> Result<(), QueueFull> {
        self.0.try_send(Message::Job(Box::new(job))).map_err(|_| QueueFull)
    }

    /// Has all done that was given, and lets the folder go; whether that succeeded in time. A disk that hangs keeps nobody from
    /// ending.
    #[must_use]
    pub fn close(&self, within: Duration) -> bool {
        let (done, heard) = sync_channel(1);
        let told = self.0.try_send(Message::End(done));
        told.is_ok() && heard.recv_timeout(within).is_ok()
    }
}

fn run(mut store: Store, given: Receiver<Message>) {
    for message in given {
        match message {
            Message::Job(job) => job(&mut store),
            Message::End(done) => {
                drop(store);
                // Nobody hears it when it comes too late.
                let _ = done.send(());
                return;
            }
        }
    }
}
