//! What `mesh diff` says of parts that are the same and stand elsewhere, and of resources of which no object differs.

use crate::difference::{BASE, between, objects, told};
use crate::difference_of_moves::istio;

/// Routes of `cart` by paths, in this order.
fn routes(paths: &[&str]) -> String {
    let route = |path: &&str| {
        format!(
            "{{match: [{{uri: {{prefix: {path}}}}}], route: [{{destination: {{host: cart}}}}]}}"
        )
    };
    let routes: Vec<_> = paths.iter().map(route).collect();
    istio("VirtualService", &format!("hosts: [cart], http: [{}]", routes.join(", ")))
}

#[test]
fn which_routes_moved_is_told() {
    let before = routes(&["/a", "/b", "/c", "/d"]);
    let head = "~ VirtualService shop/x";
    let moved = |was: usize, is: usize| {
        [format!("    ~ http[{is}]"), format!("        place: http[{was}] → http[{is}]")]
    };
    for (after, was, is) in [
        (["/d", "/a", "/b", "/c"], 3, 0),
        (["/b", "/c", "/d", "/a"], 0, 3),
        (["/a", "/c", "/b", "/d"], 2, 1),
    ] {
        let told = told(&[&before], &[&routes(&after)]);
        let [item, place] = moved(was, is);
        let forwards = [head, &item, &place];
        // Of two neighbours either may be said to have moved.
        let [item, place] = moved(was.min(is), was.max(is));
        let backwards = [head, &item, &place];
        assert!([forwards, backwards].iter().any(|it| objects(&told) == *it), "{told}");
    }
    // One that is put in front of others moves none of them.
    let told = told(&[&before], &[&routes(&["/new", "/a", "/b", "/c", "/d"])]);
    assert!(!told.contains("place:") && told.contains("    + http["), "{told}");
}

/// The labels that the second one gets are those of the first.
#[test]
fn a_subset_is_known_by_its_name() {
    let of = |labels: &str| {
        let subsets = format!(
            "[{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: {labels}}}}}]"
        );
        istio("DestinationRule", &format!("host: cart, subsets: {subsets}"))
    };
    let head = ["~ DestinationRule shop/x", "    ~ subsets.v2"];
    for (was, is) in [("v2", "v1"), ("v1", "v2"), ("v2", "v3")] {
        let told = told(&[&of(was)], &[&of(is)]);
        let told = objects(&told);
        assert_eq!(told[..2], head, "{told:?}");
        assert_eq!(told[2..], [format!("        labels.version: {was} → {is}")], "{told:?}");
    }
}

/// Every subset has it; it is written once.
#[test]
fn what_a_rule_says_of_all_its_subsets_is_told_once() {
    let of = |connections: u32, own: &str| {
        let pool = format!("connectionPool: {{tcp: {{maxConnections: {connections}}}}}");
        let ports = format!("portLevelSettings: [{{port: {{number: 80}}, {pool}}}]");
        let subsets = format!(
            "[{{name: v1, labels: {{version: v1}}}}, {{name: v2, labels: {{version: v2}}{own}}}]"
        );
        let all = format!("trafficPolicy: {{{pool}, loadBalancer: {{simple: RANDOM}}, {ports}}}");
        istio("DestinationRule", &format!("host: cart, {all}, subsets: {subsets}"))
    };
    let own = ", trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3}}";
    assert_eq!(
        objects(&told(&[&of(3, own)], &[&of(4, own)])),
        [
            "~ DestinationRule shop/x",
            "    connectionPool.tcp.maxConnections: 3 → 4",
            "    portLevelSettings.80.connectionPool.tcp.maxConnections: 3 → 4",
        ]
    );
    let added = told(&[], &[&of(3, own)]);
    let added = objects(&added);
    assert_eq!(added.iter().filter(|it| it.contains("maxConnections: 3")).count(), 2, "{added:?}");
    let subsets = added.iter().position(|it| *it == "    + subsets.v1").unwrap();
    let own = ["        labels.version: v1", "    + subsets.v2", "        labels.version: v2"];
    assert_eq!(added[subsets + 1..subsets + 4], own);
    assert!(added[subsets + 4..].iter().all(|it| it.contains("outlierDetection.")), "{added:?}");
    // What it says itself is its own.
    for (policy, line) in [
        ("loadBalancer: {simple: ROUND_ROBIN}", "loadBalancer.simple: ROUND_ROBIN"),
        ("connectionPool: {tcp: {maxConnections: 9}}", "connectionPool.tcp.maxConnections: 9"),
    ] {
        let shown = told(&[&of(3, "")], &[&of(3, &format!(", trafficPolicy: {{{policy}}}"))]);
        let line = format!("        {line}");
        assert_eq!(objects(&shown), ["~ DestinationRule shop/x", "    ~ subsets.v2", &line]);
    }
    let default = of(3, ", trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}}");
    let shown = told(&[&of(3, "")], &[&default]);
    assert!(objects(&shown)[2].starts_with("        loadBalancer"), "{shown}");
}

#[test]
fn a_sidecar_for_other_workloads_is_a_changed_object() {
    let of = |app: &str| {
        let selector = format!("workloadSelector: {{labels: {{app: {app}}}}}");
        istio("Sidecar", &format!("{selector}, egress: [{{hosts: [./*]}}]"))
    };
    let whom = "    for: workloads of shop with app: front → workloads of shop with app: cart";
    let shown = told(&[&of("front")], &[&of("cart")]);
    assert_eq!(objects(&shown), ["~ Sidecar shop/x", whom]);
    assert!(shown.contains("\n0 added, 0 removed, 1 changed\n"), "{shown}");
    // A namespace that comes changes whom the mesh's view is for, and nobody wrote that.
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: own, namespace: web}\nspec: {mtls: {mode: STRICT}}\n";
    let both = of("front")
        + &istio("Sidecar", "egress: [{hosts: ['*/*']}]")
            .replace("name: x, namespace: shop", "name: mesh, namespace: istio-system");
    let shown = told(&[&both], &[&both, namespace]);
    assert!(shown.contains("\n1 added, 0 removed, 0 changed\n"), "{shown}");
}

/// It is part of what nobody wrote.
#[test]
fn what_the_mesh_says_of_other_hosts_is_told_of_its_configuration() {
    let of = |mode: &str| {
        format!(
            "{BASE}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata:\n  mesh: |\n    outboundTrafficPolicy: {{mode: {mode}}}\n"
        )
    };
    let shown = between(&of("ALLOW_ANY"), &of("REGISTRY_ONLY"), &[]);
    let edit = "    outboundTrafficPolicy: allowAny → registryOnly";
    assert_eq!(objects(&shown), ["~ MeshConfig istio-system/istio", edit], "{shown}");
    assert!(shown.contains("\n0 added, 0 removed, 1 changed\n"), "{shown}");
}
