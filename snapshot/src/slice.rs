//! What one proxy needs of a snapshot.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::manifest::{Applies, Entry, FORMAT, Manifest, Section};
use crate::object::{Object, Role, Workload, is_default};
use crate::snapshot::checked;
use crate::{Digest, Key, Kind, ReadObjects, Reference, canonical};

/// The roots of a workload's part of the tree. Equal slices have equal digests, and a workload whose slice
/// keeps its digest from one snapshot to the next has nothing to load.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Slice {
    pub mesh_defaults: Reference,
    /// From the narrowest to the widest: of the workload (the first that selects it), its namespace, the mesh.
    #[serde(default, skip_serializing_if = "is_default")]
    pub peer_authentications: Vec<Reference>,
    /// By key: they combine, whatever their order.
    #[serde(default, skip_serializing_if = "is_default")]
    pub request_authentications: Vec<Reference>,
    /// By key: they combine, whatever their order.
    #[serde(default, skip_serializing_if = "is_default")]
    pub authorization_policies: Vec<Reference>,
    /// Services that the workload backs, by key: they name its ports and their protocols.
    #[serde(default, skip_serializing_if = "is_default")]
    pub inbound: Vec<Reference>,
    /// The ports of a sidecar's workload, where an author says more of them than its Services do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_ports: Option<Reference>,
    /// What is put into the path of its requests: the mesh's, then the namespace's, each by rank.
    #[serde(default, skip_serializing_if = "is_default")]
    pub request_filters: Vec<Reference>,
    /// What a sidecar's workload may reach. A gateway has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Reference>,
    /// What a gateway serves, in order of precedence. A sidecar has none.
    #[serde(default, skip_serializing_if = "is_default")]
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
    /// Unless damaged, written by a later version: the manifest's features tell what it may be about. The manifest and
    /// the sections have no key.
    #[error("{what} cannot be read: {reason}")]
    Malformed { what: String, key: Option<Key>, reason: String },
    #[error("the snapshot has no {0}")]
    Incomplete(&'static str),
}

/// The part of the snapshot `root` that `workload` needs.
///
/// # Errors
///
/// [`SliceError::Missing`] as long as the walk meets something that `objects` lacks.
pub fn slice(
    root: Digest,
    workload: &Workload,
    objects: &impl ReadObjects,
) -> Result<Slice, SliceError> {
    let manifest: Manifest = read("the manifest", root, objects)?;
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
    let mesh: Section = read("the mesh's section", manifest.mesh, objects)?;
    let own: Section = own
        .map(|digest| read("the namespace's section", *digest, objects))
        .transpose()?
        .unwrap_or_default();
    let (mesh, own): (Vec<_>, Vec<_>) =
        (mesh.entries.iter().collect(), own.entries.iter().collect());
    of_entries(workload, &mesh, &own)
}

/// The slice that follows from the mesh's section and that of the workload's namespace: of each all entries that apply to the
/// workload, and maybe others, in the section's order.
///
/// # Errors
///
/// [`SliceError::Incomplete`] when they lack what every workload needs.
pub(crate) fn of_entries(
    workload: &Workload,
    mesh: &[&Entry],
    own: &[&Entry],
) -> Result<Slice, SliceError> {
    let of_both = |kind| {
        let entries = applying(mesh, kind, workload).chain(applying(own, kind, workload));
        let mut references: Vec<_> = entries.map(|entry| entry.reference.clone()).collect();
        references.sort_unstable();
        references
    };
    let mesh_defaults = applying(mesh, Kind::MeshDefaults, workload)
        .next()
        .map(|entry| entry.reference.clone())
        .ok_or(SliceError::Incomplete("mesh defaults"))?;
    let of_sidecar = |kind| of_sidecar(kind, workload, mesh, own);
    let (inbound_ports, egress, gateways) = match workload.role {
        Role::Sidecar => {
            // A namespace that no policy speaks of has no section of its own: the mesh's view is for it.
            let egress = of_sidecar(Kind::Egress);
            let egress =
                egress.ok_or(SliceError::Incomplete("egress for the workload's namespace"))?;
            (of_sidecar(Kind::InboundPorts), Some(egress), Vec::new())
        }
        Role::Gateway => (None, None, gateways(workload, mesh, own)),
    };
    Ok(Slice {
        mesh_defaults,
        peer_authentications: peer_authentications(workload, mesh, own),
        request_authentications: of_both(Kind::RequestAuthentication),
        authorization_policies: of_both(Kind::AuthorizationPolicy),
        inbound: of_both(Kind::Service),
        inbound_ports,
        request_filters: request_filters(workload, mesh, own),
        egress,
        gateways,
    })
}

fn applying<'a>(
    section: &'a [&'a Entry],
    kind: Kind,
    workload: &'a Workload,
) -> impl Iterator<Item = &'a Entry> {
    let of_kind = section.iter().copied().filter(move |entry| entry.reference.key.kind == kind);
    of_kind.filter(move |entry| entry.applies.to(workload))
}

/// The first that selects the workload, then the first that is for all.
fn narrowest<'a>(
    section: &'a [&'a Entry],
    kind: Kind,
    workload: &'a Workload,
) -> impl Iterator<Item = &'a Entry> {
    let (all, selected): (Vec<_>, Vec<_>) =
        applying(section, kind, workload).partition(|entry| matches!(entry.applies, Applies::All));
    let first = |entries: Vec<&'a Entry>| entries.into_iter().min_by_key(|entry| entry.rank);
    first(selected).into_iter().chain(first(all))
}

