//! A token for every instance that is expected, where its proxy can read it: how a mesh on one machine begins.
//!
//! ```text
//! <folder>/roots.pem                              whom to believe
//! <folder>/<namespace>/<instance>/token           for its first certificate
//! ```
//! A token is written once in a life of the control runtime, and once more for an instance that has left meanwhile, or is of another account by now;
//! a proxy that has lost its certificate after that asks an operator.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::token::{Bearer, TokenError, Tokens};
use crate::clock;
use crate::private_file;
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

/// Whom a token was written for, by namespace and name of the instance.
type Written = BTreeMap<(String, String), Bearer>;

/// Of the places of all problems here.
const KIND: &str = "bootstrap ";
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
        let mut written = Written::new();
        loop {
            let now = world.borrow_and_update().clone();
            let bootstrap = self.clone();
            let wrote = tokio::task::spawn_blocking(move || {
                let wrote = bootstrap.write(&now, &mut written);
                (written, wrote)
            });
            let Ok((done, failed)) = wrote.await else { return };
            written = done;
            problems.replace(KIND, &failed);
            let retry = async {
                if failed.is_empty() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(RETRY).await;
            };
            tokio::select! {
                () = retry => {}
                changed = world.changed() => if changed.is_err() { return },
            }
        }
    }

    /// What could not be written, by place: one that fails keeps no other from beginning.
    fn write(&self, world: &World, written: &mut Written) -> BTreeMap<String, String> {
        let mut failed = BTreeMap::new();
        let mut note = |place: String, wrote: Result<(), BootstrapError>| {
            let told = wrote.map_err(|error| failed.insert(place, error.to_string()));
            told.is_ok()
        };
        let roots = replace(&self.folder.join("roots.pem"), self.roots.as_bytes());
        note(format!("{KIND}roots.pem"), roots);
        let meshed = || world.instances.iter().filter(|(_, instance)| instance.meshed);
        let bearers: Written =
            meshed().map(|(name, instance)| (name.clone(), Bearer::of(instance))).collect();
        written.retain(|name, bearer| bearers.get(name) == Some(bearer));
        for (name, bearer) in bearers {
            let place = format!("{KIND}{}/{}", name.0, name.1);
            if !written.contains_key(&name) && note(place, self.begin(&name, &bearer)) {
                written.insert(name, bearer);
            }
        }
        failed
    }

    fn begin(&self, name: &(String, String), bearer: &Bearer) -> Result<(), BootstrapError> {
        let token = self.tokens.issue(bearer.clone(), self.token_lifetime, clock::wall())?;
        let path = self.folder.join(&name.0).join(&name.1).join("token");
        // It is tried again with another token, and nobody will come with this one.
        replace(&path, token.as_bytes()).inspect_err(|_| self.tokens.withdraw(&token))
    }
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), BootstrapError> {
    let path_of = |error| BootstrapError::Io { path: path.to_owned(), error };
    private_file::replace(path, bytes).map_err(path_of)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use mesh_snapshot::object::Workload;

    use super::*;

    fn instance(name: &str, service_account: &str) -> Instance {
        Instance {
            name: name.to_owned(),
            workload: Workload {
                namespace: "shop".to_owned(),
                name: "web".to_owned(),
                service_account: service_account.to_owned(),
                ..Workload::default()
            },
            address: [127, 0, 0, 1].into(),
            reached_at: BTreeMap::new(),
            meshed: true,
            locality: String::new(),
            weight: 1,
            healthy: true,
        }
    }

    fn world(instances: &[Instance]) -> World {
        let mut world = World::default();
        let named = |it: &Instance| (("shop".to_owned(), it.name.clone()), it.clone());
        world.instances.extend(instances.iter().map(named));
        world
    }

    fn bootstrap(folder: &Path) -> Bootstrap {
        Bootstrap {
            folder: folder.join("bootstrap"),
            tokens: Tokens::open(&folder.join("tokens")).unwrap(),
            token_lifetime: Duration::from_mins(1),
            roots: String::new(),
        }
    }

    #[test]
    fn one_that_fails_keeps_no_other_from_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let (bootstrap, mut written) = (bootstrap(folder.path()), Written::new());
        let world = world(&[instance("a", "not an account"), instance("b", "web")]);
        let failed = bootstrap.write(&world, &mut written);
        assert_eq!(failed.into_keys().collect::<Vec<_>>(), ["bootstrap shop/a"]);
        assert!(bootstrap.folder.join("shop/b/token").exists());
    }

    #[test]
    fn a_token_that_could_not_be_handed_over_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let (bootstrap, mut written) = (bootstrap(folder.path()), Written::new());
        let issued = || fs::read_dir(folder.path().join("tokens")).unwrap().count();
        fs::create_dir(&bootstrap.folder).unwrap();
        fs::write(bootstrap.folder.join("shop"), "no folder").unwrap();
        let world = world(&[instance("a", "web")]);
        assert!(!bootstrap.write(&world, &mut written).is_empty());
        assert_eq!(issued(), 0);
        fs::remove_file(bootstrap.folder.join("shop")).unwrap();
        assert!(bootstrap.write(&world, &mut written).is_empty());
        assert_eq!(issued(), 1);
    }

    #[test]
    fn who_comes_again_or_as_somebody_else_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        let (bootstrap, mut written) = (bootstrap(folder.path()), Written::new());
        let mut token = |instances: &[Instance]| {
            assert!(bootstrap.write(&world(instances), &mut written).is_empty());
            fs::read_to_string(bootstrap.folder.join("shop/a/token")).unwrap()
        };
        let first = token(&[instance("a", "web")]);
        assert_eq!(token(&[instance("a", "web")]), first, "once is enough");
        let other = token(&[instance("a", "payments")]);
        assert_ne!(other, first, "another account");
        token(&[]);
        assert_ne!(token(&[instance("a", "payments")]), other, "it had left");
    }
}
