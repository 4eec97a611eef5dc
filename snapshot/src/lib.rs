//! The contract between the compiler, the control runtime and the proxies: what a compiled mesh *is*.
//!
//! ```text
//! Manifest ── digest = the snapshot's name, signed
//! ├─ mesh ──────────▶ Section ─▶ MeshDefaults, Gateway, policies of the root namespace
//! └─ namespaces[ns] ▶ Section ─▶ Egress, PeerAuthentication, AuthorizationPolicy, …
//!                                └─▶ HostSet ─▶ Service, ClientPolicy, RouteTable
//! ```
//! Everything is a node of one Merkle tree: an [`object`] is a plain Rust value, encoded as [`canonical`]
//! JSON and addressed by the SHA-256 of those bytes; an object that needs another holds its
//! [`Reference`]. So equal policy is equal bytes, a [`slice()`] is a walk from the signed root that a
//! proxy repeats for itself, and proxies with the same view share the same subtrees.
//!
//! A snapshot holds no endpoint that was not written by an author, no certificate and no pod address:
//! the world streams beside it ([`wire`]) and can never create or break a reference in it.
//! What a snapshot *means* is the engine's business, not this crate's.

#![forbid(unsafe_code)]

pub mod canonical;
pub mod digest;
pub mod key;
pub mod object;

pub mod feature;
pub mod manifest;
pub mod selectors;

mod filed;
pub mod slice;
pub mod snapshot;

pub mod container;
pub mod provenance;
pub mod signature;
pub mod source_map;

pub mod diff;
pub mod wire;

pub use digest::Digest;
pub use key::{Key, Kind, Reference};
pub use manifest::{Applies, Entry, Manifest, Section};
pub use object::Object;
pub use selectors::Selectors;
pub use slice::{Slice, slice};
pub use snapshot::{Builder, Conflict, ReadObjects, Scopes, Snapshot};
pub use source_map::{Location, SourceMap};
