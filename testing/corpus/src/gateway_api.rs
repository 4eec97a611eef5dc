//! Group E: the Gateway API: what its CRDs refuse.

use std::path::Path;

use crate::case::Case;
use crate::corpus::CorpusError;
use crate::validation;

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for name in ["invalid-yaml", "cel-go"] {
        let folder = folder.join(name);
        cases.extend(validation::indexed(&folder.join("index.jsonl"), &folder)?);
    }
    Ok(cases)
}
