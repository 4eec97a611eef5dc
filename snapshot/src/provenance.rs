//! How a snapshot came to be. Beside it, not in it: who compiles the same policy elsewhere gets the same digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::object::is_default;

/// What the compiler knows of its own run.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provenance {
    /// `mesh 0.1.0`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub compiler: String,
    /// The Git commit that was compiled, in full; empty: not known.
    #[serde(default, skip_serializing_if = "is_default")]
    pub commit: String,
    /// Files differed from the commit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub dirty: bool,
    /// File, relative to the repository → digest of its bytes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inputs: BTreeMap<String, Digest>,
}
