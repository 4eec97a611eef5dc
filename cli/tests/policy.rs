//! `mesh compile` and `mesh diff`, as a user runs them.

#![expect(clippy::unwrap_used, reason = "a test says by panicking that something is wrong")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mesh_snapshot::container::{read_file, read_layout};
use mesh_snapshot::signature::{PrivateKey, TrustedKeys};

const SHOP: &str = "../policies/bookinfo";

fn mesh(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mesh")).args(arguments).output().unwrap()
}

fn code(arguments: &[&str]) -> Option<i32> {
    mesh(arguments).status.code()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The shop, with one text in the place of another.
fn changed_shop(folder: &Path, file: &str, from: &str, to: &str) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            if path.is_dir() {
                copy(&path, &target);
            } else {
                std::fs::copy(path, target).unwrap();
            }
        }
    }
    let shop = folder.join("shop");
    copy(Path::new(SHOP), &shop);
    let path = shop.join(file);
    let content = std::fs::read_to_string(&path).unwrap();
    assert!(content.contains(from));
    std::fs::write(path, content.replace(from, to)).unwrap();
    shop
}

#[test]
fn a_snapshot_is_written_as_a_file_or_as_a_folder_and_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (file, layout) = (folder.path().join("shop.mesh"), folder.path().join("layout/"));
    let key = folder.path().join("key.pem");
    let private = PrivateKey::from_seed(&[7; 32]);
    std::fs::write(&key, private.to_pem()).unwrap();
    let sign = ["compile", SHOP, "-o", text(&file), "--sign", text(&key), "--mesh", "shop"];
    assert_eq!(code(&sign), Some(0));
    assert_eq!(code(&["compile", SHOP, "-o", text(&layout)]), Some(0));
    let (signed, plain) = (read_file(&file).unwrap(), read_layout(&layout).unwrap());
    let digest = signed.snapshot.digest();
    assert_eq!(digest, plain.snapshot.digest());
    let trusted = TrustedKeys::from_iter([private.public()]);
    assert!(trusted.verify(digest, "shop", &signed.signatures).is_ok());
    assert!(trusted.verify(digest, "other", &signed.signatures).is_err());
    assert!(plain.signatures.is_empty());
}

#[test]
fn what_does_not_compile_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.mesh");
    let bad = changed_shop(folder.path(), "shop/reviews.yaml", "subset: v3", "subset: v9");
    assert_eq!(code(&["compile", text(&bad), "-o", text(&out)]), Some(1));
    let unreadable = folder.path().join("a.yaml");
    std::fs::write(&unreadable, "a: [").unwrap();
    assert_eq!(code(&["compile", text(&unreadable), "-o", text(&out)]), Some(3));
    assert_eq!(code(&["compile", SHOP, "-o", text(&out), "--sign", text(&unreadable)]), Some(3));
    assert_eq!(code(&["compile", SHOP, "--check", "-o", text(&out)]), Some(2));
    assert!(!out.exists());
    let nowhere = folder.path().join("none/x.mesh");
    assert_eq!(code(&["compile", SHOP, "-o", text(&nowhere)]), Some(4));
}

#[test]
fn a_difference_names_objects_lines_and_workloads() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.mesh");
    assert_eq!(code(&["compile", SHOP, "-o", text(&file)]), Some(0));
    let after = changed_shop(folder.path(), "payments/payment.yaml", "/healthz", "/health");
    let output = mesh(&["diff", text(&file), text(&after)]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("~ AuthorizationPolicy payments/charge"), "{shown}");
    let content = std::fs::read_to_string(after.join("payments/payment.yaml")).unwrap();
    let rule = content.lines().position(|line| line.contains("# Health")).unwrap() + 2;
    let place = format!("payments/payment.yaml:{rule}");
    let is_rule = |line: &&str| line.contains("~ rules[1]") && line.ends_with(&place);
    assert_eq!(shown.lines().filter(is_rule).count(), 1, "{shown}");
    let loads = "1 workload has something to load\n    payments/payment-v1: AuthorizationPolicy payments/charge\n";
    assert!(shown.contains(loads), "{shown}");
    assert!(shown.contains("7 workloads stay as they are"), "{shown}");
    assert_eq!(code(&["diff", "--exit-code", text(&file), text(&after)]), Some(1));
    assert_eq!(code(&["diff", "--exit-code", text(&file), SHOP]), Some(0));
}

