//! The registry of files: a folder of documents, and one of secrets, read again whenever they change.
//!
//! A file that cannot be read leaves what it said before: a typing error takes no instance out of service. One that is
//! gone takes it back. One that did not change since is not read.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mesh_snapshot::object::Credential;
use tokio::sync::watch;

use super::document::{Document, DocumentError};
use super::secret::SecretError;
use super::stamps::Stamps;
use super::{Secret, World, publish};
use crate::clock;
use crate::keys::KeySets;
use crate::problems::Problems;
use crate::watch::Watch;

/// Where the registry is, and what it cannot know by itself.
#[derive(Clone, Debug)]
pub struct Registry {
    pub documents: PathBuf,
    pub secrets: PathBuf,
    pub trust_domain: String,
    pub cluster: String,
}

/// What was read last.
#[derive(Debug, Default)]
struct Known {
    documents: Kept<Document>,
    secrets: Kept<(Credential, Secret)>,
}

/// By path: what it said, and how it looked when it was read. Without a stamp it is read again.
type Kept<T> = BTreeMap<PathBuf, (T, Option<Stamps>)>;

impl Registry {
    /// The world as it is now.
    #[must_use]
    pub fn read_once(&self, problems: &Problems) -> World {
        self.read(&mut Known::default(), problems)
    }

    /// Keeps the world up to date, for as long as it is polled.
    /// The key sets that were fetched become part of it.
    pub(crate) async fn run(
        self,
        world: watch::Sender<Arc<World>>,
        mut fetched: watch::Receiver<Arc<KeySets>>,
        problems: Problems,
    ) {
        let mut documents = Watch::new(&self.documents);
        let mut secrets = Watch::new(&self.secrets);
        let mut known = Known::default();
        loop {
            let (registry, problems) = (self.clone(), problems.clone());
            let read = tokio::task::spawn_blocking(move || {
                let world = registry.read(&mut known, &problems);
                (known, world)
            });
            let Ok((read, mut found)) = read.await else { return };
            known = read;
            found.fetched_key_sets = fetched.borrow_and_update().clone();
            publish(&world, found);
            tokio::select! {
                () = documents.changed() => {}
                () = secrets.changed() => {}
                Ok(()) = fetched.changed() => {}
            }
        }
    }

    fn read(&self, known: &mut Known, problems: &Problems) -> World {
        let mut faults = Faults::default();
        faults.take(&self.documents, known.read_documents(&self.documents));
        let secrets = known.read_secrets(&self.secrets);
        let mut world = World {
            trust_domain: self.trust_domain.clone(),
            cluster: self.cluster.clone(),
            secrets: known.secrets.values().map(|(secret, _)| secret.clone()).collect(),
            ..World::default()
        };
        // Not what was never there, which a proxy would believe, but what it does not let take the place of a good one.
        let unread = secrets.iter().flatten().filter_map(|(path, _)| credential(path));
        for credential in unread {
            world.secrets.entry(credential).or_insert_with(Secret::unusable);
        }
        faults.take(&self.secrets, secrets);
        let mut subjects: BTreeMap<String, &Path> = BTreeMap::new();
        for (path, (document, _)) in &known.documents {
            let what = document.subject();
            if let Some(first) = subjects.get(&what) {
                faults.add(path, &DocumentError::Duplicate { what, first: first.to_path_buf() });
                continue;
            }
            subjects.insert(what, path);
            world.add(document.clone());
        }
        problems.replace(KIND, &faults.0);
        world
    }
}

/// Of the places of all problems here.
const KIND: &str = "world ";

/// What is wrong in this reading: place → problem.
#[derive(Default)]
struct Faults(BTreeMap<String, String>);

impl Faults {
    /// The first fault of a file is told.
    fn add(&mut self, path: &Path, fault: &dyn Display) {
        let place = format!("{KIND}{}", path.display());
        self.0.entry(place).or_insert_with(|| fault.to_string());
    }

    fn take<E: Display>(&mut self, folder: &Path, read: io::Result<Vec<(PathBuf, E)>>) {
        match read {
            Ok(faults) => faults.iter().for_each(|(path, fault)| self.add(path, fault)),
            Err(error) => self.add(folder, &error),
        }
    }
}

impl World {
    fn add(&mut self, document: Document) {
        match document {
            Document::Instance(instance) => {
                let key = (instance.workload.namespace.clone(), instance.name.clone());
                self.instances.insert(key, instance);
            }
            Document::Listed(it) => {
                self.listed.insert((it.namespace, it.service), it.endpoints);
            }
            Document::Addresses(it) => {
                let addresses = it.addresses.iter().map(ToString::to_string).collect();
                self.addresses.insert(it.host, addresses);
            }
            Document::KeySet(it) => {
                self.key_sets.insert(it.name, it.keys);
            }
        }
    }
}

