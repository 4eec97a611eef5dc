//! Fuzzing for a bounded time, without a nightly toolchain.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use clap::Args;
use mesh_fuzz::{Failure, TARGETS, Target, folder, kept, search, target};

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// One target only.
    #[arg(value_name = "TARGET", value_parser = named)]
    target: Option<&'static Target>,
    /// How long each target runs.
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// What the mutations begin from: equal numbers try equal inputs.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn named(name: &str) -> Result<&'static Target, String> {
    target(name).ok_or_else(|| {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        format!("the targets are {}", names.join(", "))
    })
}

/// Why a run of targets is no success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FuzzError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{target}: {why}; the input is {}", .path.display())]
    Failed { target: &'static str, why: String, path: PathBuf },
}

/// A line a target.
///
/// # Errors
/// When an input does not hold; it is kept.
pub(crate) fn run(arguments: &Arguments) -> Result<String, FuzzError> {
    // A panic is what is looked for; its message comes with the failure's own run.
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let all: Vec<_> = TARGETS.iter().collect();
    let targets = arguments.target.map_or(all, |one| vec![one]);
    let mut report = String::new();
    for target in targets {
        let seeds = kept(target.name)?.into_iter().map(|(_, bytes)| bytes).collect();
        let time = Duration::from_secs(arguments.seconds);
        let found = search(target, seeds, arguments.seed, time);
        if let Some(failure) = found.failure {
            std::panic::set_hook(loud);
            return Err(keep(target, failure)?);
        }
        let slowest = found.slowest.as_millis();
        // Writing into a text does not fail.
        let _ = writeln!(
            report,
            "{:<10} {:>8} inputs, {:>5} different ends, slowest {slowest} ms",
            target.name, found.runs, found.ends
        );
    }
    std::panic::set_hook(loud);
    Ok(report.trim_end().to_owned())
}

/// Beside the corpus, into which it goes when it is mended.
fn keep(target: &Target, failure: Failure) -> io::Result<FuzzError> {
    let folder = folder(target.name).join("../../artifacts").join(target.name);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("failure-{}", failure.input.len()));
    fs::write(&path, &failure.input)?;
    let path = path.canonicalize()?;
    Ok(FuzzError::Failed { target: target.name, why: failure.why, path })
}
