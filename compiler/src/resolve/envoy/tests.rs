//! Patches as people write them, and what is told of each.

use mesh_snapshot::object::{
    FilterPlace, FilterStep, HeaderEdit, RequestFilter, RouteAction, RouteLevel, RouteSelector,
    RouteSetting, Traffic,
};
use serde_json::{Value, json};

use super::{Effect, effect};
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

/// A limit that is one.
fn limit(more: &Value) -> Value {
    let all = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    let mut config = json!({
        "@type": format!("{TYPE}.local_ratelimit.v3.LocalRateLimit"),
        "stat_prefix": "limit",
        "token_bucket": { "max_tokens": 20, "tokensPerFill": "10", "fillInterval": "1s" },
        "filter_enabled": all,
        "filter_enforced": all,
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

/// `INSERT_BEFORE`, where `matched` says, a filter that limits rates.
fn limiting(operation: &str, matched: &Value) -> Value {
    json!({
        "applyTo": "HTTP_FILTER",
        "match": matched,
        "patch": { "operation": operation, "value": { "name": "limit", "typed_config": limit(&json!({})) } },
    })
}

fn step(patch: Value) -> RequestFilter {
    match of(patch) {
        Effect::Step(step) => step.served,
        other => panic!("{other:?}"),
    }
}

fn chain(chain: &Value) -> Value {
    json!({ "context": "GATEWAY", "listener": { "filterChain": chain } })
}

#[test]
fn a_step_stands_where_istio_puts_it() {
    let router = json!({ "filter": {
        "name": "envoy.filters.network.http_connection_manager",
        "subFilter": { "name": "envoy.filters.http.router" },
    } });
    for (operation, matched, place) in [
        ("INSERT_FIRST", chain(&router), FilterPlace::First),
        ("INSERT_BEFORE", json!({}), FilterPlace::First),
        ("INSERT_BEFORE", chain(&router), FilterPlace::Last),
    ] {
        assert_eq!(step(limiting(operation, &matched)).place, place, "{operation}");
    }
    let everywhere = step(limiting("INSERT_FIRST", &json!({})));
    assert_eq!(everywhere.traffic, [Traffic::Inbound, Traffic::Outbound, Traffic::Gateway].into());
    assert_eq!((everywhere.name.as_str(), everywhere.port), ("limit", None));
    let at = json!({ "context": "SIDECAR_INBOUND", "listener": { "portNumber": 8080 } });
    let inbound = step(limiting("INSERT_FIRST", &at));
    assert_eq!((inbound.traffic, inbound.port), ([Traffic::Inbound].into(), Some(8080)));
    let virtual_inbound = json!({ "listener": { "name": "virtualInbound", "filterChain": { "destinationPort": 9090 } } });
    let inbound = step(limiting("INSERT_FIRST", &virtual_inbound));
    assert_eq!((inbound.traffic, inbound.port), ([Traffic::Inbound].into(), Some(9090)));
}

#[test]
fn what_stands_where_nobody_knows_is_not_served_and_says_why() {
    let beside = |name: &str| chain(&json!({ "filter": { "subFilter": { "name": name } } }));
    for (operation, matched, said) in [
        (
            "INSERT_BEFORE",
            beside("envoy.filters.http.cors"),
            "it stands beside `envoy.filters.http.cors`",
        ),
        ("INSERT_AFTER", beside("envoy.filters.http.jwt_authn"), "it stands beside"),
        ("ADD", json!({}), "it stands behind the router"),
        ("MERGE", beside("limit"), "it changes a filter"),
        (
            "INSERT_FIRST",
            json!({ "proxy": { "proxyVersion": r"^1\.19.*" } }),
            r"of the version `^1\.19.*`",
        ),
        ("INSERT_FIRST", json!({ "proxy": { "metadata": { "a": "b" } } }), "metadata"),
        ("INSERT_FIRST", json!({ "context": "WAYPOINT" }), "waypoints"),
        (
            "INSERT_FIRST",
            json!({ "listener": { "name": "0.0.0.0_80" } }),
            "the listener `0.0.0.0_80`",
        ),
        ("INSERT_FIRST", chain(&json!({ "sni": "shop.test" })), "`sni` is `shop.test`"),
        (
            "INSERT_FIRST",
            chain(&json!({ "filter": { "name": "envoy.filters.network.tcp_proxy" } })),
            "tcp_proxy",
        ),
        ("INSERT_FIRST", chain(&json!({ "destinationPort": 80 })), "for no traffic"),
    ] {
        let told = lost(limiting(operation, &matched));
        let whole =
            "the local rate limit of 10 requests per 1s, at most 20 at once is not applied: ";
        assert!(told.starts_with(whole) && told.contains(said), "{told}");
    }
}

#[test]
fn a_rate_limit_is_served_from_either_form() {
    let wrapped = json!({
        "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
        "type_url": format!("{TYPE}.local_ratelimit.v3.LocalRateLimit"),
        "value": limit(&json!({})),
    });
    for config in [wrapped, limit(&json!({}))] {
        let filter = filter(&json!({ "name": "limit", "typed_config": config }));
        let FilterStep::RateLimit(Some(limit)) = step(filter).step else { panic!() };
        assert_eq!((limit.bucket.tokens_max, limit.bucket.tokens_per_fill), (20, 10));
    }
    let bare =
        json!({ "@type": format!("{TYPE}.local_ratelimit.v3.LocalRateLimit"), "stat_prefix": "a" });
    let bare = step(filter(&json!({ "name": "limit", "typed_config": bare })));
    assert_eq!(bare.step, FilterStep::RateLimit(None));
    let idle = limit(&json!({ "filter_enabled": {} }));
    let Effect::Step(idle) = of(filter(&json!({ "name": "limit", "typed_config": idle }))) else {
        panic!()
    };
    assert!(idle.told.unwrap().what.ends_with("limits nothing, in Envoy neither"));
    let more = limit(&json!({ "descriptors": [{}] }));
    assert!(
        lost(filter(&json!({ "name": "limit", "typed_config": more }))).contains("`descriptors`")
    );
}

fn of_routes(part: &str, matched: &Value, value: &Value) -> Value {
    json!({ "applyTo": part, "match": matched, "patch": { "operation": "MERGE", "value": value } })
}

#[test]
fn a_limit_of_some_routes_is_served() {
    let value = json!({ "typed_per_filter_config": { "my.limit": limit(&json!({})) } });
    let matched = json!({ "context": "SIDECAR_OUTBOUND", "routeConfiguration": {
        "portNumber": 80,
        "vhost": { "name": "api.shop.svc.cluster.local:80", "route": { "name": "r", "action": "ROUTE" } },
    } });
    let Effect::Settings(found) = of(of_routes("HTTP_ROUTE", &matched, &value)) else { panic!() };
    let [RouteSetting { filter, routes, limit }] = &*found.served else { panic!("{found:?}") };
    assert_eq!((filter.as_str(), limit.bucket.tokens_max), ("my.limit", 20));
    let expected = RouteSelector {
        traffic: [Traffic::Outbound].into(),
        port: Some(80),
        virtual_host: "api.shop.svc.cluster.local:80".to_owned(),
        level: RouteLevel::Route,
        route: "r".to_owned(),
        action: Some(RouteAction::Forward),
    };
    assert_eq!(*routes, expected);
    for (part, level) in
        [("VIRTUAL_HOST", RouteLevel::VirtualHost), ("ROUTE_CONFIGURATION", RouteLevel::Port)]
    {
        let Effect::Settings(found) = of(of_routes(part, &json!({}), &value)) else { panic!() };
        assert_eq!(found.served[0].routes.level, level);
    }
}

#[test]
fn a_limit_of_some_routes_is_served_whole_or_not_at_all() {
    let own = |more: Value| json!({ "typed_per_filter_config": { "limit": limit(&more) } });
    let mut counted = own(json!({}));
    counted["route"] = json!({ "rate_limits": [] });
    let domain = json!({ "routeConfiguration": { "vhost": { "domainName": "a.test" } } });
    let gateway = json!({ "routeConfiguration": { "gateway": "shop/edge" } });
    for (matched, value, said) in [
        (json!({}), counted, "`route` of the same patch"),
        (json!({}), own(json!({ "token_bucket": null })), "whose limit has no bucket"),
        (json!({}), own(json!({ "descriptors": [{}] })), "`descriptors`"),
        (domain, own(json!({})), "by a domain"),
        (gateway, own(json!({})), "`gateway` is `shop/edge`"),
    ] {
        let told = lost(of_routes("HTTP_ROUTE", &matched, &value));
        assert!(told.contains(said), "{told}");
    }
}

#[test]
fn a_script_that_edits_headers_is_understood_in_both_places() {
    let script = "function envoy_on_response(h) h:headers():add('x-a', 'b') end";
    let edits = [HeaderEdit::Add { name: "x-a".into(), value: "b".into() }];
    let kind = format!("{TYPE}.lua.v3.Lua");
    for (config, anew) in [
        (json!({ "@type": kind, "inlineCode": script }), true),
        (json!({ "@type": kind, "default_source_code": { "inline_string": script } }), true),
        (json!({ "@type": kind, "inline_code": script, "clear_route_cache": false }), false),
    ] {
        let found = step(filter(&json!({ "name": "envoy.lua", "typed_config": config })));
        let FilterStep::HeaderEdits { request, response, reroute } = found.step else { panic!() };
        assert!(request.is_empty());
        assert_eq!((response.as_slice(), reroute), (edits.as_slice(), anew));
    }
    let more = "function envoy_on_request(h) h:respond({[':status'] = '403'}, 'no') end";
    let value =
        json!({ "name": "my.filter", "typed_config": { "@type": kind, "inlineCode": more } });
    assert_eq!(lost(filter(&value)), "the Lua script does not run");
}

#[test]
fn edits_that_are_written_out_are_understood() {
    let mutation = |append: Value| {
        json!({ "name": "edits", "typed_config": {
            "@type": format!("{TYPE}.header_mutation.v3.HeaderMutation"),
            "mutations": { "request_mutations": [
                { "append": append }, { "remove": "X-Old" },
            ] },
        } })
    };
    let header = json!({ "key": "x-a", "value": "%REQ(x-b)%" });
    let set = mutation(json!({ "header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD" }));
    let inbound = |value: &Value| {
        json!({
            "applyTo": "HTTP_FILTER",
            "match": { "context": "SIDECAR_INBOUND" },
            "patch": { "operation": "INSERT_FIRST", "value": value },
        })
    };
    let FilterStep::HeaderEdits { request, reroute, .. } = step(inbound(&set)).step else {
        panic!()
    };
    assert_eq!(
        request,
        [
            HeaderEdit::Set { name: "x-a".into(), value: "%REQ(x-b)%".into() },
            HeaderEdit::Remove { name: "x-old".into() },
        ]
    );
    assert!(!reroute);
    // It depends on what is there.
    lost(inbound(&mutation(json!({ "header": header, "append_action": "ADD_IF_ABSENT" }))));
    // A gateway has not found the route there, and Envoy has.
    assert!(lost(filter(&set)).ends_with("(the last one is behind both)"));
    let certificate = json!({ "header": { "key": "x-forwarded-client-cert", "value": "a" } });
    assert!(lost(inbound(&mutation(certificate))).contains("is written behind the first place"));
}

#[test]
fn headers_of_routes_are_edited_together() {
    let value = json!({
        "response_headers_to_remove": ["X-Powered-By"],
        "response_headers_to_add": [{ "header": { "key": "x-a", "value": "b" }, "append": false }],
    });
    let matched = json!({ "context": "GATEWAY" });
    let Effect::RouteHeaders(found) = of(of_routes("ROUTE_CONFIGURATION", &matched, &value)) else {
        panic!()
    };
    assert_eq!(found.served.routes.level, RouteLevel::Port);
    assert_eq!(
        found.served.response,
        [
            HeaderEdit::Remove { name: "x-powered-by".into() },
            HeaderEdit::Set { name: "x-a".into(), value: "b".into() },
        ]
    );
    let gateway = json!({ "routeConfiguration": { "gateway": "shop/edge" } });
    let told = lost(of_routes("VIRTUAL_HOST", &gateway, &value));
    assert_eq!(
        told,
        "headers are not edited: `x-powered-by`, `x-a` of answers: it is for routes whose `gateway` is `shop/edge`, which is not looked at"
    );
    let mut more = value;
    more["require_tls"] = json!("ALL");
    lost(of_routes("VIRTUAL_HOST", &matched, &more));
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
fn a_gateway_may_trust_proxies_in_front_of_it() {
    let merge = |context: &str, listener: Value, config: Value| {
        json!({
            "applyTo": "NETWORK_FILTER",
            "match": { "context": context, "listener": listener },
            "patch": { "operation": "MERGE", "value": {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": config,
            } },
        })
    };
    let all = json!({ "filterChain": { "filter": { "name": "envoy.filters.network.http_connection_manager" } } });
    let hops = json!({ "@type": "x", "use_remote_address": true, "xff_num_trusted_hops": 2 });
    let Effect::TrustedProxies(found) = of(merge("GATEWAY", all.clone(), hops.clone())) else {
        panic!()
    };
    assert_eq!(found.served, 2);
    let remote = json!({ "use_remote_address": true });
    assert!(matches!(of(merge("GATEWAY", all.clone(), remote)), Effect::Native(_)));
    let mut more = hops.clone();
    more["server_name"] = json!("a");
    for (context, listener, config, said) in [
        ("ANY", all.clone(), hops.clone(), "for gateways alone"),
        ("GATEWAY", json!({ "portNumber": 8443 }), hops, "some of a gateway's ports"),
        ("GATEWAY", all.clone(), json!({ "use_remote_address": false }), "from the connection"),
        ("GATEWAY", all.clone(), json!({ "xff_num_trusted_hops": -1 }), "no number"),
        ("GATEWAY", all, more, "`server_name: a`"),
    ] {
        let told = lost(merge(context, listener, config));
        assert!(told.contains(said), "{told}");
    }
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
