//! What becomes of the annotations and labels that Istio reads: each has a state, as fields have.

use std::sync::LazyLock;

use crate::api::Metadata;
use crate::api::checks::UNENFORCED_FIELD;
use crate::api::field::FieldState;
use crate::diagnostic::{At, Diagnostic};

/// Of a name, or of one of its values.
#[derive(Debug)]
pub(in crate::api) struct Line {
    pub name: &'static str,
    pub value: Option<&'static str>,
    pub state: FieldState,
}

pub(in crate::api) static ANNOTATIONS: LazyLock<Vec<Line>> =
    LazyLock::new(|| lines(include_str!("annotations.fields")));
pub(in crate::api) static LABELS: LazyLock<Vec<Line>> =
    LazyLock::new(|| lines(include_str!("labels.fields")));

/// `NAME STATE text` or `NAME=VALUE STATE text`. A test reads them all.
fn lines(text: &'static str) -> Vec<Line> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(line).collect()
}

fn line(line: &'static str) -> Option<Line> {
    let (name, rest) = line.split_once(' ')?;
    let (word, text) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
    let (name, value) = name.split_once('=').map_or((name, None), |(name, it)| (name, Some(it)));
    Some(Line { name, value, state: FieldState::parse(word, text.trim())? })
}

/// What will not happen although an annotation says so.
pub(super) fn unserved(name: &str, text: &str, at: &At<'_>) -> Option<Diagnostic> {
    find(&ANNOTATIONS, name, text).map(|it| report("annotation", name, it, at))
}

/// The same of labels. `at` is the metadata.
pub(super) fn check_labels(metadata: &Metadata, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = at.field("labels");
    for (name, text) in metadata.labels.iter().filter(|(name, _)| name.contains("istio.io/")) {
        let found = find(&LABELS, name, text);
        out.extend(found.map(|it| report("label", name, it, &at.field(name))));
    }
}

fn find(lines: &[Line], name: &str, text: &str) -> Option<&'static str> {
    let is_meant = |it: &&Line| it.name == name && it.value.is_none_or(|value| value == text);
    lines.iter().filter(is_meant).find_map(|it| match it.state {
        FieldState::Unenforced(consequence) => Some(consequence),
        _ => None,
    })
}

fn report(sort: &str, name: &str, consequence: &str, at: &At<'_>) -> Diagnostic {
    let message = format!("the {sort} `{name}` is accepted and has no effect");
    Diagnostic::new(&UNENFORCED_FIELD, at.key(), message)
        .label("not enforced")
        .consequence(consequence)
}

#[cfg(test)]
mod tests {
    use super::super::known::KNOWN;
    use super::*;
    use crate::testing::Compiled;

    #[test]
    fn every_annotation_has_one_state_and_every_line_is_read() {
        for (text, lines) in [
            (include_str!("annotations.fields"), &ANNOTATIONS),
            (include_str!("labels.fields"), &LABELS),
        ] {
            let written = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            assert_eq!(written.count(), lines.len());
        }
        let mut known: Vec<_> = KNOWN.iter().map(|it| it.name).collect();
        let mut said: Vec<_> = ANNOTATIONS.iter().map(|it| it.name).collect();
        known.sort_unstable();
        said.sort_unstable();
        assert_eq!(known, said);
    }

    #[test]
    fn what_is_not_served_is_named() {
        let of = |lines: &'static [Line], list: &'static str| {
            let unserved = lines.iter().filter(|it| it.state.speaks());
            unserved.map(move |it| (list, it.name, it.value.unwrap_or("1")))
        };
        for (list, name, value) in of(&ANNOTATIONS, "annotations").chain(of(&LABELS, "labels")) {
            let kinds = KNOWN.iter().find(|it| it.name == name && list == "annotations");
            let kind = kinds.map_or("Pod", |it| it.kinds[0]);
            // Nothing else of a gateway's own is looked at here.
            if kind == "Gateway" {
                continue;
            }
            let spec = if kind == "Pod" { "{containers: [{name: a, image: a}]}" } else { "{}" };
            let text = format!(
                "apiVersion: v1\nkind: {kind}\nmetadata: {{name: a, {list}: {{{name}: '{value}'}}}}\nspec: {spec}\n"
            );
            let said = Compiled::text(&text).said();
            let is_said = |line: &String| {
                line.starts_with("warning[unenforced-field]") && line.contains(&format!("`{name}`"))
            };
            assert!(said.iter().any(is_said), "{name}: {said:?}");
        }
    }

    #[test]
    fn what_is_served_is_not() {
        let text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {istio.io/dataplane-mode: none}}\n";
        assert_eq!(Compiled::text(text).said(), [""; 0]);
    }
}
