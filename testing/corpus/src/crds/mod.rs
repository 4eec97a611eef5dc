//! Group F: fields of the kinds, what their definitions refuse, and annotations.

mod annotation;
mod field;
#[expect(clippy::indexing_slicing, reason = "what a definition does not have is null")]
mod schema;

use std::path::Path;

use crate::case::Case;
use crate::corpus::CorpusError;

pub(crate) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for name in ["fields.txt", "fields-meshconfig.txt", "fields-meshnetworks.txt"] {
        cases.extend(field::cases(&folder.join(name), false)?);
    }
    for name in [
        "fields-istio.txt",
        "fields-gateway-api-standard.txt",
        "fields-gateway-api-experimental.txt",
        "fields-proxyconfig-mesh.txt",
    ] {
        cases.extend(field::cases(&folder.join(name), true)?);
    }
    cases.extend(schema::cases(folder)?);
    cases.extend(annotation::cases(&folder.join("annotations.json"))?);
    Ok(cases)
}
