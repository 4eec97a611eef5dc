//! A directory in the form of an OCI image layout, which any registry tool pushes and pulls.
//!
//! ```text
//! oci-layout                      the version of the form
//! index.json                      names the one OCI manifest
//! blobs/sha256/<digest>           OCI manifest; our manifest (its "config"); objects, inventory, source map,
//!                                 provenance, signatures (its "layers")
//! ```
//! Source: OCI Image Format Specification 1.1, "Image Layout".

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Bundle, SIZE_MAX_BYTES, pack};
use crate::digest::{from_hex, to_hex};
use crate::object::is_default;
use crate::signature::Signature;
use crate::{Digest, canonical};

const ARTIFACT: &str = "application/vnd.mesh.snapshot.v1";
const CONFIG: &str = "application/vnd.mesh.manifest.v1+json";
const OBJECTS: &str = "application/vnd.mesh.objects.v1+zstd";
const INVENTORY: &str = "application/vnd.mesh.inventory.v1+json";
const SOURCE_MAP: &str = "application/vnd.mesh.source-map.v1+json";
const PROVENANCE: &str = "application/vnd.mesh.provenance.v1+json";
const SIGNATURES: &str = "application/vnd.mesh.signatures.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYOUT_VERSION: &str = "1.0.0";

/// Why a directory is not a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{} cannot be read: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("blob {0} is damaged: its content has another digest or size")]
    Damaged(Digest),
    #[error("there is no {0} in it")]
    Absent(&'static str),
    #[error(transparent)]
    Objects(#[from] pack::PackError),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Layout {
    image_layout_version: String,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Index {
    schema_version: u32,
    media_type: String,
    manifests: Vec<Descriptor>,
    /// Registry tools leave notes of their own here.
    #[serde(default, skip_serializing_if = "is_default")]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OciManifest {
    schema_version: u32,
    media_type: String,
    artifact_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Descriptor {
    media_type: String,
    #[serde(default, skip_serializing_if = "is_default")]
    artifact_type: String,
    digest: Digest,
    size: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    annotations: BTreeMap<String, String>,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            artifact_type: String::new(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
        }
    }
}

/// A signature as JSON: the statement is text, the signature hexadecimal.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SignatureText {
    key: Digest,
    statement: String,
    signature: String,
}

/// Writes the layout into `folder`, which is made if need be. `index.json` comes last, so that a reader
/// meets the whole of it or none.
///
/// # Errors
///
/// When the file system refuses.
pub fn write_layout(folder: &Path, bundle: &Bundle) -> Result<(), LayoutError> {
    let blobs = folder.join("blobs").join("sha256");
    fs::create_dir_all(&blobs).map_err(|error| LayoutError::Io { path: blobs.clone(), error })?;
    let put = |media_type: &str, bytes: &[u8]| {
        let descriptor = Descriptor::of(media_type, bytes);
        write(&blobs.join(descriptor.digest.hex()), bytes).map(|()| descriptor)
    };
    let signatures: Vec<_> = bundle.signatures.iter().map(SignatureText::from).collect();
    let manifest = OciManifest {
        schema_version: 2,
        media_type: OCI_MANIFEST.to_owned(),
        artifact_type: ARTIFACT.to_owned(),
        config: put(CONFIG, &canonical::encode(bundle.snapshot.manifest()))?,
        layers: vec![
            put(OBJECTS, &pack::pack(&bundle.snapshot))?,
            put(INVENTORY, &canonical::encode(&bundle.inventory))?,
            put(SOURCE_MAP, &canonical::encode(&bundle.source_map))?,
            put(PROVENANCE, &canonical::encode(&bundle.provenance))?,
            put(SIGNATURES, &canonical::encode(&signatures))?,
        ],
    };
    let mut descriptor = put(OCI_MANIFEST, &canonical::encode(&manifest))?;
    ARTIFACT.clone_into(&mut descriptor.artifact_type);
    let layout = Layout { image_layout_version: LAYOUT_VERSION.to_owned() };
    write(&folder.join("oci-layout"), &canonical::encode(&layout))?;
    let index = Index {
        schema_version: 2,
        media_type: OCI_INDEX.to_owned(),
        manifests: vec![descriptor],
        annotations: BTreeMap::new(),
    };
    write(&folder.join("index.json"), &canonical::encode(&index))
}

/// The snapshot in `folder`.
///
/// # Errors
///
/// When it is not the layout of one snapshot, or any part of it is damaged.
pub fn read_layout(folder: &Path) -> Result<Bundle, LayoutError> {
    let layout: Layout = read_json(&folder.join("oci-layout"))?;
    let path = folder.join("index.json");
    let index: Index = read_json(&path)?;
    let malformed =
        |reason: &str| LayoutError::Malformed { path: path.clone(), reason: reason.to_owned() };
    if layout.image_layout_version != LAYOUT_VERSION || index.schema_version != 2 {
        return Err(malformed("another version of the layout"));
    }
    let [descriptor] = index.manifests.as_slice() else {
        return Err(malformed("it must name exactly one manifest"));
    };
    if index.media_type != OCI_INDEX
        || descriptor.media_type != OCI_MANIFEST
        || !matches!(descriptor.artifact_type.as_str(), "" | ARTIFACT)
    {
        return Err(malformed("it names something other than a snapshot"));
    }
    let manifest: OciManifest = parse(descriptor, &blob(folder, descriptor)?)?;
    if manifest.artifact_type != ARTIFACT {
        return Err(malformed("it names something other than a snapshot"));
    }
    read_parts(folder, &manifest)
}

fn read_parts(folder: &Path, manifest: &OciManifest) -> Result<Bundle, LayoutError> {
    let layer = |media_type: &'static str| {
        let found = manifest.layers.iter().find(|layer| layer.media_type == media_type);
        let descriptor = found.ok_or(LayoutError::Absent(media_type))?;
        Ok::<_, LayoutError>((descriptor, blob(folder, descriptor)?))
    };
    // Its bytes are among the objects too, but a registry checks only what it names.
    blob(folder, &manifest.config)?;
    let (_, objects) = layer(OBJECTS)?;
    let (descriptor, bytes) = layer(INVENTORY)?;
    let inventory = parse(descriptor, &bytes)?;
    let (descriptor, bytes) = layer(SOURCE_MAP)?;
    let source_map = parse(descriptor, &bytes)?;
    let (descriptor, bytes) = layer(PROVENANCE)?;
    let provenance = parse(descriptor, &bytes)?;
    let (descriptor, bytes) = layer(SIGNATURES)?;
    let signatures: Vec<SignatureText> = parse(descriptor, &bytes)?;
    let signatures = signatures.into_iter().map(Signature::try_from).collect::<Result<_, _>>();
    Ok(Bundle {
        snapshot: pack::unpack(manifest.config.digest, &objects)?,
        inventory,
        source_map,
        provenance,
        signatures: signatures.map_err(|_| LayoutError::Damaged(descriptor.digest))?,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), LayoutError> {
    super::file::replace(path, bytes)
        .map_err(|error| LayoutError::Io { path: path.to_owned(), error })
}

fn read(path: &Path) -> Result<Vec<u8>, LayoutError> {
    let io = |error| LayoutError::Io { path: path.to_owned(), error };
    if fs::metadata(path).map_err(io)?.len() > SIZE_MAX_BYTES {
        return Err(LayoutError::Objects(pack::PackError::TooLarge));
    }
    fs::read(path).map_err(io)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LayoutError> {
    serde_json::from_slice(&read(path)?).map_err(|error| LayoutError::Malformed {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

fn blob(folder: &Path, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
    let bytes = read(&folder.join("blobs").join("sha256").join(descriptor.digest.hex()))?;
    let whole = bytes.len() as u64 == descriptor.size && Digest::of(&bytes) == descriptor.digest;
    if whole { Ok(bytes) } else { Err(LayoutError::Damaged(descriptor.digest)) }
}

fn parse<T: serde::de::DeserializeOwned + Serialize>(
    descriptor: &Descriptor,
    bytes: &[u8],
) -> Result<T, LayoutError> {
    canonical::decode(bytes).map_err(|_| LayoutError::Damaged(descriptor.digest))
}

impl From<&Signature> for SignatureText {
    fn from(signature: &Signature) -> Self {
        Self {
            key: signature.key,
            statement: String::from_utf8_lossy(&signature.statement).into_owned(),
            signature: to_hex(&signature.signature),
        }
    }
}

impl TryFrom<SignatureText> for Signature {
    type Error = NotHex;

    fn try_from(text: SignatureText) -> Result<Self, NotHex> {
        let signature = from_hex(&text.signature).ok_or(NotHex)?;
        Ok(Self { key: text.key, statement: text.statement.into_bytes(), signature })
    }
}

struct NotHex;
