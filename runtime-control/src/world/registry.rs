//! The registry of files: a folder of documents, and one of secrets, read again whenever they change.
//!
//! A file that cannot be read leaves what it said before: a typing error takes no instance out of service. One that is
//! gone takes it back.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mesh_snapshot::object::Credential;
use tokio::sync::watch;

use super::document::{Document, DocumentError};
use super::{Secret, World, publish};
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
    documents: BTreeMap<PathBuf, Document>,
    secrets: BTreeMap<PathBuf, (Credential, Secret)>,
}

impl Registry {
    /// The world as it is now.
    #[must_use]
    pub fn read_once(&self, problems: &Problems) -> World {
        self.read(&mut Known::default(), problems)
    }

    /// Keeps the world up to date, for as long as it is polled.
    pub async fn run(self, world: watch::Sender<Arc<World>>, problems: Problems) {
        let mut documents = Watch::new(&self.documents);
        let mut secrets = Watch::new(&self.secrets);
        let mut known = Known::default();
        loop {
            let (registry, problems) = (self.clone(), problems.clone());
            let read = tokio::task::spawn_blocking(move || {
                let world = registry.read(&mut known, &problems);
                (known, world)
            });
            let Ok((read, found)) = read.await else { return };
            known = read;
            publish(&world, found);
            tokio::select! {
                () = documents.changed() => {}
                () = secrets.changed() => {}
            }
        }
    }

    fn read(&self, known: &mut Known, problems: &Problems) -> World {
        read_documents(&self.documents, &mut known.documents, problems);
        read_secrets(&self.secrets, &mut known.secrets, problems);
        let mut world = World {
            trust_domain: self.trust_domain.clone(),
            cluster: self.cluster.clone(),
            secrets: known.secrets.values().cloned().collect(),
            ..World::default()
        };
        let mut subjects: BTreeMap<String, &Path> = BTreeMap::new();
        for (path, document) in &known.documents {
            let what = document.subject();
            if let Some(first) = subjects.get(&what) {
                let duplicate = DocumentError::Duplicate { what, first: first.to_path_buf() };
                problems.report(&place(path), &duplicate);
                continue;
            }
            subjects.insert(what, path);
            world.add(document.clone());
        }
        world
    }
}

fn place(path: &Path) -> String {
    format!("world {}", path.display())
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

fn read_documents(folder: &Path, known: &mut BTreeMap<PathBuf, Document>, problems: &Problems) {
    let mut files = Vec::new();
    let walked = walk(folder, &mut files);
    if problems.note(&place(folder), walked).is_none() {
        return;
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    known.retain(|path, _| files.contains(path));
    for path in files {
        if let Some(document) = problems.note(&place(&path), Document::read(&path)) {
            known.insert(path, document);
        }
    }
}

fn read_secrets(
    folder: &Path,
    known: &mut BTreeMap<PathBuf, (Credential, Secret)>,
    problems: &Problems,
) {
    let listed = folders(folder).and_then(|namespaces| {
        let secrets =
            namespaces.into_iter().map(|(path, namespace)| Ok((namespace, folders(&path)?)));
        secrets.collect::<io::Result<Vec<_>>>()
    });
    let Some(listed) = problems.note(&place(folder), listed) else { return };
    let all = listed.into_iter().flat_map(|(namespace, secrets)| {
        secrets
            .into_iter()
            .map(move |(path, name)| (path, Credential { namespace: namespace.clone(), name }))
    });
    let all: BTreeMap<PathBuf, Credential> = all.collect();
    known.retain(|path, _| all.contains_key(path));
    for (path, credential) in all {
        if let Some(secret) = problems.note(&place(&path), Secret::read(&path)) {
            known.insert(path, (credential, secret));
        }
    }
}

/// Every file in `folder` and the folders in it, sorted. A folder that is not there has none.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The folders in `folder`, with their names. What begins with a dot is nobody's: Kubernetes keeps the versions of a
/// mounted secret so.
fn folders(folder: &Path) -> io::Result<Vec<(PathBuf, String)>> {
    let named = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.to_owned();
        (path.is_dir() && !name.starts_with('.')).then_some((path, name))
    };
    Ok(entries(folder)?.into_iter().filter_map(named).collect())
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
