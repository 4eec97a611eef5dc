//! How rollouts go, told as it happens.

use std::collections::BTreeMap;

use mesh_control::journal::Entry;
use mesh_control::observe::Overview;
use mesh_control::rollout::{Phase, Record};

use super::view::short;
use crate::render::Paint;
use crate::render::counts::counted;

/// What was told already.
#[derive(Debug, Default)]
pub(crate) struct Follow {
    last: Option<Entry>,
    /// The epoch that all proxies were last said to serve.
    whole: Option<u64>,
    /// The epoch that was last said to be held.
    held: Option<u64>,
    problems: BTreeMap<String, String>,
}

impl Follow {
    /// One line for each thing that is new.
    pub(crate) fn lines(&mut self, overview: &Overview, paint: Paint) -> Vec<String> {
        let records = self.news(overview);
        let mut lines = Vec::new();
        for entry in &records {
            lines.extend(line(&entry.record, paint));
            lines.extend(refusals(&entry.record, overview));
        }
        lines.extend(self.held(overview, paint));
        lines.extend(self.whole(overview, paint));
        for (place, problem) in &overview.problems {
            if self.problems.get(place) != Some(problem) {
                lines.push(format!("{} {place}: {problem}", paint.removed("✖")));
            }
        }
        self.problems.clone_from(&overview.problems);
        lines
    }

    /// The gate waits for an operator, and says why.
    fn held(&mut self, overview: &Overview, paint: Paint) -> Option<String> {
        let epoch = overview.candidate?.epoch;
        let reason = overview.gate.as_deref()?.strip_prefix("held: ")?;
        let told = self.held.replace(epoch) == Some(epoch);
        (!told).then(|| format!("{} epoch {epoch} is held: {reason}", paint.removed("!")))
    }

    /// Confirmed is what all should serve; that they do comes a little later.
    fn whole(&mut self, overview: &Overview, paint: Paint) -> Option<String> {
        let (serving, total) = (overview.serving, overview.total);
        let epoch = overview.confirmed?.epoch;
        if overview.phase != Phase::Idle || serving < total || total == 0 {
            return None;
        }
        let told = self.whole.replace(epoch) == Some(epoch);
        let proxies = counted(total, "proxy");
        (!told).then(|| format!("{} {proxies} in contact, all on epoch {epoch}", paint.added("✔")))
    }

    /// The records since the last call, oldest first.
    fn news(&mut self, overview: &Overview) -> Vec<Entry> {
        let records = &overview.records;
        let known = records.iter().rposition(|entry| Some(entry) == self.last.as_ref());
        self.last = records.last().cloned().or(self.last.take());
        records.iter().skip(known.map_or(0, |known| known + 1)).cloned().collect()
    }
}

/// Where the policy stands that was refused.
fn refusals(record: &Record, overview: &Overview) -> Vec<String> {
    let Record::Ended { epoch, .. } = record else { return Vec::new() };
    let ended = overview.last_ended.as_ref().filter(|ended| ended.version.epoch == *epoch);
    let sources =
        ended.into_iter().flat_map(|ended| &ended.refusals).filter_map(|it| it.source.as_ref());
    let mut lines: Vec<_> = sources.map(|source| format!("    at {source}")).collect();
    lines.dedup();
    lines
}

fn line(record: &Record, paint: Paint) -> Option<String> {
    let (ok, bad) = (paint.added("✔"), paint.removed("✖"));
    Some(match record {
        Record::Started { epoch, snapshot, .. } => {
            format!("  epoch {epoch}: {} is being prepared", short(snapshot))
        }
        Record::Wave { epoch, wave, proxies } => {
            let proxies = counted(proxies.len(), "proxy");
            format!("  epoch {epoch}: wave {wave}, {proxies}")
        }
        Record::Confirmed { version } => format!("{ok} epoch {} is confirmed", version.epoch),
        Record::Ended { epoch, cause } => format!("{bad} epoch {epoch} is taken back: {cause}"),
        Record::Paused => "  rollouts are paused".to_owned(),
        Record::Resumed => "  rollouts go on".to_owned(),
        Record::Undone { to } => format!("  back to {}", short(to)),
        Record::Lifted { snapshot } => format!("  {} is out of quarantine", short(snapshot)),
        Record::Reigned { .. } | Record::Offered { .. } | Record::Checkpoint { .. } => return None,
    })
}
