//! The numbers, beside each other.

use std::fmt::Write as _;

use super::record::{Load, Record, Records};

const PEER: &str = "envoy";
const OURS: &str = "mesh";

/// A column's name, the digits after its point, and what stands in it.
type Column = (&'static str, usize, Of);
type Of = fn(&Record) -> Option<f64>;

/// Medians over the rounds; ratios are medians of those of the same round.
pub(super) fn of(records: &Records) -> String {
    let mut text = String::from(
        "Proxy beside Envoy, one worker thread each on one core; client and server on the other. Ratios are ours to Envoy's.\n",
    );
    requests(records, &mut text);
    streams(records, &mut text);
    text
}

fn requests(records: &Records, text: &mut String) {
    let columns: [Column; 6] = [
        ("requests/s", 0, |it| Some(it.saturated.as_ref()?.requests_per_second)),
        ("CPU µs/request", 1, |it| it.saturated.as_ref()?.cpu_micros_per_request),
        ("CPU µs/request, fixed rate", 1, |it| it.fixed.as_ref()?.cpu_micros_per_request),
        ("p50 µs", 0, |it| Some(it.fixed.as_ref()?.latency.p50)),
        ("p99 µs", 0, |it| Some(it.fixed.as_ref()?.latency.p99)),
        ("RSS MiB", 0, |it| Some(memory(it.saturated.as_ref()?))),
    ];
    let topos = topos(records, |record| record.saturated.is_some());
    table(records, &topos, &columns, text);
}

fn streams(records: &Records, text: &mut String) {
    let columns: [Column; 2] = [
        ("Gbit/s", 2, |it| Some(it.tcp.as_ref()?.gigabits_per_second)),
        ("CPU s/GiB", 2, |it| it.tcp.as_ref()?.cpu_s_per_gib),
    ];
    let topos = topos(records, |record| record.tcp.is_some());
    table(records, &topos, &columns, text);
}

/// A row a topology; of each column Envoy's value, ours, and the ratio.
fn table(records: &Records, topos: &[&str], columns: &[Column], text: &mut String) {
    if topos.is_empty() {
        return;
    }
    text.push_str("\n|   |");
    for (name, ..) in columns {
        let _ = write!(text, " {name}: {PEER} | {OURS} | ratio |");
    }
    let _ = write!(text, "\n|---|{}\n", "--:|".repeat(3 * columns.len()));
    for topo in topos {
        let _ = write!(text, "| {topo} |");
        for (_, digits, of) in columns {
            let values = |target| median(values(records, topo, target, *of).map(|(_, it)| it));
            for value in [values(PEER), values(OURS)] {
                number(value, *digits, text);
            }
            number(ratio(records, topo, *of), 2, text);
        }
        text.push('\n');
    }
}

fn number(value: Option<f64>, digits: usize, text: &mut String) {
    let _ = match value {
        Some(value) => write!(text, " {value:.digits$} |"),
        None => write!(text, " – |"),
    };
}

/// In the order in which they were measured.
fn topos(records: &Records, is_wanted: fn(&Record) -> bool) -> Vec<&str> {
    let mut topos: Vec<&str> = Vec::new();
    for record in records.records.iter().filter(|record| is_wanted(record)) {
        if !topos.contains(&&*record.topo) {
            topos.push(&record.topo);
        }
    }
    topos
}

/// By round.
fn values<'a>(
    records: &'a Records,
    topo: &'a str,
    target: &'a str,
    of: Of,
) -> impl Iterator<Item = (u32, f64)> + 'a {
    let records = records.records.iter();
    let of_target = records.filter(move |record| record.topo == topo && record.target == target);
    of_target.filter_map(move |record| Some((record.round, of(record)?)))
}

fn ratio(records: &Records, topo: &str, of: Of) -> Option<f64> {
    let ours = values(records, topo, OURS, of);
    median(ours.filter_map(|(round, ours)| {
        let (_, peers) = values(records, topo, PEER, of).find(|(of, _)| *of == round)?;
        Some(ours / peers)
    }))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        return values.get(middle).copied();
    }
    Some(f64::midpoint(*values.get(middle.checked_sub(1)?)?, *values.get(middle)?))
}

fn memory(load: &Load) -> f64 {
    load.roles.values().map(|role| role.rss_kb).sum::<f64>() / 1024.0
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::bench::record::{Records, faults};

    /// Three rounds of two targets, as the harness writes them.
    fn records() -> Records {
        let load = |rps: u32, cpu: f64| {
            format!(
                r#"{{"rps": {rps}, "cpu_us_req": {cpu}, "win_us": {{"p50": 100, "p90": 1, "p99": 200}},
                    "roles": {{"proxy": {{"rss_kb": 2048, "user_ms": 1}}}}}}"#
            )
        };
        let mut texts = Vec::new();
        for (round, envoy, mesh) in [(0, 100, 300), (1, 200, 500), (2, 300, 450)] {
            for (target, rps) in [("envoy", envoy), ("mesh", mesh)] {
                let (sat, fixed) = (load(rps, 10.0), load(50, 20.0));
                texts.push(format!(
                    r#"{{"round": {round}, "topo": "h1", "target": "{target}", "threads": 1, "sat": {sat}, "fixed": {fixed}}}"#
                ));
            }
        }
        serde_json::from_str(&format!(r#"{{"records": [{}]}}"#, texts.join(","))).unwrap()
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let text = of(&records());
        assert!(text.contains("| h1 | 200 | 450 | 2.50 | 10.0 | 10.0 | 1.00 |"), "{text}");
        assert!(text.contains("| 100 | 100 | 1.00 | 200 | 200 | 1.00 | 2 | 2 | 1.00 |"), "{text}");
    }

    #[test]
    fn what_failed_is_named() {
        let mut records = records();
        assert_eq!(faults(&records, "h1", 3), "");
        records.records[1].bad = 7;
        assert_eq!(faults(&records, "h1", 3), "mesh in h1, round 0: 7 requests failed\n");
        records.records.remove(1);
        assert_eq!(faults(&records, "h1", 3), "mesh in h1: measured 2 times of 3\n");
    }
}
