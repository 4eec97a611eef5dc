//! Keys that a mapping has twice.

use std::collections::HashMap;

use super::checks::DUPLICATE_KEY;
use super::tree::{Entry, Tree};
use crate::diagnostic::{Applicability, Diagnostic, Fix, Place};
use crate::source::{FileId, Span};

/// Up to this many keys, comparing all pairs is the fastest.
const SMALL: usize = 12;

/// How many of a mapping are told.
const SHOWN_MAX: usize = 64;

/// One diagnostic for each key that stood before. In the outermost mapping of a document a second resource,
/// without a line `---` before it, is one diagnostic.
pub(super) fn check(
    entries: &[Entry],
    is_root: bool,
    tree: &Tree,
    source: &str,
    file: FileId,
) -> Vec<Diagnostic> {
    let text = |entry: &Entry| tree.text(entry.key, source);
    let pairs = pairs(entries, text);
    if pairs.is_empty() {
        return Vec::new();
    }
    let again = |key: &str| pairs.iter().any(|(_, second)| text(second) == key);
    if is_root && again("apiVersion") && again("kind") {
        let starts = resources(entries, text);
        return starts.map(|(first, second)| not_separated(first, second, source, file)).collect();
    }
    let more = pairs.len().saturating_sub(SHOWN_MAX);
    let shown = pairs.into_iter().take(SHOWN_MAX);
    let mut found: Vec<_> =
        shown.map(|(first, second)| duplicate(text(first), first, second, file)).collect();
    if let Some(last) = found.pop_if(|_| more > 0) {
        found.push(last.help(format!("{more} more in this mapping are not shown")));
    }
    found
}

/// Each entry whose key stood before, after the entry where it did.
fn pairs<'e, 't>(
    entries: &'e [Entry],
    text: impl Fn(&Entry) -> &'t str,
) -> Vec<(&'e Entry, &'e Entry)> {
    let mut found = Vec::new();
    if entries.len() <= SMALL {
        for (position, entry) in entries.iter().enumerate() {
            let key = text(entry);
            if let Some(first) = entries.iter().take(position).find(|first| text(first) == key) {
                found.push((first, entry));
            }
        }
        return found;
    }
    let mut seen: HashMap<&str, &Entry> = HashMap::with_capacity(entries.len());
    for entry in entries {
        match seen.get(text(entry)) {
            Some(first) => found.push((*first, entry)),
            None => drop(seen.insert(text(entry), entry)),
        }
    }
    found
}

/// Where each resource but the first begins, after where the one before it did.
fn resources<'e, 't>(
    entries: &'e [Entry],
    text: impl Fn(&Entry) -> &'t str + Clone,
) -> impl Iterator<Item = (&'e Entry, &'e Entry)> {
    // Either key may come first, but authors are of one habit within a file.
    let is_first_key = |key: &str| matches!(key, "apiVersion" | "kind");
    let first = entries.iter().map(text.clone()).find(|key| is_first_key(key)).unwrap_or("kind");
    let starts = entries.iter().filter(move |entry| text(entry) == first);
    starts.clone().zip(starts.skip(1))
}

fn not_separated(first: &Entry, second: &Entry, source: &str, file: FileId) -> Diagnostic {
    let message = "two resources stand in one document";
    let place = Place::text(file, second.key_span);
    let found = Diagnostic::new(&DUPLICATE_KEY, place, message)
        .label("a second one begins here")
        .also(Place::text(file, first.key_span), "the first")
        .consequence("a cluster takes the two for one, and keeps one of each key")
        .help("separate them by a line `---`");
    let start = second.key_span.start;
    if source.get(..start as usize).is_some_and(|before| before.ends_with('\n')) {
        let fix = Fix::new(Applicability::Unsafe, "separate them");
        return found.fix(fix.replace(Place::text(file, Span::new(start, start)), "---\n"));
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
