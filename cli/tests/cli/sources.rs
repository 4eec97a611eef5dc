//! Where policy comes from: rendered by other programs, in environments, beside a cluster's inventory.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::program::{command, text};
use crate::repository::Repository;

const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
";

fn route(name: &str, host: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [a]
  http:
  - route: [{{destination: {{host: {host}}}}}]
"
    )
}

/// What is told of `input`, in a format.
fn piped(input: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = command();
    command.args(["compile", "--check", "-"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn what_helm_rendered_names_its_template() {
    let text = format!(
        "---\n# Source: shop/templates/service.yaml\n{SERVICE}---\n# Source: shop/templates/route.yaml\n{}",
        route("a", "nobody")
    );
    let (code, said) = piped(&text, &["--format", "concise"]);
    assert_eq!(code, 1);
    let line = said.lines().find(|line| line.contains("[unknown-host]")).unwrap();
    assert!(line.starts_with("-:15:34:"), "{line}");
    assert!(line.ends_with(" (from shop/templates/route.yaml)"), "{line}");
    let (_, human) = piped(&text, &[]);
    assert!(human.contains("VirtualService shop/a · from shop/templates/route.yaml]"), "{human}");
    let (_, json) = piped(&text, &["--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["diagnostics"][0]["primary"]["origin"], "shop/templates/route.yaml");
    for format in ["github", "gitlab", "sarif", "junit", "checkstyle", "markdown", "rdjson"] {
        let (code, said) = piped(&text, &["--format", format]);
        assert_eq!(code, 1);
        let place = "rendered from: shop/templates/route.yaml (at 15:34 of standard input)";
        assert!(said.contains(place), "{format}: {said}");
        let names_it = [
            "file=shop/templates/route.yaml,title=",
            "\"path\": \"shop/templates/route.yaml\"",
            "\"uri\": \"shop/templates/route.yaml\"",
            "file=\"shop/templates/route.yaml\">",
            "<file name=\"shop/templates/route.yaml\">",
            "`shop/templates/route.yaml`",
        ];
        assert!(names_it.iter().any(|it| said.contains(it)), "{format}: {said}");
    }
    let (_, sarif) = piped(&text, &["--format", "sarif"]);
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["region"], serde_json::json!({ "startLine": 1 }));
}

/// A file that was rendered may lie in the repository, and then its lines are there; what another repository has is not.
#[test]
fn what_is_rendered_is_shown_where_it_lies() {
    let repository = Repository::of(&[("built.yaml", WRONG_LABEL)]);
    let output = repository.compile(&["--check", "--format", "github", "built.yaml"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("file=built.yaml,line=6,"), "{said}");
    let (_, own) = piped(WRONG_LABEL, &["--format", "checkstyle"]);
    assert!(own.contains("<file name=\"../base/service.yaml\">"), "{own}");
    let remote = "path: a.yaml\n      repo: https://example.com/b\n";
    let remote = WRONG_LABEL.replace("path: ../base/service.yaml\n", remote);
    let (_, remote) = piped(&remote, &["--format", "rdjson"]);
    let remote: Value = serde_json::from_str(&remote).unwrap();
    let diagnostic = &remote["diagnostics"][0];
    assert_eq!(diagnostic["location"]["path"], "-");
    assert_eq!(diagnostic["location"]["range"]["start"]["line"], 6);
    assert_eq!(diagnostic["suggestions"].as_array().unwrap().len(), 1);
    let (_, moved) = piped(WRONG_LABEL, &["--format", "rdjson"]);
    let moved: Value = serde_json::from_str(&moved).unwrap();
    assert_eq!(moved["diagnostics"][0]["suggestions"].as_array().unwrap().len(), 0);
}

const WRONG_LABEL: &str = "apiVersion: v1
kind: Service
metadata:
  name: a
  namespace: shop
  labels: {version: 1}
  annotations:
    config.kubernetes.io/origin: |
      path: ../base/service.yaml
spec: {ports: [{name: http, port: 80}]}
";

#[test]
fn what_kustomize_built_is_mended_at_its_origin() {
    let repository = Repository::of(&[("built.yaml", WRONG_LABEL)]);
    let output = repository.compile(&["--check", "--fix", "built.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(repository.read("built.yaml"), WRONG_LABEL);
    let told = String::from_utf8(output.stderr).unwrap();
    let note =
        "built.yaml: not changed, since it is rendered from ../base/service.yaml: mend it there";
    assert!(told.contains(note), "{told}");
}

fn environments() -> Repository {
    let settings = "environments:
  prod: {paths: [base, overlays/prod], inventory: {hosts: [pay.example.com]}}
  test: {paths: [base, overlays/test]}
";
    Repository::of(&[
        ("mesh.yaml", settings),
        ("base/service.yaml", SERVICE),
        ("base/route.yaml", &route("a", "nobody")),
        ("overlays/prod/route.yaml", &route("a", "pay.example.com")),
        ("overlays/test/route.yaml", &route("a", "gone.example.com")),
    ])
}

#[test]
fn a_later_path_replaces_what_an_earlier_says() {
    let repository = environments();
    assert_eq!(repository.concise(&["--check", "--env", "prod"]), (0, String::new()));
    let (code, said) = repository.concise(&["--check", "--env", "test"]);
    assert_eq!(code, 1);
    assert!(said.starts_with("overlays/test/route.yaml:7:"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn all_environments_are_checked_unless_one_is_named() {
    let repository = environments();
    repository.write("base/other.yaml", &route("b", "nowhere"));
    let output = repository.compile(&["--check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = json["diagnostics"].as_array().unwrap();
    let of = |file: &str| {
        let mut own = found.iter().filter(|it| it["primary"]["file"] == file);
        let first = own.find(|it| it["check"] == "unknown-host").unwrap();
        assert!(own.all(|it| it["check"] != "unknown-host"), "{file} is told twice");
        first["help"].as_str().unwrap_or_default().to_owned()
    };
    assert!(!of("base/other.yaml").contains("alone"));
    assert!(of("overlays/test/route.yaml").contains("found in test alone"));
}

/// What is missing in two environments for two reasons of their own is found in each alone.
#[test]
fn what_is_told_in_one_is_found_where_it_is_said_to_be() {
    let gateway = "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
";
    let bound = |name: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{hosts: [{name}.example.com], gateways: [elsewhere], http: [{{redirect: {{uri: /}}}}]}}\n"
        )
    };
    let settings = "environments:
  prod: {paths: [base, overlays/prod]}
  test: {paths: [base, overlays/test]}
";
    let repository = Repository::of(&[
        ("mesh.yaml", settings),
        ("base/gateway.yaml", gateway),
        ("overlays/prod/a.yaml", &bound("a")),
        ("overlays/prod/b.yaml", &bound("b")),
        ("overlays/test/c.yaml", &bound("c")),
    ]);
    let told = text(&repository.compile(&["--check", "--only", "unknown-gateway"]));
    let told: Vec<_> = told.split("error[unknown-gateway]").skip(1).collect();
    let [prod, test] = told.as_slice() else { panic!("{told:?}") };
    let has = |found: &str, names: &[&str]| names.iter().all(|it| found.contains(it));
    assert!(has(prod, &["prod/a.yaml", "prod/b.yaml", "found in prod alone"]), "{prod}");
    assert!(has(test, &["test/c.yaml", "found in test alone"]), "{test}");
}

#[test]
fn a_snapshot_is_of_one_environment() {
    let repository = environments();
    let output = repository.compile(&["--out", "a.mesh"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("`--env` names one of prod, test"), "{told}");
    let output = repository.compile(&["--out", "a.mesh", "--env", "prod"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(repository.path().join("a.mesh").exists());
    let output = repository.compile(&["--check", "--env", "prd"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("did you mean `prod`?"), "{told}");
}

const CLUSTER: &str = "apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: a, namespace: shop, resourceVersion: \"5\", managedFields: [{manager: kubectl}]}
  spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80, targetPort: 8080}]}
  status: {loadBalancer: {}}
- apiVersion: v1
  kind: Service
  metadata: {name: wrong, namespace: shop, labels: {a: 1}}
  spec: {ports: [{name: http, port: 80}]}
";

#[test]
fn what_is_in_the_cluster_is_known_and_not_judged() {
    let repository = Repository::of(&[
        ("policy/a.yaml", &route("a", "a")),
        ("policy/b.yaml", &route("b", "b")),
        ("cluster.yaml", CLUSTER),
    ]);
    let (_, without) = repository.concise(&["--check", "policy"]);
    assert!(without.contains("assumed-inventory"), "{without}");
    let (code, said) = repository.concise(&["--check", "policy", "--context", "cluster.yaml"]);
    assert_eq!(code, 1);
    assert!(said.contains("policy/b.yaml:7:"), "{said}");
    assert!(said.contains("unknown-host") && !said.contains("assumed-inventory"), "{said}");
    assert!(!said.contains("cluster.yaml"), "{said}");
    // Beside what it is context of, it is no policy either.
    let (_, same) = repository.concise(&["--check", ".", "--context", "cluster.yaml"]);
    assert!(!same.contains("cluster.yaml"), "{same}");
    // Policy is counted, file by file.
    let (one, two) = (route("c", "a"), format!("{}---\n{}", route("d", "a"), route("e", "a")));
    for (context, said) in [
        (&one, "a resource of the context is policy, and left out"),
        (&two, "2 resources of the context are policy, and left out"),
    ] {
        let repository = Repository::of(&[("policy/a.yaml", CLUSTER), ("cluster.yaml", context)]);
        let (_, told) = repository.concise(&["--check", "policy", "--context", "cluster.yaml"]);
        assert!(told.contains(said), "{told}");
    }
    let (code, gone) = repository.concise(&["--check", "policy", "--context", "gone.yaml"]);
    assert_eq!(code, 3);
    assert!(gone.contains("gone.yaml: error[unreadable-file]"), "{gone}");
}

/// What is none of the mesh's business is counted, and told apart; what holds no resource is not worth a notice each.
#[test]
fn what_is_passed_over_is_counted() {
    let certificate = |group: &str| {
        format!(
            "apiVersion: {group}/v1\nkind: Certificate\nmetadata: {{name: {}}}\n---\n",
            &group[..1]
        )
    };
    let foreign = certificate("cert-manager.io")
        + &certificate("networking.internal.knative.dev")
        + "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: k}\n---\n"
        + "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: p}\n";
    let repository = Repository::of(&[
        ("a.yaml", SERVICE),
        ("b.yaml", &foreign),
        ("package.json", "{\"name\": \"x\"}"),
        ("istiod-values-minimum.yaml", "a: 1\n"),
    ]);
    let output = repository.compile(&["--check"]);
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let told = told.replace("\n  ", " ");
    for expected in [
        "Certificate of cert-manager.io 1, Certificate of networking.internal.knative.dev 1",
        "PodDisruptionBudget 1, Service of serving.knative.dev 1",
        "2 files or parts of files hold no resources",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(told.contains("nothing to say") && !told.contains("package.json"), "{told}");
    let (code, concise) = repository.concise(&["--check"]);
    assert_eq!((code, concise.lines().count()), (0, 2), "{concise}");
    assert!(
        concise.contains("package.json") && concise.contains("values for a chart"),
        "{concise}"
    );
}
