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

/// The pods of a `StatefulSet` behind a headless Service, of which a policy closes one.
fn numbered(selector: &str) -> Repository {
    database(&format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: pg, namespace: db}}\nspec: {{clusterIP: None, selector: {{app: pg}}, ports: [{{name: http, port: 80}}, {{name: tcp, port: 5432}}]}}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{name: second, namespace: db}}\nspec: {{selector: {{statefulset.kubernetes.io/pod-name: pg-1}}, ports: [{{name: http, port: 80}}]}}\n---\n\
         apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: closed, namespace: db}}\nspec: {{selector: {{matchLabels: {selector}}}}}\n"
    ))
}

/// Of a policy for one pod the others know nothing.
#[test]
fn each_pod_that_policy_means_is_asked() {
    for selector in
        ["{apps.kubernetes.io/pod-index: '1'}", "{statefulset.kubernetes.io/pod-name: pg-1}"]
    {
        let repository = numbered(selector);
        for port in [80, 5432] {
            let answer = ask(&repository, &format!("pg:{port}"));
            assert!(answer.contains("DENIED") && answer.contains("  db/pg-1: denied"), "{answer}");
            assert!(answer.contains("the other pods of db/pg"), "{answer}");
            assert!(answer.contains("no ALLOW policy selects the workload"), "{answer}");
            for (pod, expected) in [
                ("pg-0", "DELIVERED"),
                ("pg-1", "DENIED"),
                ("pg-3", "UNROUTED"),
                ("x", "UNROUTED"),
                ("PG-1", "DENIED"),
            ] {
                let to = format!("{pod}.pg.db.svc.cluster.local:{port}");
                let answer = ask(&repository, &to);
                assert!(answer.contains(expected), "{selector} {to}\n{answer}");
                assert!(!answer.contains("other pods"), "{answer}");
            }
        }
        let answer = ask(&repository, "second:80");
        assert!(answer.contains("DENIED 403  db/pg-1: denied"), "{answer}");
    }
    // What is the same for all of them is told once.
    let alike = ask(&numbered("{app: pg}"), "pg:80");
    assert!(alike.contains("DENIED 403  db/pg: denied"), "{alike}");
    assert!(!alike.contains("pg-1") && !alike.contains("other pods"), "{alike}");
}

#[test]
fn mutual_tls_may_be_asked_for_by_one_pod() {
    let repository = numbered("{app: none}");
    repository.write(
        "b.yaml",
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: plain, namespace: db}\nspec: {selector: {matchLabels: {apps.kubernetes.io/pod-index: '1'}}, mtls: {mode: DISABLE}}\n",
    );
    let answer = ask(&repository, "pg:80");
    assert!(answer.contains("client speaks plain text, server wants DISABLE"), "{answer}");
    assert!(answer.contains("client speaks mutual TLS, server wants PERMISSIVE"), "{answer}");
    let answer = ask(&repository, "pg-1.pg.db.svc.cluster.local:80");
    assert!(!answer.contains("mutual TLS"), "{answer}");
}

/// Neither pods nor the addresses of Services stand in a snapshot, which says so where a question is about them.
#[test]
fn a_snapshot_says_what_it_does_not_tell() {
    let repository = numbered("{apps.kubernetes.io/pod-index: '1'}");
    repository.write(
        "b.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: front, namespace: db}\nspec: {clusterIP: 10.8.0.2, selector: {app: web}, ports: [{name: http, port: 80}]}\n",
    );
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("db.mesh");
    let compiled = repository.compile(&["-o", file.to_str().unwrap()]);
    assert!(compiled.status.success(), "{}", text(&compiled));
    let of = |to| asked_of(file.to_str().unwrap(), to);
    let pods = "policy tells its pods apart, which a snapshot does not";
    for to in ["pg:80", "pg-1.pg.db.svc.cluster.local:80", "second:80"] {
        assert!(of(to).contains(pods), "{}", of(to));
        assert!(!ask(&repository, to).contains(pods));
    }
    let addresses = "a snapshot does not tell the addresses of Services";
    assert!(of("10.8.0.2:80").contains(addresses), "{}", of("10.8.0.2:80"));
    for answer in [of("front:80"), ask(&repository, "10.8.0.2:80")] {
        assert!(answer.contains("DELIVERED"), "{answer}");
        assert!(!answer.contains(addresses) && !answer.contains(pods), "{answer}");
    }
}
