//! One file, by convention `*.mesh`.
//!
//! ```text
//! "mesh\r\n\x1a\x01"    8 bytes: the last is the version; the others notice a transfer as text
//! digest of the rest   32 bytes
//! body                 protocol buffer: root, objects (zstd), inventory, source map, provenance, signatures
//! ```

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use prost::Message as _;

use super::{Bundle, SIZE_MAX_BYTES, pack};
use crate::signature::Signature;
use crate::{Digest, canonical, wire};

const MAGIC: &[u8; 8] = b"mesh\r\n\x1a\x01";
/// What stands before the body.
const HEAD_BYTES: usize = MAGIC.len() + 32;

/// Why a file is not a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("not a snapshot file of this version")]
    Magic,
    #[error("larger than {SIZE_MAX_BYTES} bytes")]
    TooLarge,
    #[error("damaged: the content is not what was written")]
    Checksum,
    #[error("the {0} cannot be read")]
    Part(&'static str),
    #[error(transparent)]
    Objects(#[from] pack::PackError),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Body {
    #[prost(bytes = "vec", tag = "1")]
    root: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    objects: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    source_map: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    provenance: Vec<u8>,
    #[prost(message, repeated, tag = "5")]
    signatures: Vec<wire::Signature>,
    #[prost(bytes = "vec", tag = "6")]
    inventory: Vec<u8>,
}

/// The file's content.
#[must_use]
pub fn to_bytes(bundle: &Bundle) -> Vec<u8> {
    // The two large parts side by side.
    let (objects, source_map) = thread::scope(|scope| {
        let objects = scope.spawn(|| pack::pack(&bundle.snapshot));
        let source_map = canonical::encode(&bundle.source_map);
        let objects = objects.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (objects, source_map)
    });
    let body = Body {
        root: bundle.snapshot.digest().as_bytes().to_vec(),
        objects,
        source_map,
        provenance: canonical::encode(&bundle.provenance),
        signatures: bundle.signatures.iter().map(wire::Signature::from).collect(),
        inventory: canonical::encode(&bundle.inventory),
    };
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.encoded_len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 32]);
    body.encode(&mut bytes)
        .unwrap_or_else(|error| unreachable!("a vector has room for all of it: {error}"));
    let (head, body) = bytes.split_at_mut(HEAD_BYTES);
    let checksum = Digest::of(body);
    for (place, byte) in head.iter_mut().skip(MAGIC.len()).zip(checksum.as_bytes()) {
        *place = *byte;
    }
    bytes
}

/// # Errors
///
/// When the bytes are not exactly what [`to_bytes`] makes.
pub fn from_bytes(bytes: &[u8]) -> Result<Bundle, FileError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(FileError::Magic)?;
    let (checksum, body) = rest.split_first_chunk::<32>().ok_or(FileError::Checksum)?;
    if Digest::of(body) != Digest::from_bytes(*checksum) {
        return Err(FileError::Checksum);
    }
    let body = Body::decode(body).map_err(|_| FileError::Part("body"))?;
    let root = <[u8; 32]>::try_from(body.root).map_err(|_| FileError::Part("digest"))?;
    let signatures = body.signatures.into_iter().map(Signature::try_from).collect::<Result<_, _>>();
    Ok(Bundle {
        snapshot: pack::unpack(Digest::from_bytes(root), &body.objects)?,
        inventory: canonical::decode(&body.inventory).map_err(|_| FileError::Part("inventory"))?,
        source_map: canonical::decode(&body.source_map)
            .map_err(|_| FileError::Part("source map"))?,
        provenance: canonical::decode(&body.provenance)
            .map_err(|_| FileError::Part("provenance"))?,
        signatures: signatures.map_err(|_| FileError::Part("signatures"))?,
    })
}

/// # Errors
///
/// When the file cannot be read or is not a snapshot.
pub fn read_file(path: &Path) -> Result<Bundle, FileError> {
    let io = |error| FileError::Io { path: path.to_owned(), error };
    let size = fs::metadata(path).map_err(io)?.len();
    if size > SIZE_MAX_BYTES {
        return Err(FileError::TooLarge);
    }
    from_bytes(&fs::read(path).map_err(io)?)
}

/// Whether a file begins as a snapshot does. What follows may be damaged.
#[must_use]
pub fn is_file(path: &Path) -> bool {
    let mut begin = [0; MAGIC.len()];
    File::open(path).is_ok_and(|mut file| file.read_exact(&mut begin).is_ok()) && begin == *MAGIC
}

/// Writes the file whole or not at all.
///
/// # Errors
///
/// When the file system refuses; what stood at `path` still does.
pub fn write_file(path: &Path, bundle: &Bundle) -> Result<(), FileError> {
    replace(path, &to_bytes(bundle)).map_err(|error| FileError::Io { path: path.to_owned(), error })
}

/// Writes under another name first, which then takes the place of `path`; on disk when it returns.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let written = write_synced(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| sync_folder(path));
    if written.is_err() {
        // Best effort: the partial file is only litter.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
