//! Who sees what, and whose routes and policies count for whom.

use mesh_engine::route::Outcome;
use mesh_snapshot::object::{Labels, Workload};

use crate::support::{Call, Program, Repository, workload};

fn joined(namespace: &str, app: &str) -> Workload {
    Workload {
        namespace: namespace.to_owned(),
        name: app.to_owned(),
        labels: Labels::from([("app".to_owned(), app.to_owned())]),
        service_account: app.to_owned(),
        ..Workload::default()
    }
}

fn routes(name: &str, namespace: &str, export_to: &str, subset_host: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  hosts: [api.shop.svc.cluster.local]
  exportTo: [\"{export_to}\"]
  http: [{{route: [{{destination: {{host: {subset_host}}}}}]}}]
---
"
    )
}

#[test]
fn a_private_route_rules_for_its_own_namespace_alone() {
    let text = workload("shop", "api")
        + &workload("shop", "v2")
        + &workload("edge", "gate")
        + &workload("web", "page")
        + &routes("public", "shop", "*", "v2.shop.svc.cluster.local")
        + &routes("own", "web", ".", "api.shop.svc.cluster.local");
    let bundle = Repository::of(&text).bundle();
    let to = |name| Program::of(&bundle, name).goes_to(Call::get("api.shop", "/"));
    assert_eq!(to("edge/gate"), ["1 outbound|80||v2.shop.svc.cluster.local"]);
    assert_eq!(to("web/page"), ["1 outbound|80||api.shop.svc.cluster.local"]);
    // A namespace of which nothing is known sees what is public.
    let stranger = Program::joined(&bundle, &joined("nowhere", "x"));
    assert_eq!(stranger.goes_to(Call::get("api.shop", "/")), to("edge/gate"));
}

#[test]
fn a_service_is_seen_where_it_is_exported_to_even_by_who_joins_later() {
    let hidden = workload("shop", "api").replace(
        "metadata: {name: api, namespace: shop}\nspec:\n  selector",
        "metadata: {name: api, namespace: shop, annotations: {networking.istio.io/exportTo: \"web\"}}\nspec:\n  selector",
    );
    let repository = Repository::of(&(hidden + &workload("edge", "gate")));
    repository.write("mesh.yaml", "meshConfig: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}\n");
    let bundle = repository.bundle();
    let call = Call::get("api.shop", "/");
    let web = Program::joined(&bundle, &joined("web", "page"));
    assert_eq!(web.goes_to(call), ["1 outbound|80||api.shop.svc.cluster.local"]);
    let gate = Program::of(&bundle, "edge/gate");
    gate.sends(call, |it| assert!(matches!(it, Outcome::Blackhole)));
}

fn rule(namespace: &str, limit: u32, more: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: api-{limit}, namespace: {namespace}}}
spec:
  host: api.shop.svc.cluster.local
  trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {limit}}}}}}}
{more}
---
"
    )
}

#[test]
fn a_clients_own_rule_comes_before_the_services_before_the_roots() {
    let text = workload("shop", "api")
        + &workload("web", "page")
        + &workload("edge", "gate")
        + &rule("istio-system", 1, "")
        + &rule("shop", 2, "")
        + &rule("web", 3, "");
    let bundle = Repository::of(&text).bundle();
    let limit = |name| {
        let program = Program::of(&bundle, name);
        let name = "outbound|80||api.shop.svc.cluster.local";
        program.program.cluster_by_name(name).unwrap().policy().connection_pool.connections_max
    };
    assert_eq!((limit("web/page"), limit("edge/gate"), limit("shop/api")), (3, 2, 2));
}

#[test]
fn a_rule_may_be_for_some_clients_of_a_namespace() {
    let for_page = "  workloadSelector: {matchLabels: {app: page}}";
    let text = workload("shop", "api")
        + &workload("web", "page")
        + &workload("web", "other")
        + &rule("web", 7, for_page)
        + &rule("web", 8, "");
    let bundle = Repository::of(&text).bundle();
    let limit = |name| {
        let program = Program::of(&bundle, name);
        let name = "outbound|80||api.shop.svc.cluster.local";
        program.program.cluster_by_name(name).unwrap().policy().connection_pool.connections_max
    };
    assert_eq!((limit("web/page"), limit("web/other")), (7, 8));
}
