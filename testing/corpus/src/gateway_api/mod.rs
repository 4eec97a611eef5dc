//! Group E: the Gateway API.
//!
//! - `invalid-yaml`, `cel-go`: what its CRDs refuse;
//! - `conformance`: requests of its conformance tests, and how they are to be answered;
//! - `istio-status`: the statuses that Istio writes, and the routes that it makes.

mod conformance;
mod effective;
mod opened;
mod status;
mod world;

use std::path::Path;

use crate::case::Case;
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
        let folder = path.clone();
        cases.push(Case::new(format!("{name}/status"), move || status::judge(&folder)));
        cases.push(Case::new(format!("{name}/istio"), move || effective::judge(&path)));
    }
    Ok(cases)
}
