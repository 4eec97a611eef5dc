//! What one proxy needs of a snapshot.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::manifest::{Entry, FORMAT, Manifest, Section};
use crate::object::{Object, Role, Workload};
use crate::{Digest, Kind, ReadObjects, Reference, canonical};

/// The roots of a workload's part of the tree. Equal slices have equal digests, and a workload whose slice
/// keeps its digest from one snapshot to the next has nothing to load.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slice {
    pub mesh_defaults: Reference,
    /// From the narrowest to the widest: of the workload (the oldest that selects it), its namespace, the mesh.
    pub peer_authentications: Vec<Reference>,
    /// By key: they combine, whatever their order.
    pub request_authentications: Vec<Reference>,
    /// By key: they combine, whatever their order.
    pub authorization_policies: Vec<Reference>,
    /// Services that the workload backs, by key: they name its ports and their protocols.
    pub inbound: Vec<Reference>,
    /// What a sidecar's workload may reach. A gateway has none.
    pub egress: Option<Reference>,
    /// What a gateway serves, oldest first. A sidecar has none.
    pub gateways: Vec<Reference>,
}

/// Why there is no slice.
#[derive(Debug, thiserror::Error)]
pub enum SliceError {
    /// Not here yet: these must be fetched first, and then there may be more.
    #[error("{} objects are missing", .0.len())]
    Missing(BTreeSet<Digest>),
    #[error("format {found} is not the one this version reads ({FORMAT})")]
    Format { found: u32 },
    #[error("{digest} is not valid: {reason}")]
    Malformed { digest: Digest, reason: String },
    #[error("the snapshot has no {0}")]
    Incomplete(&'static str),
}

/// The part of the snapshot `root` that `workload` needs, its name and ports apart.
///
/// # Errors
///
/// [`SliceError::Missing`] as long as the walk meets something that `objects` lacks.
pub fn slice(
    root: Digest,
    workload: &Workload,
    objects: &impl ReadObjects,
) -> Result<Slice, SliceError> {
    let manifest: Manifest = read(root, objects)?;
    if manifest.format != FORMAT {
        return Err(SliceError::Format { found: manifest.format });
    }
    let own = manifest.namespaces.get(&workload.namespace);
    let wanted = std::iter::once(&manifest.mesh).chain(own);
    let missing: BTreeSet<_> =
        wanted.filter(|digest| objects.read(digest).is_none()).copied().collect();
    if !missing.is_empty() {
        return Err(SliceError::Missing(missing));
    }
    let mesh: Section = read(manifest.mesh, objects)?;
    let own: Section = own.map(|digest| read(*digest, objects)).transpose()?.unwrap_or_default();
    assemble(workload, &mesh, &own)
}

fn assemble(workload: &Workload, mesh: &Section, own: &Section) -> Result<Slice, SliceError> {
    let of_both = |kind| {
        let mut references: Vec<_> = applying(mesh, kind, workload)
            .chain(applying(own, kind, workload))
            .map(|entry| entry.reference.clone())
            .collect();
        references.sort_unstable();
        references
    };
    let mesh_defaults = applying(mesh, Kind::MeshDefaults, workload)
        .next()
        .map(|entry| entry.reference.clone())
        .ok_or(SliceError::Incomplete("mesh defaults"))?;
    let (egress, gateways) = match workload.role {
        Role::Sidecar => (Some(egress(workload, mesh, own)?), Vec::new()),
        Role::Gateway => (None, oldest_first(mesh, own, Kind::Gateway, workload)),
    };
    Ok(Slice {
        mesh_defaults,
        peer_authentications: peer_authentications(workload, mesh, own),
        request_authentications: of_both(Kind::RequestAuthentication),
        authorization_policies: of_both(Kind::AuthorizationPolicy),
        inbound: of_both(Kind::Service),
        egress,
        gateways,
    })
}

fn applying<'a>(
    section: &'a Section,
    kind: Kind,
    workload: &'a Workload,
) -> impl Iterator<Item = &'a Entry> {
    let of_kind = section.entries.iter().filter(move |entry| entry.reference.key.kind == kind);
    of_kind.filter(move |entry| entry.applies.to(workload))
}

