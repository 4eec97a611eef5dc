//! What `mesh diff` warns of: what was refused is let in, or who was served is no longer.

use serde_json::Value;

use crate::difference::{BASE, GATEWAY, between};
use crate::difference_of_moves::told_with_snapshots;

/// A policy of Istio's.
fn policy(kind: &str, name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

/// For the workload `front`.
fn access(name: &str, spec: &str) -> String {
    let selector = "selector: {matchLabels: {app: front}}";
    policy("AuthorizationPolicy", name, "shop", &format!("{selector}, {spec}"))
}

fn peers(name: &str, spec: &str) -> String {
    policy("PeerAuthentication", name, "shop", spec)
}

fn from(principals: &str) -> String {
    format!("{{from: [{{source: {{principals: [{principals}]}}}}]}}")
}

/// What is warned of between two sides that are resources beside [`BASE`], and whether the comment has the mark.
fn warned(before: &str, after: &str) -> (Vec<String>, bool) {
    let [before, after] = [before, after].map(|rest| BASE.to_owned() + rest);
    let shown = between(&before, &after, &[]);
    let lines = shown.lines().filter_map(|line| line.strip_prefix("⚠ "));
    let lines: Vec<_> = lines.map(str::to_owned).collect();
    let comment = between(&before, &after, &["--format", "markdown"]);
    let is_marked = comment.starts_with("### ⚠ mesh: ");
    assert!(is_marked || comment.starts_with("### mesh: "), "{comment}");
    let listed = comment.lines().filter(|line| line.starts_with("- ⚠ ")).count();
    assert_eq!(listed, lines.len(), "{comment}");
    let data: Value =
        serde_json::from_str(&between(&before, &after, &["--format", "json"])).unwrap();
    assert_eq!(data["isDangerous"], Value::Bool(is_marked));
    (lines, is_marked)
}

fn assert_warned(before: &str, after: &str, lines: &[&str]) {
    let (told, is_marked) = warned(before, after);
    assert_eq!(told, lines, "{before}{after}");
    assert_eq!(is_marked, !lines.is_empty(), "{before}{after}");
}

#[test]
fn weaker_mutual_tls_is_warned_of_whatever_the_reason() {
    let strict = peers("all", "mtls: {mode: STRICT}");
    let both = "shop/cart, shop/front: mutual TLS: STRICT → ";
    for mode in ["PERMISSIVE", "DISABLE"] {
        let weaker = peers("all", &format!("mtls: {{mode: {mode}}}"));
        assert_warned(&strict, &weaker, &[&format!("{both}{mode}")]);
        assert_warned(&weaker, &strict, &[]);
        // The one that is displaced stays as it was.
        let narrow = format!("selector: {{matchLabels: {{app: front}}}}, mtls: {{mode: {mode}}}");
        let narrow = strict.clone() + &peers("front", &narrow);
        let front = format!("shop/front: mutual TLS: STRICT → {mode}");
        assert_warned(&strict, &narrow, &[&front]);
        assert_warned(&narrow, &strict, &[]);
    }
    assert_warned(&strict, "", &[&format!("{both}PERMISSIVE")]);
    let wide = policy("PeerAuthentication", "mesh", "istio-system", "mtls: {mode: STRICT}");
    assert_warned(&(wide.clone() + &strict), &wide, &[]);
    let port = "selector: {matchLabels: {app: front}}, portLevelMtls: {80: {mode: DISABLE}}";
    let port = strict.clone() + &peers("port", port);
    assert_warned(&strict, &port, &["shop/front: mutual TLS at port 80: STRICT → DISABLE"]);
}

#[test]
fn what_lets_in_or_refuses_more_than_before_is_warned_of() {
    let [one, two] = ["one", "two"].map(from);
    let of =
        |action: &str, rules: &str| access("x", &format!("action: {action}, rules: [{rules}]"));
    let allow = of("ALLOW", &one);
    let lets_in = "shop/front: requests are let in that policies refused";
    let refuses = "shop/front: requests are refused that policies allowed";
    let closed = "shop/front: every request is refused";
    assert_warned(&allow, &of("AUDIT", &one), &[lets_in]);
    assert_warned(&allow, &of("DENY", &one), &[lets_in, refuses]);
    let denied = access("deny", &format!("action: DENY, rules: [{one}]"));
    assert_warned(&allow, &(allow.clone() + &denied), &[refuses]);
    let both = from("one, two");
    assert_warned(&of("ALLOW", &both), &(of("ALLOW", &both) + &denied), &[refuses]);
    assert_warned(&(allow.clone() + &denied), &(of("ALLOW", &both) + &denied), &[lets_in]);
    assert_warned(&of("ALLOW", &two), &(of("ALLOW", &two) + &denied), &[]);
    assert_warned(&of("DENY", &one), &of("AUDIT", &one), &[lets_in]);
    for none in [of("ALLOW", ""), access("x", "action: ALLOW")] {
        assert_warned(&allow, &none, &[closed]);
        assert_warned("", &none, &[closed]);
        assert_warned(&none, &allow, &[lets_in]);
    }
    assert_warned(&allow, &of("ALLOW", &two), &[lets_in, refuses]);
    assert_warned(&allow, &of("ALLOW", "{}"), &[lets_in]);
    assert_warned(&of("DENY", "{}"), &of("DENY", &one), &[lets_in]);
    assert_warned(&of("DENY", &one), &of("DENY", "{}"), &[closed]);
    assert_warned("", &of("DENY", "{}"), &[closed]);
    assert_warned("", &of("DENY", &one), &[]);
    // All policies together refuse what they refused.
    assert_warned(&of("DENY", "{}"), &of("ALLOW", ""), &[]);
    assert_warned(&(of("ALLOW", &two) + &denied), &of("ALLOW", &two), &[]);
    assert_warned(&(of("ALLOW", &both) + &denied), &of("ALLOW", &both), &[lets_in]);
    assert_warned(&(of("ALLOW", &both) + &denied), &of("ALLOW", &two), &[]);
    let admin = "{to: [{operation: {paths: ['/admin*']}}]}";
    let admin = access("admin", &format!("action: DENY, rules: [{admin}]"));
    assert_warned(&allow, &(allow.clone() + &admin), &[refuses]);
    assert_warned(&(allow.clone() + &admin), &allow, &[lets_in]);
    assert_warned("", &allow, &[]);
    // It refuses nobody.
    let trial =
        of("DENY", &one).replace("{name: x,", "{name: x, annotations: {istio.io/dry-run: 'true'},");
    assert_warned(&of("DENY", &one), &trial, &[lets_in]);
    assert_warned(&trial, &of("DENY", &one), &[]);
    let of_snapshots = |before: &str, after: &str| {
        let [before, after] = [before, after].map(|rest| BASE.to_owned() + rest);
        told_with_snapshots(&before, &after).map(|told| told.contains(&format!("\n⚠ {lets_in}\n")))
    };
    assert_eq!(of_snapshots(&allow, &of("DENY", &one)), [true, true]);
}

#[test]
fn tokens_of_which_less_is_asked_are_warned_of() {
    let of = |name: &str, rest: &str| {
        let rule = format!("{{issuer: a, jwksUri: 'https://a.example.com/j'{rest}}}");
        policy("RequestAuthentication", name, "shop", &format!("jwtRules: [{rule}]"))
    };
    let (all, one) = (of("x", ""), of("x", ", audiences: [web]"));
    let line = "shop/cart, shop/front: less is asked of tokens of issuer a";
    assert_warned(&one, &all, &[line]);
    assert_warned(&all, &one, &[]);
    assert_warned(&all, "", &[line]);
    assert_warned(&all, &of("other", ""), &[]);

    // While tokens are asked for, those of an issuer that is gone are refused.
    let b = of("x", "").replace("issuer: a,", "issuer: b,").replace("a.example", "b.example");
    let both = all.clone() + &b.replace("name: x,", "name: z,");
    assert_warned(&all, &b, &[]);
    assert_warned(&both, &b, &[]);
    assert_warned(&all, &both, &[]);
    // Who is asked for a token may have one of another issuer now.
    let asking = |action: &str, test: &str| {
        access("x", &format!("action: {action}, rules: [{{from: [{{source: {{{test}}}}}]}}]"))
    };
    let trusted = "shop/front: callers are let in by tokens of issuer b, which was not trusted";
    for (action, test, is_told) in [
        ("ALLOW", "requestPrincipals: ['*']", true),
        ("ALLOW", "requestPrincipals: [b/x]", true),
        ("ALLOW", "requestPrincipals: [a/*]", false),
        ("DENY", "notRequestPrincipals: ['*']", true),
        ("DENY", "requestPrincipals: [b/x]", false),
        ("ALLOW", "principals: [one]", false),
    ] {
        let asked = asking(action, test);
        let lines: &[&str] = if is_told { &[trusted] } else { &[] };
        assert_warned(&(all.clone() + &asked), &(both.clone() + &asked), lines);
        assert_warned(&(both.clone() + &asked), &(all.clone() + &asked), &[]);
    }
    let other_keys = "shop/cart, shop/front: other keys are trusted for tokens of issuer a";
    assert_warned(&all, &all.replace("com/j", "com/k"), &[other_keys]);
    let narrower = one.replace("com/j", "com/k");
    assert_warned(&all, &narrower, &[other_keys]);
    assert_warned(&narrower, &all, &[line, other_keys]);
}

#[test]
fn what_a_danger_is_about_has_fields_in_json() {
    let dangers = |before: &str, after: &str| {
        let [before, after] = [before, after].map(|rest| BASE.to_owned() + rest);
        let shown = between(&before, &after, &["--format", "json"]);
        serde_json::from_str::<Value>(&shown).unwrap()["dangers"].clone()
    };
    let strict = peers("all", "mtls: {mode: STRICT}");
    let port = "selector: {matchLabels: {app: front}}, portLevelMtls: {80: {mode: DISABLE}}";
    let found = dangers(&strict, &(strict.clone() + &peers("port", port)));
    assert_eq!(found[0]["port"], 80);
    assert_eq!(found[0]["before"], "STRICT");
    assert_eq!(found[0]["after"], "DISABLE");
    assert_eq!(found[0]["issuer"], Value::Null);
    let rule = "jwtRules: [{issuer: a, jwksUri: 'https://a.example.com/j'}]";
    let found = dangers(&policy("RequestAuthentication", "x", "shop", rule), "");
    assert_eq!(found[0]["issuer"], "a");
    let routed = GATEWAY.to_owned() + &routes("public", "a.example.com", &["/"]);
    let found = dangers(&routed, GATEWAY);
    assert_eq!(found[0]["of"], "a.example.com:80");
}

/// What they are called, and what stands in which, does not count.
#[test]
fn what_comes_to_the_same_is_not_warned_of() {
    let [one, two] = ["one", "two"].map(from);
    for action in ["ALLOW", "DENY", "AUDIT"] {
        let of =
            |name: &str, rules: &str| access(name, &format!("action: {action}, rules: [{rules}]"));
        let renamed = [of("x", &one), of("z", &one)];
        assert_warned(&renamed[0], &renamed[1], &[]);
        let shown =
            between(&(BASE.to_owned() + &renamed[0]), &(BASE.to_owned() + &renamed[1]), &[]);
        assert!(!shown.contains("to hold"), "{shown}");
        let apart = of("x", &one) + &of("z", &two);
        if action != "AUDIT" {
            for joined in [format!("{one}, {two}"), from("one, two")] {
                let joined = of("x", &joined);
                assert_warned(&apart, &joined, &[]);
                assert_warned(&joined, &apart, &[]);
            }
        }
    }
    let strict = |name| peers(name, "mtls: {mode: STRICT}");
    assert_warned(&strict("a"), &strict("b"), &[]);
    // Who is named in another way, and as narrowly.
    let source = |field: &str| {
        access("x", &format!("action: ALLOW, rules: [{{from: [{{source: {{{field}}}}}]}}]"))
    };
    let host = |name: &str| {
        access("x", &format!("action: DENY, rules: [{{to: [{{operation: {{hosts: [{name}]}}}}]}}]"))
    };
    assert_warned(&host("Shop.example.com"), &host("shop.example.com"), &[]);
    let refuses = "shop/front: requests are refused that policies allowed";
    for (wide, narrow) in [
        ("namespaces: [shop]", "serviceAccounts: [shop/default]"),
        ("namespaces: [shop]", "principals: [cluster.local/ns/shop/sa/default]"),
        ("ipBlocks: [10.0.0.0/16]", "ipBlocks: [10.0.1.0/24]"),
    ] {
        assert_warned(&source(wide), &source(narrow), &[refuses]);
    }
    assert_warned(&source("ipBlocks: [10.0.0.1]"), &source("ipBlocks: [10.0.0.1/32]"), &[]);
    // It asks what is asked of the namespace.
    let narrow = "selector: {matchLabels: {app: front}}, mtls: {mode: STRICT}";
    assert_warned(&(strict("a") + &peers("b", narrow)), &strict("a"), &[]);
}

/// A gateway of another namespace, for the same proxies.
fn gateway_of(namespace: &str) -> String {
    let (deployment, gateway) = GATEWAY.split_once("---\napiVersion: networking").unwrap();
    let gateway = gateway.replace("namespace: shop", &format!("namespace: {namespace}"));
    format!("{deployment}---\napiVersion: networking{gateway}")
}

/// Routes of the host at a gateway, for some paths.
fn routes(gateway: &str, hosts: &str, paths: &[&str]) -> String {
    let route = |path: &&str| {
        format!(
            "{{match: [{{uri: {{prefix: {path}}}}}], route: [{{destination: {{host: cart}}}}]}}"
        )
    };
    let routes: Vec<_> = paths.iter().map(route).collect();
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{hosts: [{hosts}], gateways: [{gateway}], http: [{}]}}\n",
        routes.join(", ")
    )
}

