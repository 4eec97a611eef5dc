//! All that a workload needs of a snapshot: its slice, and every part of the tree that leads to it.

use std::collections::BTreeSet;

use mesh_snapshot::object::Workload;
use mesh_snapshot::slice::SliceError;
use mesh_snapshot::{Digest, Manifest, ReadObjects, Reference, Slice, canonical, slice};

/// A slice with everything that it needs.
#[derive(Clone, Debug)]
pub struct Walk {
    pub manifest: Manifest,
    pub slice: Slice,
    /// Every object of the slice, each once, parents first.
    pub objects: Vec<Reference>,
    /// The manifest, the sections that the workload reads, and the objects.
    pub reach: BTreeSet<Digest>,
}

/// Walks from `root` to what `workload` needs.
///
/// # Errors
///
/// [`SliceError::Missing`] as long as `objects` lacks something that the walk meets.
pub fn walk(
    root: Digest,
    workload: &Workload,
    objects: &impl ReadObjects,
) -> Result<Walk, SliceError> {
    let slice = slice(root, workload, objects)?;
    let found = slice.objects(objects)?;
    let manifest = manifest(root, objects)?;
    let own = manifest.namespaces.get(&workload.namespace).copied();
    let mut reach = BTreeSet::from([root, manifest.mesh]);
    reach.extend(own);
    reach.extend(found.iter().map(|reference| reference.digest));
    Ok(Walk { manifest, slice, objects: found, reach })
}

/// The manifest of a snapshot.
///
/// # Errors
///
/// When it is not there or cannot be read.
pub fn manifest(root: Digest, objects: &impl ReadObjects) -> Result<Manifest, SliceError> {
    let missing = || SliceError::Missing(BTreeSet::from([root]));
    let bytes = objects.read(&root).ok_or_else(missing)?;
    canonical::decode(&bytes).map_err(|error| SliceError::Malformed {
        what: "the manifest".to_owned(),
        key: None,
        reason: error.to_string(),
    })
}
