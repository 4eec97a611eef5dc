//! From the objects of a slice to a program: everything that needs no waiting.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mesh_snapshot::object::Workload;
use mesh_snapshot::signature::Signature;
use mesh_snapshot::slice::SliceError;
use mesh_snapshot::wire::Refusal;
use mesh_snapshot::{Digest, Manifest, Object, ReadObjects, Reference, canonical, feature};

use super::verify::{Age, verify};
use super::{Build, Loaded, Material, Product};
use crate::agent::config::Config;
use crate::agent::trial::Refused;
use crate::agent::walk::{self, Walk};

/// What does not change from one snapshot to the next.
pub(crate) struct Assembler<B> {
    build: B,
    workload: Workload,
    mesh: String,
    signing: crate::agent::config::Signing,
    features: BTreeSet<String>,
    policy_bytes: u64,
}

impl<B: Build> Assembler<B> {
    pub(crate) fn new(build: B, config: &Config) -> Self {
        Self {
            build,
            workload: config.workload.clone(),
            mesh: config.mesh.clone(),
            signing: config.signing.clone(),
            features: config.features.clone(),
            policy_bytes: config.limits.policy_bytes,
        }
    }

    /// As [`verify`].
    pub(crate) fn verify(
        &self,
        snapshot: Digest,
        signatures: &[Signature],
        floor: u64,
    ) -> Result<Age, Refused> {
        verify(&self.signing, &self.mesh, snapshot, signatures, floor)
    }

    /// Whether so many bytes of objects may be held.
    pub(crate) fn weigh(&self, objects_bytes: u64) -> Result<(), Refused> {
        let most = self.policy_bytes;
        if objects_bytes <= most {
            return Ok(());
        }
        let detail = format!("its objects take more than the {most} bytes they may take");
        Err(Refused::new(Refusal::Memory, detail))
    }

    /// The slice of this proxy's own workload, and all that belongs to it.
    ///
    /// # Errors
    ///
    /// What is still missing; or why the snapshot cannot be read.
    pub(crate) fn walk(
        &self,
        root: Digest,
        objects: &impl ReadObjects,
    ) -> Result<Result<Walk, BTreeSet<Digest>>, Refused> {
        match walk::walk(root, &self.workload, objects) {
            Ok(walk) => Ok(Ok(walk)),
            Err(SliceError::Missing(missing)) => Ok(Err(missing)),
            Err(error) => Err(self.unreadable(walk::manifest(root, objects).ok().as_ref(), error)),
        }
    }

    /// Bytes that are no object: damaged, unless the snapshot says that they may be of a kind that this version does not know.
    fn unreadable(&self, manifest: Option<&Manifest>, error: SliceError) -> Refused {
        let detail = error.to_string();
        match error {
            SliceError::Format { .. } => Refused::new(Refusal::Feature, detail),
            SliceError::Malformed { key, .. } => {
                let unknown = manifest.map(|manifest| self.unknown(manifest)).unwrap_or_default();
                let refused = damaged_or_unknown(detail, &unknown);
                Refused { key, ..refused }
            }
            SliceError::Missing(_) | SliceError::Incomplete(_) => {
                Refused::new(Refusal::Corrupt, detail)
            }
        }
    }

    fn unknown<'a>(&self, manifest: &'a Manifest) -> Vec<&'a str> {
        let unknown = manifest.features.iter().filter(|name| !self.features.contains(*name));
        unknown.map(String::as_str).collect()
    }

    /// The program of a slice, of which `objects` has everything.
    pub(crate) fn assemble(
        &self,
        walk: &Walk,
        objects: &impl ReadObjects,
    ) -> Result<Product<B::Program>, Refused> {
        let loaded = self.load(walk, objects)?;
        let material = Material {
            workload: &self.workload,
            slice: &walk.slice,
            objects: &loaded,
            memory_bytes_max: self.policy_bytes,
        };
        // A fault of the builder must not take the proxy along: what is in force stays in force.
        let product = catch_unwind(AssertUnwindSafe(|| self.build.build(&material)))
            .unwrap_or_else(|_| Err(Refused::new(Refusal::Program, "the build panicked")))?;
        if self.policy_bytes < product.memory_bytes {
            let (taken, most) = (product.memory_bytes, self.policy_bytes);
            let detail = format!("it takes {taken} bytes, and may take {most}");
            return Err(Refused::new(Refusal::Memory, detail));
        }
        Ok(product)
    }

    fn load(&self, walk: &Walk, objects: &impl ReadObjects) -> Result<Loaded, Refused> {
        let mut loaded = Loaded::default();
        let mut size = 0_u64;
        for reference in &walk.objects {
            let bytes = objects.read(&reference.digest).ok_or_else(|| {
                let detail = format!("{} has gone", reference.key);
                Refused::new(Refusal::Corrupt, detail).about(reference.key.clone(), "")
            })?;
            if loaded.0.insert(reference.digest, Arc::clone(&bytes)).is_none() {
                size = size.saturating_add(bytes.len() as u64);
            }
            self.weigh(size)?;
            self.check(&walk.manifest, reference, &bytes)?;
        }
        Ok(loaded)
    }

    fn check(
        &self,
        manifest: &Manifest,
        reference: &Reference,
        bytes: &[u8],
    ) -> Result<(), Refused> {
        let key = &reference.key;
        let blame = |detail: String| {
            damaged_or_unknown(detail, &self.unknown(manifest)).about(key.clone(), "")
        };
        let object: Object = canonical::decode(bytes)
            .map_err(|error| blame(format!("{key} cannot be read: {error}")))?;
        if object.kind() != key.kind {
            return Err(blame(format!("{key} is a {}", object.kind().name())));
        }
        let needed = feature::of(&object);
        match needed.into_iter().find(|(name, _)| !self.features.contains(*name)) {
            None => Ok(()),
            Some((name, item)) => {
                let detail = format!("it needs the feature `{name}`, which this proxy lacks");
                Err(Refused::new(Refusal::Feature, detail).about(key.clone(), item))
            }
        }
    }
}

fn damaged_or_unknown(detail: String, unknown: &[&str]) -> Refused {
    if unknown.is_empty() {
        return Refused::new(Refusal::Corrupt, detail);
    }
    let names = unknown.join("`, `");
    let detail = format!("{detail}; the snapshot needs `{names}`, which this proxy lacks");
    Refused::new(Refusal::Feature, detail)
}
