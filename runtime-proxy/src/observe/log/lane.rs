//! Where lines wait to be written.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;

/// What may wait, of one thread for one file.
const LANE_BYTES_MAX: usize = 1 << 20;
/// Of all threads.
const LANES_MAX: usize = 512;

/// From one thread to one file. Locked for as long as it takes to copy a line, or to take all of them away.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) file: Box<str>,
    waiting: Mutex<Vec<u8>>,
    dropped: AtomicU64,
    kept: AtomicU64,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Push {
    Kept,
    /// Kept, and there is little room left.
    Pressing,
    Dropped,
}

impl Lane {
    fn new(file: &str) -> Self {
        let (dropped, kept) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { file: file.into(), waiting: Mutex::default(), dropped, kept }
    }

    /// Never waits for the file.
    pub(super) fn push(&self, line: &[u8]) -> Push {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let length = waiting.len() + line.len();
        if LANE_BYTES_MAX < length {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return Push::Dropped;
        }
        waiting.extend_from_slice(line);
        self.kept.fetch_add(1, Ordering::Relaxed);
        if LANE_BYTES_MAX / 2 < length { Push::Pressing } else { Push::Kept }
    }

    /// Exchanges what waits for `empty`.
    pub(super) fn take(&self, empty: &mut Vec<u8>) {
        std::mem::swap(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner), empty);
    }

    /// Lines that had been kept could not be written.
    pub(super) fn lose(&self, lines: u64) {
        self.dropped.fetch_add(lines, Ordering::Relaxed);
        self.kept.fetch_sub(lines, Ordering::Relaxed);
    }
}

/// All lanes, and the waking of the thread that empties them.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    all: Mutex<Vec<Arc<Lane>>>,
    writer: OnceLock<Thread>,
    /// Lines for which there was no lane.
    refused: AtomicU64,
    /// Something waits, and the writer has been told.
    is_awake: AtomicBool,
    /// Something waits that should not wait much longer.
    is_pressing: AtomicBool,
    is_closed: AtomicBool,
}

impl Lanes {
    pub(super) fn written_by(&self, thread: Thread) {
        let _ = self.writer.set(thread);
    }

    /// A new one; `None` where there are too many.
    pub(super) fn open(&self, file: &str) -> Option<Arc<Lane>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if LANES_MAX <= all.len() {
            return None;
        }
        let lane = Arc::new(Lane::new(file));
        all.push(Arc::clone(&lane));
        Some(lane)
    }

    pub(super) fn all(&self) -> Vec<Arc<Lane>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something waits.
    pub(super) fn wake(&self) {
        if !self.is_awake.swap(true, Ordering::AcqRel) {
            self.unpark();
        }
    }

    /// Something waits that should not wait much longer.
    pub(super) fn press(&self) {
        self.is_awake.store(true, Ordering::Release);
        if !self.is_pressing.swap(true, Ordering::AcqRel) {
            self.unpark();
        }
    }

    /// A line had no lane to wait in.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.unpark();
    }

    pub(super) fn is_awake(&self) -> bool {
        self.is_awake.load(Ordering::Acquire)
    }

    pub(super) fn is_pressing(&self) -> bool {
        self.is_pressing.load(Ordering::Acquire)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// To be called before lanes are emptied: what comes afterwards wakes the writer again.
    pub(super) fn emptying(&self) {
        self.is_awake.store(false, Ordering::Release);
        self.is_pressing.store(false, Ordering::Release);
    }

    pub(super) fn dropped(&self) -> u64 {
        let dropped =
            self.all().iter().map(|lane| lane.dropped.load(Ordering::Relaxed)).sum::<u64>();
        dropped + self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn kept(&self) -> u64 {
        self.all().iter().map(|lane| lane.kept.load(Ordering::Relaxed)).sum()
    }

    fn unpark(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LANE_BYTES_MAX, Lanes, Push};

    #[test]
    fn what_is_not_taken_is_dropped_at_last_and_counted() {
        let lanes = Lanes::default();
        let lane = lanes.open("/dev/null").unwrap();
        let line = [b'x'; 1024];
        let pushed: Vec<_> = (0..=LANE_BYTES_MAX / 1024).map(|_| lane.push(&line)).collect();
        assert_eq!(pushed.first(), Some(&Push::Kept));
        assert_eq!(pushed[pushed.len() - 2..], [Push::Pressing, Push::Dropped]);
        assert_eq!((lanes.kept(), lanes.dropped()), (1024, 1));
        let mut taken = Vec::new();
        lane.take(&mut taken);
        assert_eq!(taken.len(), LANE_BYTES_MAX);
        assert_eq!(lane.push(&line), Push::Kept);
    }
}
