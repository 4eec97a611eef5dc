//! `mesh request` to machines, which policy lists by their addresses.

use crate::program::{command, text};
use crate::repository::Repository;

/// `web`, and a machine behind `vm.test`; of the machine a test says the rest.
fn machine(entry: &str, more: &str) -> Repository {
    let parts = [
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n".to_owned(),
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n".to_owned(),
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {serviceAccountName: web, containers: [{name: a, image: a}]}\n".to_owned(),
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: vm, namespace: shop}\nspec: {hosts: [vm.test], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {labels: {app: vm}}, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]}\n".to_owned(),
        format!(
            "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {{name: vm, namespace: shop}}\nspec: {{address: 10.0.0.9, labels: {{app: vm, version: v1}}{entry}}}\n"
        ),
        more.to_owned(),
    ];
    Repository::of(&[("a.yaml", &parts.join("---\n"))])
}

/// In lines of any width.
fn ask(repository: &Repository, path: &str) -> String {
    let mut command = command();
    command.env("COLUMNS", "1000").args(["request", repository.path().to_str().unwrap(), path]);
    text(&command.args(["--from", "shop/web", "--to", "vm.test:80"]).output().unwrap())
}

const GUARD: &str = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: guard, namespace: shop}\nspec: {selector: {matchLabels: {version: VERSION}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}], to: [{operation: {paths: [/a]}}]}]}\n";

/// Which are those that select the labels of its `WorkloadEntry`.
#[test]
fn the_policies_of_a_machine_are_asked() {
    let account = ", serviceAccount: vm";
    let own = machine(account, &GUARD.replace("VERSION", "v1"));
    let allowed = ask(&own, "/a");
    assert!(allowed.contains("DELIVERED  shop/10.0.0.9: allowed by shop/guard"), "{allowed}");
    let said = "port 8080: client speaks mutual TLS, server wants PERMISSIVE";
    assert!(allowed.contains(said), "{allowed}");
    let denied = ask(&own, "/b");
    assert!(denied.contains("DENIED 403  shop/10.0.0.9: denied"), "{denied}");
    let other = ask(&machine(account, &GUARD.replace("VERSION", "v2")), "/b");
    assert!(other.contains("DELIVERED  shop/10.0.0.9: allowed: no policy"), "{other}");
}

/// Machines of which policy says the same are one answer, and a subset is of those that have its labels.
#[test]
fn machines_are_told_apart_by_what_policy_says_of_them() {
    let second = "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: two, namespace: shop}\nspec: {address: 10.0.0.10, labels: {app: vm, version: VERSION}, serviceAccount: vm}\n";
    let of = |version: &str, more: &str| {
        let guard = GUARD.replace("VERSION", "v2");
        let more = format!("{}---\n{guard}{more}", second.replace("VERSION", version));
        ask(&machine(", serviceAccount: vm", &more), "/b")
    };
    let alike = of("v1", "");
    assert!(alike.contains("DELIVERED") && alike.contains("10.0.0.10, 10.0.0.9"), "{alike}");
    let apart = of("v2", "");
    assert!(apart.contains("DENIED 403  shop/10.0.0.10: denied"), "{apart}");
    assert!(apart.contains("shop/10.0.0.9\n"), "{apart}");
    let subset = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: vm, namespace: shop}\nspec: {host: vm.test, subsets: [{name: v1, labels: {version: v1}}]}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vm, namespace: shop}\nspec: {hosts: [vm.test], http: [{route: [{destination: {host: vm.test, subset: v1}}]}]}\n";
    let one = of("v2", subset);
    assert!(one.contains("DELIVERED") && !one.contains("10.0.0.10"), "{one}");
}

/// Without an identity no proxy is known, and plain text goes there.
#[test]
fn a_machine_without_an_account_is_told_as_that() {
    let answer = ask(&machine("", &GUARD.replace("VERSION", "v1")), "/b");
    assert!(answer.contains("DELIVERED"), "{answer}");
    let said = "policy gives 10.0.0.9 no service account: no proxy is known there";
    assert!(answer.contains(said), "{answer}");
    assert!(answer.contains("no policy is asked"), "{answer}");
}

/// Then its account counts for nothing, whatever it is.
#[test]
fn a_machine_whose_label_says_so_has_no_proxy() {
    let guard = GUARD.replace("VERSION", "v1");
    for (mode, account, said) in [
        ("disabled", "serviceAccount: vm", "`security.istio.io/tlsMode` of 10.0.0.9 is `disabled`"),
        ("disabled", "weight: 1", "`security.istio.io/tlsMode` of 10.0.0.9 is `disabled`"),
        ("istio", "weight: 1", "denied"),
    ] {
        let repository = machine(&format!(", {account}"), &guard);
        let resources = repository.read("a.yaml");
        let labels = format!("version: v1, security.istio.io/tlsMode: {mode}");
        repository.write("a.yaml", &resources.replacen("version: v1", &labels, 1));
        let answer = ask(&repository, "/b");
        assert!(answer.contains(said), "{mode} {account}: {answer}");
        assert!(!answer.contains("no service account"), "{answer}");
    }
}
