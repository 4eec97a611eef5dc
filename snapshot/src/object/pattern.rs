//! How a text is compared with what a request carries.

use serde::{Deserialize, Serialize};

/// Istio's `StringMatch`, and the segment-wise prefix of the Gateway API. Case counts, unless the field
/// that holds the match says otherwise.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum StringMatch {
    Exact(String),
    /// A prefix of the text: `/a` matches `/ab`.
    Prefix(String),
    /// A prefix of whole segments: `/a` matches `/a` and `/a/b`, not `/ab`. Source: Gateway API,
    /// `HTTPPathMatch.type: PathPrefix`. Never ends in `/`, but for the empty one, which is `/`.
    PathPrefix(String),
    /// An expression in RE2's language that must match the whole text.
    Regex(String),
}
