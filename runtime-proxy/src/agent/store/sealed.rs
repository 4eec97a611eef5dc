//! Files that are whole or nothing: replaced by rename, and known to be what was written by their digest.
//!
//! ```text
//! mesh-state 1 <kind> sha256:<digest of the rest>
//! <content>
//! ```

use std::io;

use mesh_snapshot::Digest;

use super::StoreError;
use super::disk::Disk;

/// What a file that is being written is called until it is complete.
pub(super) const UNFINISHED: &str = ".tmp";

/// Why a file tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("there is none")]
    Absent,
    #[error("it cannot be read: {0}")]
    Io(io::Error),
    #[error("it is not what was written")]
    Damaged,
}

/// Replaces the file `name`. On failure, whatever it said before it says still, or the new content already.
pub(super) fn write(
    disk: &dyn Disk,
    kind: &str,
    name: &str,
    content: &[u8],
) -> Result<(), StoreError> {
    let unfinished = format!("{name}{UNFINISHED}");
    let failed = |doing| move |error| StoreError { doing, name: name.to_owned(), error };
    let written = disk
        .write(&unfinished, &seal(kind, content))
        .map_err(failed("write"))
        .and_then(|()| disk.sync(&unfinished).map_err(failed("sync")))
        .and_then(|()| disk.rename(&unfinished, name).map_err(failed("rename")));
    if written.is_err() {
        // It takes up space, perhaps the last there is. The next start removes it otherwise.
        let _ = disk.remove(&unfinished);
    }
    written?;
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    disk.sync_folder(folder).map_err(failed("sync the folder of"))
}

/// The content of the file `name`, exactly as it was written.
pub(super) fn read(
    disk: &dyn Disk,
    kind: &str,
    name: &str,
    limit: u64,
) -> Result<Vec<u8>, Unreadable> {
    let bytes = disk.read(name, limit).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Unreadable::Absent,
        _ => Unreadable::Io(error),
    })?;
    unseal(kind, &bytes).ok_or(Unreadable::Damaged)
}

fn seal(kind: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = head(kind, content).into_bytes();
    bytes.extend_from_slice(content);
    bytes
}

fn unseal(kind: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let end_of_head = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let (head_found, content) = bytes.split_at_checked(end_of_head)?;
    (head_found == head(kind, content).as_bytes()).then(|| content.to_vec())
}

fn head(kind: &str, content: &[u8]) -> String {
    format!("mesh-state 1 {kind} {}\n", Digest::of(content))
}

#[cfg(test)]
mod tests {
    use super::{seal, unseal};

    #[test]
    fn what_is_not_what_was_written_is_noticed() {
        let whole = seal("marks", b"content\nmore");
        assert_eq!(unseal("marks", &whole).as_deref(), Some(&b"content\nmore"[..]));
        assert_eq!(unseal("record", &whole), None);
        for end in 0..whole.len() {
            assert_eq!(unseal("marks", &whole[..end]), None);
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[end] ^= 1 << bit;
                assert_eq!(unseal("marks", &flipped), None, "bit {bit} of byte {end}");
            }
        }
    }
}
