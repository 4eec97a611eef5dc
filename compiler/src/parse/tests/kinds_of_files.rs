use crate::diagnostic::Severity;
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

/// A text may hold braces for somebody else. Whatever is wrong elsewhere is no template's, and what is right is read.
#[test]
fn braces_in_a_text_hide_no_fault() {
    const DENY: &str = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: deny-all, namespace: shop}\nspec: {}\n";
    const ALERT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata:\n  text: |\n    {{ $labels.pod }}\n";
    const BROKEN: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: b}\nspec: [\n";
    let said = |text: &str| Compiled::text(text).said();
    let separate = said(&format!("{DENY}---\n{ALERT}---\n{BROKEN}"));
    assert!(separate.iter().any(|it| it.starts_with("error[yaml-syntax]")), "{separate:?}");
    let same = said(&format!("{DENY}---\n{ALERT}  more: [\n"));
    assert!(same.iter().any(|it| it.starts_with("error[yaml-syntax]")), "{same:?}");
    let mixed =
        format!("{DENY}---\nkind: Service\nspec:\n  type: {{{{ .type }}}}\n  a: {{{{ .a }}}}-b\n");
    let mixed = Compiled::text(&mixed);
    assert_eq!(mixed.findings.len(), 1, "{:?}", mixed.said());
    assert_eq!((mixed.findings[0].check.name, mixed.mesh.count), ("unrendered-source", 1));
}

/// Whatever a template holds, its actions decide about it.
#[test]
fn a_template_is_one_notice() {
    let plain = "kind: Service\napiVersion: v1\nmetadata: {name: a}\nspec: 5\n";
    let named = "kind: Service\napiVersion: v1\nmetadata:\n  name: {{ .name }}-a\n";
    for (path, text) in [
        ("a.yaml", format!("{{{{- if .Values.x }}}}\n{plain}---\n{named}{{{{- end }}}}\n")),
        ("a.yaml", format!("{{{{ include \"x\" . }}}}\n{plain}")),
        ("a.yaml", format!("{{{{- /*\nA comment: [\n*/ -}}}}\n{plain}  {{{{ toYaml .a }}}}\n")),
        ("templates/a.yaml", format!("{plain}---\n{named}")),
    ] {
        assert_eq!(checks(path, &text), ["unrendered-source"], "{text}");
    }
}

/// A chart's templates are sources, and so are left out; a policy that lies elsewhere is meant to be enforced.
#[test]
fn a_policy_that_is_a_template_must_not_be_missing() {
    let policy =
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\n";
    let plain = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n";
    let value = "spec: {a: {{ .a }}-b}\n";
    let lines = |text: &str| format!("{{{{- if .Values.x }}}}\n{text}{{{{- end }}}}\n");
    for (path, text, severity) in [
        ("a.yaml", format!("{policy}{value}"), Severity::Error),
        ("a.yaml", format!("{plain}{value}"), Severity::Warning),
        ("a.yaml", format!("{value}{policy}"), Severity::Error),
        ("a.yaml", lines(policy), Severity::Error),
        ("a.yaml", format!("{}---\n{policy}", lines(plain)), Severity::Error),
        ("a.yaml", lines(plain), Severity::Warning),
        ("chart/templates/a.yaml", lines(policy), Severity::Warning),
        ("chart/templates/a.yaml", format!("{policy}{value}"), Severity::Warning),
    ] {
        let compiled = Compiled::files(&[(path, &text)]);
        let [found] = compiled.findings.as_slice() else { panic!("{:?}", compiled.said()) };
        assert_eq!((found.check.name, found.severity), ("unrendered-source", severity), "{text}");
    }
}

#[test]
fn a_kustomization_with_a_fault_is_an_error() {
    let text = "resources: [a.yaml\nnamespace: x\n";
    assert_eq!(checks("kustomization.yaml", text), ["yaml-syntax"]);
}

#[test]
fn empty_files_are_nothing() {
    for text in ["", "\n\n", "# comment\n", "---\n", "---\n---\n", "{}\n", "null\n"] {
        assert!(checks("a.yaml", text).is_empty(), "{text:?}");
    }
}

/// A character of several bytes is pointed at whole.
#[test]
fn what_is_no_resource_is_pointed_at_by_its_first_character() {
    for (text, first) in
        [("\u{fffd} text\n", "\u{fffd}"), ("  \u{fc}ber\n", "\u{fc}"), ("text\n", "t")]
    {
        let compiled = Compiled::files(&[("a.yaml", text)]);
        let [found] = compiled.findings.as_slice() else { panic!("{text}") };
        let pointed_at = found.primary.span.and_then(|it| text.get(it.range()));
        assert_eq!(pointed_at, Some(first), "{text}");
    }
}
