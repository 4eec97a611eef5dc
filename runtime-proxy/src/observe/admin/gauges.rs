//! The metrics that are read where somebody asks, not counted by requests.

use std::sync::atomic::Ordering;

use mesh_snapshot::wire::EpochHealth;

use super::Admin;
use crate::agent::status::StartedFrom;
use crate::observe::metrics::{Kind, Labels, Text};

pub(super) fn write<P>(admin: &Admin<P>) -> Text {
    let mut text = Text::default();
    build(admin, &mut text);
    in_force(admin, &mut text);
    agent(admin, &mut text);
    epochs(admin, &mut text);
    secrets(admin, &mut text);
    process(admin, &mut text);
    text
}

fn build<P>(admin: &Admin<P>, text: &mut Text) {
    let version = &admin.metrics.local().version;
    let mut labels = Labels::default();
    labels.add("component", "proxy").add("tag", version);
    text.family("istio_build", Kind::Gauge, "The build of the proxy.");
    text.sample("istio_build", labels.as_str(), 1);
    let mut labels = Labels::default();
    labels.add("version", version);
    text.family("mesh_build_info", Kind::Gauge, "The build of the proxy.");
    text.sample("mesh_build_info", labels.as_str(), 1);
}

fn in_force<P>(admin: &Admin<P>, text: &mut Text) {
    let live = admin.live.load();
    let help = "Whether a snapshot is in force: without one, everything is refused.";
    text.gauge("mesh_snapshot_in_force", help, live.is_some().into());
    let Some(live) = live else { return };
    text.gauge("mesh_epoch_in_force", "Of the rollout that is served.", live.epoch);
    let help = "Counts the changes of what this proxy serves, restarts included.";
    text.gauge("mesh_generation_in_force", help, live.generation);
    let mut labels = Labels::default();
    labels.add("digest", live.snapshot);
    text.family("mesh_snapshot_info", Kind::Gauge, "The snapshot that is served.");
    text.sample("mesh_snapshot_info", labels.as_str(), 1);
}

fn agent<P>(admin: &Admin<P>, text: &mut Text) {
    let status = &admin.status;
    let is_connected = status.connected.get().into();
    text.gauge("mesh_agent_connected", "Whether the control runtime is heard.", is_connected);
    let help =
        "Whether the agent has panicked: what is in force stays so until the proxy is restarted.";
    text.gauge("mesh_agent_panicked", help, status.panicked.get().into());
    let started = match status.started_from() {
        StartedFrom::Starting => "starting",
        StartedFrom::Nothing => "nothing",
        StartedFrom::Current => "current",
        StartedFrom::Previous => "previous",
    };
    let mut labels = Labels::default();
    labels.add("from", started);
    text.family("mesh_agent_start_info", Kind::Gauge, "What was served from the start on.");
    text.sample("mesh_agent_start_info", labels.as_str(), 1);
    let help = "Whether the last attempt to store anything failed.";
    text.gauge("mesh_agent_storage_failing", help, status.storage_failing.get().into());
    let help = "Whether the next start would begin with something older than what is confirmed.";
    text.gauge("mesh_agent_start_outdated", help, status.start_outdated.get().into());
    if let expires @ 1.. = status.certificate_expires.get() {
        let help = "When the proxy's certificate ends, in seconds since 1970.";
        text.gauge("mesh_certificate_expiry_timestamp_seconds", help, expires);
    }
    for (name, help, counter) in [
        ("connections", "Connections to the control runtime.", &status.connections),
        ("storage_failures", "Failed attempts to store something.", &status.storage_failures),
        ("trials_expired", "Trials that nobody confirmed in time.", &status.trials_expired),
        ("refused", "Orders that this proxy could not carry out.", &status.refused),
        ("orders_ignored", "Orders of replaced control runtimes.", &status.orders_ignored),
        ("start_problems", "What the disk had and could not be used.", &status.problems),
        ("certificate_renewals", "Certificates that were issued.", &status.renewals),
        ("certificate_renewals_failed", "Failed attempts to get one.", &status.renewals_failed),
    ] {
        text.counter(&format!("mesh_agent_{name}_total"), help, counter.get());
    }
}

type Of = fn(&EpochHealth) -> u64;

/// What the control runtime judges a rollout by.
fn epochs<P>(admin: &Admin<P>, text: &mut Text) {
    let report = admin.health.report();
    let families: [(&str, &str, Of); 4] = [
        ("requests", "Requests decided under an epoch.", |epoch| epoch.requests),
        ("requests_failed", "Those answered with 5xx, or not at all.", |epoch| epoch.failed),
        ("requests_denied", "Those refused by policy.", |epoch| epoch.denied),
        ("resets", "Connections and streams that broke off.", |epoch| epoch.resets),
    ];
    for (name, help, of) in families {
        let name = format!("mesh_epoch_{name}_total");
        text.family(&name, Kind::Counter, help);
        for epoch in &report {
            let mut labels = Labels::default();
            labels.add("epoch", epoch.epoch);
            text.sample(&name, labels.as_str(), of(epoch));
        }
    }
}

/// By name, so that whoever is alerted knows which.
fn secrets<P>(admin: &Admin<P>, text: &mut Text) {
    let help = "Secrets whose newest version cannot be used; an earlier one that could be is kept.";
    text.family("mesh_secret_refused", Kind::Gauge, help);
    for (name, reason) in admin.world.refused_secrets() {
        let mut labels = Labels::default();
        labels.add("secret", &name).add("reason", &reason);
        text.sample("mesh_secret_refused", labels.as_str(), 1);
    }
}

fn process<P>(admin: &Admin<P>, text: &mut Text) {
    let gate = &admin.gate;
    text.gauge("mesh_connections_open", "Clients' connections.", gate.open().into());
    let help = "Clients' connections closed at once, for want of room.";
    text.counter("mesh_connections_shed_total", help, gate.shed());
    let help = "How often the system could not give a connection.";
    text.counter("mesh_accept_failures_total", help, gate.failed());
    let mirrors = &admin.metrics.mirrors;
    let help = "Copies of requests that were not sent, since too many were under way.";
    text.counter("mesh_mirrors_refused_total", help, mirrors.refused.load(Ordering::Relaxed));
    let help = "Copies of requests whose answers did not come in time.";
    text.counter("mesh_mirrors_timed_out_total", help, mirrors.timed_out.load(Ordering::Relaxed));
    let help = "Lines of the access log that were kept.";
    text.counter("mesh_access_log_lines_total", help, admin.logs.kept());
    let help = "Lines of the access log that were dropped.";
    text.counter("mesh_access_log_lines_dropped_total", help, admin.logs.dropped());
}
