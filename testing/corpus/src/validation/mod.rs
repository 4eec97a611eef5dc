//! Group B: verdicts of Istio's validation: its webhook's functions, its CRDs, `istioctl validate`.
//!
//! Each is about resources one by one, so only the compiler's stages that take them so are run. `index.jsonl` of each
//! folder names files and verdicts; in `scalars` a row is the value of one field.

mod expectation;
mod scalar;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::case::{Case, Mismatch, Verdict};
use crate::corpus::{self, CorpusError};
use crate::differences;
use crate::subject::Files;
use crate::yaml;
use expectation::Expectation;

/// A row of an index of files.
#[derive(Deserialize)]
struct Row {
    id: String,
    file: PathBuf,
    /// Absent: several resources.
    kind: Option<String>,
    split: Option<String>,
    #[serde(flatten)]
    expectation: Expectation,
}

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for name in ["go-tables", "istioctl-validate", "crd-cel"] {
        cases.extend(indexed(&folder.join(name).join("index.jsonl"), folder)?);
    }
    for row in corpus::json_lines::<scalar::Row>(&folder.join("scalars").join("index.jsonl"))? {
        cases.push(row.case());
    }
    for path in corpus::entries(&folder.join("webhook-valid"))? {
        let files = Files::default().with(corpus::name(&path), corpus::text(&path)?);
        cases.push(Case::new(format!("webhook-valid/{}", corpus::name(&path)), move || {
            Expectation::valid().judge(&files.validate())
        }));
    }
    Ok(cases)
}

/// The files that an index names, from `folder` on, and what validation says of each.
pub(crate) fn indexed(index: &Path, folder: &Path) -> Result<Vec<Case>, CorpusError> {
    corpus::json_lines::<Row>(index)?.into_iter().map(|row| row.case(folder)).collect()
}

impl Row {
    fn case(self, folder: &Path) -> Result<Case, CorpusError> {
        let text = corpus::text(&folder.join(self.path(folder)))?;
        let mut files = Files::default();
        let Self { id, expectation, .. } = self;
        match self.kind.as_deref() {
            Some("MeshConfig") => files.mesh_config(&text),
            Some("MeshNetworks") => {
                files.mesh_networks(&text);
                return Ok(Case::new(id, move || read_networks(&files, &expectation)));
            }
            _ => files.add(corpus::name(&self.file), text.as_str()),
        }
        let is_silent = yaml::documents(&text).is_ok_and(|all| all.iter().all(says_nothing));
        let files = Arc::new(files);
        Ok(Case::new(id, move || {
            let verdict = expectation.judge(&files.validate());
            verdict.map_err(|mismatch| match mismatch.got.starts_with("accepted") {
                true if is_silent => mismatch.because(LOST),
                true => explained(mismatch, &files),
                false => mismatch,
            })
        }))
    }

    /// An index may name the part of the corpus that a file belongs to as a folder, although there is none.
    fn path(&self, folder: &Path) -> PathBuf {
        let is_there = folder.join(&self.file).exists();
        let split = self.split.as_deref().filter(|_| !is_there);
        self.file.iter().filter(|part| split.is_none_or(|split| *part != split)).collect()
    }
}

const LOST: &str = "what was refused is an empty list of Go, which YAML does not show: nothing in the document is wrong";

/// Whether a resource says nothing beyond whom it is for.
fn says_nothing(resource: &Value) -> bool {
    let Some(spec) = resource["spec"].as_object() else { return false };
    let whom = ["selector", "targetRef", "targetRefs"];
    spec.iter().filter(|(name, _)| !whom.contains(&name.as_str())).all(|(_, it)| is_hollow(it))
}

/// Whether there is no word in it.
fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().all(is_hollow),
        Value::Array(elements) => elements.iter().all(is_hollow),
        _ => false,
    }
}

/// Why nothing is refused, where the stages that take resources together say so.
fn explained(mismatch: Mismatch, files: &Files) -> Mismatch {
    match differences::milder(&files.compile().findings) {
        Some(reason) => mismatch.because(reason),
        None => mismatch,
    }
}

/// Networks stand in a `ConfigMap` that is no mistake to leave unread; so it is asked first whether they are read at all.
fn read_networks(files: &Files, expectation: &Expectation) -> Verdict {
    let mut nonsense = Files::default();
    nonsense.mesh_networks("networks: 7\n");
    if nonsense.validate().errors().next().is_none() {
        return Err(Mismatch::new(expectation.to_string(), "MeshNetworks are not read"));
    }
    expectation.judge(&files.validate())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::says_nothing;

    #[test]
    fn whom_a_policy_is_for_is_nothing_by_itself() {
        assert!(says_nothing(&json!({ "spec": { "selector": { "a": "b" }, "rules": [{}] } })));
        assert!(!says_nothing(&json!({ "spec": { "rules": [{ "to": "x" }] } })));
        assert!(!says_nothing(&json!({ "kind": "Secret" })));
    }
}