fn oldest_first(mesh: &Section, own: &Section, kind: Kind, workload: &Workload) -> Vec<Reference> {
    let mut entries: Vec<_> =
        applying(mesh, kind, workload).chain(applying(own, kind, workload)).collect();
    entries.sort_by_key(|entry| (entry.created, &entry.reference.key));
    entries.into_iter().map(|entry| entry.reference.clone()).collect()
}

/// Whose selectors match comes before what is for all; among equals the oldest alone counts.
fn narrowest<'a>(section: &'a Section, kind: Kind, workload: &'a Workload) -> Vec<&'a Entry> {
    let (mut selected, mut all): (Vec<_>, Vec<_>) = applying(section, kind, workload)
        .partition(|entry| matches!(entry.applies, crate::Applies::Selected(_)));
    for group in [&mut selected, &mut all] {
        group.sort_by_key(|entry| (entry.created, &entry.reference.key));
    }
    selected.into_iter().take(1).chain(all.into_iter().take(1)).collect()
}

fn peer_authentications(workload: &Workload, mesh: &Section, own: &Section) -> Vec<Reference> {
    let own = narrowest(own, Kind::PeerAuthentication, workload).into_iter();
    let mesh = narrowest(mesh, Kind::PeerAuthentication, workload).into_iter();
    own.chain(mesh).map(|entry| entry.reference.clone()).collect()
}

/// A namespace that no policy speaks of has no section of its own: the mesh's view is for it.
fn egress(workload: &Workload, mesh: &Section, own: &Section) -> Result<Reference, SliceError> {
    narrowest(own, Kind::Egress, workload)
        .into_iter()
        .chain(narrowest(mesh, Kind::Egress, workload))
        .next()
        .map(|entry| entry.reference.clone())
        .ok_or(SliceError::Incomplete("egress for the workload's namespace"))
}

impl Slice {
    /// Equal exactly when the slices are: it covers every byte that is reachable from the slice.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical::encode(self))
    }

    /// What the slice holds on to, each once, in no particular order of importance.
    pub fn roots(&self) -> impl Iterator<Item = &Reference> {
        std::iter::once(&self.mesh_defaults)
            .chain(&self.peer_authentications)
            .chain(&self.request_authentications)
            .chain(&self.authorization_policies)
            .chain(&self.inbound)
            .chain(&self.egress)
            .chain(&self.gateways)
    }

    /// Every object that is reachable from the slice, sorted, each once.
    ///
    /// # Errors
    ///
    /// [`SliceError::Missing`] with all that `objects` lacks, as far as the walk gets without it.
    pub fn objects(&self, objects: &impl ReadObjects) -> Result<Vec<Reference>, SliceError> {
        let mut found = BTreeSet::new();
        let mut missing = BTreeSet::new();
        let mut pending: Vec<Reference> = self.roots().cloned().collect();
        while let Some(reference) = pending.pop() {
            if objects.read(&reference.digest).is_none() {
                missing.insert(reference.digest);
            } else if found.insert(reference.clone()) {
                let object: Object = read(reference.digest, objects)?;
                pending.extend(object.references().into_iter().cloned());
            }
        }
        if missing.is_empty() {
            Ok(found.into_iter().collect())
        } else {
            Err(SliceError::Missing(missing))
        }
    }
}

fn read<T: serde::de::DeserializeOwned + Serialize>(
    digest: Digest,
    objects: &impl ReadObjects,
) -> Result<T, SliceError> {
    let bytes =
        objects.read(&digest).ok_or_else(|| SliceError::Missing(BTreeSet::from([digest])))?;
    canonical::decode(&bytes)
        .map_err(|error| SliceError::Malformed { digest, reason: error.to_string() })
}