#[test]
fn routes_that_a_public_host_loses_are_warned_of() {
    let of = |hosts: &str, paths: &[&str]| GATEWAY.to_owned() + &routes("public", hosts, paths);
    let before = of("a.example.com", &["/a", "/b"]);
    assert_warned(
        &before,
        &of("a.example.com", &["/a"]),
        &["shop/gw: no longer served: a.example.com:80, path /b*; a.example.com:81, path /b*"],
    );
    assert_warned(&before, &of("a.example.com", &["/c", "/b", "/a"]), &[]);
    assert_warned(&before, &of("a.example.com", &["/"]), &[]);
    assert_warned(&before, &of("'*.example.com'", &["/a", "/b"]), &[]);
    let gone = "shop/gw: no longer served: a.example.com:80; a.example.com:81";
    assert_warned(&before, &of("b.example.com", &["/a", "/b"]), &[gone]);
    assert_warned(&before, GATEWAY, &[gone]);
    // A host with routes of its own has none of the wildcard's.
    let wide = of("'*.example.com'", &["/"]);
    let narrow = routes("public", "a.example.com", &["/x"]).replace("name: v,", "name: narrow,");
    let shadowed =
        "shop/gw: no longer served: a.example.com:80, path /*; a.example.com:81, path /*";
    assert_warned(&wide, &(wide.clone() + &narrow), &[shadowed]);
    assert_warned(&(wide.clone() + &narrow), &wide, &[]);
    let all = narrow.replace("prefix: /x", "prefix: /");
    assert_warned(&wide, &(wide.clone() + &all), &[]);
    // A failure for everything comes first.
    let failing = |status: u16| {
        wide.replace("http: [", &format!("http: [{{directResponse: {{status: {status}}}}}, "))
    };
    let failed = gone.replace("a.ex", "*.ex");
    assert_warned(&wide, &failing(404), &[&failed]);
    let aborting = wide.replace(
        "route: [",
        "fault: {abort: {httpStatus: 503, percentage: {value: 100}}}, route: [",
    );
    assert_warned(&wide, &aborting, &[&failed]);
    assert_warned(&wide, &aborting.replace("value: 100", "value: 50"), &[]);
    let admin = wide.replace(
        "http: [",
        "http: [{match: [{uri: {prefix: /x}}], directResponse: {status: 404}}, ",
    );
    assert_warned(&wide, &admin, &[&shadowed.replace("a.ex", "*.ex").replace("/*", "/x*")]);
    // What a failure took before goes.
    let dead = admin.replace(
        "{match: [{uri: {prefix: /}}]",
        "{match: [{uri: {prefix: /x/y}}], route: [{destination: {host: cart}}]}, {match: [{uri: {prefix: /}}]",
    );
    assert_warned(&dead, &admin, &[]);
    // A match that holds at one of the ports alone.
    let at_80 = wide.replace("{uri: {prefix: /}}", "{uri: {prefix: /}, port: 80}");
    assert_warned(&wide, &at_80, &["shop/gw: no longer served: *.example.com:81"]);
    let on_mesh = GATEWAY.to_owned() + &routes("mesh", "a.example.com", &["/a", "/b"]);
    assert_warned(&before, &on_mesh, &[gone]);
    let of_one_port = before
        .replace("  - {port: {number: 81, name: other, protocol: HTTP}, hosts: [\"*\"]}\n", "");
    assert_warned(&before, &of_one_port, &["shop/gw: no longer served: a.example.com:81"]);
}

