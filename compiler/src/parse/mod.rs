//! From text to resources: YAML and JSON become trees in which every key and every value has its bytes.
//!
//! ```text
//! SourceFile ─everyday, else granit-parser▶ events ─build▶ Tree ─documents▶ [Document]
//! ```
//! - A [`Tree`] is one YAML document: a few flat vectors; text stays where it stands in the file unless it
//!   is escaped or folded. A [`Document`] is one resource in it; a `List` holds many.
//! - Scalars are typed as Kubernetes does it ([`scalar`]), aliases and merge keys are resolved within a
//!   budget, duplicate keys are errors that name both places.
//! - A syntax error costs one YAML document; the others of the file are read. What was understood of the
//!   broken one (kind and name) is kept as [`Broken`], so that nobody calls it missing.
//! - Files that hold no resources (values of a chart, kustomizations, templates, patches) are told apart
//!   by what they look like, or by the kustomization that names them, and get one notice each; templates of a chart
//!   together. What is encrypted is there, and one notice tells of all.
//! - Comments that speak to the compiler are [`Pragma`]s, each with what it is about.
//!
//! Of fields it knows those alone that tell what a document is, where it came from, or that it is to be hidden. The rest is for `api`.

mod alike;
mod build;
mod checks;
mod classify;
mod document;
mod duplicate;
mod embedded;
mod encrypted;
mod everyday;
mod faults;
mod file;
mod half;
mod json;
mod merge;
mod origin;
mod parsed;
mod pragmas;
pub mod scalar;
mod secret;
mod securing;
mod stream;
mod syntax;
mod tree;
mod unrendered;

pub(crate) use alike::alike;
pub(crate) use checks::UNRENDERED_SOURCE;
pub use checks::{CHECKS, NOT_A_RESOURCE};
pub use document::{Broken, Document, DocumentId, Identity};
pub use embedded::{MESH_CONFIG, MESH_NETWORKS, text_at};
pub(crate) use encrypted::report_encrypted;
pub use faults::Faults;
pub(crate) use file::{ParsedFile, parse};
pub use origin::origin;
pub use parsed::{Parsed, TreeId};
pub use pragmas::{About, Pragma};
pub(crate) use secret::may_be_secret;
pub(crate) use securing::{is_securing, judged};
pub(crate) use stream::DEPTH_MAX;
pub use tree::{Content, Entry, NodeId, Text, Tree};
pub use unrendered::Unrendered;
pub use unrendered::chart::Charts;
pub(crate) use unrendered::chart::read_charts;
pub use unrendered::kustomize::Kustomizations;
pub(crate) use unrendered::kustomize::read_kustomizations;
pub(crate) use unrendered::not_shown;

#[cfg(test)]
mod tests;
