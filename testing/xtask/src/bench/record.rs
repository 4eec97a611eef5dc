//! What the harness writes down, as far as it is of interest here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Records {
    pub(super) records: Vec<Record>,
}

/// One proxy in one topology, measured once.
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) round: u32,
    pub(super) topo: String,
    pub(super) target: String,
    /// As fast as it goes.
    #[serde(rename = "sat")]
    pub(super) saturated: Option<Load>,
    /// At a rate that is the same for all.
    pub(super) fixed: Option<Load>,
    pub(super) tcp: Option<Stream>,
    /// Requests that failed, or were not answered with 2xx.
    #[serde(default)]
    pub(super) bad: u64,
    pub(super) error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Load {
    #[serde(rename = "rps")]
    pub(super) requests_per_second: f64,
    #[serde(rename = "cpu_us_req")]
    pub(super) cpu_micros_per_request: Option<f64>,
    /// Latency in microseconds: medians over windows of the measurement.
    #[serde(rename = "win_us")]
    pub(super) latency: Latency,
    pub(super) roles: BTreeMap<String, Role>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Latency {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Role {
    pub(super) rss_kb: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Stream {
    #[serde(rename = "gbit_s")]
    pub(super) gigabits_per_second: f64,
    pub(super) cpu_s_per_gib: Option<f64>,
}

/// Who is measured.
pub(super) const TARGETS: [&str; 2] = ["envoy", "mesh"];

/// What makes records of these topologies invalid, a line each; empty: nothing does.
pub(super) fn faults(records: &Records, topos: &str, rounds: u32) -> String {
    let mut faults = String::new();
    for topo in topos.split(',') {
        for target in TARGETS {
            let is_its = |record: &&Record| record.topo == topo && record.target == target;
            let measured = records.records.iter().filter(is_its).count();
            if measured < usize::try_from(rounds).unwrap_or(usize::MAX) {
                let _ =
                    writeln!(faults, "{target} in {topo}: measured {measured} times of {rounds}");
            }
        }
    }
    for Record { round, topo, target, bad, error, .. } in &records.records {
        if let Some(error) = error {
            let _ = writeln!(faults, "{target} in {topo}, round {round}: {error}");
        } else if *bad > 0 {
            let _ = writeln!(faults, "{target} in {topo}, round {round}: {bad} requests failed");
        }
    }
    faults
}
