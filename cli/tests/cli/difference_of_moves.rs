//! What `mesh diff` says of resources that are for other hosts than before, or whose routes apply elsewhere.

use crate::difference::{BASE, GATEWAY, between, objects, told};
use crate::program::mesh;
use crate::repository::Repository;

/// A resource of Istio's in the shop.
pub(crate) fn istio(kind: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\nspec: {{{spec}}}\n"
    )
}

/// The same of a side that is a folder or a snapshot, and of a snapshot: nobody knows more of a resource there than what became
/// of it.
pub(crate) fn told_with_snapshots(before: &str, after: &str) -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    let compiled = |name: &str, text: &str| {
        let repository = Repository::of(&[("a.yaml", text)]);
        let out = folder.path().join(format!("{name}.mesh")).to_str().unwrap().to_owned();
        let output = mesh(&["compile", repository.path().to_str().unwrap(), "-o", &out]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        out
    };
    let (was, is) = (compiled("before", before), compiled("after", after));
    let written = Repository::of(&[("a.yaml", before)]);
    [written.path().to_str().unwrap(), &was]
        .map(|before| String::from_utf8(mesh(&["diff", before, &is]).stdout).unwrap())
}

/// The lines of what differs between [`BASE`] and [`GATEWAY`] with this and with that: on folders, with a snapshot as one side,
/// and on snapshots.
pub(crate) fn lines(before: &str, after: &str) -> [Vec<String>; 3] {
    let [before, after] = [before, after].map(|rest| format!("{BASE}{GATEWAY}{rest}"));
    let [mixed, snapshots] = told_with_snapshots(&before, &after);
    [between(&before, &after, &[]), mixed, snapshots]
        .map(|told| objects(&told).into_iter().map(str::to_owned).collect())
}

/// A host that came says of itself all that the resource says, and so does one that left.
#[test]
fn what_a_service_entry_says_otherwise_is_told_whichever_hosts_it_is_for() {
    let entry =
        |hosts: &str, rest: &str| istio("ServiceEntry", &format!("hosts: [{hosts}], {rest}"));
    let spec = |location: &str, port: &str, resolution: &str| {
        format!("location: {location}, ports: [{port}], resolution: {resolution}")
    };
    let port = "{number: 80, name: http, protocol: HTTP}";
    let plain = spec("MESH_EXTERNAL", port, "DNS");
    let changed = [
        (spec("MESH_INTERNAL", port, "DNS"), "    location: MESH_EXTERNAL → MESH_INTERNAL"),
        (
            spec("MESH_EXTERNAL", "{number: 81, name: http, protocol: HTTP}", "DNS"),
            "    ports[http].number: 80 → 81",
        ),
        (
            spec("MESH_EXTERNAL", "{number: 80, name: http, protocol: GRPC}", "DNS"),
            "    ports[http].protocol: HTTP → GRPC",
        ),
        (spec("MESH_EXTERNAL", port, "NONE"), "    resolution: DNS → NONE"),
        (plain.clone() + ", subjectAltNames: [c.test]", "    subjectAltNames: [c.test]"),
        (plain.clone() + ", addresses: [192.0.2.1]", "    addresses: [192.0.2.1]"),
    ];
    for (before, after) in [
        ("a.test", "b.test"),
        ("a.test, b.test", "c.test, d.test"),
        ("a.test, b.test", "b.test, c.test"),
    ] {
        let edit = format!("    hosts: {before} → {after}");
        let head = ["~ ServiceEntry shop/x", &edit];
        for (rest, line) in &changed {
            for told in lines(&entry(before, &plain), &entry(after, rest)) {
                assert_eq!(told[..2], head, "{told:?}");
                let count = told.iter().filter(|it| it == line).count();
                assert_eq!(count, 1, "{before} → {after}: {line}: {told:?}");
            }
        }
        for told in lines(&entry(before, &plain), &entry(after, &plain)) {
            assert_eq!(told, head);
        }
    }
}

