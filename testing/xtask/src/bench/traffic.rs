//! Requests through proxies, by the shared harness.

use std::path::Path;
use std::process::Command;

use super::command::show;
use super::record::{Records, TARGETS};
use super::{Arguments, BenchError, Places};

/// Measures Envoy and our proxy in turns.
pub(super) fn measure(
    places: &Places,
    envoy: &Path,
    arguments: &Arguments,
) -> Result<Records, BenchError> {
    show(harness(places).arg("prep"))?;
    let out = places.work.join("records.json");
    let mut run = harness(places);
    let targets = TARGETS.join(",");
    run.args(["run", "--targets", &targets, "--topos", &arguments.topos, "--rounds"]);
    run.arg(arguments.rounds.to_string()).arg("--out").arg(&out);
    if arguments.quick {
        run.arg("--quick");
    }
    run.env("ENVOY_BIN", envoy).env("MESH_BIN", &places.mesh).env("MESH_TARGET", &places.target);
    show(&mut run)?;
    let text = std::fs::read(&out).map_err(|error| BenchError::Io { path: out.clone(), error })?;
    Ok(serde_json::from_slice(&text)?)
}

fn harness(places: &Places) -> Command {
    let mut harness = Command::new("python3");
    // The folder of the harness is not ours to write in.
    harness.arg("-B").arg(places.harness.join("bench.py"));
    harness.env("BENCH_WORK", places.work.join("run"));
    harness.env("BENCH_BUILD", places.work.join("load"));
    harness
}