impl Known {
    fn read_documents(&mut self, folder: &Path) -> io::Result<Vec<(PathBuf, DocumentError)>> {
        let mut files = Vec::new();
        walk(folder, &mut files)?;
        let is_document =
            |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
        let listed = files.into_iter().filter(is_document).map(|path| (path, ())).collect();
        let stamp = |path: &Path| Stamps::of([path.to_owned()], clock::wall());
        Ok(read_again(&mut self.documents, listed, stamp, |path, ()| Document::read(path)))
    }

    fn read_secrets(&mut self, folder: &Path) -> io::Result<Vec<(PathBuf, SecretError)>> {
        let mut listed = Vec::new();
        for namespace in folders(folder)? {
            let own = folders(&namespace)?.into_iter();
            listed.extend(own.filter_map(|path| Some((path.clone(), credential(&path)?))));
        }
        let stamp = |path: &Path| Stamps::of(Secret::files(path), clock::wall());
        Ok(read_again(&mut self.secrets, listed, stamp, |path, credential| {
            Ok((credential, Secret::read(path)?))
        }))
    }
}

/// Makes `known` what the `listed` paths say now, and returns those that say nothing: they stand for what they said before.
fn read_again<L, T, E>(
    known: &mut Kept<T>,
    listed: Vec<(PathBuf, L)>,
    stamp: impl Fn(&Path) -> Option<Stamps>,
    mut read: impl FnMut(&Path, L) -> Result<T, E>,
) -> Vec<(PathBuf, E)> {
    let mut before = std::mem::take(known);
    let mut faults = Vec::new();
    for (path, what) in listed {
        // Taken before it is read: what changes meanwhile has another one.
        let stamp = stamp(&path);
        let kept = before.remove(&path);
        let value = match kept {
            Some((value, of)) if of.is_some() && of == stamp => Some((value, of)),
            kept => match read(&path, what) {
                Ok(value) => Some((value, stamp)),
                Err(_) if is_gone(&path) => None,
                Err(error) => {
                    faults.push((path.clone(), error));
                    kept.map(|(value, _)| (value, None))
                }
            },
        };
        known.extend(value.map(|value| (path, value)));
    }
    faults
}

/// Whose folder it is.
fn credential(folder: &Path) -> Option<Credential> {
    let text = |name: Option<&std::ffi::OsStr>| Some(name?.to_str()?.to_owned());
    let namespace = text(folder.parent()?.file_name())?;
    Some(Credential { namespace, name: text(folder.file_name())? })
}

/// Since it was listed. A link that leads nowhere is not: it is a fault.
fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Every file in `folder` and the folders in it, sorted. A folder that is not there has none.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for path in entries(folder)? {
        if !path.is_dir() {
            files.push(path);
        } else if !is_hidden(&path) {
            walk(&path, files)?;
        }
    }
    Ok(())
}

