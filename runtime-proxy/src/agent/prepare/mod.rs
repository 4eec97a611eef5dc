//! From an offer to something that can be put in force, or to a reason why not. Nothing of it is on the path of traffic.
//!
//! ```text
//! Offer ─verify▶ signature, floor ─intake▶ objects, within what was announced ─walk▶ Need … ─▶ all of the slice
//!       ─assemble▶ features, memory, Build ─▶ stored ─▶ the world of the hosts to be preloaded is known ─▶ Version
//! ```
//! The root is what the signature is about; from there the proxy walks for itself, with its own workload, and believes digests alone.
//! What was received and is not reached by the walk is dropped.

mod verify;

mod intake;

mod assemble;
mod task;

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_snapshot::object::Workload;
use mesh_snapshot::signature::Signature;
use mesh_snapshot::{Digest, ReadObjects, Slice, wire};

pub(super) use assemble::Assembler;
pub(super) use intake::Intake;
pub(super) use task::{Job, Outcome};
pub(super) use verify::Age;

use super::store::{Contents, Reach};
use super::trial::Refused;

/// Builds what requests are judged by: the engine's program, and what the data path needs beside it.
pub trait Build: Send + Sync + 'static {
    type Program: Send + Sync + 'static;

    /// Builds the program of a slice. Called on a thread where it may take its time, one call at a time. What it wants to
    /// know of the world it asks for here.
    ///
    /// # Errors
    ///
    /// When no program can be built: [`wire::Refusal::Program`] with the object and the item at fault, unless there is a reason that says more.
    fn build(&self, material: &Material<'_>) -> Result<Product<Self::Program>, Refused>;
}

/// What a program is built from.
#[derive(Clone, Copy, Debug)]
pub struct Material<'a> {
    pub workload: &'a Workload,
    pub slice: &'a Slice,
    /// Every object of the slice, and valid ones only.
    pub objects: &'a Loaded,
    /// What the program may take.
    pub memory_bytes_max: u64,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Product<P> {
    pub program: P,
    /// As estimated.
    pub memory_bytes: u64,
    /// What must be known of the world before the program can serve well.
    pub preload: Vec<wire::name::Name>,
}

/// Objects in memory, by digest.
#[derive(Clone, Debug, Default)]
pub struct Loaded(pub(super) BTreeMap<Digest, Arc<[u8]>>);

impl FromIterator<Arc<[u8]>> for Loaded {
    fn from_iter<I: IntoIterator<Item = Arc<[u8]>>>(objects: I) -> Self {
        Self(objects.into_iter().map(|bytes| (Digest::of(&bytes), bytes)).collect())
    }
}

impl ReadObjects for Loaded {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.0.get(digest).cloned()
    }
}

/// What the agent keeps with a version: the program, and what it takes to start from it.
#[derive(Debug)]
pub(super) struct Held<P> {
    pub(super) program: Arc<P>,
    pub(super) reach: Reach,
    pub(super) signatures: Vec<Signature>,
    /// What could not be stored when it was prepared.
    pub(super) unsaved: Contents,
}
