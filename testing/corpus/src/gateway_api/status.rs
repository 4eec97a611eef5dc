//! The statuses that Istio writes, beside ours.
//!
//! Istio's test has Services, Secrets and `ConfigMap`s that stand in no file: what a case refers to is there, unless a
//! message of the expected status says that it is not. Types, states, reasons and places are compared word by word,
//! messages by what they are about; times and generations are of no file.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::world;
use crate::case::{Mismatch, Verdict};
use crate::corpus;
use crate::words;
use crate::yaml;

const EXPECTED: &str = "expected-status.yaml";

pub(super) fn judge(folder: &Path) -> Verdict {
    let fails = |got: String| Err(Mismatch::new(EXPECTED, got));
    let read = |name: &str| {
        let text = corpus::text(&folder.join(name)).map_err(|error| error.to_string())?;
        yaml::documents(&text)
    };
    let (input, expected, istio) =
        match (read("input.yaml"), read(EXPECTED), read("expected-istio.yaml")) {
            (Ok(input), Ok(expected), Ok(istio)) => (input, expected, istio),
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => return fails(error),
        };
    let files = match world::files(folder, &input, &expected, &istio) {
        Ok(files) => files,
        Err(error) => return fails(error),
    };
    let compiled = files.compile_with_statuses();
    let got = compiled.statuses.iter().filter_map(|it| serde_json::to_value(it).ok());
    let got: BTreeMap<_, _> = got.map(|it| (name(&it), it)).collect();
    let wanted = expected.iter().filter(|it| !it.is_null()).map(|it| (name(it), it));
    let wanted: BTreeMap<_, _> = wanted.collect();
    let mut differences = Vec::new();
    for (name, wanted) in &wanted {
        match got.get(name) {
            Some(got) => compare(name, &wanted["status"], &got["status"], &mut differences),
            None => differences.push(format!("{name} has no status")),
        }
    }
    let more = got.keys().filter(|name| !wanted.contains_key(*name));
    differences.extend(more.map(|name| format!("{name} has a status")));
    if differences.is_empty() {
        return Ok(());
    }
    let mismatch = Mismatch::new(EXPECTED, differences.join("\n"));
    let of_conflict = |it: &String| it.contains(": \"Conflicted\" for ");
    if differences.iter().any(of_conflict)
        && input.iter().all(|it| it.pointer("/metadata/uid").is_none())
    {
        let reason = "Istio tells policies apart by uid, and in its test they have none";
        return Err(mismatch.because(reason));
    }
    let unserved = compiled.findings.iter().filter(|it| it.check.name == "unenforced-kind");
    let kinds: Vec<_> = unserved.filter_map(|it| it.message.split(' ').next()).collect();
    let is_about = |it: &&str| differences.iter().any(|difference| difference.contains(*it));
    if let Some(kind) = kinds.iter().copied().find(is_about) {
        return Err(mismatch.because(format!("the compiler warns that {kind} is not served yet")));
    }
    Err(mismatch)
}

/// `Kind namespace/name`
fn name(document: &Value) -> String {
    let text = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

/// Fields that no file could tell.
const OF_A_CLUSTER: &[&str] = &["lastTransitionTime", "observedGeneration"];

fn compare(at: &str, wanted: &Value, got: &Value, out: &mut Vec<String>) {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => compare_objects(at, wanted, got, out),
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                let own = ["type", "name"].iter().find_map(|key| wanted.get(*key)?.as_str());
                let own = own.map_or_else(|| index.to_string(), str::to_owned);
                compare(&format!("{at}.{own}"), wanted, got, out);
            }
        }
        _ if wanted == got => {}
        _ => out.push(format!("{at}: {got} for {wanted}")),
    }
}

fn compare_objects(
    at: &str,
    wanted: &Map<String, Value>,
    got: &Map<String, Value>,
    out: &mut Vec<String>,
) {
    let names: std::collections::BTreeSet<_> = wanted.keys().chain(got.keys()).collect();
    for name in names {
        if OF_A_CLUSTER.contains(&name.as_str()) {
            continue;
        }
        let null = Value::Null;
        let (wanted, got) = (wanted.get(name).unwrap_or(&null), got.get(name).unwrap_or(&null));
        let is_about = |wanted: &Value, got: &Value| {
            let texts = (got.as_str(), wanted.as_str());
            matches!(texts, (Some(got), Some(wanted)) if words::is_about(got, wanted))
        };
        if name == "message" && is_about(wanted, got) {
            continue;
        }
        compare(&format!("{at}.{name}"), wanted, got, out);
    }
}
