//! Group E: the Gateway API.
//!
//! - `invalid-yaml`, `cel-go`: what its CRDs refuse;
//! - `conformance`: requests of its conformance tests, and how they are to be answered;
//! - `istio-status`: the statuses that Istio writes, and the routes that it makes.

mod conformance;
mod effective;

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
        let name = format!("istio-status/{}", corpus::name(&path));
        cases.push(Case::new(format!("{name}/status"), || {
            let mismatch = Mismatch::new("expected-status.yaml", "the compiler writes no statuses");
            Err(mismatch
                .because("findings say what a status would, and there is no cluster to keep one"))
        }));
        cases.push(Case::new(format!("{name}/istio"), move || effective::judge(&path)));
    }
    Ok(cases)
}
