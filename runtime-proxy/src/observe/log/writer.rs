//! The thread that writes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Destination;
use super::lane::{Lane, Lanes};

/// How long lines wait for others to be written with.
const GATHER: Duration = Duration::from_millis(50);
/// How long a file that could not be opened is left alone.
const REOPEN: Duration = Duration::from_secs(5);

/// Empties lanes into files.
pub(super) struct Writer {
    lanes: Arc<Lanes>,
    stdout: Destination,
    files: BTreeMap<Box<str>, Opened>,
    /// What is being written; empty between lanes.
    taken: Vec<u8>,
}

enum Opened {
    Stdout,
    Stderr,
    File(File),
    Failed(Instant),
}

impl Writer {
    pub(super) const fn new(lanes: Arc<Lanes>, stdout: Destination) -> Self {
        Self { lanes, stdout, files: BTreeMap::new(), taken: Vec::new() }
    }

    /// Until the lanes are closed, and all that waited then has been written. Blocks.
    pub(super) fn run(mut self) {
        loop {
            self.wait();
            let is_last = self.lanes.is_closed();
            self.lanes.emptying();
            for lane in self.lanes.all() {
                self.empty(&lane);
            }
            if is_last {
                return;
            }
        }
    }

    /// Until something waits, and then a while longer.
    fn wait(&self) {
        while !self.lanes.is_awake() && !self.lanes.is_closed() {
            std::thread::park();
        }
        let start = Instant::now();
        while !self.lanes.is_pressing() && !self.lanes.is_closed() {
            match GATHER.checked_sub(start.elapsed()) {
                Some(rest) if !rest.is_zero() => std::thread::park_timeout(rest),
                _ => return,
            }
        }
    }

    fn empty(&mut self, lane: &Lane) {
        lane.take(&mut self.taken);
        if self.taken.is_empty() {
            return;
        }
        if let Err(error) = self.write(&lane.file) {
            let lines = self.taken.split(|byte| *byte == b'\n').count() as u64 - 1;
            lane.lose(lines);
            if error.kind() != io::ErrorKind::NotConnected {
                tracing::warn!(file = &*lane.file, %error, lines, "cannot write the access log");
            }
        }
        self.taken.clear();
    }

    fn write(&mut self, file: &str) -> io::Result<()> {
        let opened = match self.files.get_mut(file) {
            Some(Opened::Failed(at)) if at.elapsed() < REOPEN => {
                // Has been told of already.
                return Err(io::ErrorKind::NotConnected.into());
            }
            Some(opened) if !matches!(opened, Opened::Failed(_)) => opened,
            _ => {
                let (opened, error) = open(file, &self.stdout);
                self.files.insert(file.into(), opened);
                if let Some(error) = error {
                    return Err(error);
                }
                let Some(opened) = self.files.get_mut(file) else { return Ok(()) };
                opened
            }
        };
        match opened {
            Opened::Stdout => {
                io::stdout().lock().write_all(&self.taken).and_then(|()| io::stdout().flush())
            }
            Opened::Stderr => io::stderr().lock().write_all(&self.taken),
            Opened::File(file) => file.write_all(&self.taken),
            Opened::Failed(_) => Ok(()),
        }
    }
}

fn open(file: &str, stdout: &Destination) -> (Opened, Option<io::Error>) {
    let path = match (file, stdout) {
        ("/dev/stdout", Destination::Stdout) => return (Opened::Stdout, None),
        ("/dev/stdout", Destination::File(path)) => path,
        ("/dev/stderr", _) => return (Opened::Stderr, None),
        _ => Path::new(file),
    };
    // Appended to, so that whoever rotates logs may cut the file short.
    match OpenOptions::new().append(true).create(true).open(path) {
        Ok(file) => (Opened::File(file), None),
        Err(error) => (Opened::Failed(Instant::now()), Some(error)),
    }
}
