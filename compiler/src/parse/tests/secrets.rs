use crate::source::{FileId, Span};
use crate::testing::{Compiled, Folder, compiled};

/// All that could be shown of a text, with what is said of it.
fn shown(text: &str) -> String {
    let compiled = Compiled::text(text);
    let file = compiled.parsed.source(FileId(0));
    let shown = file.shown(Span::new(0, u32::try_from(text.len()).unwrap()));
    assert_eq!(shown.len(), text.len());
    let said: Vec<_> = compiled.findings.iter().map(|found| format!("{found:?}")).collect();
    shown + &said.join("\n")
}

#[test]
fn data_is_neither_shown_nor_said() {
    let bodies = [
        "data: {key: hunter2}",
        "stringData:\n  key: |\n    -----\n    hunter2\n",
        "data: hunter2",
        "data: [hunter2]",
        "data: {key: {nested: hunter2}}",
        "stringdata: {key: hunter2}",
        "data: {key: a}\ndata: {key: hunter2}",
        "metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: '{hunter2}'}}",
        "x: &x hunter2\ndata: {key: *x}",
        "data: {key: hunter2\n",
        "data:\n  key: \"hunter2\n",
    ];
    for body in bodies {
        for kind in ["Secret", "Secrets"] {
            let text = format!("apiVersion: v1\nkind: {kind}\n{body}\n");
            assert!(!shown(&text).contains("hunter2"), "{text}\n{}", shown(&text));
        }
    }
}

#[test]
fn a_secret_in_a_list_or_in_json_is_none_the_less_one() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  data: {a: hunter2}\n";
    assert!(!shown(list).contains("hunter2"));
    let json = r#"{"apiVersion": "v1", "kind": "Secret", "data": {"a": "hunter2"}, "x": ["#;
    assert!(!shown(json).contains("hunter2"));
    let items = "apiVersion: v1\nkind: SecretList\nitems:\n- data: {a: hunter2}\n";
    assert!(!shown(items).contains("hunter2"));
}

#[test]
fn what_is_no_secret_is_shown() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: credential}\ndata: {key: aa}\n";
    assert!(shown(text).contains("name: credential}\ndata: {key: **}"));
}

/// What is not read as a resource may be a Secret none the less.
#[test]
fn data_that_nobody_reads_is_not_shown() {
    for text in [
        "apiVersion: v1\nkind: Secret\nstringData: {password: hunter2, b: {{ .b }}}\n",
        "{{- if .x }}\napiVersion: v1\nkind: Secret\nstringData: {password: hunter2}\n{{- end }}\n",
        "kind: Secret\nstringData: {password: hunter2}\n",
        "kind: Secret\nstringData:\n  a: |\n-----BEGIN KEY\nhunter2\n",
    ] {
        assert!(!shown(text).contains("hunter2"), "{text}\n{}", shown(text));
    }
}

/// Of a file that is no text in UTF-8 the beginning is shown, and its kind may stand behind that.
#[test]
fn data_in_another_encoding_is_not_shown() {
    let behind = "#".repeat(100);
    let cases = [
        (
            "apiVersion: v1\nkind: Secret\nstringData: {password: hunter2caf\u{e9}}\n".to_owned(),
            true,
        ),
        (format!("stringData: {{password: hunter2caf\u{e9}}}\n{behind}\nkind: Secret\n"), true),
        ("kind: Service\nmetadata: {name: hunter2caf\u{e9}}\n".to_owned(), false),
    ];
    for (text, is_hidden) in cases {
        let latin: Vec<u8> = text.chars().map(|it| u8::try_from(it).unwrap()).collect();
        let folder = Folder::new();
        folder.write("a.yaml", latin);
        let compiled = compiled(folder.path());
        assert_eq!(compiled.findings[0].check.name, "not-utf8");
        let shown = compiled.parsed.source(FileId(0)).shown_text();
        assert_eq!(!shown.contains("hunter2"), is_hidden, "{shown}");
    }
}
