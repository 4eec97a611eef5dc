//! What the definitions of kinds and Istio's webhook refuse is refused, and what they take is taken.
//!
//! `definitions.txt` has two lines a rule: a `spec` that breaks it, and one that keeps it. Source: the CEL rules of Istio's and
//! the Gateway API's resource definitions, and what `istioctl` was seen to refuse.

use crate::api::KINDS;
use crate::diagnostic::Severity;
use crate::testing::Compiled;

#[test]
fn what_breaks_a_rule_is_refused_and_what_keeps_it_is_not() {
    let lines: Vec<_> = include_str!("definitions.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let wrong: Vec<_> = lines
        .chunks(2)
        .flat_map(|pair| pair.iter().zip([true, false]))
        .filter(|(line, is_broken)| is_refused(line) != *is_broken)
        .map(|(line, is_broken)| (if is_broken { "accepted" } else { "refused" }, line))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `KIND SPEC`, or `GROUP/VERSION/KIND SPEC` where several groups have a kind of the name.
fn is_refused(line: &str) -> bool {
    let (kind, spec) = line.split_once(' ').unwrap();
    let (version, kind) = if let Some((version, kind)) = kind.rsplit_once('/') {
        (version.to_owned(), kind)
    } else {
        let known = KINDS.iter().find(|it| it.name == kind).unwrap();
        (format!("{}/{}", known.group, known.versions[0]), kind)
    };
    let text = format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a, namespace: b}}\nspec: {}\n",
        spec.trim()
    );
    let found = Compiled::text(&text).findings;
    found.iter().any(|it| it.severity == Severity::Error)
}
