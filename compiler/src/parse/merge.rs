//! Merge keys: `<<: *defaults`.

use std::collections::HashSet;

use super::tree::{Content, Entry, NodeId, Tree};
use crate::source::Span;

/// What `merges` add to a mapping that has `own` entries: the keys that it does not have, those of earlier
/// mappings first. Source: YAML 1.1, "Merge Key Language-Independent Type".
///
/// Fails with the place of a value that cannot be found.
pub(super) fn entries(
    tree: &Tree,
    merges: &[NodeId],
    own: &[Entry],
    source: &str,
) -> Result<Vec<Entry>, Span> {
    let mut found: Vec<Entry> = Vec::new();
    let mut known: HashSet<&str> = own.iter().map(|entry| tree.text(entry.key, source)).collect();
    for merge in merges {
        let one = [*merge];
        let mappings = match tree.content(*merge) {
            Content::Mapping(_) => &one,
            Content::Sequence(_) => tree.elements(*merge),
            Content::Faulty => continue,
            _ => return Err(tree.span(*merge)),
        };
        for mapping in mappings {
            match tree.content(*mapping) {
                Content::Mapping(_) | Content::Faulty => {}
                _ => return Err(tree.span(*mapping)),
            }
            for entry in tree.entries(*mapping) {
                if known.insert(tree.text(entry.key, source)) {
                    found.push(*entry);
                }
            }
        }
    }
    Ok(found)
}
