//! The Gateway API's kinds.

use serde_json::{Value, json};

use super::{perhaps, resource};
use crate::random::Random;

const API: &str = "gateway.networking.k8s.io/v1";

pub(super) fn gateway(index: usize, random: &mut Random) -> Value {
    let mut listeners = Vec::new();
    for number in 0..random.count(1, 2) {
        let (port, protocol) = random.pick(&[(80, "HTTP"), (443, "HTTPS"), (9000, "TCP")]);
        let mut made = json!({ "name": format!("l{number}"), "port": port, "protocol": protocol });
        perhaps(&mut made, 50, "hostname", json!("*.example.com"), random);
        if protocol == "HTTPS" {
            made["tls"] = json!({ "mode": "Terminate", "certificateRefs": [{ "name": "cert" }] });
        }
        let from = json!({ "namespaces": { "from": random.pick(&["All", "Same"]) } });
        perhaps(&mut made, 40, "allowedRoutes", from, random);
        listeners.push(made);
    }
    let class = random.pick(&["istio", "istio", "mesh", "other"]);
    let spec = json!({ "gatewayClassName": class, "listeners": listeners });
    let mut made = resource(API, "Gateway", index, &spec, random);
    if random.chance(60) {
        made["metadata"]["name"] = json!("entry");
    }
    made
}

fn parent(random: &mut Random) -> Value {
    let parents = [
        json!({ "name": "entry" }),
        json!({ "name": "entry", "namespace": "shop", "sectionName": "l0" }),
        json!({ "group": "", "kind": "Service", "name": "reviews", "port": 9080 }),
        json!({ "name": "none" }),
    ];
    random.pick(&parents)
}

fn backend(random: &mut Random) -> Value {
    let name = random.pick(&["reviews", "ledger", "nobody"]);
    let mut made = json!({ "name": name, "port": random.pick(&[9080, 8080]) });
    perhaps(&mut made, 20, "namespace", json!(random.pick(&["shop", "pay"])), random);
    perhaps(&mut made, 30, "weight", json!(random.pick(&[0, 1, 10])), random);
    made
}

fn route(kind: &str, index: usize, rule: &Value, random: &mut Random) -> Value {
    let mut spec = json!({ "parentRefs": [parent(random)], "rules": [rule] });
    if kind != "TCPRoute" {
        let host = random.pick(&["shop.example.com", "*.example.com"]);
        perhaps(
            &mut spec,
            if kind == "TLSRoute" { 95 } else { 40 },
            "hostnames",
            json!([host]),
            random,
        );
    }
    let api = if kind == "TCPRoute" { "gateway.networking.k8s.io/v1alpha2" } else { API };
    resource(api, kind, index, &spec, random)
}

pub(super) fn http_route(index: usize, random: &mut Random) -> Value {
    let mut rule = json!({});
    perhaps(&mut rule, 90, "backendRefs", json!([backend(random)]), random);
    let kind = random.pick(&["PathPrefix", "Exact", "RegularExpression"]);
    let path = json!({ "type": kind, "value": random.pick(&["/a", "/", "a", "/a//b"]) });
    perhaps(&mut rule, 60, "matches", json!([{ "path": path }]), random);
    let filters = [
        json!({ "type": "RequestHeaderModifier", "requestHeaderModifier": { "set": [{ "name": "x-a", "value": "b" }] } }),
        json!({ "type": "RequestRedirect", "requestRedirect": { "scheme": "https" } }),
        json!({ "type": "URLRewrite", "urlRewrite": { "path": { "type": "ReplacePrefixMatch", "replacePrefixMatch": "/b" } } }),
        json!({ "type": "RequestMirror", "requestMirror": { "backendRef": { "name": "ratings", "port": 9000 } } }),
    ];
    perhaps(&mut rule, 30, "filters", json!([random.pick(&filters)]), random);
    let timeouts = json!({ "request": "5s", "backendRequest": random.pick(&["1s", "10s"]) });
    perhaps(&mut rule, 20, "timeouts", timeouts, random);
    route("HTTPRoute", index, &rule, random)
}

pub(super) fn grpc_route(index: usize, random: &mut Random) -> Value {
    let mut rule = json!({ "backendRefs": [backend(random)] });
    let method = json!({ "service": "a.B", "method": random.pick(&["Get", ""]) });
    perhaps(&mut rule, 50, "matches", json!([{ "method": method }]), random);
    route("GRPCRoute", index, &rule, random)
}

pub(super) fn stream_route(index: usize, random: &mut Random) -> Value {
    let kind = random.pick(&["TLSRoute", "TCPRoute"]);
    route(kind, index, &json!({ "backendRefs": [backend(random)] }), random)
}

pub(super) fn reference_grant(index: usize, random: &mut Random) -> Value {
    let from =
        json!({ "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "shop" });
    let spec = json!({ "from": [from], "to": [{ "group": "", "kind": "Service" }] });
    resource("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", index, &spec, random)
}

pub(super) fn backend_tls_policy(index: usize, random: &mut Random) -> Value {
    let mut validation =
        json!({ "hostname": random.pick(&["a.example.com", "*.example.com", ""]) });
    let references = json!([{ "group": "", "kind": "ConfigMap", "name": "ca" }]);
    perhaps(&mut validation, 50, "caCertificateRefs", references, random);
    perhaps(&mut validation, 50, "wellKnownCACertificates", json!("System"), random);
    let names = json!([{ "type": random.pick(&["Hostname", "URI"]), "hostname": "b.example.com" }]);
    perhaps(&mut validation, 20, "subjectAltNames", names, random);
    let mut target =
        json!({ "group": "", "kind": "Service", "name": random.pick(&["reviews", "nobody"]) });
    perhaps(&mut target, 30, "sectionName", json!(random.pick(&["http", "none"])), random);
    let spec = json!({ "targetRefs": [target], "validation": validation });
    resource(API, "BackendTLSPolicy", index, &spec, random)
}

pub(super) fn listener_set(index: usize, random: &mut Random) -> Value {
    let (port, protocol) = random.pick(&[(80, "HTTP"), (443, "HTTPS"), (8443, "TLS"), (0, "HTTP")]);
    let mut listener = json!({ "name": "own", "port": port, "protocol": protocol });
    perhaps(
        &mut listener,
        60,
        "hostname",
        json!(random.pick(&["set.example.com", "*", "a b"])),
        random,
    );
    let tls = json!({ "mode": random.pick(&["Terminate", "Passthrough"]), "certificateRefs": [{ "name": "cert" }] });
    perhaps(&mut listener, 40, "tls", tls, random);
    let parent = json!({ "name": random.pick(&["entry", "none"]), "kind": "Gateway", "group": "gateway.networking.k8s.io" });
    let spec = json!({ "parentRef": parent, "listeners": [listener] });
    resource(API, "ListenerSet", index, &spec, random)
}
