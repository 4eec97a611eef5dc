//! From a tree to a typed struct, reporting everything that is wrong with it and not just the first thing.
//!
//! `serde` stops at the first error. So [`decode`] tries again: it notes the value at fault, reads it as what it plainly
//! stands for ([`meant`]) or as empty from then on, and decodes once more, until nothing is new. A list keeps its length, so the index of an
//! element in the struct is its index in the file. Unknown fields stop nothing and are noted on the way.
//!
//! ```text
//! Tree ─Value (Deserializer)▶ T
//!        ╰▶ Log: faults (what is read as empty), notes (what is said)
//! ```
//! How the types of Kubernetes are read:
//! - an absent value, `key:` or `key: null`, is no value: the field is absent;
//! - a number is never taken from a text, nor a text from a number; `80.0` is a whole number;
//! - a text of the form `${NAME}` is a hole that somebody fills later: it is any type, and the resource is
//!   checked but not compiled ([`Decoded::has_placeholder`]). Where nobody looks at a text, it is no hole
//!   ([`super::scalar::AnyText`]).
//!
//! Types whose values are texts in a language of their own (durations, addresses) ask for a newtype struct, get
//! their text through it, and get nothing (`visit_unit`) where the value is faulty: see [`super::scalar`].

mod access;
mod empty;
mod log;
mod meant;
mod report;
mod stop;
mod suggest;
mod value;

use serde::de::DeserializeOwned;

use crate::api::UNRESOLVED_PLACEHOLDER;
use crate::diagnostic::Diagnostic;
use crate::parse::{Document, DocumentId, Faults, Parsed};

use log::Log;
use value::{Reader, Value};

pub(super) use report::of_kustomizations;
pub use suggest::{Words, nearest};
pub(super) use value::is_placeholder;

/// What came of a document.
#[derive(Debug)]
pub(crate) struct Decoded<T> {
    /// Absent only where the document as a whole is no mapping.
    pub value: Option<T>,
    pub faults: Faults,
    pub has_placeholder: bool,
    /// Whether more is wrong than `faults` and `diagnostics` hold, so that nothing follows from what is absent in `value`.
    pub has_more_faults: bool,
    pub diagnostics: Vec<Diagnostic>,
}

/// Decodes the document `id` of `parsed`.
pub(crate) fn decode<T: DeserializeOwned>(parsed: &Parsed, id: DocumentId) -> Decoded<T> {
    let document = parsed.document(id);
    let log = Log::default();
    let reader = Reader {
        tree: parsed.tree(document.tree),
        source: parsed.source(document.file).text(),
        log: &log,
        notes_absent_values: !is_kubernetes(document),
        is_built: parsed.kustomizations().change(document.file),
    };
    let root = Value::root(&reader, document.root);
    let value = loop {
        log.begin();
        match T::deserialize(root) {
            Ok(value) => break Some(value),
            Err(stop) => {
                // A fault that is not news cannot be read as empty: give up rather than spin.
                if !log.insert(stop) {
                    break None;
                }
            }
        }
    };
    let diagnostics = report::diagnose(&reader, id, document, &log);
    let has_placeholder =
        log.has_placeholder() || diagnostics.iter().any(|it| *it.check == UNRESOLVED_PLACEHOLDER);
    let has_more_faults = log.is_full();
    Decoded { value, faults: log.into_faults(), has_placeholder, has_more_faults, diagnostics }
}

/// Kubernetes' own kinds are full of empty fields (`creationTimestamp: null`), and its server drops them.
fn is_kubernetes(document: &Document) -> bool {
    let group = document.identity.group();
    !group.contains('.') || group.ends_with(".k8s.io") && group != "gateway.networking.k8s.io"
}

#[cfg(test)]
mod tests;
