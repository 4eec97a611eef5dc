//! The inputs that are kept.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where the inputs of a target lie.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

/// The inputs of a target, by name.
///
/// # Errors
/// When they cannot be read.
pub fn kept(target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut inputs = Vec::new();
    for entry in fs::read_dir(folder(target))? {
        let path = entry?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            inputs.push((name, fs::read(&path)?));
        }
    }
    inputs.sort();
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::kept;
    use crate::TARGETS;

    /// A panic names the target and the input.
    #[test]
    fn what_was_found_once_stays_mended() {
        for target in TARGETS {
            let inputs = kept(target.name).unwrap();
            assert!(!inputs.is_empty(), "{} has no inputs", target.name);
            for (name, bytes) in inputs {
                let run = || (target.run)(&bytes);
                let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
                assert!(held.is_ok(), "{}/{name}", target.name);
            }
        }
    }
}
