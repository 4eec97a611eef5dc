//! Patches as people write them, and what is told of each.

use serde_json::{Value, json};

use super::{Effect, HeaderEdit, effect};
use crate::api::istio::ConfigPatch;

fn of(patch: Value) -> Effect {
    let config: ConfigPatch = serde_json::from_value(patch).unwrap();
    effect(&config).unwrap()
}

fn lost(patch: Value) -> String {
    match of(patch) {
        Effect::Lost(loss) => loss.what,
        other => panic!("{other:?}"),
    }
}

fn filter(value: &Value) -> Value {
    json!({ "applyTo": "HTTP_FILTER", "patch": { "operation": "INSERT_BEFORE", "value": value } })
}

const TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http";

#[test]
fn a_rate_limit_is_told_with_its_rate() {
    let bucket = json!({ "max_tokens": 100, "tokens_per_fill": 100, "fill_interval": "60s" });
    let all = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    let limit = |config: Value| {
        filter(&json!({ "name": "envoy.filters.http.local_ratelimit", "typed_config": {
            "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": format!("{TYPE}.local_ratelimit.v3.LocalRateLimit"),
            "value": config,
        } }))
    };
    let whole = json!({ "token_bucket": bucket, "filter_enabled": all, "filter_enforced": all });
    assert_eq!(lost(limit(whole)), "the local rate limit of 100 requests per 60s is not applied");
    let idle = json!({ "token_bucket": bucket, "filter_enabled": all });
    assert!(lost(limit(idle)).ends_with("and Envoy would not apply it either"));
    assert!(matches!(of(limit(json!({ "stat_prefix": "a" }))), Effect::Native(_)));
}

#[test]
fn a_limit_of_one_route_is_told_too() {
    let config = json!({
        "@type": format!("{TYPE}.local_ratelimit.v3.LocalRateLimit"),
        "token_bucket": { "max_tokens": 20, "tokensPerFill": "10", "fillInterval": "1s" },
        "filter_enabled": { "default_value": { "numerator": 1 } },
        "filter_enforced": { "default_value": { "numerator": 1 } },
    });
    let value =
        json!({ "typed_per_filter_config": { "envoy.filters.http.local_ratelimit": config } });
    let patch =
        json!({ "applyTo": "HTTP_ROUTE", "patch": { "operation": "MERGE", "value": value } });
    let told = lost(patch);
    assert_eq!(
        told,
        "the local rate limit of 10 requests per 1s, at most 20 at once is not applied"
    );
}

#[test]
fn a_script_that_edits_headers_is_understood_in_both_places() {
    let script = "function envoy_on_response(h) h:headers():add('x-a', 'b') end";
    let edits = [HeaderEdit::Add { name: "x-a".into(), value: "b".into() }];
    let kind = format!("{TYPE}.lua.v3.Lua");
    for config in [
        json!({ "@type": kind, "inlineCode": script }),
        json!({ "@type": kind, "default_source_code": { "inline_string": script } }),
    ] {
        let found = of(filter(&json!({ "name": "envoy.lua", "typed_config": config })));
        let Effect::Headers(found) = found else { panic!("{found:?}") };
        assert_eq!(found.response, edits);
    }
    let more = "function envoy_on_request(h) h:respond({[':status'] = '403'}, 'no') end";
    let value =
        json!({ "name": "my.filter", "typed_config": { "@type": kind, "inlineCode": more } });
    assert_eq!(lost(filter(&value)), "the Lua script does not run");
}

#[test]
fn edits_that_are_written_out_are_understood() {
    let mutation = |append: Value| {
        filter(&json!({ "name": "edits", "typed_config": {
            "@type": format!("{TYPE}.header_mutation.v3.HeaderMutation"),
            "mutations": { "request_mutations": [
                { "append": append }, { "remove": "X-Old" },
            ] },
        } }))
    };
    let header = json!({ "key": "x-a", "value": "b" });
    let found =
        of(mutation(json!({ "header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD" })));
    let Effect::Headers(found) = found else { panic!("{found:?}") };
    assert_eq!(
        found.request,
        [
            HeaderEdit::Set { name: "x-a".into(), value: "b".into() },
            HeaderEdit::Remove { name: "x-old".into() },
        ]
    );
    // It depends on what is there.
    lost(mutation(json!({ "header": header, "append_action": "ADD_IF_ABSENT" })));
}

