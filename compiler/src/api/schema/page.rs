//! `docs/reference/fields.md`: what becomes of every field, as the tables beside the kinds say.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::{Compiled, all_leaves, compiled};
use crate::api::KINDS;
use crate::api::field::FieldState;
use crate::api::rules::{ANNOTATIONS, LABELS, Line};

/// Chapters, and the groups of the kinds in each.
const CHAPTERS: &[(&str, &[&str])] = &[
    ("Istio: traffic", &["networking.istio.io"]),
    ("Istio: security", &["security.istio.io"]),
    ("Istio: telemetry and extensions", &["telemetry.istio.io", "extensions.istio.io"]),
    ("Istio: the mesh", &["mesh", "install.istio.io"]),
    ("Gateway API", &["gateway.networking.k8s.io", "gateway.networking.x-k8s.io"]),
    (
        "Kubernetes",
        &[
            "",
            "apps",
            "batch",
            "argoproj.io",
            "discovery.k8s.io",
            "networking.k8s.io",
            "admissionregistration.k8s.io",
            "apiextensions.k8s.io",
        ],
    ),
];

const STATES: &[&str] =
    &["enforced", "reported", "named", "unenforced", "refused", "deprecated", "elsewhere"];

/// `UPDATE=1` writes the page.
#[test]
fn the_page_of_fields_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/fields.md");
    let page = page(&compiled());
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "{} is stale: run the tests with UPDATE=1", path.display());
}

#[test]
fn every_kind_has_a_chapter() {
    for kind in compiled() {
        let chapters = CHAPTERS.iter().filter(|(_, groups)| groups.contains(&kind.group)).count();
        assert_eq!(chapters, 1, "{} {}", kind.group, kind.name);
    }
}

fn page(kinds: &[Compiled]) -> String {
    let mut page = include_str!("page_head.md").to_owned();
    summary(kinds, &mut page);
    for (title, groups) in CHAPTERS {
        let _ = write!(page, "\n## {title}\n");
        for kind in kinds.iter().filter(|kind| groups.contains(&kind.group)) {
            section(kind, &mut page);
        }
    }
    names("Annotations", &ANNOTATIONS, &mut page);
    names("Labels", &LABELS, &mut page);
    page
}

/// What Istio reads of metadata.
fn names(title: &str, lines: &[Line], page: &mut String) {
    let _ = write!(page, "\n## {title} of Istio\n\n| name | | |\n|---|---|---|\n");
    for Line { name, value, state } in lines {
        let value = value.map_or_else(String::new, |value| format!(": {value}"));
        let (state, text) = match *state {
            FieldState::Unenforced(text) => ("not enforced", text.to_owned()),
            FieldState::Named(check) => ("by a check", format!("`{check}`")),
            other => (other.name(), String::new()),
        };
        let _ = writeln!(page, "| `{name}{value}` | {state} | {text} |");
    }
}

/// The fields of a kind that are its own, with their states.
fn own(kind: &Compiled) -> Vec<(String, FieldState)> {
    let leaves = all_leaves(kind).into_iter();
    let is_own = |path: &String| {
        let first = path.split(['.', '[']).next().unwrap_or_default();
        kind.group == "mesh" || !matches!(first, "apiVersion" | "kind" | "metadata" | "status")
    };
    leaves
        .filter(is_own)
        .filter_map(|path| Some((kind.table.state(&path)?, path)))
        .map(|(state, path)| (path, state))
        .collect()
}

fn counts(fields: &[(String, FieldState)]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for (_, state) in fields {
        *counts.entry(state.name()).or_default() += 1;
    }
    counts
}

fn row(name: &str, all: usize, counts: &BTreeMap<&'static str, usize>, page: &mut String) {
    let _ = write!(page, "| {name} | {all} |");
    for state in STATES {
        match counts.get(state) {
            Some(count) => _ = write!(page, " {count} |"),
            None => page.push_str(" |"),
        }
    }
    page.push('\n');
}

