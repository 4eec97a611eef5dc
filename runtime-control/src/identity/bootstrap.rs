//! A token for every instance that is expected, where its proxy can read it: how a mesh on one machine begins.
//!
//! ```text
//! <folder>/roots.pem                              whom to believe
//! <folder>/<namespace>/<instance>/token           for its first certificate
//! ```
//! A token is written once in a life of the control runtime; a proxy that has lost its certificate after that asks an operator.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::spiffe::is_segment;
use super::token::{Bearer, TokenError, Tokens};
use crate::clock;
use crate::problems::Problems;
use crate::world::{Instance, World};

#[derive(Clone, Debug)]
pub struct Bootstrap {
    pub folder: PathBuf,
    pub tokens: Tokens,
    pub token_lifetime: Duration,
    pub roots: String,
}

#[derive(Debug, thiserror::Error)]
enum BootstrapError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Until what could not be written is tried again.
const RETRY: Duration = Duration::from_secs(2);

impl Bearer {
    /// An instance, and the workload that it is of.
    #[must_use]
    pub fn of(instance: &Instance) -> Self {
        Self {
            namespace: instance.workload.namespace.clone(),
            service_account: instance.workload.service_account.clone(),
            instance: instance.name.clone(),
        }
    }
}

impl Bootstrap {
    /// Writes what is missing whenever the world changes, for as long as it is polled.
    pub async fn run(self, mut world: watch::Receiver<Arc<World>>, problems: Problems) {
        let mut written = BTreeSet::new();
        loop {
            let now = world.borrow_and_update().clone();
            let bootstrap = self.clone();
            let wrote = tokio::task::spawn_blocking(move || {
                let wrote = bootstrap.write(&now, &mut written);
                (written, wrote)
            });
            let Ok((done, wrote)) = wrote.await else { return };
            written = done;
            let wrote = problems.note("bootstrap", wrote);
            let retry = async {
                match wrote {
                    Some(()) => std::future::pending().await,
                    None => tokio::time::sleep(RETRY).await,
                }
            };
            tokio::select! {
                () = retry => {}
                changed = world.changed() => if changed.is_err() { return },
            }
        }
    }

    fn write(
        &self,
        world: &World,
        written: &mut BTreeSet<(String, String)>,
    ) -> Result<(), BootstrapError> {
        replace(&self.folder.join("roots.pem"), self.roots.as_bytes())?;
        for (name, instance) in &world.instances {
            // A name with a slash in it must not lead elsewhere.
            let ordinary = is_segment(&name.0) && is_segment(&name.1);
            if !instance.meshed || !ordinary || written.contains(name) {
                continue;
            }
            let bearer = Bearer::of(instance);
            let token = self.tokens.issue(bearer, self.token_lifetime, clock::wall())?;
            replace(&self.folder.join(&name.0).join(&name.1).join("token"), token.as_bytes())?;
            written.insert(name.clone());
        }
        Ok(())
    }
}

/// Whole or not at all, and for nobody else.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), BootstrapError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        fs::rename(&new, path)
    };
    write().map_err(|error| BootstrapError::Io { path: path.to_owned(), error })
}
