//! Istio's kinds that say who may do what, and what is told of it.

use serde_json::{Value, json};

use super::{perhaps, resource};
use crate::random::Random;

const API: &str = "security.istio.io/v1";

/// Of nobody, now and then.
fn selector(random: &mut Random) -> Value {
    let app = random.pick(&["reviews", "ratings", "nobody"]);
    json!({ "matchLabels": { "app": app } })
}

/// What it is about: all, workloads by their labels, or something by its name.
fn target(spec: &mut Value, random: &mut Random) {
    perhaps(spec, 50, "selector", selector(random), random);
    let references = [
        json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "entry" }),
        json!({ "kind": "Service", "group": "", "name": "reviews" }),
        json!({ "group": "networking.istio.io", "kind": "ServiceEntry", "name": "r0" }),
    ];
    perhaps(spec, 10, "targetRefs", json!([random.pick(&references)]), random);
}

pub(super) fn peer_authentication(index: usize, random: &mut Random) -> Value {
    let modes = ["STRICT", "PERMISSIVE", "DISABLE", "UNSET"];
    let mut spec = json!({ "mtls": { "mode": random.pick(&modes) } });
    perhaps(&mut spec, 50, "selector", selector(random), random);
    let port = json!({ "9080": { "mode": random.pick(&modes) } });
    perhaps(&mut spec, 30, "portLevelMtls", port, random);
    resource(API, "PeerAuthentication", index, &spec, random)
}

pub(super) fn request_authentication(index: usize, random: &mut Random) -> Value {
    let mut rule = json!({ "issuer": random.pick(&["a.example.com", "https://b.example.com"]) });
    perhaps(&mut rule, 50, "jwksUri", json!("https://a.example.com/keys"), random);
    perhaps(&mut rule, 20, "jwks", json!("{\"keys\":[]}"), random);
    perhaps(&mut rule, 20, "fromHeaders", json!([{ "name": "x-jwt", "prefix": "A " }]), random);
    perhaps(&mut rule, 20, "outputPayloadToHeader", json!("x-payload"), random);
    let claims = json!([{ "header": "x-sub", "claim": "sub" }]);
    perhaps(&mut rule, 20, "outputClaimToHeaders", claims, random);
    perhaps(&mut rule, 10, "audiences", json!(["a"]), random);
    perhaps(&mut rule, 10, "timeout", json!("5s"), random);
    let mut spec = json!({ "jwtRules": [rule] });
    target(&mut spec, random);
    resource(API, "RequestAuthentication", index, &spec, random)
}

fn rule(random: &mut Random) -> Value {
    let mut made = json!({});
    let sources = [
        json!({ "principals": ["cluster.local/ns/shop/sa/ratings"] }),
        json!({ "namespaces": [random.pick(&["shop", "nowhere", "*"])] }),
        json!({ "ipBlocks": [random.pick(&["10.0.0.0/8", "10.1.1.1"])] }),
        json!({ "remoteIpBlocks": ["10.0.0.0/8"] }),
        json!({ "requestPrincipals": ["a/b"], "notNamespaces": ["pay"] }),
        json!({ "serviceAccounts": [random.pick(&["ratings", "shop/ratings"])] }),
    ];
    perhaps(&mut made, 60, "from", json!([{ "source": random.pick(&sources) }]), random);
    let operations = [
        json!({ "methods": ["GET"], "paths": ["/a*"] }),
        json!({ "ports": ["9080"] }),
        json!({ "hosts": ["*.example.com"], "notPaths": ["/x"] }),
        json!({ "paths": ["/a/{*}"] }),
    ];
    perhaps(&mut made, 60, "to", json!([{ "operation": random.pick(&operations) }]), random);
    let conditions = [
        json!({ "key": "request.headers[x-a]", "values": ["b"] }),
        json!({ "key": "source.ip", "notValues": ["10.0.0.1"] }),
        json!({ "key": "request.auth.claims[iss]", "values": ["a"] }),
        json!({ "key": "connection.sni", "values": ["a.example.com"] }),
        json!({ "key": "destination.port", "values": ["80"] }),
    ];
    perhaps(&mut made, 30, "when", json!([random.pick(&conditions)]), random);
    made
}

pub(super) fn authorization_policy(index: usize, random: &mut Random) -> Value {
    let mut spec = json!({});
    let action = random.pick(&["ALLOW", "DENY", "AUDIT", "CUSTOM"]);
    perhaps(&mut spec, 70, "action", json!(action), random);
    let rules: Vec<_> = (0..random.count(1, 2)).map(|_| rule(random)).collect();
    perhaps(&mut spec, 90, "rules", json!(rules), random);
    if action == "CUSTOM" {
        perhaps(&mut spec, 80, "provider", json!({ "name": "opa" }), random);
    }
    target(&mut spec, random);
    let mut made = resource(API, "AuthorizationPolicy", index, &spec, random);
    let value = json!({ "istio.io/dry-run": random.pick(&["true", "false", "x"]) });
    perhaps(&mut made["metadata"], 5, "annotations", value, random);
    made
}

pub(super) fn telemetry(index: usize, random: &mut Random) -> Value {
    let mut spec = json!({});
    let providers = json!([{ "name": random.pick(&["envoy", "prometheus", "none"]) }]);
    let tracing = json!([{ "providers": providers, "randomSamplingPercentage": random.pick(&[0.0, 50.5, 101.0]) }]);
    perhaps(&mut spec, 50, "tracing", tracing, random);
    let filter = json!({ "expression": random.pick(&["response.code >= 400", "x +", "true"]) });
    perhaps(
        &mut spec,
        40,
        "accessLogging",
        json!([{ "providers": providers, "filter": filter }]),
        random,
    );
    let overrides = json!([{ "match": { "metric": "REQUEST_COUNT" }, "tagOverrides": { "a": { "operation": "REMOVE" } } }]);
    let metrics = json!([{ "providers": [{ "name": "prometheus" }], "overrides": overrides }]);
    perhaps(&mut spec, 40, "metrics", metrics, random);
    target(&mut spec, random);
    resource("telemetry.istio.io/v1", "Telemetry", index, &spec, random)
}

pub(super) fn wasm_plugin(index: usize, random: &mut Random) -> Value {
    let urls = ["oci://example.com/a:1", "https://example.com/a.wasm", "a", "file:///a.wasm"];
    let mut spec = json!({ "url": random.pick(&urls) });
    perhaps(&mut spec, 40, "phase", json!(random.pick(&["AUTHN", "STATS"])), random);
    perhaps(&mut spec, 20, "sha256", json!(random.pick(&["a", ""])), random);
    perhaps(&mut spec, 20, "priority", json!(random.pick(&[0, 10])), random);
    target(&mut spec, random);
    resource("extensions.istio.io/v1alpha1", "WasmPlugin", index, &spec, random)
}
