//! What the compiler lets pass can be built: a repository without errors gives every proxy a program.

use mesh_compiler::diagnostic::Severity;
use mesh_compiler::{Compilation, check_programs};

use crate::support::{Repository, workload};

/// Of a service that is called, and a gateway that leads there, with `policy` beside them.
fn compiled(policy: &str) -> Compilation {
    let text = workload("shop", "api") + policy;
    Repository::of(&text).compile()
}

/// The checks that refused it. Where there are none, programs are built.
fn refused_by(policy: &str) -> Vec<&'static str> {
    let compiled = compiled(policy);
    let errors = compiled.findings.iter().filter(|it| it.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|it| it.check.name).collect();
    if let Some(bundle) = &compiled.bundle
        && let Err(fault) = check_programs(bundle)
    {
        panic!("{policy}\nnothing was said, and no proxy serves it: {fault}");
    }
    assert_eq!(compiled.bundle.is_none(), !errors.is_empty(), "{policy}\n{errors:?}");
    errors
}

/// A `VirtualService` with a route of its own.
fn route(route: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: api, namespace: shop}}\n\
         spec:\n  hosts: [api]\n  http:\n  - route: [{{destination: {{host: api}}}}]\n    {route}\n"
    )
}

fn of_kind(api: &str, kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: {api}\nkind: {kind}\nmetadata: {{name: api, namespace: shop}}\nspec: {spec}\n"
    )
}

const LARGE: &str = "((a{100}){100}){10}";

#[test]
fn expressions_are_no_larger_than_a_proxy_allows() {
    for test in ["uri", "scheme", "method", "authority"] {
        let matching = route(&format!("match: [{{{test}: {{regex: '{LARGE}'}}}}]"));
        assert_eq!(refused_by(&matching), ["invalid-regex"], "{test}");
    }
    for test in ["headers", "withoutHeaders", "queryParams"] {
        let matching = route(&format!("match: [{{{test}: {{x: {{regex: '{LARGE}'}}}}}}]"));
        assert_eq!(refused_by(&matching), ["invalid-regex"], "{test}");
    }
    for part in [
        format!("corsPolicy: {{allowOrigins: [{{regex: '{LARGE}'}}]}}"),
        "match: [{uri: {regex: '/(a{1000}){1000}'}}]".to_owned(),
        format!("rewrite: {{uriRegexRewrite: {{match: '{LARGE}', rewrite: /}}}}"),
    ] {
        assert_eq!(refused_by(&route(&part)), ["invalid-regex"], "{part}");
    }
    assert!(refused_by(&route("match: [{uri: {regex: '/a{100}/.*'}}]")).is_empty());
}

#[test]
fn expressions_of_the_gateway_api_are_no_larger_either() {
    let api = "gateway.networking.k8s.io/v1";
    let spec = |rule: &str| {
        format!(
            "{{parentRefs: [{{group: '', kind: Service, name: api}}], rules: [{{{rule}, backendRefs: [{{name: api, port: 80}}]}}]}}"
        )
    };
    let http = |rule: &str| refused_by(&of_kind(api, "HTTPRoute", &spec(rule)));
    let grpc = |rule: &str| refused_by(&of_kind(api, "GRPCRoute", &spec(rule)));
    let large = format!("type: RegularExpression, value: '{LARGE}'");
    for test in [
        format!("path: {{{large}}}"),
        format!("headers: [{{name: x, {large}}}]"),
        format!("queryParams: [{{name: x, {large}}}]"),
    ] {
        assert_eq!(http(&format!("matches: [{{{test}}}]")), ["invalid-regex"], "{test}");
    }
    let method = |test: String| grpc(&format!("matches: [{{method: {{{test}}}}}]"));
    let kind = "type: RegularExpression";
    assert_eq!(method(format!("{kind}, service: '{LARGE}'")), ["invalid-regex"]);
    // Each by itself is short enough.
    let (half, long) = ("a".repeat(600), "a".repeat(1024));
    assert_eq!(method(format!("{kind}, service: {half}, method: {half}")), ["invalid-regex"]);
    assert_eq!(method(format!("method: {long}")), ["invalid-regex"]);
    assert!(method(format!("{kind}, service: {half}")).is_empty());
    let origin = format!("https://*.{}.com", "a.".repeat(700));
    let cors = format!("filters: [{{type: CORS, cors: {{allowOrigins: ['{origin}']}}}}]");
    assert!(!http(&cors).is_empty());
}

