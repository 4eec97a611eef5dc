//! The access log: lines are made where a request ends, and written by a thread of their own, one for the process.
//!
//! ```text
//! Record ─▶ Logger ─line─▶ Lane (a thread, a file) ─▶ Writer ─▶ file
//!             values, json, time       bounded: beyond, lines are dropped and counted
//! ```
//! Formats are Envoy's ([`mesh_engine::format`]). To the default ones, and to no other, a denial adds who denied and where that
//! stands.

mod time;
mod values;

mod denial;
mod json;

mod logger;

mod lane;

mod writer;

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use lane::{Lane, Lanes, Push};
pub(super) use logger::Logger;
use writer::Writer;

/// How long the end waits for what has been logged to be written.
const CLOSE: Duration = Duration::from_secs(2);

/// Where the lines go that a snapshot asks for at `/dev/stdout`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Destination {
    #[default]
    Stdout,
    File(PathBuf),
}

/// The files of the process and the thread that writes them, until the last clone is dropped: then what has been logged is
/// written. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct AccessLogs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lanes: Arc<Lanes>,
    /// Hangs up when the writer has ended.
    ended: std::sync::Mutex<mpsc::Receiver<()>>,
}

impl AccessLogs {
    /// # Errors
    ///
    /// When there can be no more threads. A file that cannot be opened is no error: its lines are dropped and counted.
    pub fn start(stdout: Destination) -> std::io::Result<Self> {
        let lanes = Arc::<Lanes>::default();
        let (writing, ended) = mpsc::sync_channel::<()>(0);
        let writer = Writer::new(Arc::clone(&lanes), stdout);
        let thread = std::thread::Builder::new().name("mesh-access-log".to_owned());
        let thread = thread.spawn(move || {
            writer.run();
            drop(writing);
        })?;
        lanes.written_by(thread.thread().clone());
        Ok(Self(Arc::new(Inner { lanes, ended: ended.into() })))
    }

    /// Lines that were not written: they came faster than the file took them, or it could not be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lanes.dropped()
    }

    /// Lines that were written or will be.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.0.lanes.kept()
    }

    fn lane(&self, file: &str) -> Option<Arc<Lane>> {
        self.0.lanes.open(file)
    }

    /// What became of a line that this thread had; `None`: there was no lane for it.
    fn pushed(&self, push: Option<Push>) {
        match push {
            Some(Push::Kept) => self.0.lanes.wake(),
            Some(Push::Pressing | Push::Dropped) => self.0.lanes.press(),
            None => self.0.lanes.refuse(),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.lanes.close();
        let ended = self.ended.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A file that takes nothing must not keep the process from ending.
        if ended.recv_timeout(CLOSE) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the access log has not been written to its end");
        }
    }
}
