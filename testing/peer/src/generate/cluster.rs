//! What a cluster has beside policy: settings of the mesh, webhooks, definitions of kinds.

use serde_json::{Value, json};

use super::{named, perhaps};
use crate::random::Random;

/// Settings of the mesh, in the form in which istiod reads them.
pub(super) fn mesh_config(_: usize, random: &mut Random) -> Value {
    let mut mesh = json!({});
    let policy = json!({ "mode": random.pick(&["ALLOW_ANY", "REGISTRY_ONLY"]) });
    perhaps(&mut mesh, 30, "outboundTrafficPolicy", policy, random);
    // Without `rootNamespace`: an analyzer of Istio's remembers that of the first repository for as long as it lives.
    perhaps(
        &mut mesh,
        20,
        "trustDomain",
        json!(random.pick(&["cluster.local", "td.example.com", ""])),
        random,
    );
    perhaps(&mut mesh, 20, "ingressControllerMode", json!(random.pick(&["OFF", "STRICT"])), random);
    perhaps(&mut mesh, 20, "enableAutoMtls", json!(random.chance(50)), random);
    perhaps(&mut mesh, 20, "accessLogFile", json!("/dev/stdout"), random);
    let export = json!([random.pick(&[".", "*", "~"])]);
    perhaps(&mut mesh, 20, "defaultServiceExportTo", export.clone(), random);
    perhaps(&mut mesh, 20, "defaultVirtualServiceExportTo", export, random);
    let timeout = json!(random.pick(&["10s", "1ms", "0s", "100us", "x"]));
    perhaps(&mut mesh, 20, "connectTimeout", timeout, random);
    let providers = [
        json!([{ "name": "opa", "envoyExtAuthzGrpc": { "service": "reviews.shop.svc.cluster.local", "port": 9080 } }]),
        json!([{ "name": "opa", "envoyExtAuthzHttp": { "service": "reviews", "port": 70_000 } }]),
        json!([{ "name": "jaeger", "opentelemetry": { "service": "shop/ratings.shop.svc.cluster.local", "port": 9000 } }]),
        json!([{ "name": "old", "lightstep": { "service": "ratings.shop.svc.cluster.local", "port": 9000, "accessToken": "x" } }]),
        json!([{ "name": "a", "prometheus": {} }, { "name": "a", "prometheus": {} }]),
        json!([{ "name": "", "prometheus": {} }]),
    ];
    perhaps(&mut mesh, 50, "extensionProviders", random.pick(&providers), random);
    let tracing = json!({ "tracing": [random.pick(&["jaeger", "old"])] });
    perhaps(&mut mesh, 20, "defaultProviders", tracing, random);
    let drain = random.pick(&["5s", "0s", "x"]);
    perhaps(&mut mesh, 20, "defaultConfig", json!({ "terminationDrainDuration": drain }), random);
    let mut data = json!({ "mesh": mesh.to_string() });
    let network = json!({ "networks": { "a": {
        "endpoints": [{ "fromRegistry": random.pick(&["default", "elsewhere"]) }],
        "gateways": [{ "address": "10.0.0.1", "port": 15_443 }],
    } } });
    perhaps(&mut data, 20, "meshNetworks", json!(network.to_string()), random);
    config_map("istio", &data)
}

/// What the injector puts into pods.
pub(super) fn injector(_: usize, random: &mut Random) -> Value {
    let proxy = json!({ "image": random.pick(&["proxyv2", "docker.io/istio/proxyv2:1.30.0"]) });
    let global = json!({ "hub": "docker.io/istio", "tag": "1.30.0", "proxy": proxy });
    let webhook = json!({ "enableNamespacesByDefault": random.chance(30) });
    let values = json!({ "global": global, "sidecarInjectorWebhook": webhook });
    let name = random.pick(&["istio-sidecar-injector", "istio-sidecar-injector-canary"]);
    config_map(name, &json!({ "values": values.to_string(), "config": "policy: enabled" }))
}

