//! A whole snapshot in memory, how one is made, and how a part of one is read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::filed::Filed;
use crate::manifest::{Applies, Entry, FORMAT, Manifest, Section};
use crate::object::Workload;
use crate::slice::{self, SliceError};
use crate::{Digest, Key, Kind, Object, Reference, Slice, canonical, feature};

/// Where canonical bytes are found by their digest: a snapshot, a proxy's store, a container.
///
/// Whoever implements it has checked that the bytes have that digest.
pub trait ReadObjects {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>>;
}

/// Names of objects, each with all contents that it has for some workload, ascending. Nearly all have one.
pub type Names = BTreeMap<Key, Vec<Digest>>;

/// Names of listed objects, each with the namespaces (absent: the mesh) and those of their workloads that it is for.
pub type Scopes<'s> = BTreeMap<&'s Key, BTreeSet<(Option<&'s str>, &'s Applies)>>;

/// A compiled mesh: complete (every reference leads somewhere) and immutable.
#[derive(Clone, Debug)]
pub struct Snapshot {
    digest: Digest,
    manifest: Manifest,
    sections: BTreeMap<Digest, Filed>,
    names: Names,
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
        let mut sections = BTreeMap::new();
        for digest in std::iter::once(&manifest.mesh).chain(manifest.namespaces.values()) {
            sections.insert(*digest, fetch("a section", *digest, objects, &mut bytes)?);
        }
        let names = fetch_trees(&sections, objects, &mut bytes)?;
        Ok(Self { digest: root, manifest, sections: filed(sections), names, bytes })
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
    pub fn mesh(&self) -> &Section {
        self.section(&self.manifest.mesh)
    }

    /// The section of one namespace; none where it has no policy of its own.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Section> {
        self.manifest.namespaces.get(name).map(|digest| self.section(digest))
    }

    /// Whether another one has the same for the workloads of a namespace: each has the same slice of both.
    #[must_use]
    pub fn is_same_for(&self, namespace: &str, other: &Self) -> bool {
        let own = |side: &Self| side.manifest.namespaces.get(namespace).copied();
        self.manifest.mesh == other.manifest.mesh && own(self) == own(other)
    }

    /// The part of it that a workload needs.
    ///
    /// # Errors
    ///
    /// [`SliceError::Incomplete`] when it lacks what every workload needs.
    pub fn slice_of(&self, workload: &Workload) -> Result<Slice, SliceError> {
        let mesh = self.filed(&self.manifest.mesh).candidates(workload);
        let own = self.manifest.namespaces.get(&workload.namespace);
        let own = own.map(|digest| self.filed(digest).candidates(workload)).unwrap_or_default();
        slice::of_entries(workload, &mesh, &own)
    }

    /// Every object under its name, with all contents that it has for some workload (more than one for a
    /// `Gateway` that is seen from several namespaces): what two snapshots are compared by.
    #[must_use]
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// Whom each listed object is for: a namespace, or absent the mesh, and which of its workloads.
    #[must_use]
    pub fn scopes(&self) -> Scopes<'_> {
        let of_mesh = self.mesh().entries.iter().map(|entry| (None, entry));
        let namespaces = self.manifest.namespaces.iter();
        let of_namespaces = namespaces.flat_map(|(name, digest)| {
            self.section(digest).entries.iter().map(|entry| (Some(name.as_str()), entry))
        });
        let mut scopes = Scopes::new();
        for (namespace, entry) in of_mesh.chain(of_namespaces) {
            scopes.entry(&entry.reference.key).or_default().insert((namespace, &entry.applies));
        }
        scopes
    }

    /// The object behind a reference of this snapshot.
    #[must_use]
    pub fn object(&self, digest: &Digest) -> Option<Object> {
        // That its form is the canonical one `open` has looked at, and `Builder` has made it so.
        serde_json::from_slice(self.bytes.get(digest)?).ok()
    }

    /// Everything it is made of: manifest, sections and objects, by digest.
    pub fn parts(&self) -> impl Iterator<Item = (&Digest, &Arc<[u8]>)> {
        self.bytes.iter()
    }

    fn section(&self, digest: &Digest) -> &Section {
        &self.filed(digest).section
    }

    fn filed(&self, digest: &Digest) -> &Filed {
        self.sections.get(digest).unwrap_or_else(|| {
            unreachable!("`open` and `Builder` keep every section of the manifest")
        })
    }
}

