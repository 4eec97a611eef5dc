//! Group F: fields of the kinds, and annotations.

mod annotation;
mod field;

use std::path::Path;

use crate::case::Case;
use crate::corpus::CorpusError;

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for name in ["fields.txt", "fields-meshconfig.txt", "fields-meshnetworks.txt"] {
        cases.extend(field::cases(&folder.join(name))?);
    }
    cases.extend(annotation::cases(&folder.join("annotations.json"))?);
    Ok(cases)
}
