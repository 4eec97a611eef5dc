//! Where the mesh stands, for people.

use std::fmt::Write as _;
use std::time::Duration;

use mesh_control::journal::Entry;
use mesh_control::observe::{Overview, ProxyOverview, RefusalOverview};
use mesh_control::rollout::{Cause, Phase, ProxyState, Record, Version};
use mesh_snapshot::Digest;

use crate::render::{Paint, Table};

/// `sha256:9f2c41d07a3b`, enough to tell snapshots apart.
pub(crate) fn short(digest: &Digest) -> String {
    let text = digest.to_string();
    text.get(..19).unwrap_or(&text).to_owned()
}

pub(crate) fn version(version: Version) -> String {
    format!("epoch {} · {}", version.epoch, short(&version.snapshot))
}

/// A few lines on the rollout, then those proxies that are not where they should be.
pub(crate) fn status(overview: &Overview, paint: Paint) -> String {
    let mut table = Table::default();
    table.row([paint.bold("rollout"), phase(overview, paint)]);
    let confirmed = overview.confirmed.map_or_else(|| "nothing yet".to_owned(), version);
    table.row([paint.bold("confirmed"), confirmed]);
    if let Some(candidate) = overview.candidate {
        table.row([paint.bold("candidate"), version(candidate)]);
    }
    if let Some((wave, waves)) = overview.wave {
        let gate = overview.gate.as_deref().unwrap_or("watching");
        table.row([paint.bold("wave"), format!("{wave} of {waves} · gate: {gate}")]);
    }
    if let Some(waiting) = &overview.waiting {
        table.row([paint.bold("waiting"), short(&waiting.snapshot)]);
    }
    let (serving, total) = (overview.serving, overview.total);
    table.row([paint.bold("proxies"), format!("{serving} of {total} serve what is confirmed")]);
    for (digest, why) in &overview.quarantine {
        table.row([paint.bold("quarantine"), format!("{} {why}", short(digest))]);
    }
    if let Some(ended) = &overview.last_ended {
        table.row([
            paint.bold("last ended"),
            format!("{} · {}", version(ended.version), ended.cause),
        ]);
        for refusal in &ended.refusals {
            table.row([String::new(), self::refusal(refusal)]);
        }
    }
    for (place, problem) in &overview.problems {
        table.row([paint.removed("problem"), format!("{place}: {problem}")]);
    }
    let mut text = table.to_string();
    let astray: Vec<_> = overview.proxies.iter().filter(|proxy| !is_settled(proxy.state)).collect();
    if !astray.is_empty() {
        let _ = write!(text, "\n{}", proxies_table(&astray, paint));
    }
    text
}

/// One line a proxy: what it serves, and what keeps it from serving what it should.
pub(crate) fn proxies(overview: &Overview, paint: Paint) -> String {
    if overview.proxies.is_empty() {
        return "no proxy is in contact\n".to_owned();
    }
    proxies_table(&overview.proxies.iter().collect::<Vec<_>>(), paint)
}

fn proxies_table(proxies: &[&ProxyOverview], paint: Paint) -> String {
    let mut table = Table::default();
    table.row(["PROXY", "WORKLOAD", "STATE", "SERVES"].map(|name| paint.dim(name)));
    for proxy in proxies {
        let serves = proxy.version.map_or_else(|| "nothing".to_owned(), version);
        let state = state(proxy.state);
        let state = if is_settled(proxy.state) { paint.added(state) } else { paint.removed(state) };
        table.row([proxy.name.clone(), proxy.workload.clone(), state, serves]);
        if let Some(refusal) = &proxy.refusal {
            table.row([String::new(), String::new(), String::new(), self::refusal(refusal)]);
        }
    }
    table.to_string()
}

/// The records that the control runtime remembers, oldest first; `now` is the time since 1970.
pub(crate) fn history(overview: &Overview, now: Duration, paint: Paint) -> String {
    let mut table = Table::default();
    for entry in &overview.records {
        table.row([paint.dim(&age(entry, now)), record(&entry.record)]);
    }
    table.to_string()
}

fn phase(overview: &Overview, paint: Paint) -> String {
    let phase = match overview.phase {
        Phase::Empty => "waits for the first snapshot",
        Phase::Idle => "idle",
        Phase::Preparing => "preparing",
        Phase::Committing => "committing",
    };
    if overview.paused { format!("{phase}, {}", paint.bold("paused")) } else { phase.to_owned() }
}

const fn is_settled(state: ProxyState) -> bool {
    matches!(state, ProxyState::Serving | ProxyState::Prepared | ProxyState::OnTrial)
}

const fn state(state: ProxyState) -> &'static str {
    match state {
        ProxyState::Serving => "serving",
        ProxyState::Prepared => "prepared",
        ProxyState::OnTrial => "on trial",
        ProxyState::FellBack => "fell back",
        ProxyState::Behind => "behind",
        ProxyState::Refusing => "refusing",
        ProxyState::Away => "away",
    }
}

fn refusal(refusal: &RefusalOverview) -> String {
    let RefusalOverview { proxy, reason, detail, source, .. } = refusal;
    let source = source.as_deref().map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{proxy} refused: {reason}: {detail}{source}")
}

fn age(entry: &Entry, now: Duration) -> String {
    let seconds = now.saturating_sub(Duration::from_millis(entry.at)).as_secs();
    match seconds {
        0..120 => format!("{seconds} s ago"),
        120..7200 => format!("{} min ago", seconds / 60),
        7200..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

fn record(record: &Record) -> String {
    match record {
        Record::Reigned { term } => format!("control runtime started (term {term})"),
        Record::Offered { snapshot, .. } => format!("offered {}", short(snapshot)),
        Record::Started { epoch, snapshot, .. } => {
            format!("epoch {epoch} started: {}", short(snapshot))
        }
        Record::Wave { epoch, wave, proxies } => {
            format!("epoch {epoch} wave {wave}: {}", few(proxies))
        }
        Record::Confirmed { version } => format!("epoch {} confirmed", version.epoch),
        Record::Ended { epoch, cause } => format!("epoch {epoch} ended: {}", ended(cause)),
        Record::Undone { to } => format!("undone, to {}", short(to)),
        Record::Lifted { snapshot } => format!("lifted {} out of quarantine", short(snapshot)),
        Record::Paused => "paused".to_owned(),
        Record::Resumed => "resumed".to_owned(),
        Record::Checkpoint { .. } => "what was before is summed up here".to_owned(),
    }
}

fn ended(cause: &Cause) -> String {
    cause.to_string()
}

/// The first few names, and how many more there are.
fn few(names: &[String]) -> String {
    let shown = names.len().min(4);
    let mut text = names.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > shown {
        let _ = write!(text, " and {} more", names.len() - shown);
    }
    text
}
