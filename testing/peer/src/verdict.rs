//! What somebody says of a repository, whoever it is.

use std::collections::BTreeSet;

use mesh_compiler::diagnostic::Severity;
use serde_json::Value;

/// All that is said, and about what.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Resources that are refused by themselves, each with the reason.
    pub refused: Vec<Remark>,
    /// Everything else that has a code of Istio's, or is an error.
    pub noted: Vec<Remark>,
}

#[derive(Clone, Debug)]
pub(crate) struct Remark {
    /// Istio's codes of what is said: one of them, where there are several.
    pub codes: Vec<String>,
    /// Codes of what goes without saying, once this is said.
    pub implied: Vec<String>,
    /// The name of our check; empty where Istio speaks.
    pub check: &'static str,
    pub severity: Severity,
    /// `VirtualService shop/a`
    pub resource: String,
    /// Other resources that have a part in it.
    pub others: BTreeSet<String>,
    pub text: String,
}

/// What both sides call a resource.
pub(crate) fn name(resource: &Value) -> String {
    let text = |pointer| resource.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    match text("/metadata/namespace") {
        "" => format!("{kind} {name}"),
        namespace => format!("{kind} {namespace}/{name}"),
    }
}

/// The code of what Istio's validation refuses.
pub(crate) const REFUSED: &str = "IST0106";

/// The code of whatever is not there; [`not_found`] adds what that is.
pub(crate) const NOT_FOUND: &str = "IST0101";

/// `IST0101 gateway`: one code says too much to be one thing.
pub(crate) fn not_found(word: &str) -> String {
    format!("{NOT_FOUND} {word}")
}
