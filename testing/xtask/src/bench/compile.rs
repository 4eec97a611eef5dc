//! How long a repository takes to become a snapshot.

use std::fmt;
use std::process::Command;
use std::time::{Duration, Instant};

use super::command::quiet;
use super::{BenchError, Places};

const ROUNDS: usize = 7;

/// From the start of the process to its end: reading, checks, lowering and the written snapshot included.
pub(super) struct Compiled {
    resources: u32,
    /// Sorted.
    took: Vec<Duration>,
    snapshot_bytes: u64,
}

pub(super) fn measure(places: &Places, resources: u32) -> Result<Compiled, BenchError> {
    let repository = places.work.join(format!("repository-{resources}"));
    let snapshot = places.work.join("snapshot.mesh");
    let generator = places.harness.join("gen_repo.py");
    let mut generate = Command::new("python3");
    quiet(generate.arg(generator).arg(&repository).arg(resources.to_string()))?;
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let mut compile = Command::new(&places.mesh);
        compile.arg("compile").arg(&repository).arg("-o").arg(&snapshot);
        let start = Instant::now();
        quiet(&mut compile)?;
        took.push(start.elapsed());
    }
    took.sort_unstable();
    let snapshot_bytes = std::fs::metadata(&snapshot)
        .map_err(|error| BenchError::Io { path: snapshot, error })?
        .len();
    Ok(Compiled { resources, took, snapshot_bytes })
}

impl fmt::Display for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds =
            |at: usize| self.took.get(at).copied().unwrap_or_default().as_secs_f64() * 1000.0;
        write!(
            f,
            "compile of a repository of {} resources: median {:.0} ms, {:.0} to {:.0} ms in {ROUNDS} runs; snapshot of {} KiB",
            self.resources,
            milliseconds(ROUNDS / 2),
            milliseconds(0),
            milliseconds(ROUNDS - 1),
            self.snapshot_bytes / 1024,
        )
    }
}