/// A folder whose name begins with a dot is nobody's: Kubernetes keeps the versions of a mounted Secret or `ConfigMap` so, and its files are
/// links into one of them.
fn is_hidden(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The folders in `folder`.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_seen = |path: &PathBuf| path.is_dir() && !is_hidden(path);
    Ok(entries(folder)?.into_iter().filter(is_seen).collect())
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let mut paths = read.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::world::document::KeySet;

    const HOST: &str = r#"{"kind": "addresses", "host": "a", "addresses": []}"#;

    fn registry(folder: &Path) -> Registry {
        Registry {
            documents: folder.join("registry"),
            secrets: folder.join("secrets"),
            trust_domain: "cluster.local".to_owned(),
            cluster: String::new(),
        }
    }

    /// As when it is removed between the listing and the reading.
    #[test]
    fn what_is_listed_and_gone_is_no_fault_and_not_known_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let (gone, nowhere) = (folder.path().join("gone.json"), folder.path().join("nowhere.json"));
        std::os::unix::fs::symlink(folder.path().join("no such file"), &nowhere).unwrap();
        let document = Document::KeySet(KeySet { name: "a".to_owned(), keys: String::new() });
        let mut known =
            [&gone, &nowhere].map(|path| (path.clone(), (document.clone(), None))).into();
        let listed = vec![(gone.clone(), ()), (nowhere.clone(), ())];
        let faults = read_again(&mut known, listed, |_| None, |path, ()| Document::read(path));
        let at_fault: Vec<_> = faults.iter().map(|(path, _)| path).collect();
        assert_eq!(at_fault, [&nowhere], "a link is still there");
        assert_eq!(known.keys().collect::<Vec<_>>(), [&nowhere]);
    }

    #[test]
    fn only_what_changed_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
        for path in &paths {
            fs::write(path, "1").unwrap();
        }
        let mut known = Kept::default();
        let mut read = |now: Duration| {
            let mut reads = Vec::new();
            let listed = paths.iter().map(|path| (path.clone(), ())).collect();
            let faults = read_again(
                &mut known,
                listed,
                |path| Stamps::of([path.to_owned()], now),
                |path, ()| {
                    reads.push(path.to_owned());
                    fs::read_to_string(path)?.parse::<u32>().map_err(io::Error::other)
                },
            );
            let values: Vec<_> = known.values().map(|(value, _)| *value).collect();
            (reads, values, faults.len())
        };
        let [a, b, c] = paths.clone();
        let (now, later) = (clock::wall(), clock::wall() + Duration::from_mins(1));
        assert_eq!(read(now), (vec![a.clone(), b.clone(), c.clone()], vec![1, 1, 1], 0));
        assert_eq!(read(later), (vec![a.clone(), b.clone(), c], vec![1, 1, 1], 0), "it was new");
        assert_eq!(read(later), (vec![], vec![1, 1, 1], 0));
        fs::write(&a, "22").unwrap();
        fs::write(&b, "none").unwrap();
        assert_eq!(read(later), (vec![a, b.clone()], vec![22, 1, 1], 1));
        assert_eq!(read(later), (vec![b], vec![22, 1, 1], 1), "a fault is told until it is over");
    }

    #[test]
    fn a_mounted_config_map_says_everything_once() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(folder.path());
        let version = registry.documents.join("..2026_01_01");
        fs::create_dir_all(&version).unwrap();
        fs::write(version.join("a.json"), HOST).unwrap();
        symlink("..2026_01_01", registry.documents.join("..data")).unwrap();
        symlink("..data/a.json", registry.documents.join("a.json")).unwrap();
        let problems = Problems::default();
        let world = registry.read_once(&problems);
        assert_eq!(problems.all(), BTreeMap::new());
        assert_eq!(world.addresses.len(), 1);
    }

    #[test]
    fn a_secret_that_is_broken_stays_what_it_was_and_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(folder.path());
        let secret = registry.secrets.join("shop/front");
        fs::create_dir_all(&secret).unwrap();
        let pair = rcgen::generate_simple_self_signed(["front.test".to_owned()]).unwrap();
        let chain = pair.cert.pem();
        fs::write(secret.join("tls.crt"), &chain).unwrap();
        fs::write(secret.join("tls.key"), pair.signing_key.serialize_pem()).unwrap();
        let (problems, mut known) = (Problems::default(), Known::default());
        let mut served = || {
            let world = registry.read(&mut known, &problems);
            let secret = world.secrets.into_values().next().unwrap();
            (String::from_utf8(secret.certificate_chain).unwrap(), problems.all())
        };
        assert_eq!(served(), (chain.clone(), BTreeMap::new()));
        fs::write(secret.join("tls.crt"), &chain[..chain.len() / 2]).unwrap();
        let (kept, told) = served();
        assert_eq!(kept, chain);
        assert_eq!(told.into_keys().collect::<Vec<_>>(), [format!("world {}", secret.display())]);
        fs::write(secret.join("tls.crt"), &chain).unwrap();
        assert_eq!(served(), (chain, BTreeMap::new()));
    }

    #[test]
    fn a_problem_is_over_when_its_file_is_gone_or_right() {
        let folder = tempfile::tempdir().unwrap();
        let registry = registry(folder.path());
        fs::create_dir(&registry.documents).unwrap();
        let file = |name: &str| registry.documents.join(name);
        for (name, text) in [("a.json", HOST), ("b.json", HOST), ("c.json", "{ half")] {
            fs::write(file(name), text).unwrap();
        }
        let (problems, mut known) = (Problems::default(), Known::default());
        let mut told = || {
            registry.read(&mut known, &problems);
            problems.all().into_values().collect::<Vec<_>>().join("; ")
        };
        let both = told();
        assert!(
            both.contains("a.json says the same of addresses of a; key must be a string"),
            "{both}"
        );
        assert_eq!(told(), both, "neither is over");
        fs::remove_file(file("a.json")).unwrap();
        fs::remove_file(file("c.json")).unwrap();
        assert_eq!(told(), "");
    }
}
