//! Annotations that Istio knows: where each may stand, and which are deprecated.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};
use crate::subject::{Files, Findings};

/// An element of `annotations.json`
#[derive(Deserialize)]
struct Annotation {
    name: String,
    deprecated: bool,
    /// Kinds that it may stand on, or `Any`.
    resources: Vec<String>,
}

/// What Istio looks at, and how to write one.
const LOOKED_AT: &[&str] = &["Pod", "Service", "Namespace"];

const MISPLACED: &str = "IST0107";
const UNKNOWN: &str = "IST0108";
const DEPRECATED: &str = "IST0135";

pub(super) fn cases(file: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for Annotation { name, deprecated, resources } in corpus::json::<Vec<Annotation>>(file)? {
        for kind in LOOKED_AT {
            let may_stand = resources.iter().any(|resource| resource == "Any" || resource == kind);
            let files = Files::default().with("a.yaml", resource(kind, &name));
            // That one is deprecated Istio says wherever it stands. Source: Istio, `annotations.K8sAnalyzer`.
            let expected: Vec<_> =
                [(!may_stand).then_some(MISPLACED), deprecated.then_some(DEPRECATED)]
                    .into_iter()
                    .flatten()
                    .collect();
            cases.push(Case::new(format!("annotation {name} on {kind}"), move || {
                let found = Findings::of(files.compile());
                let codes = [MISPLACED, UNKNOWN, DEPRECATED];
                let is_said =
                    |code: &&str| found.all.iter().any(|finding| finding.check.is_called(code));
                let got: Vec<_> = codes.into_iter().filter(is_said).collect();
                let shown = |codes: &[&str]| {
                    if codes.is_empty() { "nothing".to_owned() } else { codes.join(", ") }
                };
                if got == expected {
                    Ok(())
                } else {
                    Err(Mismatch::new(shown(&expected), shown(&got)))
                }
            }));
        }
    }
    Ok(cases)
}

fn resource(kind: &str, annotation: &str) -> String {
    let spec = match kind {
        "Pod" => json!({ "containers": [{ "name": "main", "image": "main" }] }),
        "Service" => json!({ "ports": [{ "name": "http", "port": 80 }] }),
        _ => json!({}),
    };
    let metadata = json!({ "name": "a", "annotations": { annotation: "x" } });
    json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec }).to_string()
}
