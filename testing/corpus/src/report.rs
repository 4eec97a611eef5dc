//! What came out, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::case::{Mismatch, Verdict};

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
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Failure {
    pub case: String,
    pub expected: String,
    pub got: String,
}

impl GroupReport {
    pub(crate) fn new(group: &'static str, verdicts: Vec<(&str, Verdict)>) -> Self {
        let total = verdicts.len();
        let failures: Vec<_> = verdicts
            .into_iter()
            .filter_map(|(case, verdict)| {
                let Mismatch { expected, got } = verdict.err()?;
                Some(Failure { case: case.to_owned(), expected, got })
            })
            .collect();
        Self { group, passed: total - failures.len(), total, failures }
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
            for Failure { case, expected, got } in &group.failures {
                let lines = [
                    format!("{} {case}\n", group.group),
                    format!("  expected: {}\n", expected.replace('\n', "\n            ")),
                    format!("  got:      {}\n", got.replace('\n', "\n            ")),
                ];
                text.extend(lines);
            }
        }
        text
    }
}

/// The table: a line a group.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<8} {:>7} {:>7}", "group", "passed", "total")?;
        for GroupReport { group, passed, total, .. } in &self.groups {
            writeln!(f, "{group:<8} {passed:>7} {total:>7}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let verdicts = vec![("a", Ok(())), ("b", Err(Mismatch::new("an error", "none\nat all")))];
        Report { groups: vec![GroupReport::new("B", verdicts)] }
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
        assert_eq!(report().to_string(), "group     passed   total\nB              1       2\n");
        let lines = "B b\n  expected: an error\n  got:      none\n            at all\n";
        assert_eq!(report().failures(), lines);
    }
}
