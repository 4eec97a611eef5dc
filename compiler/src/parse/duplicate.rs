//! Keys that a mapping has twice.

use std::collections::HashMap;

use super::checks::DUPLICATE_KEY;
use super::tree::{Entry, Tree};
use crate::diagnostic::{Diagnostic, Place};
use crate::source::FileId;

/// Up to this many keys, comparing all pairs is the fastest.
const SMALL: usize = 12;

/// One diagnostic for each key that stood before.
pub(super) fn check(entries: &[Entry], tree: &Tree, source: &str, file: FileId) -> Vec<Diagnostic> {
    let text = |entry: &Entry| tree.text(entry.key, source);
    let mut found = Vec::new();
    if entries.len() <= SMALL {
        for (position, entry) in entries.iter().enumerate() {
            let key = text(entry);
            if let Some(first) = entries.iter().take(position).find(|first| text(first) == key) {
                found.push(duplicate(key, first, entry, file));
            }
        }
        return found;
    }
    let mut seen: HashMap<&str, &Entry> = HashMap::with_capacity(entries.len());
    for entry in entries {
        let key = text(entry);
        match seen.get(key) {
            Some(first) => found.push(duplicate(key, first, entry, file)),
            None => drop(seen.insert(key, entry)),
        }
    }
    found
}

fn duplicate(key: &str, first: &Entry, second: &Entry, file: FileId) -> Diagnostic {
    Diagnostic::new(
        &DUPLICATE_KEY,
        Place::text(file, second.key_span),
        format!("the key `{key}` stands here twice"),
    )
    .label("again")
    .also(Place::text(file, first.key_span), "first here")
    .consequence("a cluster keeps one of the two and drops the other without a word")
    .help("keep one, or merge what both hold")
}
