//! How a snapshot is kept and carried. Every container has the same content, and what is not exactly that
//! content is refused: a cut, a flipped bit, a part of another snapshot.

mod file;
mod layout;
mod pack;

pub use file::{FileError, from_bytes, is_file, read_file, to_bytes, write_file};
pub use layout::{LayoutError, read_layout, write_layout};
pub use pack::PackError;

use crate::object::Workload;
use crate::provenance::Provenance;
use crate::signature::Signature;
use crate::{Snapshot, SourceMap};

/// A snapshot and what rides beside it.
#[derive(Clone, Debug)]
pub struct Bundle {
    pub snapshot: Snapshot,
    /// The workloads that the compiler saw, by namespace and name: for those who explain, not for those who serve.
    pub inventory: Vec<Workload>,
    pub source_map: SourceMap,
    pub provenance: Provenance,
    pub signatures: Vec<Signature>,
}

/// What no snapshot comes near, unpacked: beyond it a container is not read any further.
pub const SIZE_MAX_BYTES: u64 = 1 << 30;
