//! `mesh request`: which pods a Service leads to, and what is asked of one of them.

use crate::program::{command, text};
use crate::repository::Repository;

/// A caller `web` and a workload `pg` of three pods, with what more a test says of them.
fn database(more: &str) -> Repository {
    let parts = [
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: db, labels: {istio-injection: enabled}}\n",
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: db}\n",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: db, labels: {app: web}}\nspec: {serviceAccountName: web, containers: [{name: a, image: a}]}\n",
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: pg, namespace: db}\nspec:\n  replicas: 3\n  serviceName: pg\n  selector: {matchLabels: {app: pg}}\n  template: {metadata: {labels: {app: pg}}, spec: {containers: [{name: a, image: a}]}}\n",
        more,
    ];
    Repository::of(&[("a.yaml", &parts.join("---\n"))])
}

/// In lines of any width.
fn ask(what: &Repository, to: &str) -> String {
    asked_of(what.path().to_str().unwrap(), to)
}

fn asked_of(what: &str, to: &str) -> String {
    let mut command = command();
    command.env("COLUMNS", "1000").args(["request", what, "/", "--from", "db/web", "--to", to]);
    text(&command.output().unwrap())
}

/// A Service looks at the labels of pods; a `ServiceEntry` at those of endpoints, of which Istio knows where they are.
#[test]
fn a_service_does_not_know_the_labels_that_istio_gives_to_endpoints() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: here, namespace: db}\nspec: {selector: {app: pg, LABEL: x}, ports: [{name: http, port: 80}]}\n";
    let entry = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: here, namespace: db}\nspec: {hosts: [here.test], location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {labels: {app: pg, LABEL: x}}, ports: [{number: 80, name: http, protocol: HTTP}]}\n";
    let (network, zone) = ("topology.istio.io/network", "topology.kubernetes.io/zone");
    for (resource, to, label, expected) in [
        (service, "here:80", network, "UNROUTED"),
        (entry, "here.test:80", network, "DELIVERED"),
        (service, "here:80", zone, "DELIVERED"),
        (entry, "here.test:80", zone, "DELIVERED"),
    ] {
        let answer = ask(&database(&resource.replace("LABEL", label)), to);
        assert!(answer.contains(expected), "{to} {label}\n{answer}");
    }
    // A subset is Istio's, whatever selects the pods of the service.
    let all = service.replace(", LABEL: x", "");
    let subset = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: here, namespace: db}\nspec: {host: here, subsets: [{name: x, labels: {topology.istio.io/network: x}}]}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: here, namespace: db}\nspec: {hosts: [here], http: [{route: [{destination: {host: here, subset: x}}]}]}\n";
    let answer = ask(&database(&format!("{all}{subset}")), "here:80");
    assert!(answer.contains("DELIVERED"), "{answer}");
}