#[test]
fn servers_that_ask_less_tls_of_clients_are_warned_of() {
    let server = |name: &str, tls: &str, hosts: &str| {
        let protocol = if tls.contains("mode") { "HTTPS" } else { "HTTP" };
        let port = format!("{{number: 80, name: {name}, protocol: {protocol}}}");
        format!("  - {{port: {port}, hosts: [{hosts}], tls: {{{tls}}}}}\n")
    };
    let of = |servers: &str| {
        let (head, _) = GATEWAY.split_once("  - {port: {number: 80").unwrap();
        head.to_owned() + servers + &routes("public", "a.example.com, b.example.com", &["/"])
    };
    let modes = [
        ("", "none"),
        ("httpsRedirect: true", "httpsRedirect"),
        ("mode: SIMPLE, credentialName: c", "SIMPLE"),
        ("mode: OPTIONAL_MUTUAL, credentialName: c", "OPTIONAL_MUTUAL"),
        ("mode: MUTUAL, credentialName: c", "MUTUAL"),
    ];
    for pair in modes.windows(2) {
        let [(less, weak), (more, strong)] = pair else { unreachable!() };
        let [less, more] = [less, more].map(|tls| of(&server("x", tls, "'*'")));
        let line = format!(
            "shop/gw: less TLS is asked of clients ({strong} → {weak}): a.example.com:80; b.example.com:80"
        );
        assert_warned(&more, &less, &[&line]);
        assert_warned(&less, &more, &[]);
    }
    // One of the hosts comes under a server of its own.
    let [simple, mutual] = [modes[2], modes[4]].map(|(tls, _)| tls);
    let apart = server("a", simple, "a.example.com") + &server("b", mutual, "b.example.com");
    assert_warned(
        &of(&server("x", mutual, "'*'")),
        &of(&apart),
        &["shop/gw: less TLS is asked of clients (MUTUAL → SIMPLE): a.example.com:80"],
    );
}

