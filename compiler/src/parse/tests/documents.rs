use super::json;
use crate::testing::Compiled;

fn names(compiled: &Compiled) -> Vec<String> {
    compiled.parsed.documents().map(|(_, document)| document.to_string()).collect()
}

const A: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n";
const B: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n";

#[test]
fn a_file_holds_many_documents_and_empty_ones_are_nothing() {
    let text = format!("---\n# nothing\n---\n{A}...\n---\n\n---\n{B}---\n");
    let compiled = Compiled::text(&text);
    assert_eq!(names(&compiled), ["Namespace a", "Namespace b"]);
    assert!(compiled.findings.is_empty());
}

#[test]
fn a_broken_document_costs_itself_alone() {
    for broken in
        ["kind: Service\nspec: [1, 2\n", "a: b: c\n", "x:\n\ty: 1\n", "x: \"open\n", "x: @at\n"]
    {
        let compiled = Compiled::text(&format!("{A}---\n{broken}---\n{B}"));
        assert_eq!(names(&compiled), ["Namespace a", "Namespace b"], "{broken}");
        assert_eq!(compiled.findings.len(), 1, "{broken}: {:?}", compiled.said());
        assert_eq!(compiled.findings[0].check.name, "yaml-syntax");
    }
}

/// The tab is pointed at, wherever the parser stood when it met it, and a key that is indented as no other is.
#[test]
fn a_syntax_error_points_at_what_is_wrong() {
    for (text, place, message) in [
        ("a:\n  b: 1\n\tc: 2\n# x\ty\n", (3, 1), "a line is indented with a tab"),
        ("a:\n\t- b\n", (2, 1), "a line is indented with a tab"),
        (
            "http:\n  - route: []\n   timeout: 5s\n",
            (3, 4),
            "`timeout` is indented by 3, and no mapping that is open is",
        ),
    ] {
        let compiled = Compiled::text(text);
        let [found] = compiled.findings.as_slice() else { panic!("{:?}", compiled.said()) };
        assert_eq!(found.message, format!("this is not YAML: {message}"));
        let file = compiled.parsed.source(found.primary.file);
        let at = file.position(found.primary.span.unwrap().start);
        assert_eq!((at.line, at.column), place, "{text:?}");
    }
    let compiled = Compiled::text("http:\n  - route: []\n   timeout: 5s\n");
    let help = compiled.findings[0].help.as_deref();
    assert_eq!(help, Some("indent it by 0 or 4 spaces, as a key above it is"));
}

#[test]
fn what_a_broken_document_was_is_still_known() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: [\n";
    let compiled = Compiled::text(text);
    let broken: Vec<_> =
        compiled.parsed.broken().iter().map(|broken| broken.identity.to_string()).collect();
    assert_eq!(broken, ["Service shop/a"]);
    assert_eq!(compiled.mesh.incomplete[0].name, "a");
}

#[test]
fn a_document_ends_where_its_line_of_dashes_stands_and_not_in_a_block() {
    let text = format!("{A}data: |\n  ---\n  x\n---\n{B}");
    assert_eq!(names(&Compiled::text(&text)), ["Namespace a", "Namespace b"]);
}

#[test]
fn lists_are_unfolded() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n";
    assert_eq!(names(&Compiled::text(list)), ["Namespace a"]);
    let services = "apiVersion: v1\nkind: NamespaceList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n";
    assert_eq!(names(&Compiled::text(services)), ["Namespace a", "Namespace b"]);
    let nested = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: NamespaceList\n  items: [{metadata: {name: a}}]\n";
    assert_eq!(names(&Compiled::text(nested)), ["Namespace a"]);
}

#[test]
fn nothing_of_a_list_is_passed_over() {
    let list = "apiVersion: v1\nkind: List\nitems:";
    for (text, said) in [
        (format!("{list} {{a: 1}}\n"), "error[invalid-list] 3:8 {a: 1}: `items` is no list"),
        (format!("{list}\n- 5\n"), "error[invalid-list] 4:3 5: an item of a list is no resource"),
        (
            format!("{list}\n- metadata: {{name: a}}\n"),
            "error[missing-kind] 4:3 metadata: this looks like a Kubernetes resource, but has no `kind`",
        ),
        (
            "- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n".to_owned(),
            "error[invalid-list] 1:1 -: resources stand in a list that has no kind",
        ),
    ] {
        assert_eq!(Compiled::text(&text).said(), [said]);
    }
    assert!(Compiled::text(&format!("{list}\n")).said().is_empty());
}

#[test]
fn keys_of_a_resource_that_differ_by_case_are_misspelt() {
    let text = "apiversion: v1\nKind: Namespace\nmetadata: {name: a}\n";
    let compiled = Compiled::text(text);
    let [found] = compiled.findings.as_slice() else { panic!("{:?}", compiled.said()) };
    assert_eq!(found.check.name, "missing-kind");
    assert_eq!(found.primary.text, "did you mean `kind`?");
    // Values of a chart may be called so.
    let values = Compiled::text("Kind: x\nmetadata: {name: a}\n").said();
    assert!(values[0].starts_with("info["), "{values:?}");
}

#[test]
fn keys_stand_once() {
    let text =
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  labels: {x: z}\n  name: b\n";
    let compiled = Compiled::text(text);
    assert_eq!(
        compiled.said(),
        ["error[duplicate-key] 6:3 name: the key `name` stands here twice"]
    );
    let also = &compiled.findings[0].others[0];
    assert_eq!(compiled.parsed.source(also.file).position(also.span.unwrap().start).line, 4);
    // Many keys are compared in another way.
    let many = (0..40).map(|number| format!("k{number}: 1\n")).collect::<Vec<_>>().concat();
    let text = super::foreign(&format!("{many}k7: 2\n"));
    assert_eq!(json(&text).1, ["error[duplicate-key] 44:1 k7: the key `k7` stands here twice"]);
}

#[test]
fn a_missing_line_of_dashes_is_one_finding() {
    let compiled = Compiled::text(&format!("{A}{B}"));
    let said = ["error[duplicate-key] 4:1 apiVersion: two resources stand in one document"];
    assert_eq!(compiled.said(), said);
    assert_eq!(compiled.findings[0].fixes[0].edits[0].text, "---\n");
}

#[test]
fn all_line_breaks_and_byte_order_marks_are_read() {
    for text in [A.replace('\n', "\r\n"), format!("\u{feff}{A}"), A.replace('\n', "\r")] {
        let compiled = Compiled::text(&text);
        assert_eq!(names(&compiled), ["Namespace a"], "{text:?}");
        assert!(compiled.findings.is_empty(), "{text:?}: {:?}", compiled.said());
    }
}

#[test]
fn json_is_yaml() {
    let text = "{\"apiVersion\": \"v1\",\n\t\"kind\": \"Namespace\", \"metadata\": {\"name\": \"a\\u002db\"}}";
    assert_eq!(names(&Compiled::files(&[("a.json", text)])), ["Namespace a-b"]);
}

#[test]
fn depth_is_limited() {
    let deep = |depth: usize| format!("{}x: {}{}\n", A, "[".repeat(depth), "]".repeat(depth));
    let too_deep = |depth| {
        Compiled::text(&deep(depth)).findings.iter().any(|found| found.check.name == "too-deep")
    };
    assert!(!too_deep(90));
    assert!(too_deep(101));
    assert!(too_deep(100_000));
}
