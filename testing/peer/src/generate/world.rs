//! What is there before any policy: namespaces, workloads and their Services, a gateway, a secret.

use serde_json::{Value, json};

use super::names::{NAMESPACES, SERVICES};
use super::{named, perhaps};
use crate::random::Random;

pub(super) fn resources(random: &mut Random) -> Vec<Value> {
    let mut all = Vec::new();
    for name in ["shop", "pay", "istio-system"] {
        let mut labels = json!({});
        perhaps(&mut labels, 80, "istio-injection", json!("enabled"), random);
        let metadata = json!({ "name": name, "labels": labels });
        all.push(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata }));
    }
    for (name, namespace, port, number) in SERVICES {
        if random.chance(85) {
            let port = json!({ "name": port, "port": number, "protocol": "TCP" });
            let spec = json!({ "selector": { "app": name }, "ports": [port] });
            all.push(named("v1", "Service", name, namespace, &spec));
        }
        if random.chance(70) {
            let labels = json!({ "app": name, "version": "v1" });
            all.push(workload(&format!("{name}-v1"), namespace, &labels));
            all.push(instance(&format!("{name}-v1-x"), namespace, &labels));
        }
    }
    let ports = json!([
        { "name": "http", "port": 80, "protocol": "TCP" },
        { "name": "https", "port": 443, "protocol": "TCP" },
    ]);
    let spec = json!({ "selector": { "istio": "edge" }, "ports": ports });
    all.push(named("v1", "Service", "edge", "istio-system", &spec));
    all.push(workload("edge", "istio-system", &json!({ "istio": "edge" })));
    let mut edge = instance("edge-x", "istio-system", &json!({ "istio": "edge" }));
    edge["metadata"]["annotations"] = json!({ "inject.istio.io/templates": "gateway" });
    all.push(edge);
    all.extend(known());
    all
}

/// One of each sort of thing that others name: a repository that has none of a sort says nothing of the names.
fn known() -> [Value; 5] {
    let pod = |namespace| instance("known", namespace, &json!({ "app": "known" }));
    let server = json!({
        "port": { "number": 80, "name": "known", "protocol": "HTTP" },
        "hosts": ["known.example.com"],
    });
    let gateway = json!({ "selector": { "istio": "edge" }, "servers": [server] });
    let metadata = json!({ "name": "known", "namespace": "istio-system" });
    [
        pod("shop"),
        pod("pay"),
        pod("istio-system"),
        named("networking.istio.io/v1", "Gateway", "known", "istio-system", &gateway),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {} }),
    ]
}

/// A Deployment, with its account where one is named.
fn workload(name: &str, namespace: &str, labels: &Value) -> Value {
    let container = json!({ "name": "main", "image": "example.com/main:1" });
    let template =
        json!({ "metadata": { "labels": labels }, "spec": { "containers": [container] } });
    let spec = json!({ "selector": { "matchLabels": labels }, "template": template });
    named("apps/v1", "Deployment", name, namespace, &spec)
}

/// A pod of a Deployment, with a proxy: Istio's tool looks at pods alone.
fn instance(name: &str, namespace: &str, labels: &Value) -> Value {
    let containers = json!([
        { "name": "main", "image": "example.com/main:1" },
        { "name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.30.0" },
    ]);
    let mut made = named("v1", "Pod", name, namespace, &json!({ "containers": containers }));
    made["metadata"]["labels"] = labels.clone();
    made
}

/// A Service beside the others, whose ports may be odd.
pub(super) fn service(index: usize, random: &mut Random) -> Value {
    let mut ports = Vec::new();
    for _ in 0..random.count(1, 3) {
        let mut port = json!({ "port": random.pick(&[80, 443, 9080, 5432, 3306]) });
        let names =
            ["http", "http-a", "tcp", "grpc-web", "foo", "https-b", "mongo", "udp-dns", "HTTP"];
        perhaps(&mut port, 80, "name", json!(random.pick(&names)), random);
        perhaps(&mut port, 30, "protocol", json!(random.pick(&["TCP", "UDP", "SCTP"])), random);
        let words = ["http", "grpc", "kubernetes.io/h2c", "fake", "TLS"];
        perhaps(&mut port, 20, "appProtocol", json!(random.pick(&words)), random);
        perhaps(&mut port, 30, "targetPort", json!(random.pick(&[8080, 9080])), random);
        ports.push(port);
    }
    let app = random.pick(&["reviews", "ratings", "db", "nobody"]);
    let mut spec = json!({ "selector": { "app": app }, "ports": ports });
    perhaps(&mut spec, 10, "clusterIP", json!("None"), random);
    perhaps(&mut spec, 5, "type", json!("ExternalName"), random);
    named("v1", "Service", &format!("s{index}"), random.pick(NAMESPACES), &spec)
}

pub(super) fn deployment(index: usize, random: &mut Random) -> Value {
    let app = random.pick(&["reviews", "ratings", "ledger", "extra"]);
    let labels = json!({ "app": app, "version": random.pick(&["v1", "v2"]) });
    let mut made = workload(&format!("d{index}"), random.pick(NAMESPACES), &labels);
    annotate(&mut made["spec"]["template"]["metadata"], random);
    if random.chance(10) {
        made["spec"]["template"]["spec"]["securityContext"] = json!({ "runAsUser": 1337 });
    }
    if random.chance(10) {
        made["spec"]["template"]["spec"]["hostNetwork"] = json!(true);
    }
    made
}

pub(super) fn pod(index: usize, random: &mut Random) -> Value {
    let mut container = json!({ "name": "main", "image": "example.com/main:1" });
    perhaps(&mut container, 10, "image", json!("auto"), random);
    let mut containers = vec![container];
    if random.chance(30) {
        let image = random.pick(&["istio/proxyv2:1.9.0", "docker.io/istio/proxyv2:1.30.0", "auto"]);
        containers.push(json!({ "name": "istio-proxy", "image": image }));
    }
    let spec = json!({ "containers": containers });
    let mut made = named("v1", "Pod", &format!("p{index}"), random.pick(NAMESPACES), &spec);
    let app = random.pick(&["reviews", "ratings", "edge"]);
    made["metadata"]["labels"] = json!({ "app": app, "version": "v1" });
    annotate(&mut made["metadata"], random);
    made
}

/// Says something of the proxy of a pod.
fn annotate(metadata: &mut Value, random: &mut Random) {
    let annotations = [
        ("sidecar.istio.io/inject", json!("false")),
        ("sidecar.istio.io/inject", json!("true")),
        ("traffic.sidecar.istio.io/includeInboundPorts", json!("80,x")),
        ("sidecar.istio.io/proxyCPU", json!("100m")),
        ("sidecar.istio.io/unheard-of", json!("x")),
        ("istio.io/rev", json!("canary")),
        ("proxy.istio.io/config", json!("{}")),
        ("networking.istio.io/exportTo", json!("*")),
    ];
    let (name, value) = random.pick(&annotations);
    perhaps(metadata, 30, "annotations", json!({ name: value }), random);
    if random.chance(10) {
        metadata["labels"]["sidecar.istio.io/inject"] = json!(random.pick(&["true", "false"]));
    }
}