impl ReadObjects for Snapshot {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.bytes.get(digest).cloned()
    }
}

fn filed(sections: BTreeMap<Digest, Section>) -> BTreeMap<Digest, Filed> {
    sections.into_iter().map(|(digest, section)| (digest, section.into())).collect()
}

/// Notes that an object of this name has this content. Whether that is news.
fn note(names: &mut Names, key: &Key, digest: Digest) -> bool {
    let Some(contents) = names.get_mut(key) else {
        names.insert(key.clone(), vec![digest]);
        return true;
    };
    match contents.binary_search(&digest) {
        Ok(_) => false,
        Err(place) => {
            contents.insert(place, digest);
            true
        }
    }
}

fn fetch<T: serde::de::DeserializeOwned + serde::Serialize>(
    what: &str,
    digest: Digest,
    objects: &impl ReadObjects,
    found: &mut BTreeMap<Digest, Arc<[u8]>>,
) -> Result<T, SnapshotError> {
    let missing = || SnapshotError::Missing { what: what.to_owned(), digest };
    let bytes = objects.read(&digest).ok_or_else(missing)?;
    let value = canonical::decode(&bytes).map_err(|error| SnapshotError::Malformed {
        what: what.to_owned(),
        reason: error.to_string(),
    })?;
    found.insert(digest, bytes);
    Ok(value)
}

/// Everything that the sections lead to.
fn fetch_trees(
    sections: &BTreeMap<Digest, Section>,
    objects: &impl ReadObjects,
    found: &mut BTreeMap<Digest, Arc<[u8]>>,
) -> Result<Names, SnapshotError> {
    let mut names = Names::new();
    let entries = sections.values().flat_map(|section| &section.entries);
    let mut pending: Vec<Reference> = entries.map(|entry| entry.reference.clone()).collect();
    while let Some(Reference { key, digest }) = pending.pop() {
        if !note(&mut names, &key, digest) {
            continue;
        }
        let object: Object = fetch(&key.to_string(), digest, objects, found)?;
        pending.extend(
            checked(key.kind, &object)
                .map_err(|reason| SnapshotError::Malformed { what: key.to_string(), reason })?,
        );
    }
    Ok(names)
}

/// What `object` refers to; why not, if it is not of the kind that its name says, or holds what such an object may not.
pub(crate) fn checked(kind: Kind, object: &Object) -> Result<Vec<Reference>, String> {
    if object.kind() != kind {
        return Err(format!("it is named a {} and is a {}", kind.name(), object.kind().name()));
    }
    let references = object.references();
    match references.iter().find(|child| !kind.may_hold().contains(&child.key.kind)) {
        Some(child) => Err(format!("a {} may not hold a {}", kind.name(), child.key.kind.name())),
        None => Ok(references.into_iter().cloned().collect()),
    }
}

/// Collects objects into a snapshot. The order of calls has no effect on the result.
#[derive(Debug, Default)]
pub struct Builder {
    objects: BTreeMap<Digest, Encoded>,
    mesh: BTreeMap<Key, Entry>,
    namespaces: BTreeMap<String, BTreeMap<Key, Entry>>,
    conflict: Option<Conflict>,
}

