//! The snapshots that the rollout may need: on disk a file each, in memory one copy of every object.

mod entitlements;
mod view;

pub use entitlements::Entitlements;
pub use view::{Reach, View};

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use mesh_snapshot::container::{self, Bundle, FileError};
use mesh_snapshot::object::Workload;
use mesh_snapshot::snapshot::SnapshotError;
use mesh_snapshot::{Digest, Key, Kind, Location, ReadObjects, Snapshot};

use crate::rollout::{Reason, Refusal, Slices};
use view::Views;

use tokio::sync::watch;

/// Why a snapshot could not be stored or read again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: FileError },
    #[error("{}: it holds {found}", path.display())]
    Name { path: PathBuf, found: Digest },
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// Shared by all tasks. What is in memory is on disk.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    held: RwLock<BTreeMap<Digest, Arc<Bundle>>>,
    /// Stored, and not in the ledger yet.
    pinned: Mutex<BTreeSet<Digest>>,
    views: Views,
    sources: watch::Sender<u64>,
}

/// As long as it lives, a snapshot is not forgotten.
#[derive(Debug)]
pub struct Pin {
    store: Arc<Store>,
    pub digest: Digest,
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.store.pins(|pinned| pinned.remove(&self.digest));
    }
}

impl Store {
    /// Reads every snapshot in `folder`, which is made if it is not there. Those that cannot be read are returned beside the store: one
    /// damaged file must not keep the others from being served.
    ///
    /// # Errors
    ///
    /// When the folder itself cannot be read.
    pub fn open(folder: &Path) -> Result<(Self, Vec<StoreError>), StoreError> {
        let io = |error| StoreError::Io { path: folder.to_owned(), error };
        fs::create_dir_all(folder).map_err(io)?;
        let mut names: Vec<_> = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>())
            .map_err(io)?;
        names.sort_unstable();
        let store = Self {
            folder: folder.to_owned(),
            held: RwLock::new(BTreeMap::new()),
            pinned: Mutex::default(),
            views: Views::default(),
            sources: watch::Sender::new(0),
        };
        let mut unreadable = Vec::new();
        let has_extension = |path: &&PathBuf, it| path.extension().is_some_and(|own| own == it);
        // Of one who was killed while it wrote. What cannot be removed is in nobody's way.
        for litter in names.iter().filter(|path| has_extension(path, "partial")) {
            let _ = fs::remove_file(litter);
        }
        for path in names.iter().filter(|path| has_extension(path, "mesh")) {
            match read(path).and_then(|bundle| store.share(bundle)) {
                Ok(bundle) => store.hold(bundle),
                Err(error) => unreadable.push(error),
            }
        }
        Ok((store, unreadable))
    }

    /// Keeps a snapshot; it is on disk when this returns. One that is held already gets the new sources and signatures.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn put(self: &Arc<Self>, bundle: Bundle) -> Result<Pin, StoreError> {
        let bundle = self.share(bundle)?;
        let digest = bundle.snapshot.digest();
        self.pins(|pinned| pinned.insert(digest));
        let pin = Pin { store: self.clone(), digest };
        let path = self.path(digest);
        container::write_file(&path, &bundle).map_err(|error| StoreError::File { path, error })?;
        self.hold(bundle);
        self.sources.send_modify(|version| *version += 1);
        Ok(pin)
    }

    /// Forgets all snapshots but these, in memory and on disk.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed; it is then removed another time.
    pub fn retain(&self, needed: &BTreeSet<Digest>) -> Result<(), StoreError> {
        // Held to the end: whoever puts one of them again meanwhile writes its file when it is gone, and not before.
        self.pins(|pinned| self.remove_all_but(|it| needed.contains(it) || pinned.contains(it)))
    }

    fn remove_all_but(&self, kept: impl Fn(&Digest) -> bool) -> Result<(), StoreError> {
        for digest in self.digests().into_iter().filter(|digest| !kept(digest)) {
            let path = self.path(digest);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::Io { path, error });
                }
                _ => self.write(|held| held.remove(&digest)),
            };
            self.views.forget(digest);
        }
        Ok(())
    }

    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Arc<Bundle>> {
        self.read(|held| held.get(digest).cloned())
    }

    /// What a workload's proxy needs of a snapshot.
    ///
    /// # Errors
    ///
    /// When the snapshot is not held, or has no slice for the workload.
    pub fn view(&self, snapshot: Digest, workload: &Workload) -> Result<Arc<View>, Refusal> {
        let Some(bundle) = self.get(&snapshot) else {
            return Err(refusal(format!("the control runtime does not hold {snapshot}")));
        };
        self.views.of(&bundle.snapshot, workload).map_err(|error| refusal(error.to_string()))
    }

    /// Everything that a view of a snapshot leads to.
    ///
    /// # Errors
    ///
    /// As [`Self::view`].
    pub fn reach(&self, snapshot: Digest, view: &View) -> Result<Arc<Reach>, Refusal> {
        let Some(bundle) = self.get(&snapshot) else {
            return Err(refusal(format!("the control runtime does not hold {snapshot}")));
        };
        self.views.reach(&bundle.snapshot, view).map_err(|error| refusal(error.to_string()))
    }

    /// All that are held.
    #[must_use]
    pub fn digests(&self) -> Vec<Digest> {
        self.read(|held| held.keys().copied().collect())
    }

    /// Where in the policy repository an item of an object stands.
    #[must_use]
    pub fn source(&self, snapshot: &Digest, key: &Key, item: &str) -> Option<Location> {
        self.get(snapshot)?.source_map.get(key, item).cloned()
    }

    /// The same snapshot, of the objects that are in memory already.
    fn share(&self, bundle: Bundle) -> Result<Bundle, StoreError> {
        let digest = bundle.snapshot.digest();
        let snapshot =
            self.read(|held| Snapshot::open(digest, &Shared { held, new: &bundle.snapshot }))?;
        Ok(Bundle { snapshot, ..bundle })
    }

    fn hold(&self, bundle: Bundle) {
        self.write(|held| held.insert(bundle.snapshot.digest(), Arc::new(bundle)));
    }

    /// Rises whenever the sources of some snapshot may have changed: lines move without a new digest.
    pub fn sources(&self) -> watch::Receiver<u64> {
        self.sources.subscribe()
    }

    fn pins<T>(&self, f: impl FnOnce(&mut BTreeSet<Digest>) -> T) -> T {
        f(&mut self.pinned.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(format!("{}.mesh", digest.hex()))
    }

    fn read<T>(&self, f: impl FnOnce(&BTreeMap<Digest, Arc<Bundle>>) -> T) -> T {
        f(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, f: impl FnOnce(&mut BTreeMap<Digest, Arc<Bundle>>) -> T) -> T {
        f(&mut self.held.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Slices for Store {
    fn slice(&self, snapshot: Digest, workload: &Workload) -> Result<Digest, Refusal> {
        Ok(self.view(snapshot, workload)?.digest)
    }

    fn differ_in_access(&self, one: Digest, other: Digest) -> bool {
        let (Some(one), Some(other)) = (self.get(&one), self.get(&other)) else { return true };
        !access(&one.snapshot).eq(access(&other.snapshot))
    }
}

/// The objects that say who may do what, and by which proof.
fn access(snapshot: &Snapshot) -> impl Iterator<Item = (&Key, &Vec<Digest>)> {
    snapshot.names().iter().filter(|(key, _)| {
        matches!(
            key.kind,
            Kind::InboundPorts
                | Kind::RequestFilters
                | Kind::PeerAuthentication
                | Kind::RequestAuthentication
                | Kind::AuthorizationPolicy
        )
    })
}

/// Objects of held snapshots first.
struct Shared<'a> {
    held: &'a BTreeMap<Digest, Arc<Bundle>>,
    new: &'a Snapshot,
}

impl ReadObjects for Shared<'_> {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        let held = self.held.values().find_map(|bundle| bundle.snapshot.read(digest));
        held.or_else(|| self.new.read(digest))
    }
}

fn read(path: &Path) -> Result<Bundle, StoreError> {
    let bundle = container::read_file(path)
        .map_err(|error| StoreError::File { path: path.to_owned(), error })?;
    let found = bundle.snapshot.digest();
    if path.file_stem().is_some_and(|stem| stem == found.hex().as_str()) {
        Ok(bundle)
    } else {
        Err(StoreError::Name { path: path.to_owned(), found })
    }
}

fn refusal(detail: String) -> Refusal {
    Refusal { reason: Reason::Corrupt, detail, key: None, item: String::new() }
}
