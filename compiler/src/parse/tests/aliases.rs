use serde_json::json;

use super::{foreign, json};

fn spec(body: &str) -> (serde_json::Value, Vec<String>) {
    let (values, said) = json(&foreign(body));
    (values.first().map_or(serde_json::Value::Null, |value| value["spec"].clone()), said)
}

#[test]
fn an_alias_is_what_its_anchor_is() {
    let (spec, said) = spec("spec: {a: &x {b: 1}, c: *x, d: [*x], &k e: 1, f: *k}\n");
    assert_eq!(spec, json!({"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}], "e": 1, "f": "e"}));
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn a_merge_key_adds_what_is_absent_and_earlier_mappings_win() {
    let text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nspec:\n  b: own\n  <<: [*x, *y]\n";
    assert_eq!(spec(text).0, json!({"b": "own", "a": 1, "c": 2}));
    let text = "x: &x {a: 1}\nspec: {<<: *x, <<: {b: 2}}\n";
    assert_eq!(spec(text).0, json!({"a": 1, "b": 2}));
    // In quotes it is a key like others.
    assert_eq!(spec("spec: {'<<': 1}\n").0, json!({"<<": 1}));
}

#[test]
fn what_cannot_be_merged_is_named() {
    let (_, said) = spec("spec: {<<: text}\n");
    let expected =
        "error[invalid-merge-key] 4:12 text: `<<` takes a mapping, or a list of mappings";
    assert_eq!(said, [expected]);
    assert_eq!(spec("spec: {<<: [{a: 1}, 2]}\n").1.len(), 1);
}

#[test]
fn an_alias_has_an_anchor_before_it() {
    let (value, said) = spec("spec: {a: *x}\n");
    assert_eq!(said, ["error[invalid-alias] 4:11 *x: there is no anchor `&x` before this alias"]);
    assert_eq!(value, json!({"a": "FAULTY"}));
    // Anchors end with their document.
    let (_, said) = spec("spec: {a: &x 1}\n---\na: *x\n");
    let expected = "error[invalid-alias] 6:4 *x: there is no anchor `&x` before this alias";
    assert!(said.iter().any(|said| said == expected), "{said:?}");
}

#[test]
fn nothing_holds_itself() {
    let (_, said) = spec("spec: &x {a: {b: *x}}\n");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("the anchor holds this alias"), "{said:?}");
    assert_eq!(spec("spec: &x {<<: *x}\n").1.len(), 1);
}

/// Nine levels of nine aliases are 387 million values in 600 bytes.
#[test]
fn an_alias_bomb_is_refused_at_once() {
    let mut text = foreign("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text = format!("{text}a{level}: &a{level} [{aliases}]\n");
    }
    let (_, said) = json(&text);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("error[alias-bomb]"), "{said:?}");
}

#[test]
fn merge_keys_are_in_the_budget() {
    let entries = (0..1000).map(|number| format!("k{number}: 1")).collect::<Vec<_>>().join(", ");
    let users =
        (0..200).map(|number| format!("u{number}: {{<<: *x}}\n")).collect::<Vec<_>>().concat();
    let (_, said) = json(&foreign(&format!("x: &x {{{entries}}}\n{users}")));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("error[alias-bomb]"), "{said:?}");
}
