use crate::testing::Compiled;

/// The checks that speak of a file.
fn checks(path: &str, text: &str) -> Vec<&'static str> {
    Compiled::files(&[(path, text)]).findings.iter().map(|finding| finding.check.name).collect()
}

#[test]
fn what_is_no_resource_gets_one_notice() {
    let cases = [
        (
            "charts/shop/templates/vs.yaml",
            "{{- if .Values.x }}\nkind: VirtualService\n{{ end }}\n",
            "unrendered-source",
        ),
        (
            "vs.yaml",
            "kind: Service\nspec:\n  type: {{ .Values.type }}\n  a: {{ .b }}\n",
            "unrendered-source",
        ),
        ("Chart.yaml", "apiVersion: v2\nname: shop\n", "unrendered-source"),
        ("values.yaml", "image: x\n", "not-a-resource"),
        ("values-prod.yaml", "a: 1\n---\nb: 2\n", "not-a-resource"),
        (
            "patch.yaml",
            "- {op: remove, path: /spec}\n- {op: add, path: /a, value: 1}\n",
            "not-a-resource",
        ),
        ("package.json", "{\"name\": \"x\"}", "not-a-resource"),
        ("tsconfig.json", "{ // comment\n \"a\": 1,, }", "not-a-resource"),
        ("notes.yaml", "just text\n", "plain-text"),
        ("rendered.yaml", "${RESOURCES}\n", "not-a-resource"),
        ("half.yaml", "kind: Service\nmetadata: {name: a}\nspec: {}\n", "missing-kind"),
        ("half.yaml", "apiVersion: v1\nmetadata: {name: a}\n", "missing-kind"),
    ];
    for (path, text, expected) in cases {
        assert_eq!(checks(path, text), [expected], "{path}: {text}");
    }
}

/// A notice is no error, so a policy with a fault must not pass for a template.
#[test]
fn braces_in_a_comment_or_a_text_make_no_template() {
    for line in ["# {{ x }}", "a: 1 # {{", "a: 'x {{ y'", "a: x{{y}}"] {
        let text =
            format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\n{line}\nspec: [\n");
        assert_eq!(checks("a.yaml", &text), ["yaml-syntax"], "{line}");
    }
}

#[test]
fn empty_files_are_nothing() {
    for text in ["", "\n\n", "# comment\n", "---\n", "---\n---\n", "{}\n", "null\n"] {
        assert!(checks("a.yaml", text).is_empty(), "{text:?}");
    }
}
