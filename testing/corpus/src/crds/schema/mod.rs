//! What the definition of a kind refuses, the compiler refuses too: types, values, bounds, lengths, patterns, and fields that
//! must be there or do not exist.
//!
//! For each place of a definition there is a document that is right there, and one for each way to be wrong. A wrong one is
//! refused when it has an error that the right one has not: what else may be amiss in both is no matter.

mod document;
mod probe;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mesh_compiler::diagnostic::Finding;
use serde_json::Value;

use self::document::{Kind, Step};
use crate::case::{Case, Mismatch, Verdict};
use crate::corpus::{self, CorpusError};
use crate::subject::{Files, Findings};
use crate::yaml;

pub(super) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut files = vec![folder.join("istio/crd-all.gen.yaml")];
    let api = folder.join("gateway-api/experimental");
    let entries =
        fs::read_dir(&api).map_err(|error| CorpusError::Io { path: api.clone(), error })?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    names.sort();
    files.extend(names.into_iter().filter(|path| path.extension().is_some_and(|it| it == "yaml")));
    let mut cases = Vec::new();
    for file in files {
        let text = corpus::text(&file)?;
        let documents = yaml::documents(&text)
            .map_err(|reason| CorpusError::Unusable { path: file.clone(), reason })?;
        for kind in documents.iter().filter_map(Kind::of_definition) {
            cases.extend(of_kind(&kind));
        }
    }
    Ok(cases)
}

fn of_kind(kind: &Kind) -> Vec<Case> {
    let mut places = Vec::new();
    places_below(&kind.schema, &mut Vec::new(), &mut places);
    let case = |(path, schema): (Vec<Step>, Value)| {
        let kind = kind.clone();
        let shown: String = path.iter().map(Step::to_string).collect();
        let name = format!("schema {}{shown}", kind.name);
        Case::new(name, move || judge(&kind, &path, &schema))
    };
    places.into_iter().map(case).collect()
}

/// Every place of a definition, with what it says of it.
fn places_below(schema: &Value, path: &mut Vec<Step>, places: &mut Vec<(Vec<Step>, Value)>) {
    if !path.is_empty() {
        places.push((path.clone(), schema.clone()));
    }
    let mut below = |step: Step, schema: &Value| {
        path.push(step);
        places_below(schema, path, places);
        path.pop();
    };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        below(Step::Field(name.clone()), property);
    }
    if schema["additionalProperties"].is_object() {
        below(Step::Key, &schema["additionalProperties"]);
    }
    if schema["items"].is_object() {
        below(Step::Element, &schema["items"]);
    }
}

fn judge(kind: &Kind, path: &[Step], schema: &Value) -> Verdict {
    let (right, suspect) = said(&kind.document(path, document::sample(schema)));
    let mut accepted = Vec::new();
    let mut is_told = true;
    for (what, wrong) in probe::wrong(schema) {
        let (found, warnings) = said(&kind.document(path, wrong));
        // What is refused whatever it says need not be looked into.
        let is_refused = found.iter().any(|error| error.starts_with("refused-field "));
        if !is_refused && found.is_subset(&right) {
            accepted.push(what);
            is_told &= !warnings.is_subset(&suspect);
        }
    }
    if accepted.is_empty() {
        return Ok(());
    }
    let mismatch = Mismatch::new("refused", format!("accepted: {}", accepted.join("; ")));
    Err(if is_told { mismatch.because(WARNED) } else { mismatch })
}

const WARNED: &str =
    "it is warned about: Istio's validation, which it is held to, takes it with a warning";

/// What is wrong with a document, and what may be, without the places, which differ from one to the next.
fn said(document: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let files = Files::default().with("a.yaml", document.to_string());
    let found: Findings = files.validate();
    let text = |it: &Finding| format!("{} {}", it.check.name, it.message);
    (found.errors().map(text).collect(), found.warnings().map(text).collect())
}
