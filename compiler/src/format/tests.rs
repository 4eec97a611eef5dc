use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{FormatError, format};

#[test]
fn indentation_lists_and_spaces() {
    let before = "---\n\n\napiVersion:   v1\nkind:\tService   \nmetadata:\n    name: a\n    # about labels\n    labels:\n          app: a\n\n\nspec:\n    ports:\n        - name:  http\n          port: 80\n        # the other\n        -   name: grpc\n            port: 90\n        -\n            name: c\n    # trailing\n\n\n";
    let after = "---\n\napiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  # about labels\n  labels:\n    app: a\n\nspec:\n  ports:\n  - name: http\n    port: 80\n  # the other\n  - name: grpc\n    port: 90\n  -\n    name: c\n  # trailing\n";
    assert_eq!(format(before).as_deref(), Ok(after));
}

#[test]
fn texts_move_as_they_are() {
    let before = "a:\n    b: |\n          x\n            y\n\n          z\n    c: \"one\n           two\"\n    d: one\n      two\n    e: [1,\n        2,\n    ]\n    f: >-\n     folded\n      more\n";
    let after = "a:\n  b: |\n    x\n      y\n\n    z\n  c: \"one\n    two\"\n  d: one\n    two\n  e: [1,\n      2,\n  ]\n  f: >-\n    folded\n     more\n";
    assert_eq!(format(before).as_deref(), Ok(after));
}

/// A comment stands as the structure around it does, whatever text the next line begins: more to the right, it would be the
/// block's.
#[test]
fn a_comment_stays_out_of_a_block_before_it() {
    for rest in ["plain\n      more\n", "\"one\n      more\"\n", "[1,\n      2]\n"] {
        let before = format!("    c: >+\n      d\n # two\n    e: {rest}");
        let after = format!("c: >+\n  d\n# two\ne: {}", rest.replace("\n      ", "\n  "));
        assert_eq!(format(&before).as_deref(), Ok(after.as_str()));
    }
}

#[test]
fn lists_in_lists() {
    let before = "a:\n  - - 1\n    - 2\n  -   - x: 1\n        y:\n          - 2\nb:\n- c\n";
    let after = "a:\n- - 1\n  - 2\n- - x: 1\n    y:\n    - 2\nb:\n- c\n";
    assert_eq!(format(before).as_deref(), Ok(after));
}

#[test]
fn the_first_keys_come_first() {
    let before = "kind: A\nspec: {}\nmetadata:\n  name: a\napiVersion: v1\n";
    let after = "apiVersion: v1\nkind: A\nmetadata:\n  name: a\nspec: {}\n";
    assert_eq!(format(before).as_deref(), Ok(after));
    for kept in [
        "kind: A\n# about it\napiVersion: v1\n",
        "kind: &a A\nname: *a\napiVersion: v1\n",
        "spec: 1\nkind: A\n",
        "a: |+\n  x\n\nkind: A\napiVersion: v1\n",
    ] {
        assert_eq!(format(kept).as_deref(), Ok(kept));
    }
}

#[test]
fn what_is_in_its_form_stays() {
    for text in [
        "",
        "a: 1\n",
        "a:\n",
        "a: |\n  x",
        "a: |\nb: 1\n",
        "a: |\n# comment\nb: 1\n",
        "a: |+\n  x\n\n\nb: 1\n",
        "# only a comment\n",
        "--- # first\na: 1\n---\nb: 2\n...\n",
        "a: &x\n  b: 1\nc: *x\nd:\n  <<: *x\n",
        "{a: 1, b: [2, 3]}\n",
        "- 1\n- 2\n",
        "a: 1 # one\nbb: 2 # two\n",
        "a: 'x  y'\nb: \"c\\n\"\n",
    ] {
        assert_eq!(format(text).as_deref(), Ok(text));
    }
}

#[test]
fn marks_and_breaks_stay() {
    assert_eq!(format("\u{feff}a:  1\r\nb: 2").as_deref(), Ok("\u{feff}a: 1\r\nb: 2\r\n"));
}

