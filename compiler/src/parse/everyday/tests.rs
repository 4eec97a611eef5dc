//! Everyday YAML is read as the general parser reads it.

use proptest::prelude::*;

use super::super::stream::{YamlDocument, general};
use super::read;
use crate::source::FileId;

/// All that anybody can know of a stream, but for where its documents begin, which is asked of broken ones alone.
fn shown(stream: &[YamlDocument]) -> Vec<String> {
    let each = stream.iter().map(|yaml| {
        let (tree, said) = (&yaml.tree, &yaml.diagnostics);
        format!("{tree:?} {said:?} {} {}", yaml.is_whole, yaml.has_complex_key)
    });
    each.collect()
}

/// Whether it is everyday YAML; it is read alike then.
fn is_everyday(text: &str) -> bool {
    let Some(quick) = read(text, FileId(0)) else { return false };
    assert_eq!(shown(&quick), shown(&general(text, FileId(0))), "{text:?}");
    true
}

#[test]
fn policy_is_everyday_yaml() {
    for text in [
        "a: 1\n",
        "a:\n  b: {c: [d, 'e', \"f\"], g: {}}\n  h: [] # why\n",
        "# a comment\n---\na:\n- b: 1\n  c:\n    - d\n- - x\n  - y\n-\n  z: 1\n---\nb: 2",
        "a: \"\\\\d+\\n\"\nb: 'it''s'\nc: ''\nd: x:y#z\ne : /a/*{b}\n\"f\": --flag=1\n",
        "a:\nb:\n  c:\nd: # nothing\n\n   # more\ne: 2001-01-01\n",
        "- a: {<<: b}\n  a: 2\n",
        "",
        "# nothing\n\n",
    ] {
        assert!(is_everyday(text), "{text:?}");
    }
}

#[test]
fn what_is_not_is_left_to_the_general_parser() {
    for text in [
        "a: |\n  x\n",
        "a: &x 1\n",
        "a: *x\n",
        "a: !!str 1\n",
        "? a\n",
        "a: x\n  y\n",
        "a: \"x\n  y\"\n",
        "a: [1,\n 2]\n",
        "a:\t1\n",
        "a: \u{e4}\n",
        "a: 1\r\n",
        "---\n---\na: 1\n",
        "a: 1\n...\n",
        "--- a\n",
        " ---\n# z\n",
        "%YAML 1.2\n---\na: 1\n",
        "-\n- a\n",
        "a: b: c\n",
        "a: 1\n b: 2\n",
        "a:\n  b: 1\n c: 2\n",
        "a: {b: 1\n",
        "a: {b, c}\n",
        "a: [b: c]\n",
        "a: \"x\"#y\n",
        "a: \"\\x41\"\n",
        "a: @x\n",
        "a\n",
    ] {
        let taken = is_everyday(text);
        assert!(!taken || text == "a\n", "{text:?}");
    }
    assert!(!is_everyday(&format!("{}: 1\n", "k".repeat(600))));
    assert!(!is_everyday(&format!("a: {}{}\n", "[".repeat(40), "]".repeat(40))));
}

/// Pieces of YAML in any order: most of it is wrong, and some of it right by chance.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b: ",
        "c:",
        " ",
        "  ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "-",
        "{",
        "}",
        "[",
        "]",
        ", ",
        ",",
        ":",
        ": ",
        "#",
        " #",
        "'",
        "''",
        "\"",
        "\\",
        "\\\"",
        "---\n",
        "\n---\n",
        "...\n",
        "1",
        "~",
        "<<: ",
        "0x1F",
        "x: 1\n",
        "- y\n",
        "{k: v}",
        "[p, q]",
        "'s'",
        "\"d\"",
        "z: |\n",
        "&n ",
        "*n",
        "!t ",
        "? ",
        "%",
        "\t",
        "key: value\n",
        ".inf",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Lines at any column: most of it is right.
fn lines() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec!["", "  ", "    ", "- ", "  - ", "- - ", " ", "    - "]);
    let rest = prop::sample::select(vec![
        "a: 1",
        "b:",
        "c: {d: e, f: [g]}",
        "'h': \"i\"",
        "j",
        "k: # why",
        "l: x # y",
        "# z",
        "",
        "m :  n ",
        "---",
        "o: 'p''q'",
        "{r: s}",
        "t: -1",
        "u: a:b",
        "v: \"\\n\"",
        "- w",
        "x: []",
        "y: {}  ",
    ]);
    let line = (start, rest).prop_map(|(start, rest)| format!("{start}{rest}\n"));
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn soup_is_read_alike(text in soup()) {
        is_everyday(&text);
    }

    #[test]
    fn lines_are_read_alike(text in lines()) {
        is_everyday(&text);
    }
}