/// Its backend asks for what it asks for.
#[test]
fn a_gateway_that_passes_connections_on_serves_their_host() {
    let (head, _) = GATEWAY.split_once("  - {port: {number: 80").unwrap();
    let of = |protocol: &str, tls: &str, routes: &str| {
        format!(
            "{head}  - {{port: {{number: 80, name: x, protocol: {protocol}}}, hosts: [a.example.com], tls: {{{tls}}}}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{hosts: [a.example.com], gateways: [public], {routes}}}\n"
        )
    };
    let route = "route: [{destination: {host: cart, port: {number: 80}}}]";
    let ended = |mode: &str| {
        of("HTTPS", &format!("mode: {mode}, credentialName: c"), &format!("http: [{{{route}}}]"))
    };
    let matched = format!("tls: [{{match: [{{port: 80, sniHosts: [a.example.com]}}], {route}}}]");
    let passed = of("TLS", "mode: PASSTHROUGH", &matched);
    assert_warned(&passed, &ended("SIMPLE"), &[]);
    assert_warned(&ended("SIMPLE"), &passed, &[]);
    let less = "shop/gw: less TLS is asked of clients (MUTUAL → PASSTHROUGH): a.example.com:80";
    assert_warned(&ended("MUTUAL"), &passed, &[less]);
}

