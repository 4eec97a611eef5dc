//! Values by name, each in a cell that is handed out once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Watched;

/// An entry is made when it is first asked for, or when the disk remembers it.
#[derive(Debug)]
pub(super) struct Cells<K, V>(Mutex<HashMap<K, Entry<V>>>, AtomicU64);

#[derive(Debug)]
struct Entry<V> {
    cell: Arc<Watched<V>>,
    /// Somebody wanted to know, and not only the disk remembers.
    asked: bool,
    /// Since the last sweep.
    recent: bool,
    /// Which asking was the last; zero: none.
    turn: u64,
}

impl<K, V> Default for Cells<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()), AtomicU64::new(0))
    }
}

impl<K: Eq + Hash + Clone, V: PartialEq> Cells<K, V> {
    /// The cell, and whether it was asked for the first time.
    pub(super) fn ask(&self, name: &K) -> (Arc<Watched<V>>, bool) {
        let mut entries = self.entries();
        let entry = entries.entry(name.clone()).or_insert_with(Entry::new);
        let new = !std::mem::replace(&mut entry.asked, true);
        entry.recent = true;
        entry.turn = 1 + self.1.fetch_add(1, Ordering::Relaxed);
        (Arc::clone(&entry.cell), new)
    }

    /// As [`Cells::ask`]. Where there are `most` already, the one that nobody has asked for longest makes room, unless somebody
    /// holds it.
    pub(super) fn ask_up_to(&self, most: usize, name: &K) -> (Arc<Watched<V>>, bool) {
        let mut entries = self.entries();
        if most <= entries.len() && !entries.contains_key(name) {
            let unheld = entries.iter().filter(|(_, entry)| Arc::strong_count(&entry.cell) == 1);
            let oldest = unheld.min_by_key(|(_, entry)| entry.turn).map(|(name, _)| name.clone());
            match oldest {
                Some(oldest) => drop(entries.remove(&oldest)),
                None => return (Arc::default(), false),
            }
        }
        drop(entries);
        self.ask(name)
    }

    /// What somebody wants to know.
    pub(super) fn names(&self) -> Vec<K> {
        let entries = self.entries();
        let asked = entries.iter().filter(|(_, entry)| entry.asked);
        asked.map(|(name, _)| name.clone()).collect()
    }

    /// The value, if it is known.
    pub(super) fn get(&self, name: &K) -> Option<Arc<V>> {
        let cell = Arc::clone(&self.entries().get(name)?.cell);
        cell.get()
    }

    /// What is known.
    pub(super) fn known<T>(&self, each: impl Fn(&K, &V) -> T) -> Vec<T> {
        let entries = self.entries();
        let known = entries.iter().filter_map(|(name, entry)| Some((name, entry.cell.get()?)));
        known.map(|(name, value)| each(name, &value)).collect()
    }

    /// Replaces a value that somebody has asked for; whether it was another.
    pub(super) fn set(&self, name: &K, value: V) -> bool {
        let cell = self.entries().get(name).map(|entry| Arc::clone(&entry.cell));
        match cell {
            Some(cell) if cell.get().as_deref() != Some(&value) => {
                cell.set(value);
                true
            }
            _ => false,
        }
    }

    /// Gives a name that has no value the one that is remembered of it.
    pub(super) fn remember(&self, name: K, value: V) {
        let mut entries = self.entries();
        let entry = entries.entry(name).or_insert_with(Entry::new);
        if entry.cell.get().is_none() {
            entry.cell.set(value);
        }
    }

    /// Forgets what nobody holds and nobody has asked for since the last sweep.
    pub(super) fn sweep(&self) {
        // Under the lock, a cell that only the map holds cannot be handed out.
        self.entries().retain(|_, entry| {
            let recent = std::mem::replace(&mut entry.recent, false);
            recent || 1 < Arc::strong_count(&entry.cell)
        });
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, Entry<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Entry<V> {
    fn new() -> Self {
        Self { cell: Arc::default(), asked: false, recent: true, turn: 0 }
    }
}
