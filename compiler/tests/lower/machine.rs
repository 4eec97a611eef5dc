//! What runs outside of Kubernetes: `WorkloadEntry`s as endpoints.

use mesh_snapshot::object::Discovery;

use crate::support::{Program, Repository, workload};

fn machine(name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name}, namespace: shop, labels: {{tier: back}}}}
spec: {spec}
---
"
    )
}

const ENTRY: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db, namespace: shop}
spec:
  hosts: [db.shop.test]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 5432, name: tcp, protocol: TCP, targetPort: 5433}]
  workloadSelector: {labels: {app: db, tier: back}}
---
";

#[test]
fn an_entry_has_the_machines_that_it_selects() {
    let text = workload("shop", "web")
        + ENTRY
        + &machine("one", "{address: 192.0.2.1, labels: {app: db}, serviceAccount: db, weight: 3}")
        + &machine("two", "{address: 192.0.2.2, labels: {app: db}, ports: {tcp: 15432}}")
        + &machine("three", "{address: 192.0.2.3, labels: {app: other}}");
    let bundle = Repository::of(&text).bundle();
    let web = Program::of(&bundle, "shop/web");
    let cluster = web.program.cluster_by_name("outbound|5432||db.shop.test").unwrap();
    let Discovery::Declared { endpoints } = cluster.discovery() else { panic!("not declared") };
    let shown: Vec<_> = endpoints
        .iter()
        .map(|it| (it.address.as_str(), it.weight, it.service_account.as_str(), it.ports.clone()))
        .collect();
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0], ("192.0.2.1", 3, "db", [].into()));
    assert_eq!(shown[1], ("192.0.2.2", 1, "", [(5432, 15432)].into()));
}

#[test]
fn a_service_may_be_backed_by_machines_alone() {
    let service = "
apiVersion: v1
kind: Service
metadata: {name: old, namespace: shop}
spec:
  selector: {app: old}
  ports: [{name: http, port: 80, targetPort: web}]
---
";
    let text = workload("shop", "web")
        + service
        + &machine("old", "{address: 192.0.2.4, labels: {app: old}, ports: {web: 8080}}");
    let bundle = Repository::of(&text).bundle();
    let web = Program::of(&bundle, "shop/web");
    let name = "outbound|80||old.shop.svc.cluster.local";
    let cluster = web.program.cluster_by_name(name).unwrap();
    let Discovery::Declared { endpoints } = cluster.discovery() else { panic!("not declared") };
    assert_eq!(endpoints[0].ports, [(80, 8080)].into());
}

#[test]
fn a_machine_that_no_request_reaches_is_named() {
    let said = |more: &str| -> Vec<String> {
        let repository = Repository::of(&(workload("shop", "web") + ENTRY + more));
        let findings = repository.compile().findings;
        let unserved = findings.iter().filter(|it| it.check.name == "unserved-setting");
        unserved.map(|it| it.message.clone()).collect()
    };
    let idle = machine("a", "{address: 192.0.2.1, labels: {app: nobodys}}");
    assert_eq!(said(&idle), ["no Service and no ServiceEntry of its namespace selects it"]);
    let beside = machine("b", "{address: 192.0.2.1, labels: {app: web}}");
    assert_eq!(said(&beside), ["the Service `web` that selects it selects pods, too"]);
    let named = machine("c", "{address: db.example.org, labels: {app: db}}");
    assert_eq!(said(&named), ["the ServiceEntry `db` that selects it resolves no names"]);
    assert!(said(&machine("d", "{address: 192.0.2.1, labels: {app: db}}")).is_empty());
}
