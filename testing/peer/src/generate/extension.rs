//! Istio's kinds that reach into proxies.

use serde_json::{Value, json};

use super::{perhaps, resource};
use crate::random::Random;

fn matched(random: &mut Random) -> Value {
    let context = random.pick(&["ANY", "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY"]);
    let mut made = json!({ "context": context });
    let objects = [
        json!({ "listener": { "portNumber": 8080, "filterChain": { "filter": { "name": "envoy.filters.network.http_connection_manager" } } } }),
        json!({ "listener": { "filterChain": { "filter": { "name": "envoy.filters.network.http_connection_manager", "subFilter": { "name": "envoy.filters.http.router" } } } } }),
        json!({ "cluster": { "service": "reviews.shop.svc.cluster.local" } }),
        json!({ "routeConfiguration": { "vhost": { "name": "reviews:9080" } } }),
    ];
    if random.chance(60)
        && let (Some(made), Some(object)) =
            (made.as_object_mut(), random.pick(&objects).as_object())
    {
        made.extend(object.clone());
    }
    perhaps(
        &mut made,
        10,
        "proxy",
        json!({ "proxyVersion": random.pick(&["^1\\.2.*", "("]) }),
        random,
    );
    made
}

fn patch(random: &mut Random) -> Value {
    let operations = [
        "MERGE",
        "ADD",
        "REMOVE",
        "INSERT_BEFORE",
        "INSERT_AFTER",
        "INSERT_FIRST",
        "REPLACE",
        "INVALID",
    ];
    let targets = [
        "LISTENER",
        "FILTER_CHAIN",
        "NETWORK_FILTER",
        "HTTP_FILTER",
        "ROUTE_CONFIGURATION",
        "VIRTUAL_HOST",
        "HTTP_ROUTE",
        "CLUSTER",
        "EXTENSION_CONFIG",
        "BOOTSTRAP",
        "LISTENER_FILTER",
    ];
    let limit = json!({
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "limit",
            "token_bucket": { "max_tokens": 10, "fill_interval": "60s" },
        },
    });
    let script = json!({
        "name": random.pick(&["envoy.lua", "envoy.filters.http.lua"]),
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "inlineCode": "function envoy_on_request(handle) end",
        },
    });
    let unheard = json!({ "name": "a", "typed_config": { "@type": "type.googleapis.com/a.b.C" } });
    let values = [limit, script, unheard, json!({ "connect_timeout": "5s" }), json!({ "name": 1 })];
    let mut change = json!({ "operation": random.pick(&operations) });
    perhaps(&mut change, 85, "value", random.pick(&values), random);
    perhaps(&mut change, 5, "filterClass", json!(random.pick(&["AUTHN", "STATS"])), random);
    let mut made = json!({ "applyTo": random.pick(&targets), "patch": change });
    perhaps(&mut made, 75, "match", matched(random), random);
    made
}

pub(super) fn envoy_filter(index: usize, random: &mut Random) -> Value {
    let patches: Vec<_> = (0..random.count(1, 2)).map(|_| patch(random)).collect();
    let mut spec = json!({ "configPatches": patches });
    let selector = json!({ "labels": { "app": random.pick(&["reviews", "nobody"]) } });
    perhaps(&mut spec, 40, "workloadSelector", selector, random);
    perhaps(&mut spec, 30, "priority", json!(random.pick(&[-10, 0, 10])), random);
    resource("networking.istio.io/v1alpha3", "EnvoyFilter", index, &spec, random)
}

pub(super) fn traffic_extension(index: usize, random: &mut Random) -> Value {
    let kinds = [
        json!({ "wasm": { "url": "oci://example.com/a:1" } }),
        json!({ "lua": { "inlineCode": "function envoy_on_request(handle) end" } }),
        json!({ "lua": { "inlineCode": "" } }),
        json!({ "wasm": { "url": "a b" }, "lua": { "inlineCode": "x" } }),
        json!({}),
    ];
    let mut spec = random.pick(&kinds);
    perhaps(&mut spec, 30, "phase", json!(random.pick(&["AUTHN", "AUTHZ", "STATS"])), random);
    perhaps(
        &mut spec,
        30,
        "match",
        json!([{ "mode": "SERVER", "ports": [{ "number": 80 }] }]),
        random,
    );
    resource("extensions.istio.io/v1alpha1", "TrafficExtension", index, &spec, random)
}
