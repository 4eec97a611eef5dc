//! Which entry is for a host: its own, else that of the longest wildcard. Source: Envoy,
//! `RouteMatcher::findVirtualHost`.
//!
//! Case does not count, and nothing is copied to make it so: the hash folds it byte by byte.

use std::collections::HashMap;

/// Hosts and wildcards (`*.example.com`, `*`), each with a value.
#[derive(Clone, Debug)]
pub(crate) struct HostTable<T> {
    exact: Folded<T>,
    /// What follows the `*`, by length, the longest first.
    suffixes: Vec<(usize, Folded<T>)>,
    any: Option<T>,
}

/// What a lookup finds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    /// Whether by a wildcard.
    pub(crate) wildcard: bool,
}

impl<T> Default for HostTable<T> {
    fn default() -> Self {
        Self { exact: Folded::default(), suffixes: Vec::new(), any: None }
    }
}

impl<T: Copy> HostTable<T> {
    /// Whether `pattern` was free: the first to take it keeps it.
    pub(crate) fn insert(&mut self, pattern: &str, value: T) -> bool {
        match pattern.strip_prefix('*') {
            None => self.exact.insert(pattern, value),
            Some("") if self.any.is_some() => false,
            Some("") => {
                self.any = Some(value);
                true
            }
            Some(suffix) => self.of_length(suffix.len()).insert(suffix, value),
        }
    }

    fn of_length(&mut self, length: usize) -> &mut Folded<T> {
        let at = self.suffixes.partition_point(|(longer, _)| *longer > length);
        if self.suffixes.get(at).is_none_or(|(found, _)| *found != length) {
            self.suffixes.insert(at, (length, Folded::default()));
        }
        match self.suffixes.get_mut(at) {
            Some((_, folded)) => folded,
            None => unreachable!("it was there, or it was inserted"),
        }
    }

    /// The entry of exactly this pattern.
    pub(crate) fn get(&self, pattern: &str) -> Option<T> {
        match pattern.strip_prefix('*') {
            None => self.exact.get(pattern.as_bytes()),
            Some("") => self.any,
            Some(suffix) => self
                .suffixes
                .iter()
                .find(|(length, _)| *length == suffix.len())
                .and_then(|(_, folded)| folded.get(suffix.as_bytes())),
        }
    }

    /// The entry for `host`.
    pub(crate) fn find(&self, host: &str) -> Option<Found<T>> {
        if let Some(value) = self.exact.get(host.as_bytes()) {
            return Some(Found { value, wildcard: false });
        }
        let by_suffix = self.suffixes.iter().find_map(|(length, folded)| {
            // A wildcard stands for at least one character.
            let start = host.len().checked_sub(*length).filter(|&start| start > 0)?;
            folded.get(host.as_bytes().get(start..)?)
        });
        by_suffix.or(self.any).map(|value| Found { value, wildcard: true })
    }
}

/// A map by text whose case does not count.
#[derive(Clone, Debug)]
pub(crate) struct Folded<T> {
    buckets: HashMap<u64, Vec<(Box<str>, T)>>,
    length: usize,
}

impl<T> Default for Folded<T> {
    fn default() -> Self {
        Self { buckets: HashMap::new(), length: 0 }
    }
}

impl<T: Copy> Folded<T> {
    /// Whether `name` was free.
    pub(crate) fn insert(&mut self, name: &str, value: T) -> bool {
        if self.get(name.as_bytes()).is_some() {
            return false;
        }
        self.buckets.entry(fold(name.as_bytes())).or_default().push((name.into(), value));
        self.length += 1;
        true
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<T> {
        if self.length == 0 {
            return None;
        }
        let bucket = self.buckets.get(&fold(name))?;
        let same = |(found, _): &&(Box<str>, T)| found.as_bytes().eq_ignore_ascii_case(name);
        bucket.iter().find(same).map(|(_, value)| *value)
    }
}

/// FNV-1a over the lower-case bytes. Only names from a snapshot are ever stored under it, so a client cannot
/// fill a bucket.
fn fold(text: &[u8]) -> u64 {
    text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Found, HostTable};
    use crate::host::covers;

    fn table(patterns: &[&str]) -> HostTable<usize> {
        let mut table = HostTable::default();
        for (index, pattern) in patterns.iter().enumerate() {
            table.insert(pattern, index);
        }
        table
    }

    #[test]
    fn the_exact_host_wins_then_the_longest_wildcard() {
        let table = table(&["*", "*.test", "*.shop.test", "a.shop.test", "*-x.test"]);
        let found = |host| table.find(host).map(|found| found.value);
        assert_eq!(found("A.shop.TEST"), Some(3));
        assert_eq!(found("b.shop.test"), Some(2));
        assert_eq!(found("shop.test"), Some(1));
        assert_eq!(found("a-x.test"), Some(4));
        assert_eq!(found("test"), Some(0));
        assert_eq!(found(""), Some(0));
        assert_eq!(table.find("a.shop.test"), Some(Found { value: 3, wildcard: false }));
    }

    #[test]
    fn the_first_to_take_a_name_keeps_it() {
        let mut table = table(&["a.test", "*.b.test", "*"]);
        assert!(!table.insert("A.TEST", 9));
        assert!(!table.insert("*.B.test", 9));
        assert!(!table.insert("*", 9));
        assert!(table.insert("b.test", 9));
        assert_eq!(table.get("*.b.test"), Some(1));
        assert_eq!(table.get("*.c.test"), None);
    }

    proptest! {
        #[test]
        fn a_lookup_agrees_with_a_search(
            patterns in prop::collection::vec("(\\*|\\*\\.a|\\*a|)[ab.]{0,4}", 0..8),
            host in "[abAB.]{0,6}",
        ) {
            let mut table = HostTable::default();
            for pattern in &patterns {
                table.insert(pattern, pattern.as_str());
            }
            let best = patterns
                .iter()
                .filter(|pattern| covers(pattern, &host))
                .max_by_key(|pattern| (!pattern.starts_with('*'), pattern.len()));
            prop_assert_eq!(
                table.find(&host).map(|found| found.value.to_ascii_lowercase()),
                best.map(|pattern| pattern.to_ascii_lowercase())
            );
        }
    }
}