#[test]
fn connections_that_a_gateway_passes_on_no_longer_are_warned_of() {
    let (head, _) = GATEWAY.split_once("  - {port: {number: 80").unwrap();
    let tls = "  - {port: {number: 80, name: tls, protocol: TLS}, hosts: ['*.example.com'], tls: {mode: PASSTHROUGH}}\n";
    let tcp = "  - {port: {number: 81, name: tcp, protocol: TCP}, hosts: ['*']}\n";
    let of = |rest: &str| {
        format!(
            "{head}{tls}{tcp}---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{hosts: [a.example.com, b.example.com], gateways: [public], {rest}}}\n"
        )
    };
    let route = "route: [{destination: {host: cart, port: {number: 80}}}]";
    let [both, one] = ["a.example.com, b.example.com", "b.example.com"]
        .map(|names| format!("tls: [{{match: [{{port: 80, sniHosts: [{names}]}}], {route}}}]"));
    let stream = format!("tcp: [{{match: [{{port: 81}}], {route}}}]");
    let all = of(&format!("{both}, {stream}"));
    let gone = |what: &str| format!("shop/gw: no longer served: {what}");
    let less = of(&format!("{one}, {stream}"));
    assert_warned(&all, &less, &[&gone("a.example.com:80")]);
    assert_warned(&less, &all, &[]);
    assert_warned(&all, &of(&both), &[&gone("connections:81")]);
}