/// A comment, or a program's input, that is empty would say nothing of it.
#[test]
fn a_side_that_does_not_compile_is_told_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let bad = changed_shop(folder.path(), "shop/reviews.yaml", "subset: v3", "subset: v9");
    let unreadable = folder.path().join("none");
    let said = |before: &str, after: &str, format: &str| {
        let output = mesh(&["diff", before, after, "--format", format]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (bad, unreadable) = (text(&bad), text(&unreadable));
    for (before, after, sides, code) in [
        (SHOP, bad, &["after"][..], 1),
        (bad, SHOP, &["before"], 1),
        (SHOP, unreadable, &["after"], 3),
        (bad, unreadable, &["before", "after"], 1),
    ] {
        assert_eq!(said(before, after, "human"), (Some(code), String::new()));
        let (status, json) = said(before, after, "json");
        let data: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((status, &data["schema"]), (Some(code), &"mesh.diff/v1".into()));
        assert!(data["before"].is_null() && data.get("objects").is_none(), "{json}");
        let refused = data["refused"].as_array().unwrap();
        let told: Vec<_> = refused.iter().map(|it| it["side"].as_str().unwrap()).collect();
        assert_eq!(told, sides, "{json}");
        for side in refused {
            let (path, why) = (side["path"].as_str().unwrap(), side["why"].as_str().unwrap());
            let cause = if path == unreadable {
                "cannot be read: there is no such file or directory"
            } else {
                "does not compile: shop/reviews.yaml:"
            };
            assert!(why.starts_with(cause) && !why.contains(path), "{json}");
        }
        let (status, comment) = said(before, after, "markdown");
        let verdict =
            format!("### ✖ mesh: what changes cannot be told: {} make", sides.join(" and "));
        assert!(status == Some(code) && comment.starts_with(&verdict), "{comment}");
        assert!(comment.ends_with("\n<!-- mesh diff -->\n"), "{comment}");
        for path in [before, after].iter().filter(|it| **it != SHOP) {
            assert!(comment.contains(&format!("`{path}`")), "{comment}");
        }
    }
}

/// What it says is the same, and somebody else is protected.
#[test]
fn who_a_workload_is_and_whether_it_has_a_proxy_is_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let side = |name: &str, account: &str, labels: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        let deployment = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web{labels}}}}}, spec: {{serviceAccountName: {account}, containers: [{{name: a, image: a}}]}}}}}}\n"
        );
        std::fs::write(path.join("a.yaml"), deployment).unwrap();
        text(&path).to_owned()
    };
    let before = side("a", "web", "");
    let said = |after: &str| {
        let output = mesh(&["diff", "--exit-code", &before, after]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for (account, labels, line) in [
        ("root", "", "service account: web → root"),
        ("web", ", sidecar.istio.io/inject: 'false'", "proxy: one → none: its pods decline one"),
    ] {
        let (code, text) = said(&side("b", account, labels));
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(line) && text.contains("0 workloads stay as they are"), "{text}");
    }
    let (code, text) = said(&side("c", "web", ""));
    assert!(code == Some(0) && text.starts_with("nothing differs"), "{text}");
}

