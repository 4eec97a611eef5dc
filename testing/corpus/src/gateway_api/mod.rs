//! Group E: the Gateway API.
//!
//! - `invalid-yaml`, `cel-go`: what its CRDs refuse;
//! - `conformance`: requests of its conformance tests, and how they are to be answered;
//! - `istio-status`: the statuses that Istio writes, and the routes that it makes.

mod conformance;

use std::path::Path;

use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};
use crate::validation;

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for name in ["invalid-yaml", "cel-go"] {
        let folder = folder.join(name);
        cases.extend(validation::indexed(&folder.join("index.jsonl"), &folder)?);
    }
    cases.extend(conformance::cases(&folder.join("conformance"))?);
    for path in corpus::folders(&folder.join("istio-status"))? {
        for (part, got) in PARTS {
            let name = format!("istio-status/{}/{part}", corpus::name(&path));
            cases.push(Case::new(name, move || {
                Err(Mismatch::new(format!("expected-{part}.yaml"), *got))
            }));
        }
    }
    Ok(cases)
}

/// What nobody can be asked yet.
const PARTS: &[(&str, &str)] = &[
    ("status", "the compiler writes no statuses"),
    ("istio", "effective routes are not compared with those of another API yet"),
];
