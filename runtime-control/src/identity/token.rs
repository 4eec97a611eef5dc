//! Tokens that begin an identity: each for one instance, used once, and of no use after a while.
//!
//! On disk there is only what a token hashes to, so that who reads the folder cannot use it. A token is 256 random
//! bits: its hash needs no salt. Taking one removes its file first and answers then, so a crash in between loses a token and never
//! gives it out twice.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesh_snapshot::Digest;
use serde::{Deserialize, Serialize};

use super::random::random;
use super::spiffe::is_segment;

/// Whom a token is for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bearer {
    pub namespace: String,
    pub service_account: String,
    /// Of the workload's instances, which one; empty: nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Issued {
    #[serde(flatten)]
    bearer: Bearer,
    /// In seconds since 1970.
    expires: u64,
}

/// Why a token does not count, or could not be made. Whoever shows one learns only that it does not count.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("the token is unknown, or was used before")]
    Unknown,
    #[error("the token has expired")]
    Expired,
    #[error("`{0}` is no name that an identity can have")]
    Name(String),
}

#[derive(Clone, Debug)]
pub struct Tokens {
    folder: PathBuf,
    /// When expired ones were looked for last.
    swept: Arc<Mutex<Option<Duration>>>,
}

/// How often expired tokens are looked for: each time, all files are read.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

impl Tokens {
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, TokenError> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| TokenError::Io { path: folder.to_owned(), error })?;
        Ok(Self { folder: folder.to_owned(), swept: Arc::default() })
    }

    /// A new token, valid for `lifetime` from `now`, the time since 1970.
    ///
    /// # Errors
    ///
    /// When it cannot be kept, or the bearer cannot have an identity.
    pub fn issue(
        &self,
        bearer: Bearer,
        lifetime: Duration,
        now: Duration,
    ) -> Result<String, TokenError> {
        let names = [&bearer.namespace, &bearer.service_account];
        if let Some(name) = names.into_iter().find(|name| !is_segment(name)) {
            return Err(TokenError::Name(name.clone()));
        }
        self.forget_expired(now)?;
        // A digest is a convenient way to write 256 random bits.
        let token = Digest::from_bytes(random()).hex();
        let issued = Issued { bearer, expires: (now + lifetime).as_secs() };
        let bytes = serde_json::to_vec(&issued)
            .unwrap_or_else(|error| unreachable!("names and numbers are JSON: {error}"));
        let path = self.path(&token);
        self.write(&path, &bytes).map_err(|error| TokenError::Io { path, error })?;
        Ok(token)
    }

    /// Uses a token up.
    ///
    /// # Errors
    ///
    /// When it does not count.
    pub fn take(&self, token: &str, now: Duration) -> Result<Bearer, TokenError> {
        let path = self.path(token);
        let bytes = fs::read(&path).map_err(|error| missing(&path, error))?;
        // Of two who use the same token, one removes it.
        fs::remove_file(&path).map_err(|error| missing(&path, error))?;
        sync(&self.folder).map_err(|error| TokenError::Io { path, error })?;
        let issued: Issued = serde_json::from_slice(&bytes).map_err(|_| TokenError::Unknown)?;
        if issued.expires <= now.as_secs() { Err(TokenError::Expired) } else { Ok(issued.bearer) }
    }

    /// Makes a token that nobody was given count no more. One that cannot be removed expires.
    pub fn withdraw(&self, token: &str) {
        let _ = fs::remove_file(self.path(token));
    }

    fn forget_expired(&self, now: Duration) -> Result<(), TokenError> {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.is_some_and(|swept| now.abs_diff(swept) < SWEEP_EVERY) {
            return Ok(());
        }
        self.sweep(now)?;
        *swept = Some(now);
        Ok(())
    }

    fn sweep(&self, now: Duration) -> Result<(), TokenError> {
        let io = |error| TokenError::Io { path: self.folder.clone(), error };
        for entry in fs::read_dir(&self.folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            // It may have been taken meanwhile.
            let Ok(bytes) = fs::read(&path) else { continue };
            let expired = serde_json::from_slice(&bytes)
                .is_ok_and(|issued: Issued| issued.expires <= now.as_secs());
            if expired {
                fs::remove_file(&path).or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Ok(()),
                    _ => Err(TokenError::Io { path, error }),
                })?;
            }
        }
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        sync(&self.folder)
    }

    fn path(&self, token: &str) -> PathBuf {
        self.folder.join(Digest::of(token.as_bytes()).hex())
    }
}

fn missing(path: &Path, error: io::Error) -> TokenError {
    match error.kind() {
        io::ErrorKind::NotFound => TokenError::Unknown,
        _ => TokenError::Io { path: path.to_owned(), error },
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_hours(20_000 * 24);
    const HOUR: Duration = Duration::from_hours(1);

    fn reviews() -> Bearer {
        Bearer {
            namespace: "shop".to_owned(),
            service_account: "reviews".to_owned(),
            instance: "reviews-1".to_owned(),
        }
    }

    #[test]
    fn a_token_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let token = tokens.issue(reviews(), HOUR, NOW).unwrap();
        assert_eq!(tokens.take(&token, NOW).unwrap(), reviews());
        assert!(matches!(tokens.take(&token, NOW), Err(TokenError::Unknown)));
        assert!(matches!(tokens.take("../token", NOW), Err(TokenError::Unknown)));
    }

    #[test]
    fn a_token_expires() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let token = tokens.issue(reviews(), HOUR, NOW).unwrap();
        assert!(matches!(tokens.take(&token, NOW + HOUR), Err(TokenError::Expired)));
        tokens.issue(reviews(), HOUR, NOW).unwrap();
        tokens.issue(reviews(), HOUR, NOW + HOUR).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the expired one is gone");
    }

    #[test]
    fn issuing_many_does_not_read_them_all_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        tokens.issue(reviews(), HOUR, NOW).unwrap();
        let expired = serde_json::json!({"namespace": "a", "serviceAccount": "b", "expires": 0});
        let left = folder.path().join("left");
        fs::write(&left, expired.to_string()).unwrap();
        tokens.issue(reviews(), HOUR, NOW + SWEEP_EVERY / 2).unwrap();
        assert!(left.exists());
        tokens.issue(reviews(), HOUR, NOW + SWEEP_EVERY).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn what_is_on_disk_is_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(folder.path()).unwrap();
        let token = tokens.issue(reviews(), HOUR, NOW).unwrap();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            assert!(!fs::read_to_string(&path).unwrap().contains(&token));
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(matches!(tokens.take(&name, NOW), Err(TokenError::Unknown)));
        }
        let nobody = Bearer { namespace: "a/b".to_owned(), ..reviews() };
        assert!(matches!(tokens.issue(nobody, HOUR, NOW), Err(TokenError::Name(_))));
    }
}
