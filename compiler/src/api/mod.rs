//! What resources say: one typed struct a kind, and everything that is wrong with a resource by itself.
//!
//! ```text
//! Parsed ─KINDS▶ decode ▶ T ─field table, validate▶ Resource<T> ─▶ Mesh
//! ```
//! - [`KINDS`] knows every kind by name. One that is not compiled yet is named in a warning that says what will
//!   not happen; one that is not the mesh's business is counted ([`Mesh::skipped`]).
//! - A struct of a kind is as its author wrote it: names may name nothing, numbers may be out of range. Fields that
//!   an author need not write are `Option`s or empty; only what an API server insists on is not. Everything that
//!   a resource breaks by itself has been reported when [`decode`] returns; what needs another resource is for `check`.
//! - Structs hold no spans. [`Resource::at`] leads to the places of its fields.
//! - Every field has a state ([`field`]): nothing is ignored without a word.
//!
//! # For the stages that follow
//! [`Mesh`] has one vector a kind, each sorted by namespace and name, without duplicates. A resource that could not be
//! read at all is in [`Mesh::incomplete`]: it exists, so whoever misses it must say nothing. `Mesh::faults` goes to
//! [`crate::diagnostic::finish`], which drops what is found inside of a value that could not be read.

mod bound;
mod checks;
mod decode;
mod duplicate;
pub mod field;
pub mod gateway_api;
pub mod istio;
mod kept;
mod kind;
pub mod kubernetes;
mod mesh;
pub mod mesh_config;
mod metadata;
mod project;
mod promised;
mod read;
mod removed;
mod resource;
mod rules;
pub mod scalar;
#[cfg(test)]
pub(crate) mod schema;
mod unfilled;

pub use checks::CHECKS;
pub(crate) use checks::{UNENFORCED_FIELD, UNRESOLVED_PLACEHOLDER};
pub(crate) use kept::KeptResources;
pub use kind::{KINDS, Kind, fields_of};
pub(crate) use mesh::{ANY, Said, decode_by, is_unclear, may_say, said};
pub use mesh::{Incomplete, Mesh, decode};
pub use metadata::{Envelope, Metadata};
pub use project::{Environment, Inventory, LintLevel, Ownership, Project};
pub(crate) use promised::WORKLOADS;
pub use promised::{Copied, Exposed, Promised, PromisedRoute};
pub use resource::Resource;
pub use rules::CHECKS as RULES;

pub use decode::{Words, nearest};
pub(crate) use kind::replacement;
pub(crate) use project::{fixed_check, unknown_check};
pub(crate) use rules::address::inward;
pub(crate) use rules::gateway_api::{is_field_value, refused_path};
pub(crate) use rules::header::{is_claim, is_token};
pub(crate) use rules::service_entry::gets_address;