fn config_map(name: &str, data: &Value) -> Value {
    let metadata = json!({ "name": name, "namespace": "istio-system" });
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data })
}

fn webhook(name: &str, random: &mut Random) -> Value {
    let url = json!({ "url": random.pick(&["https://istiod.example.com:15017/inject", "https://10.0.0.1/inject", "https://a b", ""]) });
    let service = json!({ "service": { "name": random.pick(&["edge", "istiod"]), "namespace": "istio-system" } });
    let client = random.pick(&[url, service.clone(), service, json!({})]);
    let mut made = json!({ "name": name, "clientConfig": client, "sideEffects": "None", "admissionReviewVersions": ["v1"] });
    let labels = [
        json!({ "istio-injection": "enabled" }),
        json!({ "istio.io/rev": "canary" }),
        json!({ "istio.io/rev": "default" }),
    ];
    let selector = json!({ "matchLabels": random.pick(&labels) });
    perhaps(&mut made, 70, "namespaceSelector", selector, random);
    let expression = json!({
        "key": random.pick(&["sidecar.istio.io/inject", "istio.io/rev"]),
        "operator": random.pick(&["In", "NotIn"]),
        "values": [random.pick(&["true", "false", "canary"])],
    });
    let absent =
        json!({ "key": "istio.io/rev", "operator": random.pick(&["DoesNotExist", "Exists"]) });
    let selector = json!({ "matchExpressions": [random.pick(&[expression, absent])] });
    perhaps(&mut made, 60, "objectSelector", selector, random);
    made
}

pub(super) fn webhooks(_: usize, random: &mut Random) -> Value {
    let (kind, names): (_, &[&str]) = if random.chance(70) {
        (
            "MutatingWebhookConfiguration",
            &["istio-sidecar-injector", "istio-sidecar-injector-canary", "other"],
        )
    } else {
        (
            "ValidatingWebhookConfiguration",
            &["istiod-default-validator", "istio-validator-istio-system", "other"],
        )
    };
    let hooks: Vec<_> = (0..random.count(1, 2))
        .map(|number| {
            let name = random.pick(&["sidecar-injector.istio.io", "example.com"]);
            webhook(&format!("n{number}.{name}"), random)
        })
        .collect();
    let mut metadata = json!({ "name": random.pick(names) });
    perhaps(
        &mut metadata,
        20,
        "labels",
        json!({ "istio.io/rev": random.pick(&["default", "canary"]) }),
        random,
    );
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": metadata,
        "webhooks": hooks,
    })
}

pub(super) fn definition(_: usize, random: &mut Random) -> Value {
    let (group, plural, kind) = random.pick(&[
        ("rbac.istio.io", "serviceroles", "ServiceRole"),
        ("rbac.istio.io", "clusterrbacconfigs", "ClusterRbacConfig"),
        ("gateway.networking.k8s.io", "httproutes", "HTTPRoute"),
        ("gateway.networking.k8s.io", "tlsroutes", "TLSRoute"),
        ("gateway.networking.k8s.io", "gateways", "Gateway"),
        ("example.com", "things", "Thing"),
    ]);
    let schema = json!({ "openAPIV3Schema": { "type": "object" } });
    let version = json!({ "name": "v1", "served": true, "storage": true, "schema": schema });
    let spec = json!({
        "group": group,
        "names": { "plural": plural, "singular": kind.to_lowercase(), "kind": kind },
        "scope": "Namespaced",
        "versions": [version],
    });
    let name = format!("{plural}.{group}");
    let mut made = named("apiextensions.k8s.io/v1", "CustomResourceDefinition", &name, "", &spec);
    if let Some(metadata) = made["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    let release = random.pick(&["v1.0.0", "v1.4.0", "v1.5.0-rc.1", "v1.6.0", "x", "1.3"]);
    let annotations = json!({ "gateway.networking.k8s.io/bundle-version": release });
    perhaps(&mut made["metadata"], 70, "annotations", annotations, random);
    made
}
