//! A whole snapshot in memory, how one is made, and how a part of one is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::manifest::{Applies, Entry, FORMAT, Manifest, Section};
use crate::{Digest, Key, Object, Reference, canonical, feature};

/// Where canonical bytes are found by their digest: a snapshot, a proxy's store, a container.
///
/// Whoever implements it has checked that the bytes have that digest.
pub trait ReadObjects {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>>;
}

/// A compiled mesh: complete (every reference leads somewhere) and immutable.
#[derive(Clone, Debug)]
pub struct Snapshot {
    digest: Digest,
    manifest: Manifest,
    /// The manifest, the sections and the objects.
    bytes: BTreeMap<Digest, Arc<[u8]>>,
}

/// Why parts do not make a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("format {found} is not the one this version reads ({FORMAT})")]
    Format { found: u32 },
    #[error("{what} is not valid: {reason}")]
    Malformed { what: String, reason: String },
    #[error("{what} ({digest}) is missing")]
    Missing { what: String, digest: Digest },
}

impl Snapshot {
    /// The snapshot whose manifest has the digest `root`, with everything reachable from it in `objects`.
    ///
    /// # Errors
    ///
    /// When something is missing, not in canonical form or of another kind than its key says.
    pub fn open(root: Digest, objects: &impl ReadObjects) -> Result<Self, SnapshotError> {
        let mut bytes = BTreeMap::new();
        let manifest: Manifest = fetch("the manifest", root, objects, &mut bytes)?;
        if manifest.format != FORMAT {
            return Err(SnapshotError::Format { found: manifest.format });
        }
        let sections = std::iter::once(&manifest.mesh).chain(manifest.namespaces.values());
        for digest in sections {
            let section: Section = fetch("a section", *digest, objects, &mut bytes)?;
            for entry in &section.entries {
                fetch_tree(&entry.reference, objects, &mut bytes)?;
            }
        }
        Ok(Self { digest: root, manifest, bytes })
    }

    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The section of the mesh as a whole.
    #[must_use]
    pub fn mesh(&self) -> Section {
        self.section(&self.manifest.mesh)
    }

    /// The section of one namespace; empty where it has none.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Section {
        self.manifest.namespaces.get(name).map(|digest| self.section(digest)).unwrap_or_default()
    }

    /// Every object under its name: what two snapshots are compared by.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<Key, Entry> {
        let namespaces = self.manifest.namespaces.values().map(|digest| self.section(digest));
        std::iter::once(self.mesh())
            .chain(namespaces)
            .flat_map(|section| section.entries)
            .map(|entry| (entry.reference.key.clone(), entry))
            .collect()
    }

    /// The object behind a reference of this snapshot.
    #[must_use]
    pub fn object(&self, digest: &Digest) -> Option<Object> {
        canonical::decode(self.bytes.get(digest)?).ok()
    }

    /// Everything it is made of: manifest, sections and objects, by digest.
    pub fn parts(&self) -> impl Iterator<Item = (&Digest, &Arc<[u8]>)> {
        self.bytes.iter()
    }

    fn section(&self, digest: &Digest) -> Section {
        self.bytes.get(digest).and_then(|bytes| canonical::decode(bytes).ok()).unwrap_or_else(
            || unreachable!("`open` and `Builder` hold every section, decoded once"),
        )
    }
}

impl ReadObjects for Snapshot {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.bytes.get(digest).cloned()
    }
}

fn fetch<T: serde::de::DeserializeOwned + serde::Serialize>(
    what: &str,
    digest: Digest,
    objects: &impl ReadObjects,
    found: &mut BTreeMap<Digest, Arc<[u8]>>,
) -> Result<T, SnapshotError> {
    let bytes = objects
        .read(&digest)
        .ok_or_else(|| SnapshotError::Missing { what: what.to_owned(), digest })?;
    let value = canonical::decode(&bytes).map_err(|error| SnapshotError::Malformed {
        what: what.to_owned(),
        reason: error.to_string(),
    })?;
    found.insert(digest, bytes);
    Ok(value)
}

fn fetch_tree(
    reference: &Reference,
    objects: &impl ReadObjects,
    found: &mut BTreeMap<Digest, Arc<[u8]>>,
) -> Result<(), SnapshotError> {
    if found.contains_key(&reference.digest) {
        return Ok(());
    }
    let object: Object = fetch(&reference.key.to_string(), reference.digest, objects, found)?;
    if object.kind() != reference.key.kind {
        return Err(SnapshotError::Malformed {
            what: reference.key.to_string(),
            reason: format!("it holds a {}", object.kind().name()),
        });
    }
    object.references().into_iter().try_for_each(|child| fetch_tree(child, objects, found))
}

/// Collects objects into a snapshot. The order of calls has no effect on the result.
#[derive(Debug, Default)]
pub struct Builder {
    bytes: BTreeMap<Digest, Arc<[u8]>>,
    features: std::collections::BTreeSet<String>,
    mesh: BTreeMap<Key, Entry>,
    namespaces: BTreeMap<String, BTreeMap<Key, Entry>>,
}

impl Builder {
    /// Encodes `object` and lists it in the section of its key's namespace, as one that only other
    /// objects refer to. Those that it refers to itself come first.
    pub fn add(&mut self, key: Key, object: &Object) -> Reference {
        let namespace = key.namespace.clone();
        self.add_for(&namespace, key, object, Applies::Referenced, 0)
    }

    /// Encodes `object` and lists it for the workloads of `namespace` that `applies` names; for those of every
    /// namespace when it is empty. `created` as in [`Entry`].
    pub fn add_for(
        &mut self,
        namespace: &str,
        key: Key,
        object: &Object,
        applies: Applies,
        created: i64,
    ) -> Reference {
        debug_assert_eq!(key.kind, object.kind());
        self.features
            .extend(feature::of(object).into_iter().map(|(feature, _)| feature.to_owned()));
        let bytes = canonical::encode(object);
        let reference = Reference { key: key.clone(), digest: Digest::of(&bytes) };
        self.bytes.entry(reference.digest).or_insert_with(|| bytes.into());
        let section = match namespace {
            "" => &mut self.mesh,
            _ => self.namespaces.entry(namespace.to_owned()).or_default(),
        };
        section.insert(key, Entry { reference: reference.clone(), applies, created });
        reference
    }

    /// The finished snapshot.
    #[must_use]
    pub fn build(mut self) -> Snapshot {
        let mesh = std::mem::take(&mut self.mesh);
        let mesh = self.seal(mesh);
        let namespaces = std::mem::take(&mut self.namespaces);
        let namespaces =
            namespaces.into_iter().map(|(name, entries)| (name, self.seal(entries))).collect();
        let features = std::mem::take(&mut self.features);
        let manifest = Manifest { format: FORMAT, features, mesh, namespaces };
        let bytes = canonical::encode(&manifest);
        let digest = Digest::of(&bytes);
        self.bytes.insert(digest, bytes.into());
        Snapshot { digest, manifest, bytes: self.bytes }
    }

    fn seal(&mut self, entries: BTreeMap<Key, Entry>) -> Digest {
        let bytes = canonical::encode(&Section { entries: entries.into_values().collect() });
        let digest = Digest::of(&bytes);
        self.bytes.insert(digest, bytes.into());
        digest
    }
}