#[test]
fn a_rewrite_names_groups_that_there_are() {
    let with = |pattern: &str, text: &str| {
        let rewrite = format!("{{match: '{pattern}', rewrite: '{text}'}}");
        refused_by(&route(&format!("rewrite: {{uriRegexRewrite: {rewrite}}}")))
    };
    assert_eq!(with("^/(x)", r"/\9\1"), ["invalid-rewrite"]);
    assert_eq!(with("^/(x)", r"/\x"), ["invalid-rewrite"]);
    assert_eq!(with("^/(x)", r"/\"), ["invalid-rewrite"]);
    assert!(with("^/(x)", r"/\0\1").is_empty());
    assert_eq!(refused_by(&route("rewrite: {authority: ä}")), ["invalid-rewrite"]);
}

#[test]
fn requests_are_hashed_by_what_they_can_have() {
    let hashed = |by: &str| {
        let spec =
            format!("{{host: api, trafficPolicy: {{loadBalancer: {{consistentHash: {{{by}}}}}}}}}");
        refused_by(&of_kind("networking.istio.io/v1", "DestinationRule", &spec))
    };
    for (by, check) in [
        ("httpHeaderName: 'a b'", "invalid-header"),
        ("httpHeaderName: ''", "invalid-header"),
        ("httpHeaderName: ':path'", "invalid-header"),
        ("httpQueryParameterName: 'a&b'", "invalid-load-balancer"),
        ("httpCookie: {name: 'a b;c', ttl: 1s}", "invalid-load-balancer"),
        ("httpCookie: {name: a, ttl: 1s, path: '/a;b'}", "invalid-load-balancer"),
    ] {
        assert_eq!(hashed(by), [check], "{by}");
    }
    for by in [
        "httpHeaderName: X-User",
        "httpQueryParameterName: 'a[b]'",
        "httpCookie: {name: 'a[b]', ttl: 1s, path: /a}",
    ] {
        assert!(hashed(by).is_empty(), "{by}");
    }
    for authority in ["a b", "a/b", "http://a", "jo@a"] {
        let rewrite = route(&format!("rewrite: {{authority: '{authority}'}}"));
        assert_eq!(refused_by(&rewrite), ["invalid-rewrite"], "{authority}");
    }
    assert!(refused_by(&route("rewrite: {authority: 'a.example.com:80'}")).is_empty());
    let sessions = |session: &str| {
        let spec = format!(
            "{{parentRefs: [{{group: '', kind: Service, name: api}}], rules: [{{sessionPersistence: {{{session}}}, backendRefs: [{{name: api, port: 80}}]}}]}}"
        );
        refused_by(&of_kind("gateway.networking.k8s.io/v1", "HTTPRoute", &spec))
    };
    assert_eq!(sessions("sessionName: 'a b'"), ["invalid-http-route"]);
    assert_eq!(sessions("sessionName: 'a[b]', type: Header"), ["invalid-http-route"]);
    assert!(sessions("sessionName: 'a[b]'").is_empty());
}

/// Or else no proxy could write the snapshot's defaults.
#[test]
fn defaults_of_a_mesh_are_for_namespaces() {
    let export = |to: &str| {
        let project = format!("meshConfig: {{defaultVirtualServiceExportTo: ['{to}']}}");
        let policy = workload("shop", "api");
        Repository::new(&[("policy.yaml", &policy), ("mesh.yaml", &project)]).compile().bundle
    };
    assert!(export("").is_none() && export("a b").is_none());
    assert!(export(".").is_some() && export("shop").is_some());
}

#[test]
fn headers_hold_what_a_proxy_can_write() {
    for (value, check) in [
        ("%FOO_BAR%", "invalid-header"),
        ("%DYNAMIC_METADATA(a:b)%", "unserved-operator"),
        ("%FILTER_STATE(a)%", "unserved-operator"),
        ("%DOWNSTREAM_PEER_CERT_V_START%", "unserved-operator"),
        ("%TRACE_ID%", "unserved-operator"),
        (r#"%UPSTREAM_METADATA(["a","b"])%"#, "unserved-operator"),
        ("%REQ(a b)%", "invalid-header"),
        ("%REQ%", "invalid-header"),
    ] {
        for (side, verb) in [("request", "set"), ("request", "add"), ("response", "set")] {
            let headers = format!("headers: {{{side}: {{{verb}: {{x: '{value}'}}}}}}");
            assert_eq!(refused_by(&route(&headers)), [check], "{headers}");
        }
    }
    for value in ["%REQ(x-a?:path)%", "100%%", "%UPSTREAM_HOST%", "ä"] {
        let headers = format!("headers: {{request: {{set: {{x: '{value}'}}}}}}");
        assert!(refused_by(&route(&headers)).is_empty(), "{value}");
    }
    for part in ["set: {a b: x}", "add: {'a(': x}", "remove: [a b]"] {
        let headers = format!("headers: {{request: {{{part}}}}}");
        assert_eq!(refused_by(&route(&headers)), ["invalid-header"], "{part}");
    }
    let matched = |name: &str| {
        refused_by(&route(&format!("match: [{{headers: {{'{name}': {{exact: x}}}}}}]")))
    };
    assert_eq!(matched(":path"), ["invalid-header"]);
    assert_eq!(matched(":status"), ["invalid-header"]);
    assert!(matched(":method").is_empty() && matched("x-a").is_empty());
}

#[test]
fn what_envoy_alone_knows_is_named() {
    let said = |value: &str| {
        let compiled =
            compiled(&route(&format!("headers: {{request: {{set: {{x: '{value}'}}}}}}")));
        let [only] = compiled.findings.as_slice() else { panic!("{:?}", compiled.findings) };
        format!("{}: {}", only.message, only.primary.text)
    };
    assert_eq!(
        said("a %TRACE_ID%"),
        "`%TRACE_ID%` is not served: Envoy knows it, here it is not served"
    );
    assert_eq!(said("%FOO_BAR%"), "nobody knows the operator `%FOO_BAR%`: unknown operator");
}

#[test]
fn an_access_log_is_what_a_proxy_can_write() {
    let project = |log: &str| {
        let files = [("policy.yaml", workload("shop", "api")), ("mesh.yaml", log.to_owned())];
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        let compiled = Repository::new(&files).compile();
        if let Some(bundle) = &compiled.bundle {
            check_programs(bundle).unwrap();
        }
        compiled.bundle.is_some()
    };
    let log = |rest: &str| project(&format!("meshConfig: {{accessLogFile: /dev/stdout, {rest}}}"));
    assert!(log("accessLogFormat: '%PROTOCOL%'"));
    assert!(!log("accessLogFormat: '%TRACE_ID%'"));
    assert!(!log("accessLogFormat: '50% off'"));
    let json = |text: &str| log(&format!("accessLogEncoding: JSON, accessLogFormat: '{text}'"));
    assert!(json(r#"{"a": "%PROTOCOL%"}"#));
    assert!(!json(r#"{"a": "%NOPE%"}"#));
    // Nothing is written.
    assert!(project("meshConfig: {accessLogFormat: '%TRACE_ID%'}"));
}

#[test]
fn keys_can_verify_something() {
    let with = |jwks: &str| {
        let spec = format!("{{jwtRules: [{{issuer: a, jwks: '{jwks}'}}]}}");
        refused_by(&of_kind("security.istio.io/v1", "RequestAuthentication", &spec))
    };
    let key = r#"{"kty":"EC","crv":"P-256","x":"AA","y":"BB"}"#;
    for jwks in [
        format!(r#"{{"keys":[{key}]}}"#),
        key.to_owned(),
        r#"{"keys":[]}"#.to_owned(),
        r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#.to_owned(),
    ] {
        assert_eq!(with(&jwks), ["invalid-jwt-rule"], "{jwks}");
    }
    let fit = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    let good =
        format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","x":"{fit}","y":"{fit}"}},{key}]}}"#);
    assert!(with(&good).is_empty());
}

#[test]
fn path_templates_are_what_a_proxy_can_match() {
    let with = |path: &str| {
        let spec = format!("{{rules: [{{to: [{{operation: {{paths: ['{path}']}}}}]}}]}}");
        refused_by(&of_kind("security.istio.io/v1", "AuthorizationPolicy", &spec))
    };
    for path in ["{*}", "x/{*}", "/a{*}", "/{**}/{*}"] {
        assert_eq!(with(path), ["invalid-path-template"], "{path}");
    }
    for path in ["/a/{*}/b", "/{**}/b", "*", "/a*"] {
        assert!(with(path).is_empty(), "{path}");
    }
}

#[test]
fn whatever_passes_can_be_served() {
    let conditions = "5xx,gateway-error,reset,reset-before-request,connect-failure,retriable-4xx,refused-stream,\
         retriable-status-codes,retriable-headers,envoy-ratelimited,http3-post-connect-failure,cancelled,\
         deadline-exceeded,internal,resource-exhausted,unavailable,503,302";
    for condition in conditions.split(',') {
        refused_by(&route(&format!("retries: {{attempts: 2, retryOn: '{condition}'}}")));
    }
    for status in [200, 300, 304, 399, 503, 599] {
        let own =
            |action: &str| route(action).replace("route: [{destination: {host: api}}]\n    ", "");
        refused_by(&own(&format!("redirect: {{uri: /, redirectCode: {status}}}")));
        refused_by(&own(&format!("directResponse: {{status: {status}}}")));
        refused_by(&route(&format!("fault: {{abort: {{httpStatus: {status}}}}}")));
    }
    for net in ["10.0.0.0/8", "10.0.0.1", "10.0.0.1/8", "fd00::/8", "x"] {
        let spec = format!(
            "{{hosts: [api], tcp: [{{match: [{{destinationSubnets: ['{net}']}}], route: [{{destination: {{host: api}}}}]}}]}}"
        );
        refused_by(&of_kind("networking.istio.io/v1", "VirtualService", &spec));
        let spec = format!("{{rules: [{{from: [{{source: {{ipBlocks: ['{net}']}}}}]}}]}}");
        refused_by(&of_kind("security.istio.io/v1", "AuthorizationPolicy", &spec));
    }
}