#[test]
fn a_policy_that_is_for_others_is_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let workload = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: a, image: a}}]}}}}\n---\n"
        )
    };
    let side = |name: &str, label: &str| {
        let policy = format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: closed, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: {label}}}}}, action: DENY, rules: [{{}}]}}\n"
        );
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let text = [workload("reviews"), workload("ratings"), policy].concat();
        std::fs::write(path.join("a.yaml"), text).unwrap();
        path
    };
    let (before, after) = (side("before", "reviews"), side("after", "ratings"));
    let shown = String::from_utf8(mesh(&["diff", text(&before), text(&after)]).stdout).unwrap();
    assert!(shown.contains("0 added, 0 removed, 1 changed"), "{shown}");
    assert!(shown.contains("~ AuthorizationPolicy shop/closed"), "{shown}");
    assert!(shown.contains("app: reviews") && shown.contains("app: ratings"), "{shown}");
}

/// What a side says may explain a difference, or that there is none.
#[test]
fn findings_of_both_sides_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let skipped = "kind: Service\nspec: {ports: [{port: ${PORT}}]}\n";
    for side in ["before", "after"] {
        std::fs::create_dir(folder.path().join(side)).unwrap();
        std::fs::write(folder.path().join(side).join("a.yaml"), skipped).unwrap();
        // What is no policy is no finding either, as for `mesh compile`.
        std::fs::write(folder.path().join(side).join("other.yaml"), "a: b\n").unwrap();
    }
    let (before, after) = (folder.path().join("before"), folder.path().join("after"));
    let output = mesh(&["diff", text(&before), text(&after)]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8(output.stderr).unwrap();
    for side in [&before, &after] {
        assert!(said.contains(&format!("note: {}: 1 warning;", text(side))), "{said}");
    }
    let kept_out = skipped.replace("Service", "AuthorizationPolicy");
    std::fs::write(after.join("a.yaml"), kept_out).unwrap();
    assert_eq!(mesh(&["diff", text(&before), text(&after)]).status.code(), Some(1));
}

