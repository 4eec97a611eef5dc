//! Objects in a row, compressed: the part that all containers share.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use super::SIZE_MAX_BYTES;
use crate::snapshot::SnapshotError;
use crate::{Digest, ReadObjects, Snapshot};

/// Why bytes are not the objects of a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("the objects cannot be unpacked: {0}")]
    Compression(std::io::Error),
    #[error("the objects take more than {SIZE_MAX_BYTES} bytes")]
    TooLarge,
    #[error("the objects are not framed as they should be")]
    Framing,
    #[error("an object belongs to no part of the snapshot")]
    Stray,
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Pack {
    /// Canonical bytes, sorted by digest.
    #[prost(bytes = "vec", repeated, tag = "1")]
    objects: Vec<Vec<u8>>,
}

/// What stands before an object: a key, and a length of less than 2³⁰.
const LENGTH_BYTES_MAX: usize = 6;

/// Everything the snapshot is made of. Equal snapshots give equal bytes, with one version of the compressor.
pub(super) fn pack(snapshot: &Snapshot) -> Vec<u8> {
    // As `Pack` is encoded, without a copy of each object.
    let length = |(_, bytes): (_, &Arc<[u8]>)| bytes.len() + LENGTH_BYTES_MAX;
    let mut framed = Vec::with_capacity(snapshot.parts().map(length).sum());
    for (_, bytes) in snapshot.parts() {
        encode_key(1, WireType::LengthDelimited, &mut framed);
        encode_varint(bytes.len() as u64, &mut framed);
        framed.extend_from_slice(bytes);
    }
    zstd::bulk::compress(&framed, 3)
        .unwrap_or_else(|error| unreachable!("compressing memory into memory: {error}"))
}

/// The snapshot with the digest `root`.
pub(super) fn unpack(root: Digest, bytes: &[u8]) -> Result<Snapshot, PackError> {
    let mut unpacked = Vec::new();
    zstd::stream::read::Decoder::with_buffer(bytes)
        .map_err(PackError::Compression)?
        .take(SIZE_MAX_BYTES + 1)
        .read_to_end(&mut unpacked)
        .map_err(PackError::Compression)?;
    if unpacked.len() as u64 > SIZE_MAX_BYTES {
        return Err(PackError::TooLarge);
    }
    let pack = Pack::decode(unpacked.as_slice()).map_err(|_| PackError::Framing)?;
    let count = pack.objects.len();
    let objects: Unpacked = Unpacked(
        pack.objects.into_iter().map(|bytes| (Digest::of(&bytes), bytes.into())).collect(),
    );
    let snapshot = Snapshot::open(root, &objects)?;
    if snapshot.parts().count() == count { Ok(snapshot) } else { Err(PackError::Stray) }
}

struct Unpacked(BTreeMap<Digest, Arc<[u8]>>);

impl ReadObjects for Unpacked {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.0.get(digest).cloned()
    }
}
