//! `mesh compile`: when it makes a snapshot, and when not.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{BOOKINFO, errors, mesh};
use crate::repository::Repository;

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// It would take all routes away.
#[test]
fn a_repository_without_resources_makes_no_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.mesh");
    let repository = folder.path().join("policy");
    fs::create_dir(&repository).unwrap();
    let compile = |more: &[&str]| mesh(&[&["compile", path(&repository)], more].concat());

    for more in [["--check"].as_slice(), &["-o", path(&out)]] {
        let (code, error) = errors(&compile(more));
        assert_eq!(code, 1);
        assert!(error.contains("error: there is no resource that the mesh reads"), "{error}");
    }
    fs::write(
        repository.join("budget.yaml"),
        "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: a}}",
    )
    .unwrap();
    fs::write(repository.join("chart.yaml"), "name: {{ .Values.name }}\n").unwrap();
    let (code, error) = errors(&compile(&["-o", path(&out)]));
    assert_eq!(code, 1);
    assert!(
        error.contains("PodDisruptionBudget 1") && error.contains("this is no policy"),
        "{error}"
    );
    assert!(!out.exists());
    let json: Value = serde_json::from_slice(&compile(&["--format", "json"]).stdout).unwrap();
    assert_eq!(json["snapshot"], Value::Null);

    let meant = compile(&["--allow-empty", "-o", path(&out)]);
    assert_eq!(meant.status.code(), Some(0));
    assert!(out.exists());
}

/// What makes resources of them is named in place of the flag that would take their absence for policy.
#[test]
fn what_is_to_be_rendered_first_is_no_empty_policy() {
    let service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Values.name }}\n";
    let chart = Repository::of(&[
        ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("web/templates/service.yaml", service),
    ]);
    let overlay = Repository::of(&[
        (
            "web/kustomization.yaml",
            "resources: [../base]\nnamePrefix: eu-\npatches: [{path: patch.yaml}]\n",
        ),
        ("web/patch.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {}\n"),
    ]);
    for (repository, what, program) in [
        (&chart, "a Helm chart", "helm template"),
        (&overlay, "a kustomization", "kustomize build"),
    ] {
        let folder = repository.path().join("web");
        for (check, on) in [(&["--check"][..], "--check -"), (&[], "-")] {
            let (code, error) = errors(&mesh(&[&["compile", path(&folder)], check].concat()));
            assert_eq!(code, 1, "{error}");
            let command = format!("{program} {} | mesh compile {on}`", path(&folder));
            let said = format!("{what} is rendered first, as in `{command}");
            assert!(error.contains(&said), "{said}: {error}");
            assert!(!error.contains("--allow-empty"), "{error}");
        }
        let meant = mesh(&["compile", "--check", "--allow-empty", path(&folder)]);
        assert_eq!(meant.status.code(), Some(0));
    }
}

#[test]
fn a_repository_with_resources_makes_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.mesh");
    assert_eq!(mesh(&["compile", BOOKINFO, "-o", path(&out)]).status.code(), Some(0));
    assert!(out.exists());
    for command in ["compile", "up"] {
        let (code, error) = errors(&mesh(&[command, path(&out)]));
        assert_eq!(code, 3);
        assert!(error.contains("out.mesh: this is a snapshot"), "{error}");
    }
}

/// Help that shows some YAML shows it as it is to be written.
#[test]
fn help_has_lines() {
    let service = |port: u16| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: a, namespace: b}}\nspec: {{ports: [{{name: http, port: {port}}}]}}\n"
        )
    };
    let repository = Repository::of(&[("a.yaml", &service(80)), ("b.yaml", &service(81))]);
    let output = repository.compile(&["--check", "."]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("\n          environments:\n            test: {paths: ["), "{said}");
    assert!(!said.contains('\u{fffd}'), "{said}");
}