#[test]
fn whoever_is_asked_is_named() {
    let value = json!({ "name": "envoy.filters.http.ext_authz", "typed_config": {
        "@type": format!("{TYPE}.ext_authz.v3.ExtAuthz"),
        "grpc_service": { "envoy_grpc": { "cluster_name": "outbound|9000||auth.shop" } },
    } });
    assert_eq!(
        lost(filter(&value)),
        "the external authorizer `outbound|9000||auth.shop` is not asked"
    );
    let value = json!({ "name": "envoy.filters.http.ratelimit", "config": { "domain": "shop" } });
    assert_eq!(lost(filter(&value)), "the rate limit service is not asked (domain `shop`)");
    assert_eq!(
        lost(filter(&json!({ "name": "acme.thing" }))),
        "the filter `acme.thing` does not run"
    );
}

#[test]
fn settings_of_the_connection_manager_are_told_by_name() {
    let merge = |config: Value| {
        json!({
            "applyTo": "NETWORK_FILTER",
            "match": { "listener": { "filterChain": { "filter": { "name": "envoy.filters.network.http_connection_manager" } } } },
            "patch": { "operation": "MERGE", "value": {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": config,
            } },
        })
    };
    assert_eq!(
        lost(merge(json!({ "@type": "x", "stream_idle_timeout": "10s", "server_name": "a" }))),
        "`server_name: a`, `stream_idle_timeout: 10s` are not set for requests that come in"
    );
    let native = json!({ "server_header_transformation": "PASS_THROUGH" });
    assert!(matches!(of(merge(native)), Effect::Native(_)));
    lost(merge(json!({ "server_header_transformation": "APPEND_IF_ABSENT" })));
}

#[test]
fn what_stays_where_something_is_removed_is_told() {
    let patch = json!({
        "applyTo": "HTTP_FILTER",
        "match": { "listener": { "filterChain": { "filter": {
            "name": "envoy.filters.network.http_connection_manager",
            "subFilter": { "name": "envoy.filters.http.cors" },
        } } } },
        "patch": { "operation": "REMOVE" },
    });
    assert_eq!(lost(patch), "the filter `envoy.filters.http.cors` is not taken away");
}

#[test]
fn clusters_and_listeners_are_told_by_what_they_set() {
    let patch = json!({
        "applyTo": "CLUSTER",
        "match": { "cluster": { "service": "reviews.shop.svc.cluster.local" } },
        "patch": { "operation": "MERGE", "value": { "connect_timeout": "1s" } },
    });
    let Effect::Lost(loss) = of(patch) else { panic!() };
    assert_eq!(loss.what, "`connect_timeout` towards `reviews.shop.svc.cluster.local` is not set");
    assert!(loss.help.unwrap().contains("connectTimeout"));
    let patch = json!({
        "applyTo": "LISTENER",
        "patch": { "operation": "MERGE", "value": { "per_connection_buffer_limit_bytes": 32768 } },
    });
    assert_eq!(lost(patch), "the buffers of a connection are not limited to 32768 bytes");
    let patch = json!({
        "applyTo": "LISTENER_FILTER",
        "patch": { "operation": "INSERT_FIRST", "value": { "name": "envoy.filters.listener.proxy_protocol" } },
    });
    assert_eq!(lost(patch), "the PROXY protocol is not read");
}

/// Whatever stands in a patch, something true is said of it.
#[test]
fn no_shape_of_a_value_is_too_odd() {
    for value in
        [json!(null), json!({}), json!([]), json!("x"), json!({ "typed_config": 3, "name": [] })]
    {
        for part in [
            "HTTP_FILTER",
            "NETWORK_FILTER",
            "LISTENER",
            "FILTER_CHAIN",
            "LISTENER_FILTER",
            "ROUTE_CONFIGURATION",
            "VIRTUAL_HOST",
            "HTTP_ROUTE",
            "CLUSTER",
            "EXTENSION_CONFIG",
            "BOOTSTRAP",
        ] {
            for operation in ["MERGE", "ADD", "REMOVE", "INSERT_FIRST", "REPLACE"] {
                of(json!({ "applyTo": part, "patch": { "operation": operation, "value": value } }));
            }
        }
    }
}
