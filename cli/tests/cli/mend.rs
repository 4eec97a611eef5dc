//! `mesh compile --fix`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::program::errors;
use crate::repository::Repository;

const MENDABLE: &str = "# what stands here stäys\r
apiVersion: v1\r
kind: Service\r
metadata: {name: a,   namespace: shop, labels: {b: 1, \"a\": 2}}   # and here\r
spec: {ports: [{name: http, port: 80}]}";

fn mended() -> String {
    MENDABLE.replace("b: 1", "b: \"1\"").replace(": 2}", ": \"2\"}")
}

#[test]
fn nothing_changes_but_what_is_mended() {
    let repository = Repository::of(&[("a.yaml", MENDABLE)]);
    let path = repository.path().join("a.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let output = repository.compile(&["--fix"]);
    let (code, error) = errors(&output);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("2 fixes made in 1 file"), "{error}");
    assert_eq!(repository.read("a.yaml"), mended());
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(repository.path()).unwrap().count(), 1);
}

#[test]
fn a_diff_says_what_would_change_and_changes_nothing() {
    let repository = Repository::of(&[("a.yaml", MENDABLE)]);
    let output = repository.compile(&["--fix", "--diff"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(repository.read("a.yaml"), MENDABLE);
    repository.write("patch", std::str::from_utf8(&output.stdout).unwrap());
    if repository.git(&["apply", "patch"]).is_some() {
        assert_eq!(repository.read("a.yaml"), mended());
        assert_eq!(repository.compile(&["--fix", "--diff"]).stdout, b"");
    }
}

const BROKEN: &str = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r, namespace: shop}\nspec: {hosts: [a.example.com], http: [{route: [{destination: {host: a}}], timeout: 5}]}\n";

/// Standard output is the patch alone; a command ends with it as it would have without.
#[test]
fn a_diff_hides_no_errors() {
    let repository = Repository::of(&[("a.yaml", MENDABLE), ("b.yaml", BROKEN)]);
    let output = repository.compile(&["--check", "--fix", "--diff"]);
    let (code, error) = errors(&output);
    assert_eq!(code, 1);
    assert!(error.contains("error[wrong-type]"), "{error}");
    let patch = String::from_utf8(output.stdout).unwrap();
    assert!(patch.starts_with("--- a/a.yaml\n") && !patch.contains("wrong-type"), "{patch}");

    let only_broken = Repository::of(&[("b.yaml", BROKEN)]);
    let output = only_broken.compile(&["--fix", "--diff"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
}

#[test]
fn a_format_for_programs_has_standard_output_to_itself() {
    let repository = Repository::of(&[("a.yaml", MENDABLE), ("b.yaml", BROKEN)]);
    let output = repository.compile(&["--fix", "--diff", "--format", "sarif"]);
    let sarif: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules = sarif.pointer("/runs/0/results").and_then(|it| it.as_array()).unwrap();
    assert!(rules.iter().any(|it| it.pointer("/ruleId").unwrap() == "wrong-type"), "{rules:?}");
    let (code, error) = errors(&output);
    assert_eq!(code, 1);
    assert!(error.starts_with("--- a/a.yaml\n+++ b/a.yaml\n@@ "), "{error}");
}

/// As Git names them, wherever the command runs: from the root of the repository that the files lie in.
#[test]
fn a_diff_names_files_from_the_root_of_their_repository() {
    let repository = Repository::of(&[("shop/a.yaml", MENDABLE)]);
    let root = fs::canonicalize(repository.path()).unwrap();
    let elsewhere = Repository::of(&[]);
    let patch = || {
        let folder = root.join("shop");
        let output = elsewhere.compile(&["--fix", "--diff", folder.to_str().unwrap()]);
        String::from_utf8(output.stdout).unwrap()
    };
    let whole = format!("--- a{0}/shop/a.yaml\n+++ b{0}/shop/a.yaml\n", root.display());
    assert!(patch().starts_with(&whole), "{}", patch());
    if repository.git(&["init", "--quiet"]).is_some() {
        assert!(patch().starts_with("--- a/shop/a.yaml\n+++ b/shop/a.yaml\n"), "{}", patch());
    }
}

#[test]
fn what_is_left_is_reported() {
    let unsafe_fix = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: r, namespace: shop, labels: {a: 1}}\nspec: {hosts: [a.example.com], http: [{route: [{destination: {host: revies}}]}]}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: reviews, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n";
    let repository = Repository::of(&[("a.yaml", unsafe_fix), ("b.yaml", service)]);
    let (code, text) = repository.concise(&["--fix"]);
    assert_eq!(code, 1);
    assert!(text.contains("[unknown-host]") && text.lines().count() == 1, "{text}");
    assert!(repository.read("a.yaml").contains("host: revies"));
}

#[test]
fn only_what_is_asked_for_is_mended() {
    let repository = Repository::of(&[("a.yaml", MENDABLE)]);
    let (code, _) = repository.concise(&["--fix", "--only", "unknown-host"]);
    assert_eq!((code, repository.read("a.yaml").as_str()), (0, MENDABLE));
}

/// It can be read but once, and written not at all.
#[test]
fn standard_input_is_not_mended() {
    let repository = Repository::of(&[]);
    let (code, error) = errors(&repository.compile(&["-", "--fix"]));
    assert_eq!(code, 2);
    assert!(error.contains("standard input cannot be mended"), "{error}");
}

#[test]
fn generated_files_and_templates_are_left_alone() {
    let generated = format!("# Code generated by a chart. DO NOT EDIT.\n{MENDABLE}");
    let template = format!("{MENDABLE}\r\n# {{{{ include \"labels\" . }}}}\r\n");
    let repository = Repository::of(&[("a.yaml", &generated), ("b.yaml", &template)]);
    let (code, error) = errors(&repository.compile(&["--fix"]));
    assert_eq!(code, 1);
    assert!(error.contains("a.yaml: not changed, since it is generated"), "{error}");
    assert!(error.contains("b.yaml: not changed, since it looks like a template"), "{error}");
    assert_eq!((repository.read("a.yaml"), repository.read("b.yaml")), (generated, template));
}

#[test]
fn a_comment_that_allows_nothing_is_removed() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\n# mesh:allow uneven-weights reason=\"none\"\nspec: {ports: [{name: http, port: 80}]} # mesh:allow unknown-host reason=\"none\"\n";
    let repository = Repository::of(&[("a.yaml", service)]);
    assert_eq!(repository.concise(&["--fix"]), (0, String::new()));
    let expected = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n";
    assert_eq!(repository.read("a.yaml"), expected);
}

#[test]
fn old_names_of_fields_give_way_to_new_ones() {
    const OLD: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: w, namespace: shop}
spec:
  hosts: [w]
  http:
  - mirror_percent: 10 # a tenth
    mirror: {host: w}
    corsPolicy: {allowOrigin: [https://a.example.com, '*']}
    fault: {delay: {percent: 5, fixedDelay: 1s}}
    route: [{destination: {host: w}}]
";
    let new = OLD
        .replace("mirror_percent: 10", "mirrorPercentage: {value: 10}")
        .replace(
            "allowOrigin: [https://a.example.com, '*']",
            "allowOrigins: [{exact: \"https://a.example.com\"}, {exact: '*'}]",
        )
        .replace("percent: 5", "percentage: {value: 5}");
    let json = |route: &str| {
        format!(
            r#"{{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{{"name":"v","namespace":"shop"}},"spec":{{"hosts":["v"],"http":[{{{route},"mirror":{{"host":"w"}},"route":[{{"destination":{{"host":"w"}}}}]}}]}}}}"#
        )
    };
    let repository =
        Repository::of(&[("a.yaml", OLD), ("b.json", &json(r#""mirrorPercent": 10"#))]);
    let output = repository.compile(&["--fix", "--only", "deprecated-field"]);
    let (_, error) = errors(&output);
    assert!(error.contains("4 fixes made in 2 files"), "{error}");
    assert_eq!(repository.read("a.yaml"), new);
    assert_eq!(repository.read("b.json"), json(r#""mirrorPercentage": {"value": 10}"#));
}
