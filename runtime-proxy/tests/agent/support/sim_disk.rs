//! A disk in memory that forgets, at a crash, what was not synced, and fails when it is told to.
//!
//! Of what was not synced, any part may have reached the disk: of a file's content nothing, the beginning or all; of the
//! changes to a folder any of them, each on its own. That is less than any file system promises.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use mesh_proxy::agent::store::Disk;
use rand::Rng;

#[derive(Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    /// As a running process sees them.
    folder: BTreeMap<String, usize>,
    files: Vec<File>,
    /// As a crash leaves them.
    durable: BTreeMap<String, usize>,
    /// Changes to names since their folder was synced.
    changes: Vec<Change>,
    calls: u64,
    fault: Option<Fault>,
    /// What the disk was before each call, if that is wanted.
    history: Option<Vec<SimDisk>>,
}

#[derive(Clone, Default)]
struct File {
    content: Vec<u8>,
    durable: Vec<u8>,
    synced: bool,
}

#[derive(Clone)]
enum Change {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

/// From which call on, for how many, and how calls that change something fail.
#[derive(Clone, Copy)]
pub struct Fault {
    pub from: u64,
    pub calls: u64,
    pub kind: io::ErrorKind,
}

impl SimDisk {
    /// How many calls were made that change something.
    pub fn calls(&self) -> u64 {
        self.0.lock().unwrap().calls
    }

    /// Remembers the disk before each call from now on.
    pub fn remember(&self) {
        self.0.lock().unwrap().history = Some(Vec::new());
    }

    pub fn history(&self) -> Vec<Self> {
        self.0.lock().unwrap().history.take().unwrap_or_default()
    }

    pub fn fail(&self, fault: Option<Fault>) {
        self.0.lock().unwrap().fault = fault;
    }

    /// What a process finds that starts after this one has been killed and the machine has lost its power.
    pub fn crashed(&self, random: &mut impl Rng) -> Self {
        let mut state = self.0.lock().unwrap().clone();
        for change in std::mem::take(&mut state.changes) {
            if random.random_bool(0.5) {
                state.durable.apply(change);
            }
        }
        for file in &mut state.files {
            if !file.synced && random.random_bool(0.5) {
                let end = random.random_range(0..=file.content.len());
                file.durable = file.content[..end].to_vec();
            }
            *file = File::on_disk(file.durable.clone());
        }
        state.folder = state.durable.clone();
        (state.calls, state.fault) = (0, None);
        Self(Arc::new(Mutex::new(state)))
    }

    /// As it is, without a crash: for another process.
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }

    pub fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().folder.keys().cloned().collect()
    }

    pub fn content(&self, name: &str) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        state.files[state.folder[name]].content.clone()
    }

    /// A file that has always been there.
    pub fn put(&self, name: &str, content: Vec<u8>) {
        let mut state = self.0.lock().unwrap();
        state.files.push(File::on_disk(content));
        let file = state.files.len() - 1;
        state.folder.insert(name.to_owned(), file);
        state.durable.insert(name.to_owned(), file);
    }

    pub fn replace(&self, name: &str, content: Vec<u8>) {
        let mut state = self.0.lock().unwrap();
        let file = state.folder[name];
        state.files[file] = File::on_disk(content);
    }
}

impl File {
    fn on_disk(content: Vec<u8>) -> Self {
        Self { durable: content.clone(), content, synced: true }
    }
}

trait Apply {
    fn apply(&mut self, change: Change);
}

impl Apply for BTreeMap<String, usize> {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Create(name, file) => drop(self.insert(name, file)),
            Change::Rename(from, to) => {
                if let Some(file) = self.remove(&from) {
                    self.insert(to, file);
                }
            }
            Change::Remove(name) => drop(self.remove(&name)),
        }
    }
}

impl State {
    fn change(&mut self, change: Change) {
        self.folder.apply(change.clone());
        self.changes.push(change);
    }

    /// Counts a call that changes something; fails when it is to.
    fn step(&mut self) -> io::Result<()> {
        if let Some(mut history) = self.history.take() {
            history.push(SimDisk(Arc::new(Mutex::new(self.clone()))));
            self.history = Some(history);
        }
        self.calls += 1;
        let calls = self.calls;
        let hit =
            |fault: &Fault| (fault.from..fault.from.saturating_add(fault.calls)).contains(&calls);
        match self.fault.filter(hit) {
            Some(fault) => Err(fault.kind.into()),
            None => Ok(()),
        }
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        self.folder.get(name).copied().ok_or(io::ErrorKind::NotFound.into())
    }
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Disk for SimDisk {
    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let content = state.files[state.file(name)?].content.clone();
        if limit < content.len() as u64 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let failed = state.step();
        let file = state.file(name).unwrap_or_else(|_| {
            state.files.push(File::default());
            let file = state.files.len() - 1;
            state.change(Change::Create(name.to_owned(), file));
            file
        });
        let file = &mut state.files[file];
        // A disk that is full takes some of it.
        let end = if failed.is_ok() { content.len() } else { content.len() / 2 };
        file.content = content[..end].to_vec();
        file.synced = false;
        failed
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        let file = state.file(name)?;
        let file = &mut state.files[file];
        file.durable.clone_from(&file.content);
        file.synced = true;
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        state.file(from)?;
        state.change(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        let of_folder = |change: &Change| {
            let (Change::Create(name, _) | Change::Rename(_, name) | Change::Remove(name)) = change;
            folder_of(name) == folder
        };
        let changes = std::mem::take(&mut state.changes);
        let (now, later): (Vec<_>, Vec<_>) = changes.into_iter().partition(of_folder);
        state.changes = later;
        for change in now {
            state.durable.apply(change);
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        state.file(name)?;
        state.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let state = self.0.lock().unwrap();
        let names = state.folder.keys().filter(|name| folder_of(name) == folder);
        Ok(names.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned()).collect())
    }
}