/// An installation has the workloads of its gateways, which the repository need not hold.
#[test]
fn gateways_without_a_known_workload_are_warned_of_too() {
    let (_, gateway) = GATEWAY.split_once("---\napiVersion: networking").unwrap();
    let gateway = format!("---\napiVersion: networking{gateway}");
    let before = gateway.clone() + &routes("public", "a.example.com", &["/"]);
    assert_warned(
        &before,
        &gateway,
        &["gateways with istio: gw: no longer served: a.example.com:80; a.example.com:81"],
    );
    // Whoever serves it may run in any namespace, and be under the policies of that one.
    let of = |rules: &str| {
        let access = policy("AuthorizationPolicy", "all", "shop", &format!("rules: [{rules}]"));
        gateway.clone() + &routes("public", "a.example.com", &["/"]) + &access
    };
    assert_warned(
        &of(&from("one")),
        &of("{}"),
        &["shop/cart, shop/front: requests are let in that policies refused"],
    );
    let api = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: api, namespace: shop}\nspec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";
    let route = |paths: &[&str]| {
        let rule = |path: &&str| {
            let matches = format!("[{{path: {{type: PathPrefix, value: {path}}}}}]");
            format!("{{matches: {matches}, backendRefs: [{{name: cart, port: 80}}]}}")
        };
        let rules: Vec<_> = paths.iter().map(rule).collect();
        format!(
            "{api}---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r, namespace: shop}}\nspec: {{parentRefs: [{{name: api}}], hostnames: [a.example.com], rules: [{}]}}\n",
            rules.join(", ")
        )
    };
    assert_warned(
        &route(&["/a", "/b"]),
        &route(&["/b"]),
        &["gateways of shop/api: no longer served: a.example.com:80, path /a/*"],
    );
    let gone = "gateways of shop/api: no longer served: a.example.com:80";
    assert_warned(&route(&["/a"]), "", &[gone]);
    // One of its name in another namespace runs another one.
    let name = "gateway.networking.k8s.io/gateway-name: api";
    let other = format!(
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: other}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: gw, namespace: other}}\nspec:\n  selector: {{matchLabels: {{{name}}}}}\n  template: {{metadata: {{labels: {{{name}}}}}, spec: {{containers: [{{name: istio-proxy, image: auto}}]}}}}\n"
    ) + &api.replace("namespace: shop", "namespace: other");
    assert_warned(&(route(&["/a"]) + &other), &other, &[gone]);
    // It runs in the Gateway's namespace, under the policies there.
    let of = |rules: &str| {
        let access = policy("AuthorizationPolicy", "all", "shop", &format!("rules: [{rules}]"));
        route(&["/a"]) + &access
    };
    let lets_in = "requests are let in that policies refused";
    let line = format!("gateways of shop/api, shop/cart, shop/front: {lets_in}");
    assert_warned(&of(&from("one")), &of("{}"), &[&line]);
}

#[test]
fn a_gateway_that_moves_to_another_namespace_is_not_warned_of() {
    let other = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: edge}\n";
    let of = |namespace: &str| {
        let gateway = format!("{namespace}/public");
        other.to_owned() + &gateway_of(namespace) + &routes(&gateway, "a.example.com", &["/a"])
    };
    assert_warned(&of("shop"), &of("edge"), &[]);
    let shown = between(&(BASE.to_owned() + &of("shop")), &(BASE.to_owned() + &of("edge")), &[]);
    assert!(!shown.contains(" a Gateway"), "{shown}");
}

