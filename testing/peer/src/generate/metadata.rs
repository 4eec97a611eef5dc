//! What stands beside a `spec`: annotations, labels, a status, and keys that nobody knows.

use serde_json::{Value, json};

use crate::random::Random;

const ANNOTATIONS: &[(&str, &str)] = &[
    ("sidecar.istio.io/inject", "true"),
    ("networking.istio.io/exportTo", "*"),
    ("networking.istio.io/exportTo", "no such"),
    ("networking.istio.io/internal", "x"),
    ("istio.io/dry-run", "true"),
    ("galley.istio.io/analyze-suppress", "IST0101"),
    ("galley.istio.io/analyze-suppress", "*"),
    ("sidecar.istio.io/rewriteAppHTTPProbers", "x"),
    ("traffic.sidecar.istio.io/includeOutboundIPRanges", "10.0.0.0/8,x"),
    ("traffic.sidecar.istio.io/excludeInboundPorts", "80,99999"),
    ("sidecar.istio.io/logLevel", "verbose"),
    ("proxy.istio.io/config", "concurrency: x"),
    ("proxy.istio.io/config", "tracing: {}"),
    ("topology.istio.io/cluster", "a"),
    ("unheard.istio.io/of", "x"),
    ("kubernetes.io/ingress.class", "istio"),
    ("example.com/a", "x"),
];

const LABELS: &[(&str, &str)] = &[
    ("istio.io/rev", "canary"),
    ("istio.io/use-waypoint", "a"),
    ("istio.io/dataplane-mode", "ambient"),
    ("sidecar.istio.io/inject", "true"),
    ("a b", "x"),
    ("a", "no such"),
    ("a/b/c", "x"),
];

const CONDITIONS: &[&str] = &[
    "Accepted",
    "Programmed",
    "ResolvedRefs",
    "WaypointAccepted",
    "istio.io/WaypointBound",
    "ZtunnelAccepted",
];

/// One of those.
pub(super) fn attach(resource: &mut Value, random: &mut Random) {
    match random.count(0, 9) {
        0..=4 => set(resource, "annotations", random.pick(ANNOTATIONS)),
        5..=6 => set(resource, "labels", random.pick(LABELS)),
        7..=8 => {
            if let Some(status) = status(resource, random) {
                resource["status"] = status;
            }
        }
        _ => {
            let key = random.pick(&["Spec", "unheardOf", "data"]);
            resource[key] = json!({});
        }
    }
}

fn set(resource: &mut Value, map: &str, (key, value): (&str, &str)) {
    resource["metadata"][map][key] = json!(value);
}

/// As the kind has it.
fn status(resource: &Value, random: &mut Random) -> Option<Value> {
    let kind = resource["kind"].as_str().unwrap_or_default();
    let condition = json!({
        "type": random.pick(CONDITIONS),
        "status": random.pick(&["True", "False", "Unknown"]),
        "reason": random.pick(&["Bad", "PartiallyInvalid"]),
        "message": "said by a controller",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let parent = json!({ "name": "entry" });
    let controller = "istio.io/gateway-controller";
    let parents =
        json!([{ "parentRef": parent, "controllerName": controller, "conditions": [condition] }]);
    match kind {
        "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" => Some(json!({ "parents": parents })),
        "Gateway" | "AuthorizationPolicy" | "ServiceEntry" | "WorkloadEntry" | "VirtualService" => {
            Some(json!({ "conditions": [condition] }))
        }
        _ => None,
    }
}