/// A `Sidecar`, and what `mesh.yaml` says of all, is no object that a route or a policy is; it counts all the same.
#[test]
fn what_workloads_see_and_who_may_call_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let sidecar = "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: narrow, namespace: payments}
spec:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress: [{hosts: [./*]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: payments}
spec:
  action: DENY
  rules: [{from: [{source: {notNamespaces: [shop]}}], to: [{operation: {paths: [/admin/*]}}]}]
";
    let after = changed_shop(folder.path(), "payments/payment.yaml", "apiVersion", "apiVersion");
    std::fs::write(after.join("payments/narrow.yaml"), sidecar).unwrap();
    let output = mesh(&["diff", SHOP, text(&after)]);
    let shown = String::from_utf8(output.stdout).unwrap();
    for said in [
        "+ Sidecar payments/narrow ",
        "+ AuthorizationPolicy payments/no-admin ",
        "    action: deny\n",
        "        from namespace not shop; to path /admin/*\n",
        "2 added, 0 removed, 0 changed\n",
        "    payments/payment-v1: AuthorizationPolicy payments/no-admin, Sidecar payments/narrow\n        no longer sees: ",
    ] {
        assert!(shown.contains(said), "{said}\n{shown}");
    }
    let output = mesh(&["diff", "--format", "json", SHOP, text(&after)]);
    let difference: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(difference["effects"][0]["workloads"][0], "payments/payment-v1");
}

/// What a rule does to those who call a host, and who is no longer led by what was for all.
#[test]
fn how_clients_treat_hosts_and_whose_routes_they_have_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let workload = |namespace: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: one, namespace: {namespace}}}\nspec:\n  selector: {{matchLabels: {{app: one}}}}\n  template: {{metadata: {{labels: {{app: one}}}}, spec: {{containers: [{{name: a, image: a}}]}}}}\n---\n"
        )
    };
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: one, namespace: shop}\nspec: {selector: {app: one}, ports: [{name: http, port: 80}]}\n---\n";
    let rule = "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: one, namespace: shop}
spec:
  host: one
  trafficPolicy: {tls: {mode: DISABLE}}
  subsets: [{name: v1, labels: {app: one}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}}]
---
";
    let route = |export: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: one, namespace: shop}}\nspec: {{hosts: [one], exportTo: [\"{export}\"], http: [{{timeout: 3s, route: [{{destination: {{host: one}}}}]}}]}}\n"
        )
    };
    let side = |name: &str, rest: &[&str]| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let text = [&workload("shop"), &workload("web"), service].concat() + &rest.concat();
        std::fs::write(path.join("a.yaml"), text).unwrap();
        path
    };
    let shown = |before: &Path, after: &Path| {
        String::from_utf8(mesh(&["diff", text(before), text(after)]).stdout).unwrap()
    };
    let before = side("before", &[&route("*")]);
    let (ruled, private) = (side("ruled", &[rule, &route("*")]), side("private", &[&route(".")]));

    let said = shown(&before, &ruled);
    for line in [
        "+ DestinationRule shop/one ",
        "    tls: disable\n",
        "    + subsets.v1 ",
        "        labels.app: one\n",
        "        connectionPool.tcp.maxConnections: 5\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(shown(&ruled, &before).contains("    tls: disable\n"));

    let host = "one.shop.svc.cluster.local";
    let said = shown(&before, &private);
    let line = format!(
        "    web/one: VirtualService shop/one\n        no longer under VirtualService shop/one: {host}\n"
    );
    assert!(said.contains(&line), "{said}");
    assert!(said.contains("0 added, 0 removed, 1 changed\n"), "{said}");
    let said = shown(&private, &before);
    assert!(
        said.contains(&format!("        newly under VirtualService shop/one: {host}\n")),
        "{said}"
    );
}

#[test]
fn a_difference_is_an_object_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let after = changed_shop(folder.path(), "shop/reviews.yaml", "weight: 90", "weight: 80");
    let output = mesh(&["diff", "--format", "json", SHOP, text(&after)]);
    let difference: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(difference["schema"], "mesh.diff/v1");
    let objects = difference["objects"].as_array().unwrap();
    let table = objects.iter().find(|object| object["kind"] == "RouteTable").unwrap();
    assert_eq!(table["items"][0]["item"], "http[1]");
    assert_eq!(table["items"][0]["change"], "changed");
    assert_eq!(table["after"]["file"], "shop/reviews.yaml");
    assert_eq!(difference["workloads"]["added"].as_array().unwrap().len(), 0);
}

#[test]
fn a_difference_is_a_comment_with_its_verdict_first() {
    let folder = tempfile::tempdir().unwrap();
    let after = changed_shop(folder.path(), "shop/reviews.yaml", "weight: 90", "weight: 80");
    let output = mesh(&["diff", "--format", "markdown", SHOP, text(&after)]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let first = shown.lines().next().unwrap();
    assert!(first.starts_with("### mesh: 0 added, 0 removed, 1 changed"), "{first}");
    assert!(
        shown.contains("- 🟡 changed `VirtualService shop/reviews` (`shop/reviews.yaml:"),
        "{shown}"
    );
    assert!(shown.contains("    - `backends[reviews.shop v1].weight`: `90` → `80`"), "{shown}");
    assert!(shown.ends_with("<!-- mesh diff -->\n"), "{shown}");
    let same = mesh(&["diff", "--format", "markdown", SHOP, SHOP]);
    assert!(String::from_utf8(same.stdout).unwrap().starts_with("### ✔ mesh: nothing changes"));
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.mesh");
    assert_eq!(code(&["compile", SHOP, "-o", text(&file)]), Some(0));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, bytes.get(..bytes.len() / 2).unwrap()).unwrap();
    assert_eq!(code(&["diff", text(&file), SHOP]), Some(3));
    // The first bytes of it are none, by its name.
    for length in 0..8 {
        std::fs::write(&file, bytes.get(..length).unwrap()).unwrap();
        assert_eq!(code(&["diff", SHOP, text(&file)]), Some(3), "{length} bytes");
    }
}

#[test]
fn only_a_folder_may_be_a_side_without_resources() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(code(&["diff", text(folder.path()), SHOP]), Some(0));
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, "").unwrap();
    assert_eq!(code(&["diff", text(&file), SHOP]), Some(3));
}
