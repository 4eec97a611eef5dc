//! What operators show who want something changed. Everybody on a machine reaches its loopback addresses, and so does every workload
//! of a mesh that runs on it; the file that holds this is the operator's alone.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mesh_snapshot::Digest;

use crate::identity::random;
use crate::private_file;

/// 256 random bits, others at each start.
#[derive(Clone)]
pub struct OperatorToken {
    hex: Arc<str>,
    /// Where operators find it.
    path: Arc<Path>,
}

/// In the control runtime's own folder.
const FILE: &str = "operator-token";

impl OperatorToken {
    /// Makes one and writes it where operators find it, in the control runtime's own folder `state`.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn make(state: &Path) -> io::Result<Self> {
        let path = Self::path(state);
        let hex = Digest::from_bytes(random()).hex();
        private_file::replace(&path, hex.as_bytes())?;
        Ok(Self { hex: hex.into(), path: path.into() })
    }

    /// The file that holds the token of the control runtime whose own folder `state` is.
    #[must_use]
    pub fn path(state: &Path) -> PathBuf {
        state.join(FILE)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.hex
    }

    /// Whether the value of a header `Authorization` shows it (RFC 6750 §2.1).
    pub(super) fn is_shown_by(&self, authorization: &str) -> bool {
        let shown = authorization.split_once(' ');
        // What hashes are compared for tells nobody how much of a guess was right.
        shown.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer")
                && Digest::of(token.trim().as_bytes()) == Digest::of(self.hex.as_bytes())
        })
    }

    /// For somebody who has not shown it.
    pub(super) fn advice(&self) -> String {
        let path = self.path.display();
        format!("only for operators who show the token in {path}: `Authorization: Bearer …`")
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorToken").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_the_operators_alone_and_another_at_each_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = OperatorToken::path(folder.path());
        std::fs::write(path.with_extension("new"), "left by one that was killed").unwrap();
        let token = OperatorToken::make(folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), token.as_str());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let other = OperatorToken::make(folder.path()).unwrap();
        assert_ne!(other.as_str(), token.as_str());
        assert!(!format!("{other:?}").contains(other.as_str()));
    }

    #[test]
    fn nothing_else_is_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let token = OperatorToken::make(folder.path()).unwrap();
        let hex = token.as_str();
        assert!(token.is_shown_by(&format!("Bearer {hex}")));
        assert!(token.is_shown_by(&format!("bearer {hex}")));
        let others = [hex, "", "Bearer", "Bearer ", &hex[1..]];
        assert!(others.iter().all(|other| !token.is_shown_by(other)));
        assert!(!token.is_shown_by(&format!("Basic {hex}")));
        assert!(!token.is_shown_by(&format!("Bearer {}", &hex[..63])));
    }
}