#[test]
fn what_is_not_touched_is_named() {
    assert_eq!(format("a: [\n"), Err(FormatError::Syntax));
    for text in [
        "? a\n: b\n",
        "a: |2\n   x\n",
        "%YAML 1.2\n---\na: 1\n",
        "a: 1\rb: 2\n",
        "a: !!str 5\n",
        "\ta: 1\n",
        "text\n",
    ] {
        assert!(matches!(format(text), Err(FormatError::Unusual(_))), "{text:?}");
    }
}

/// What holds of every text: it is YAML with the same meaning (which `format` itself looks at), in a form that stays.
fn holds(text: &str) {
    match format(text) {
        Ok(once) => assert_eq!(format(&once).as_deref(), Ok(once.as_str()), "{text:?}"),
        Err(error) => assert_ne!(error, FormatError::Changed, "{text:?}"),
    }
}

#[test]
fn the_project_s_own_policies_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let mut count = 0;
    for path in files(&root) {
        holds(&std::fs::read_to_string(path).unwrap());
        count += 1;
    }
    assert!(count > 10);
    for check in crate::checks() {
        for example in check.docs.split("```").skip(1).step_by(2) {
            holds(example.split_once('\n').map_or("", |(_, example)| example));
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|it| it == "yaml") {
            found.push(path);
        }
    }
    found
}

/// YAML of odd indentation, with comments and texts in between.
fn value(depth: u32) -> BoxedStrategy<Vec<String>> {
    let scalar = prop_oneof![
        Just("1"),
        Just("x"),
        Just("'a: b'"),
        Just("\"c # d\""),
        Just("[1, {a: 2}]"),
        Just(""),
        Just("x # said"),
        Just("[1,\n 2]"),
        Just("\"a\n  b\"")
    ];
    let scalar = scalar.prop_map(|it| it.split('\n').map(str::to_owned).collect::<Vec<_>>());
    if depth == 0 {
        return scalar.boxed();
    }
    let block = Just(vec!["|".to_owned(), " a".to_owned(), String::new(), "   b ".to_owned()]);
    let mapping = prop::collection::vec((value(depth - 1), 1usize..5, 0usize..4), 1..4);
    let mapping = mapping.prop_map(|children| {
        let mut lines = Vec::new();
        for (index, (child, indent, noise)) in children.into_iter().enumerate() {
            lines.extend(noisy(noise));
            lines.extend(nested(&format!("k{index}:"), &child, indent));
        }
        lines
    });
    let list = prop::collection::vec((value(depth - 1), 1usize..5, 0usize..4), 1..4);
    let list = list.prop_map(|children| {
        let mut lines = Vec::new();
        for (child, indent, noise) in children {
            lines.extend(noisy(noise));
            lines.extend(nested("-", &child, indent));
        }
        lines
    });
    prop_oneof![scalar, block, mapping, list].boxed()
}

fn noisy(noise: usize) -> Vec<String> {
    match noise {
        1 => vec!["# a comment".into()],
        2 => vec![String::new(), String::new()],
        3 => vec![" ".into()],
        _ => Vec::new(),
    }
}

/// A collection begins on the next line, all else on the same.
fn nested(head: &str, child: &[String], indent: usize) -> Vec<String> {
    let first = child.first().cloned().unwrap_or_default();
    let is_collection = first.starts_with("k0:")
        || first.starts_with('-')
        || first.starts_with('#')
        || first.trim().is_empty() && child.len() > 1;
    let shifted = |line: &String| {
        if line.is_empty() { line.clone() } else { format!("{}{line}", " ".repeat(indent)) }
    };
    if is_collection {
        return std::iter::once(head.to_owned()).chain(child.iter().map(shifted)).collect();
    }
    let space = " ".repeat(indent);
    std::iter::once(format!("{head}{space}{first}"))
        .chain(child.iter().skip(1).map(shifted))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn all_yaml_holds(lines in value(4)) {
        holds(&(lines.join("\n") + "\n"));
    }

    #[test]
    fn all_text_holds(text in "[ab:\\-#\\[\\]{}|>'\", \n\t&*!?]{0,60}") {
        holds(&text);
    }
}