/// An object in its canonical form, with what a [`Builder`] asks about it. Made apart from one, so that many threads can.
#[derive(Debug)]
pub struct Encoded {
    digest: Digest,
    bytes: Arc<[u8]>,
    children: Vec<Reference>,
    /// Each with the item that needs it.
    features: Vec<(&'static str, String)>,
}

thread_local! {
    /// Objects of a thread are encoded in the same memory, one after the other.
    static ENCODER: RefCell<canonical::Encoder> = RefCell::default();
}

impl Encoded {
    #[must_use]
    pub fn of(object: &Object) -> Self {
        let bytes: Arc<[u8]> = ENCODER.with_borrow_mut(|encoder| encoder.encode(object).into());
        Self {
            digest: Digest::of(&bytes),
            bytes,
            children: object.references().into_iter().cloned().collect(),
            features: feature::of(object),
        }
    }

    /// Equal for equal objects, and for no others.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What a proxy needs to serve it, as [`feature::of`] says it.
    #[must_use]
    pub fn features(&self) -> &[(&'static str, String)] {
        &self.features
    }
}

/// One section was given two different entries under one name: a fault of whoever named them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("two objects are named {key} in the section {section:?}")]
pub struct Conflict {
    pub key: Key,
    /// Empty for that of the mesh.
    pub section: String,
}

impl Builder {
    /// Encodes `object`, so that others can refer to it.
    pub fn add(&mut self, key: Key, object: &Object) -> Reference {
        debug_assert_eq!(key.kind, object.kind());
        self.add_encoded(key, Encoded::of(object))
    }

    /// Takes an object that is encoded already, so that others can refer to it.
    pub fn add_encoded(&mut self, key: Key, encoded: Encoded) -> Reference {
        let reference = Reference { key, digest: encoded.digest };
        self.objects.entry(encoded.digest).or_insert(encoded);
        reference
    }

    /// Lists an object for workloads of `namespace`; for those of every namespace when it is empty. `rank`
    /// as in [`Entry`].
    pub fn list(&mut self, namespace: &str, reference: Reference, applies: Applies, rank: u32) {
        let section = match namespace {
            "" => &mut self.mesh,
            _ => self.namespaces.entry(namespace.to_owned()).or_default(),
        };
        let key = reference.key.clone();
        let entry = Entry { reference, applies, rank };
        match section.get(&key) {
            Some(other) if *other != entry => {
                self.conflict = Some(Conflict { key, section: namespace.to_owned() });
            }
            _ => drop(section.insert(key, entry)),
        }
    }

    /// The finished snapshot: what is listed, and what that leads to. The rest of what was added is left out.
    ///
    /// # Errors
    ///
    /// When a section was given one name twice, with different contents.
    pub fn build(mut self) -> Result<Snapshot, Conflict> {
        if let Some(conflict) = self.conflict {
            return Err(conflict);
        }
        let mut sections = BTreeMap::new();
        let mut bytes = BTreeMap::new();
        let mut seal = |entries: BTreeMap<Key, Entry>| {
            let section = Section { entries: entries.into_values().collect() };
            let encoded = canonical::encode(&section);
            let digest = Digest::of(&encoded);
            bytes.insert(digest, encoded.into());
            sections.insert(digest, section);
            digest
        };
        let mesh = seal(std::mem::take(&mut self.mesh));
        let namespaces = std::mem::take(&mut self.namespaces);
        let namespaces =
            namespaces.into_iter().map(|(name, entries)| (name, seal(entries))).collect();
        let mut features = BTreeSet::new();
        let mut names = Names::new();
        let entries = sections.values().flat_map(|section| &section.entries);
        let mut pending: Vec<&Reference> = entries.map(|entry| &entry.reference).collect();
        while let Some(Reference { key, digest }) = pending.pop() {
            if !note(&mut names, key, *digest) {
                continue;
            }
            if let Some(added) = self.objects.get(digest) {
                bytes.insert(*digest, Arc::clone(&added.bytes));
                features.extend(added.features.iter().map(|(feature, _)| (*feature).to_owned()));
                pending.extend(&added.children);
            }
        }
        let manifest = Manifest { format: FORMAT, features, mesh, namespaces };
        let encoded = canonical::encode(&manifest);
        let digest = Digest::of(&encoded);
        bytes.insert(digest, encoded.into());
        Ok(Snapshot { digest, manifest, sections: filed(sections), names, bytes })
    }
}