/// The policies are as they were, and for nobody.
#[test]
fn policies_that_a_renamed_workload_leaves_behind_are_warned_of() {
    let strict = "selector: {matchLabels: {app: front}}, mtls: {mode: STRICT}";
    let policies = access("x", &format!("rules: [{}]", from("one"))) + &peers("strict", strict);
    let before = BASE.to_owned() + &policies;
    let left = |policy: &str, whom: &str| {
        format!("⚠ {whom}: not under {policy}, which was for shop/front and is for no workload now")
    };
    let warnings = |before: &str, after: &str| -> Vec<String> {
        let shown = between(before, after, &[]);
        shown.lines().filter(|line| line.starts_with("⚠ ")).map(str::to_owned).collect()
    };
    let workload = "Deployment\nmetadata: {name: front, namespace: shop}";
    let (head, rest) = before.split_once(workload).unwrap();
    let renamed = |namespace: &str, name: &str, policies: &str| {
        let rest = rest.replacen("app: front", &format!("app: {name}"), 2);
        let rest = rest.split("---\n").next().unwrap();
        format!(
            "{head}Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}{rest}{policies}"
        )
    };
    let [access_left, peers_left] =
        ["AuthorizationPolicy shop/x", "PeerAuthentication shop/strict"];
    let newer = renamed("shop", "front-new", &policies);
    let both = [left(access_left, "shop/front-new"), left(peers_left, "shop/front-new")];
    assert_eq!(warnings(&before, &newer), both);
    let comment = between(&before, &newer, &["--format", "markdown"]);
    assert!(comment.starts_with("### ⚠ mesh: 0 added, "), "{comment}");
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: web, labels: {istio-injection: enabled}}\n";
    let moved = renamed("web", "front", &policies) + namespace;
    assert_eq!(
        warnings(&before, &moved),
        [left(access_left, "web/front"), left(peers_left, "web/front")]
    );

    // Nor does it matter how many leave at once, and what they have in common.
    let all = policies.clone()
        + &policy("AuthorizationPolicy", "all", "shop", &format!("rules: [{}]", from("one")));
    let app = |name: &str| format!("labels: {{app: {name}}}}}, spec");
    let all_renamed = ["cart", "front"].iter().fold(BASE.to_owned(), |text, name| {
        text.replace(
            &format!("Deployment\nmetadata: {{name: {name},"),
            &format!("Deployment\nmetadata: {{name: {name}-v2,"),
        )
        .replace(
            &format!("matchLabels: {{app: {name}}}"),
            &format!("matchLabels: {{app: {name}-v2}}"),
        )
        .replace(&app(name), &app(&format!("{name}-v2")))
    });
    assert_eq!(
        warnings(&(BASE.to_owned() + &all), &(all_renamed + &all)),
        [left(access_left, "shop/front-v2"), left(peers_left, "shop/front-v2")]
    );

    // It takes them along, or has others of its own.
    let along = policies.replace("app: front", "app: front-new");
    assert!(warnings(&before, &renamed("shop", "front-new", &along)).is_empty());
    let own = policies.clone()
        + &along.replace("name: x", "name: own").replace("name: strict", "name: own");
    assert!(warnings(&before, &renamed("shop", "front-new", &own)).is_empty());
    // Where none came nobody lacks them.
    let gone = head.trim_end_matches("---\napiVersion: apps/v1\nkind: ").to_owned() + &policies;
    assert!(warnings(&before, &gone).is_empty());

    // Nothing tells whether another one is the same, unless both have what nobody else has.
    let label = |text: &str, app: &str, label: &str| {
        text.replace(
            &format!("labels: {{app: {app}}}}}, spec"),
            &format!("labels: {{app: {app}, {label}}}}}, spec"),
        )
    };
    let other = renamed("shop", "other", &policies);
    assert!(warnings(&before, &other).is_empty());
    let of_both =
        |what: &str| warnings(&label(&before, "front", what), &label(&other, "other", what));
    assert_eq!(
        of_both("team: web"),
        [left(access_left, "shop/other"), left(peers_left, "shop/other")]
    );
    assert!(of_both("version: v1").is_empty());
    let on_all = [(&before, "front"), (&other, "other")]
        .map(|(text, app)| label(&label(text, app, "team: web"), "cart", "team: web"));
    assert!(warnings(&on_all[0], &on_all[1]).is_empty());
    // One that was a gateway is none of the others.
    let gateway =
        |text: &str| text.replace("{name: a, image: a}", "{name: istio-proxy, image: auto}");
    let was_gateway = format!("{head}{workload}{}", gateway(rest));
    assert!(warnings(&was_gateway, &newer).is_empty());
}
