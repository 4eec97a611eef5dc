//! Many namespaces, each of which sees something otherwise than the others.

use mesh_snapshot::Kind;
use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::Object;

use crate::support::{Call, Program, Repository, workload};

/// A service in each of `count` namespaces, the clients of which have `own` for that of the first.
fn namespaces(count: usize, own: &str) -> Bundle {
    let namespace = |number: usize| {
        let name = format!("n{number}");
        workload(&name, "web") + &own.replace("NAME", &name)
    };
    Repository::of(&(0..count).map(namespace).collect::<String>()).bundle()
}

const PRIVATE: &str = "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: own, namespace: NAME}
spec:
  hosts: [web.n0.svc.cluster.local]
  exportTo: ['.']
  http: [{match: [{uri: {exact: /NAME}}], directResponse: {status: 218}}, {route: [{destination: {host: web.n0.svc.cluster.local}}]}]
---
";

const EVERYTHING: &str = "---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: own, namespace: NAME}
spec: {egress: [{hosts: ['*/*']}]}
---
";

/// How often views, and bundles, name sets.
fn edges(bundle: &Bundle) -> usize {
    let names = bundle.snapshot.names().iter();
    let views = names.filter(|(key, _)| matches!(key.kind, Kind::Egress | Kind::HostSets));
    let objects = views.flat_map(|(_, digests)| digests);
    let edges = objects.map(|digest| match bundle.snapshot.object(digest) {
        Some(Object::Egress(egress)) => egress.hosts.len(),
        Some(Object::HostSets(bundle)) => bundle.sets.len(),
        other => panic!("{other:?}"),
    });
    edges.sum()
}

fn goes_to(bundle: &Bundle, from: usize, to: usize) -> Vec<String> {
    let host = format!("web.n{to}.svc.cluster.local");
    Program::of(bundle, &format!("n{from}/web")).goes_to(Call::get(&host, "/"))
}

#[test]
fn each_sees_everything_in_few_bundles() {
    for (count, own) in [(20, PRIVATE), (20, EVERYTHING), (70, PRIVATE), (70, EVERYTHING)] {
        let bundle = namespaces(count, own);
        for (from, to) in [(0, 0), (0, 7), (7, 0), (7, 7), (3, count - 1), (count - 1, 3)] {
            let cluster = format!("1 outbound|80||web.n{to}.svc.cluster.local");
            assert_eq!(goes_to(&bundle, from, to), [cluster], "{count}: {from} to {to}");
        }
    }
}

#[test]
fn what_is_a_namespace_s_own_is_in_its_bundle_alone() {
    let bundle = namespaces(70, PRIVATE);
    let is_sent = |from: usize, path: &str| {
        let web = Program::of(&bundle, &format!("n{from}/web"));
        let sent = web.goes_to(Call::get("web.n0.svc.cluster.local", path));
        sent == ["1 outbound|80||web.n0.svc.cluster.local"]
    };
    for from in [1, 50, 69] {
        assert!(!is_sent(from, &format!("/n{from}")), "{from}");
        assert!(is_sent(from, "/n2"), "{from}");
    }
}

#[test]
fn not_every_view_names_every_set() {
    let count = 144;
    for own in [PRIVATE, EVERYTHING] {
        let edges = edges(&namespaces(count, own));
        assert!(edges < count * count / 3, "{edges}");
    }
}