fn summary(kinds: &[Compiled], page: &mut String) {
    page.push_str("\n| | fields | enforced | reported | by a check | not enforced | refused | deprecated | elsewhere |\n");
    page.push_str("|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    let mut total = (0, BTreeMap::new());
    for (title, groups) in CHAPTERS {
        let of_group = kinds.iter().filter(|kind| groups.contains(&kind.group));
        let fields: Vec<_> = of_group.flat_map(own).collect();
        let counts = counts(&fields);
        row(&format!("[{title}](#{})", anchor(title)), fields.len(), &counts, page);
        total.0 += fields.len();
        for (state, count) in counts {
            *total.1.entry(state).or_default() += count;
        }
    }
    row("**all**", total.0, &total.1, page);
}

/// As GitHub makes it of a heading.
fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-").replace(':', "")
}

fn section(kind: &Compiled, page: &mut String) {
    let fields = own(kind);
    let _ = write!(page, "\n### {}\n\n", kind.name);
    if let Some(versions) = versions(kind) {
        let _ = writeln!(page, "{versions}");
    }
    if let Some(consequence) = kind.table.consequence_of_all() {
        let _ = writeln!(page, "\n**Read and checked; nothing of it is enforced:** {consequence}.");
        return list(page, "Its fields", fields.iter().map(|(path, _)| path));
    }
    let counts = counts(&fields);
    let said: Vec<_> = STATES
        .iter()
        .filter_map(|state| Some(format!("{} {}", counts.get(state)?, in_words(state))))
        .collect();
    let _ = writeln!(page, "\n{} fields: {}.", fields.len(), said.join(", "));
    exceptions(kind, page);
    for (state, title) in [
        ("enforced", "Enforced"),
        ("reported", "Reported: in statistics, logs or status alone"),
        ("elsewhere", "Elsewhere: another program acts on it"),
    ] {
        let of_state = fields.iter().filter(|(_, it)| it.name() == state).map(|(path, _)| path);
        list(page, title, of_state);
    }
}

fn in_words(state: &str) -> &str {
    match state {
        "unenforced" => "not enforced",
        "reported" => "reported",
        "named" => "by a check",
        other => other,
    }
}

/// What is not as its author may expect, line by line.
fn exceptions(kind: &Compiled, page: &mut String) {
    let told = |state: &FieldState| state.speaks() || matches!(state, FieldState::Named(_));
    let lines: Vec<_> = kind.table.lines();
    let mut lines = lines.iter().filter(|(path, state)| told(state) && !path.starts_with("status"));
    let Some(first) = lines.next() else { return };
    page.push_str("\n| field | | |\n|---|---|---|\n");
    for (path, state) in std::iter::once(first).chain(lines) {
        let (path, value) =
            path.split_once('=').map_or((&**path, None), |(path, value)| (path, Some(value)));
        let shown = value.map_or_else(|| format!("`{path}`"), |value| format!("`{path}: {value}`"));
        let (state, text) = match *state {
            FieldState::Unenforced(text) => ("not enforced", text.to_owned()),
            FieldState::Refused(text) => ("refused", text.to_owned()),
            FieldState::Deprecated(text) => ("deprecated", text.to_owned()),
            FieldState::Named(check) => {
                ("by a check", format!("`{check}` says of each use what of it will not happen"))
            }
            FieldState::Enforced | FieldState::Reported | FieldState::Elsewhere => continue,
        };
        let _ = writeln!(page, "| {shown} | {state} | {} |", text.replace('|', "\\|"));
    }
}

fn list<'p>(page: &mut String, title: &str, paths: impl Iterator<Item = &'p String>) {
    let paths: Vec<_> = paths.map(String::as_str).collect();
    if paths.is_empty() {
        return;
    }
    let _ = write!(
        page,
        "\n<details><summary>{title}: {}</summary>\n\n```text\n{}\n```\n\n</details>\n",
        paths.len(),
        paths.join("\n")
    );
}

/// As `apiVersion` has them.
fn versions(kind: &Compiled) -> Option<String> {
    let known = KINDS.iter().find(|it| (it.group, it.name) == (kind.group, kind.name))?;
    let slash = if known.group.is_empty() { "" } else { "/" };
    let versions: Vec<_> =
        known.versions.iter().map(|version| format!("`{}{slash}{version}`", known.group)).collect();
    Some(versions.join(", "))
}
