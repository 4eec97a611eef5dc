use serde_json::json;

use super::{foreign, json};

#[test]
fn plain_scalars_have_the_types_that_kubernetes_gives_them() {
    let text = foreign(
        "spec: [yes, Off, y, 0777, 0o17, 0x1F, 1_000, 1e3, .5, ~, null, '', 1.2.3, 08, -0, +1, 12:30, 2020-01-01, 'yes']\n",
    );
    let (values, said) = json(&text);
    let expected = json!([
        true,
        false,
        true,
        511,
        15,
        31,
        1000,
        1000.0,
        0.5,
        null,
        null,
        "",
        "1.2.3",
        8.0,
        0,
        1,
        "12:30",
        "2020-01-01",
        "yes"
    ]);
    assert_eq!(values[0]["spec"], expected);
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn tags_choose_the_type() {
    let (values, _) = json(&foreign("spec: [!!str 1, !!int '7', !!bool 'true', !custom 1, ! 2]\n"));
    assert_eq!(values[0]["spec"], json!(["1", 7, true, "1", "2"]));
}

#[test]
fn keys_are_texts() {
    let (values, said) = json(&foreign("spec: {1: a, yes: b, 1.5: c}\n"));
    assert_eq!(values[0]["spec"], json!({"1": "a", "true": "b", "1.5": "c"}));
    assert!(said.is_empty());
    let (_, said) = json(&foreign("spec: {? [a]: b, ~: c}\n"));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().all(|said| said.starts_with("error[complex-key]")), "{said:?}");
}

#[test]
fn numbers_that_json_lacks_are_refused() {
    let (_, said) = json(&foreign("spec: [.inf, .NaN, -.Inf]\n"));
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("error[not-finite] 4:8 .inf"), "{said:?}");
}

#[test]
fn texts_are_folded_and_unescaped() {
    let text =
        foreign("spec:\n- |\n  a\n   b\n- >-\n  a\n  b\n- \"a\\tb\\u00e9\"\n- 'it''s'\n- a\n  b\n");
    assert_eq!(json(&text).0[0]["spec"], json!(["a\n b\n", "a b", "a\tbé", "it's", "a b"]));
}