/// A gateway for requests, and for bytes.
const BOTH: &str = "---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: both, namespace: shop}
spec:
  selector: {istio: gw}
  servers:
  - {port: {number: 82, name: http, protocol: HTTP}, hosts: [\"*\"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: [\"*\"]}
  - {port: {number: 9443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [\"*\"]}
";

/// No destination names a port.
pub(crate) const ROUTES: [&str; 4] = [
    "hosts: [cart], http: [{match: [{uri: {prefix: /a}}], mirrors: [{destination: {host: front}}], route: [{destination: {host: cart}}]}, {route: [{destination: {host: front}}]}]",
    "hosts: [cart], tcp: [{route: [{destination: {host: front}}]}]",
    "hosts: [cart.shop.svc.cluster.local], tls: [{match: [{sniHosts: [cart.shop.svc.cluster.local]}], route: [{destination: {host: front}}]}]",
    "hosts: [cart], http: [{route: [{destination: {host: front}}]}], tcp: [{route: [{destination: {host: front}}]}]",
];

/// The port of such a destination is known at a gateway, and open on the mesh.
#[test]
fn routes_that_apply_elsewhere_are_the_same() {
    let side = |gateways: &str, routes: &str| {
        let spec = format!("gateways: [{gateways}], {routes}");
        BOTH.to_owned() + &istio("VirtualService", &spec)
    };
    for routes in ROUTES {
        for (before, after, was, is) in [
            ("mesh", "mesh, both", "mesh", "mesh, shop/both"),
            ("both", "shop/both, mesh", "shop/both", "mesh, shop/both"),
            ("mesh", "both", "mesh", "shop/both"),
        ] {
            for (before, after, was, is) in [(before, after, was, is), (after, before, is, was)] {
                let edit = format!("    gateways: {was} → {is}");
                for told in lines(&side(before, routes), &side(after, routes)) {
                    assert_eq!(told, ["~ VirtualService shop/x", &edit], "{routes}");
                }
            }
        }
    }
    // A gateway that stays, and is for requests alone.
    let (before, after) = (side("mesh, public", ROUTES[3]), side("public, both", ROUTES[3]));
    let edit = "    gateways: mesh, shop/public → shop/both, shop/public";
    for told in lines(&before, &after) {
        assert_eq!(told, ["~ VirtualService shop/x", edit]);
    }
}

/// A change of the routes is told once, whether a table of them stays or not.
#[test]
fn routes_that_apply_elsewhere_and_are_others_are_told_once() {
    let side = |gateways: &str, timeout: &str| {
        let route = format!("{{timeout: {timeout}, route: [{{destination: {{host: cart}}}}]}}");
        let rest = "{match: [{uri: {prefix: /a}}], route: [{destination: {host: front}}]}";
        let spec = format!("hosts: [cart], gateways: [{gateways}], http: [{rest}, {route}]");
        istio("VirtualService", &spec)
    };
    for (before, after) in
        [("mesh", "mesh, public"), ("mesh", "public"), ("mesh, public", "public")]
    {
        for (before, after) in [(before, after), (after, before)] {
            for told in lines(&side(before, "1s"), &side(after, "2s")) {
                assert!(told[1].starts_with("    gateways: "), "{told:?}");
                assert_eq!(told[2..], ["    ~ http[1]", "        timeout: 1s → 2s"], "{told:?}");
            }
        }
    }
}

/// Which port is meant is no matter of where a route applies, where there are several.
#[test]
fn a_port_that_is_said_is_told() {
    let two = BASE.replacen(
        "ports: [{name: http, port: 80}]",
        "ports: [{name: http, port: 80}, {name: other, port: 81}]",
        1,
    );
    let side = |gateways: &str, port: &str| {
        let spec = format!(
            "hosts: [cart], gateways: [{gateways}], http: [{{route: [{{destination: {{host: cart{port}}}}}]}}]"
        );
        format!("{two}{GATEWAY}{}", istio("VirtualService", &spec))
    };
    let shown = between(&side("mesh", ""), &side("public", ", port: {number: 80}"), &[]);
    let lines = objects(&shown);
    assert_eq!(lines[2], "    ~ http[0]", "{shown}");
    assert!(lines.contains(&"        backends[cart.shop:80].weight: 1"), "{shown}");
    let shown = between(&side("mesh", ""), &side("public", ""), &[]);
    assert_eq!(objects(&shown)[1..], ["    gateways: mesh → shop/public"], "{shown}");
    // The service has that one alone: it says what was meant.
    let one = |text: &str| text.replacen(", {name: other, port: 81}", "", 1);
    let (before, after) = (side("mesh", ""), side("public", ", port: {number: 80}"));
    let shown = between(&one(&before), &one(&after), &[]);
    assert_eq!(objects(&shown)[1..], ["    gateways: mesh → shop/public"], "{shown}");
}

/// The routes of a delegate apply where those do that lead to it.
#[test]
fn routes_of_a_delegate_that_apply_elsewhere_are_the_same() {
    let part = "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: part, namespace: shop}\nspec: {http: [{route: [{destination: {host: front}}]}]}\n";
    let side = |gateways: &str, timeout: &str| {
        let part = part.replace("http: [{", &format!("http: [{{{timeout}"));
        let root = "http: [{match: [{uri: {prefix: /a}}], delegate: {name: part}}]";
        istio("VirtualService", &format!("hosts: [cart], gateways: [{gateways}], {root}")) + &part
    };
    for told in lines(&side("mesh", ""), &side("mesh, public", "")) {
        assert_eq!(told, ["~ VirtualService shop/x", "    gateways: mesh → mesh, shop/public"]);
    }
    for told in lines(&side("public", ""), &side("mesh", "timeout: 1s, ")) {
        let item = ["    ~ http[0]", "        timeout: 1s"];
        assert_eq!(told[1], "    gateways: shop/public → mesh");
        assert_eq!(told[2..], item);
    }
}

/// It is said of the resource, and of no object that came or left for it.
#[test]
fn hosts_are_told_once() {
    let side = |hosts: &str, gateways: &str| {
        istio(
            "VirtualService",
            &format!(
                "hosts: [{hosts}], gateways: [{gateways}], http: [{{route: [{{destination: {{host: cart}}}}]}}]"
            ),
        )
    };
    let (cart, front) = ("cart.shop.svc.cluster.local", "front.shop.svc.cluster.local");
    for (before, after, hosts, gateways) in [
        (
            side("a.test", "public"),
            side("cart", "mesh"),
            format!("a.test → {cart}"),
            "shop/public → mesh",
        ),
        (
            side("cart", "mesh"),
            side("a.test", "public"),
            format!("{cart} → a.test"),
            "mesh → shop/public",
        ),
        (
            side("cart", "mesh"),
            side("cart, front", "mesh, public"),
            format!("{cart} → {cart}, {front}"),
            "mesh → mesh, shop/public",
        ),
    ] {
        let shown = told(&[GATEWAY, &before], &[GATEWAY, &after]);
        let edits = [format!("    hosts: {hosts}"), format!("    gateways: {gateways}")];
        assert_eq!(objects(&shown)[1..], edits, "{shown}");
    }
}

/// Of a resource whose objects are others than before nobody is told by the names that a snapshot has for them.
#[test]
fn whom_a_moved_resource_concerns_is_told_by_its_name() {
    let routes = |gateway: &str| {
        let spec = format!(
            "hosts: [shop.example.com], gateways: [{gateway}], http: [{{route: [{{destination: {{host: cart}}}}]}}]"
        );
        let other = GATEWAY.replace("name: public", "name: other");
        format!("{BASE}{GATEWAY}---\n{other}{}", istio("VirtualService", &spec))
    };
    let told = between(&routes("public"), &routes("other"), &[]);
    assert!(told.contains("VirtualService shop/x"), "{told}");
    assert!(!told.contains("RouteTable"), "{told}");
}
