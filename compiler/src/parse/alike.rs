//! Documents that say the same, wherever in their files they stand.

use std::sync::Arc;

use super::document::Identity;
use super::file::ParsedFile;
use super::tree::{Content, Text, Tree};

/// A parsed file and its text.
type File<'f> = (&'f ParsedFile, &'f str);

/// Of two versions of a file those resources that say the same in both, in the same place among its resources.
pub(crate) fn alike<'f>(
    before: File<'f>,
    now: File<'f>,
) -> impl Iterator<Item = (&'f Arc<Identity>, &'f Arc<Identity>)> {
    let pairs = before.0.documents.iter().zip(&now.0.documents);
    let alike = pairs.filter(move |(old, new)| {
        let tree = |file: File<'f>, id: super::TreeId| file.0.trees.get(id.0 as usize);
        let trees = tree(before, old.tree).zip(tree(now, new.tree));
        old.root == new.root
            && old.identity == new.identity
            && trees.is_some_and(|(old, new)| are_alike((old, before.1), (new, now.1)))
    });
    alike.map(|(old, new)| (&old.identity, &new.identity))
}

/// Trees are built as their texts are read, so that in those of texts that say the same each node has the same number.
fn are_alike((old, before): (&Tree, &str), (new, now): (&Tree, &str)) -> bool {
    let is_text = |a: Text, b: Text| old.text(a, before) == new.text(b, now);
    let is_node = |a: Content, b: Content| match (a, b) {
        (Content::Text(a), Content::Text(b)) => is_text(a, b),
        (Content::Faulty, _) | (_, Content::Faulty) => false,
        (a, b) => a == b,
    };
    old.root == new.root
        && old.elements == new.elements
        && old.nodes.len() == new.nodes.len()
        && old.entries.len() == new.entries.len()
        && old.nodes.iter().zip(&new.nodes).all(|(a, b)| is_node(a.content, b.content))
        && old
            .entries
            .iter()
            .zip(&new.entries)
            .all(|(a, b)| a.value == b.value && is_text(a.key, b.key))
}

#[cfg(test)]
mod tests {
    use super::super::file::{ParsedFile, parse};
    use super::alike;
    use crate::source::{FileId, Role, SourceFile};

    fn parsed(text: &str) -> ParsedFile {
        let file = SourceFile::new("a.yaml", Role::Policy, text.to_owned());
        parse(&file, FileId(0), &mut Vec::new())
    }

    #[test]
    fn layout_is_not_what_is_said() {
        let before = "kind: A\napiVersion: v1\nmetadata: {name: a}\nspec: {a: [1, b], c: 'd'}\n";
        let count = |now: &str| alike((&parsed(before), before), (&parsed(now), now)).count();
        assert_eq!(count(before), 1);
        let other = "# x\nkind:   A\napiVersion: v1\nmetadata:\n  name: a\nspec:\n  a:\n  - 1\n  - \"b\"\n  c: d # y\n";
        assert_eq!(count(other), 1);
        for (from, to) in
            [("1", "2"), ("1", "'1'"), ("b]", "b, b]"), ("c:", "e:"), ("a}", "b}"), ("'d'", "null")]
        {
            assert_eq!(count(&before.replace(from, to)), 0, "{from} → {to}");
        }
        assert_eq!(count(""), 0);
    }
}