fn peer_authentications(workload: &Workload, mesh: &[&Entry], own: &[&Entry]) -> Vec<Reference> {
    narrowest(own, Kind::PeerAuthentication, workload)
        .chain(narrowest(mesh, Kind::PeerAuthentication, workload))
        .map(|entry| entry.reference.clone())
        .collect()
}

/// What the one Istio `Sidecar` says that counts for the workload.
fn of_sidecar(
    kind: Kind,
    workload: &Workload,
    mesh: &[&Entry],
    own: &[&Entry],
) -> Option<Reference> {
    narrowest(own, kind, workload)
        .chain(narrowest(mesh, kind, workload))
        .next()
        .map(|entry| entry.reference.clone())
}

fn request_filters(workload: &Workload, mesh: &[&Entry], own: &[&Entry]) -> Vec<Reference> {
    let of_section = |section| {
        let mut entries: Vec<_> = applying(section, Kind::RequestFilters, workload).collect();
        entries.sort_by_key(|entry| entry.rank);
        entries
    };
    let both = [mesh, own].into_iter().flat_map(of_section);
    both.map(|entry| entry.reference.clone()).collect()
}

/// What a gateway means depends on the namespace of its proxies. Where the workload's own section has it, that
/// counts; else as seen from the gateway's own namespace, in the mesh's section.
fn gateways(workload: &Workload, mesh: &[&Entry], own: &[&Entry]) -> Vec<Reference> {
    let of_mesh = applying(mesh, Kind::Gateway, workload);
    let mut by_key: BTreeMap<&Key, &Entry> =
        of_mesh.map(|entry| (&entry.reference.key, entry)).collect();
    by_key
        .extend(applying(own, Kind::Gateway, workload).map(|entry| (&entry.reference.key, entry)));
    let mut entries: Vec<_> = by_key.into_values().collect();
    entries.sort_by_key(|entry| entry.rank);
    entries.into_iter().map(|entry| entry.reference.clone()).collect()
}

impl Slice {
    /// Equal exactly when the slices are: it covers every byte that is reachable from the slice.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical::encode(self))
    }

    /// What the slice holds on to.
    pub fn roots(&self) -> impl Iterator<Item = &Reference> {
        std::iter::once(&self.mesh_defaults)
            .chain(&self.peer_authentications)
            .chain(&self.request_authentications)
            .chain(&self.authorization_policies)
            .chain(&self.inbound)
            .chain(&self.inbound_ports)
            .chain(&self.request_filters)
            .chain(&self.egress)
            .chain(&self.gateways)
    }

    /// Every object that is reachable from the slice, each once, parents before what they refer to.
    ///
    /// # Errors
    ///
    /// [`SliceError::Missing`] with all that `objects` lacks, as far as the walk gets without it.
    pub fn objects(&self, objects: &impl ReadObjects) -> Result<Vec<Reference>, SliceError> {
        self.objects_beyond(objects, |_| false)
    }

    /// The same without what is `known`, and without what only known objects lead to: who holds one object of a slice
    /// holds all that it refers to. What it costs follows from what is new, not from the size of the slice.
    ///
    /// # Errors
    ///
    /// As [`Slice::objects`].
    pub fn objects_beyond(
        &self,
        objects: &impl ReadObjects,
        known: impl Fn(&Digest) -> bool,
    ) -> Result<Vec<Reference>, SliceError> {
        let mut met = BTreeSet::new();
        let mut found = Vec::new();
        let mut missing = BTreeSet::new();
        let mut layer: Vec<Reference> = self.roots().cloned().collect();
        while !layer.is_empty() {
            let mut next = Vec::new();
            for reference in layer {
                if known(&reference.digest) || !met.insert(reference.clone()) {
                    continue;
                }
                if objects.read(&reference.digest).is_none() {
                    missing.insert(reference.digest);
                    continue;
                }
                if !reference.key.kind.may_hold().is_empty() {
                    next.extend(read_children(&reference, objects)?);
                }
                found.push(reference);
            }
            layer = next;
        }
        if missing.is_empty() { Ok(found) } else { Err(SliceError::Missing(missing)) }
    }
}

/// What an object refers to.
fn read_children(
    Reference { key, digest }: &Reference,
    objects: &impl ReadObjects,
) -> Result<Vec<Reference>, SliceError> {
    let what = key.to_string();
    let blame = |reason| {
        let (what, key) = (key.to_string(), Some(key.clone()));
        SliceError::Malformed { what, key, reason }
    };
    let object: Object = read(&what, *digest, objects).map_err(|error| match error {
        SliceError::Malformed { reason, .. } => blame(reason),
        other => other,
    })?;
    checked(key.kind, &object).map_err(blame)
}

fn read<T: serde::de::DeserializeOwned + Serialize>(
    what: &str,
    digest: Digest,
    objects: &impl ReadObjects,
) -> Result<T, SliceError> {
    let bytes =
        objects.read(&digest).ok_or_else(|| SliceError::Missing(BTreeSet::from([digest])))?;
    canonical::decode(&bytes).map_err(|error| SliceError::Malformed {
        what: what.to_owned(),
        key: None,
        reason: error.to_string(),
    })
}
