use crate::testing::Compiled;

fn config_map(name: &str, mesh: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: istio-system}}\ndata:\n  mesh: {mesh}\n"
    )
}

#[test]
fn the_mesh_configuration_in_a_config_map_is_read() {
    let compiled = Compiled::text(&config_map(
        "istio",
        "|-\n    trustDomain: example.org\n    rootNamespace: root",
    ));
    assert!(compiled.findings.is_empty(), "{:?}", compiled.said());
    assert_eq!(compiled.mesh.trust_domain(), "example.org");
    assert_eq!(compiled.mesh.root_namespace(), "root");
}

#[test]
fn what_is_wrong_in_it_is_shown_at_its_line() {
    let text = config_map(
        "istio",
        "|\n    # A comment.\n\n    trustDomian: example.org\n    rootNamespace: 5",
    );
    let said = Compiled::text(&text).said();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("error[unknown-field] 8:5 trustDomian:"), "{said:?}");
    assert!(said[1].starts_with("error[wrong-type] 9:20 5:"), "{said:?}");
}

#[test]
fn an_empty_trust_domain_is_none() {
    let said = Compiled::text(&config_map("istio", "|\n    trustDomain: \"\"")).said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("error[out-of-bounds] 6:18"), "{said:?}");
}

#[test]
fn where_lines_do_not_fit_the_whole_text_is_shown() {
    let said = Compiled::text(&config_map("istio-canary", "\"trustDomian: x\\n\"")).said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("error[unknown-field] 5:9 \"trustDomian: x\\n\":"), "{said:?}");
}

#[test]
fn its_syntax_errors_are_those_of_the_file() {
    let said = Compiled::text(&config_map("istio", "|\n    a: [1")).said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("error[yaml-syntax] 6:"), "{said:?}");
}

#[test]
fn other_config_maps_are_nobodys_business() {
    assert!(Compiled::text(&config_map("shop", "'{{{'")).findings.is_empty());
}

#[test]
fn the_project_may_hold_it() {
    let files = [
        ("mesh.yaml", "trustDomain: one\nmeshConfig:\n  trustDomain: two\n  rootNamespace: root\n"),
        ("istio.yaml", &config_map("istio", "|\n    rootNamespace: other")),
    ];
    let compiled = Compiled::files(&files);
    assert_eq!(compiled.mesh.trust_domain(), "one");
    assert_eq!(compiled.mesh.root_namespace(), "root");
    let said = compiled.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("unused-mesh-config] istio.yaml:6:5"), "{said:?}");
}

#[test]
fn that_of_an_operator_is_read_where_it_stands() {
    let operator = |spec: &str| {
        format!(
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {{name: mesh, namespace: istio-system}}\nspec:\n  {spec}\n"
        )
    };
    let compiled = Compiled::text(&operator("meshConfig: {rootNamespace: root}"));
    assert_eq!(compiled.mesh.root_namespace(), "root");
    let said = Compiled::text(&operator("meshConfig: {rootNamspace: root}")).said();
    assert!(
        said.iter().any(|it| it.starts_with("error[unknown-field] 5:16 rootNamspace:")),
        "{said:?}"
    );
    let without = Compiled::text(&operator("profile: default"));
    assert_eq!(without.mesh.root_namespace(), "istio-system");
    let files = [
        ("istio.yaml", &config_map("istio", "|\n    rootNamespace: other")),
        ("operator.yaml", &operator("meshConfig: {rootNamespace: root}")),
    ];
    let compiled = Compiled::files(&files.map(|(name, text)| (name, text.as_str())));
    assert_eq!(compiled.mesh.root_namespace(), "other");
    let said = compiled.said();
    assert!(said.iter().any(|it| it.contains("unused-mesh-config] operator.yaml:5")), "{said:?}");
}

#[test]
fn networks_are_read_beside_it() {
    let text = config_map("istio", "|\n    trustDomain: example.org")
        + "  meshNetworks: |\n    netwroks: {}\n";
    let said = Compiled::text(&text).said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("error[unknown-field] 8:5 netwroks:"), "{said:?}");
}

/// The bytes of a fix are those of the inner text, and a new line of it would need the outer one's indentation.
#[test]
fn what_it_cannot_mend_it_does_not_offer() {
    let resource = "apiVersion: a\n    kind: b";
    let text = config_map("istio", &format!("|\n    {resource}\n    {resource}"));
    let compiled = Compiled::text(&text);
    let found = compiled.findings.iter().find(|it| it.check.name == "duplicate-key").unwrap();
    assert!(found.fixes.is_empty(), "{:?}", found.fixes);
    assert_eq!(
        compiled.parsed.source(found.primary.file).position(found.primary.span.unwrap().start).line,
        8
    );
}
