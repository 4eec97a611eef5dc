//! What came out, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::case::{Mismatch, Verdict};
use crate::differences;

/// Changes when the form of the report does.
const SCHEMA: &str = "mesh.dev/corpus/v1";

/// A run over some groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    pub groups: Vec<GroupReport>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct GroupReport {
    pub group: &'static str,
    pub passed: usize,
    pub total: usize,
    /// In the order of the corpus.
    pub failures: Vec<Failure>,
    /// Cases of the same file that are neither compiler's nor engine's: they do not count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<Elsewhere>,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Failure {
    pub case: String,
    pub expected: String,
    pub got: String,
    /// Why the difference stays; absent: it is to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A case of another harness.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Elsewhere {
    pub case: String,
    /// What it is for.
    pub reason: String,
}

impl GroupReport {
    pub(crate) fn new(
        group: &'static str,
        verdicts: Vec<(&str, Verdict)>,
        elsewhere: Vec<Elsewhere>,
    ) -> Self {
        let total = verdicts.len();
        let failures: Vec<_> = verdicts
            .into_iter()
            .filter_map(|(case, verdict)| {
                let Mismatch { expected, got, reason } = verdict.err()?;
                let reason = reason.or_else(|| differences::reason(&got));
                Some(Failure { case: case.to_owned(), expected, got, reason })
            })
            .collect();
        Self { group, passed: total - failures.len(), total, failures, elsewhere }
    }
}

impl Report {
    /// `{"schema", "groups": [{"group", "passed", "total", "failures": [{"case", "expected", "got"}]}]}`
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::json!({ "schema": SCHEMA, "groups": self.groups }).to_string()
    }

    /// Each failing case, with what was expected and what came.
    #[must_use]
    pub fn failures(&self) -> String {
        let mut text = String::new();
        for group in &self.groups {
            for Failure { case, expected, got, reason } in &group.failures {
                let lines = [
                    format!("{} {case}\n", group.group),
                    format!("  expected: {}\n", expected.replace('\n', "\n            ")),
                    format!("  got:      {}\n", got.replace('\n', "\n            ")),
                ];
                text.extend(lines);
                if let Some(reason) = reason {
                    text.extend(["  reason:   ", reason, "\n"]);
                }
            }
            for Elsewhere { case, reason } in &group.elsewhere {
                text.extend([group.group, " ", case, "\n  elsewhere: ", reason, "\n"]);
            }
        }
        text
    }
}

/// The table: a line a group. What differs for a reason that is known counts as not passed all the same.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ["passed", "total", "with reason", "elsewhere"];
        let [passed, total, reasoned, elsewhere] = columns;
        writeln!(f, "{:<8} {passed:>7} {total:>7} {reasoned:>12} {elsewhere:>10}", "group")?;
        for GroupReport { group, passed, total, failures, elsewhere } in &self.groups {
            let reasoned = failures.iter().filter(|failure| failure.reason.is_some()).count();
            let elsewhere = elsewhere.len();
            writeln!(f, "{group:<8} {passed:>7} {total:>7} {reasoned:>12} {elsewhere:>10}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let verdicts = vec![("a", Ok(())), ("b", Err(Mismatch::new("an error", "none\nat all")))];
        Report { groups: vec![GroupReport::new("B", verdicts, Vec::new())] }
    }

    #[test]
    fn programs_get_every_failure() {
        let json: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
        let failure =
            serde_json::json!({ "case": "b", "expected": "an error", "got": "none\nat all" });
        let group =
            serde_json::json!({ "group": "B", "passed": 1, "total": 2, "failures": [failure] });
        assert_eq!(json, serde_json::json!({ "schema": "mesh.dev/corpus/v1", "groups": [group] }));
    }

    #[test]
    fn people_get_a_table_and_then_what_failed() {
        let table = report().to_string();
        let rows: Vec<Vec<&str>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[1], ["B", "1", "2", "0", "0"]);
        let lines = "B b\n  expected: an error\n  got:      none\n            at all\n";
        assert_eq!(report().failures(), lines);
    }

    #[test]
    fn a_reason_is_told_and_what_is_elsewhere_does_not_count() {
        let mismatch = Mismatch::new("a", "b").because("on purpose");
        let elsewhere = Elsewhere { case: "x".into(), reason: "for a proxy".into() };
        let report = Report {
            groups: vec![GroupReport::new("B", vec![("c", Err(mismatch))], vec![elsewhere])],
        };
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["groups"][0]["total"], 1);
        assert_eq!(json["groups"][0]["failures"][0]["reason"], "on purpose");
        let text = report.failures();
        assert!(text.contains("  reason:   on purpose\nB x\n  elsewhere: for a proxy\n"), "{text}");
    }
}
