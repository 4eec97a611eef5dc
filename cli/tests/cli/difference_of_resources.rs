//! What `mesh diff` says of resources that are new, gone, or for other hosts.

use serde_json::Value;

use crate::difference::{BASE, GATEWAY, between, effects, objects, told};

/// A resource of the shop.
fn resource(kind: &str, name: &str, spec: &str) -> String {
    let group = match kind {
        "AuthorizationPolicy" | "RequestAuthentication" => "security.istio.io/v1",
        "HTTPRoute" => "gateway.networking.k8s.io/v1",
        _ => "networking.istio.io/v1",
    };
    format!(
        "---\napiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"
    )
}

/// The lines of a resource that is new, which are those of one that is gone, too, but for the marks.
fn lines_of_new(kind: &str, spec: &str) -> Vec<String> {
    let resource = resource(kind, "x", spec);
    let new = told(&[], &[&resource]);
    let new: Vec<_> = objects(&new).into_iter().map(str::to_owned).collect();
    let gone = told(&[&resource], &[]);
    let marked = |line: &String| line.replacen("+ ", "- ", 1);
    assert_eq!(objects(&gone), new.iter().map(marked).collect::<Vec<_>>());
    new
}

/// `action: allow` alone would be read the wrong way round.
#[test]
fn a_policy_without_rules_says_that_nobody_may_call() {
    let nobody = "    nobody may call, but for what other policies allow";
    let whom = "    for: workloads of shop with app: cart";
    assert_eq!(
        lines_of_new("AuthorizationPolicy", "{selector: {matchLabels: {app: cart}}}"),
        ["+ AuthorizationPolicy shop/x", nobody, "    action: allow", whom]
    );
    for (spec, said) in [
        ("{rules: [{}]}", "        everybody may call, with any request"),
        ("{action: DENY, rules: [{}]}", "        nobody may call"),
        ("{action: AUDIT, rules: [{}]}", "        every request is audited"),
    ] {
        let lines = lines_of_new("AuthorizationPolicy", spec);
        assert!(lines.iter().any(|line| line == said), "{spec}: {lines:?}");
    }

    let policy = |spec: &str| resource("AuthorizationPolicy", "x", spec);
    let (open, closed) = (policy("{rules: [{}]}"), policy("{}"));
    assert_eq!(
        objects(&told(&[&open], &[&closed])),
        [
            "~ AuthorizationPolicy shop/x",
            nobody,
            "    - rules[0]",
            "        everybody may call, with any request"
        ]
    );
    let denying = policy("{action: DENY, rules: [{}]}");
    assert_eq!(
        objects(&told(&[&open], &[&denying])),
        [
            "~ AuthorizationPolicy shop/x",
            "    action: allow → deny",
            "    ~ rules[0]",
            "        everybody may call, with any request → nobody may call"
        ]
    );

    // In the other forms, too.
    let after = BASE.to_owned() + &closed;
    let comment = between(BASE, &after, &["--format", "markdown"]);
    assert!(comment.contains("\n  - `nobody may call, but for what other policies allow`\n"));
    let data: Value = serde_json::from_str(&between(BASE, &after, &["--format", "json"])).unwrap();
    assert_eq!(data["objects"][0]["edits"][0]["after"], nobody.trim());
}

#[test]
fn what_new_routes_do_is_told() {
    let spec = "{hosts: [cart], http: [{match: [{uri: {prefix: /api/}}, {method: {exact: PUT}}], timeout: 1s, retries: {attempts: 2}, fault: {abort: {httpStatus: 503, percentage: {value: 50}}}, route: [{destination: {host: front}, weight: 90}, {destination: {host: cart}, weight: 10}]}, {redirect: {uri: /x}}]}";
    let lines = lines_of_new("VirtualService", spec);
    for line in [
        "+ VirtualService shop/x",
        "    hosts: cart.shop.svc.cluster.local",
        "    + http[0]",
        "        matches[0].path.prefix: /api/",
        "        matches[1].method.exact: PUT",
        "        backends[front.shop].weight: 90",
        "        backends[cart.shop].weight: 10",
        "        timeout: 1s",
        "        retry.retriesMax: 2",
        "        fault.abort.share: 50 %",
        "        fault.abort.status.http: 503",
        "    + http[1]",
        "        redirect.path.full: /x",
    ] {
        assert!(lines.iter().any(|it| it == line), "{line}: {lines:#?}");
    }
    let spec = "{parentRefs: [{group: '', kind: Service, name: cart}], rules: [{timeouts: {request: 2s}, backendRefs: [{name: front, port: 80}]}]}";
    let lines = lines_of_new("HTTPRoute", spec);
    assert_eq!(lines[..2], ["+ HTTPRoute shop/x", "    + http[0]"]);
    assert!(lines.iter().any(|line| line == "        timeout: 2s"), "{lines:?}");
}

#[test]
fn what_other_new_resources_do_is_told() {
    let spec = "{jwtRules: [{issuer: a, jwksUri: 'https://a.example.com/j', audiences: [b]}]}";
    assert_eq!(
        lines_of_new("RequestAuthentication", spec),
        [
            "+ RequestAuthentication shop/x",
            "    for: all workloads of shop",
            "    + rules[0]",
            "        audiences: [b]",
            "        fetchTimeout: 5s",
            "        issuer: a",
            "        keys.remote: https://a.example.com/j",
        ]
    );
    let spec = "{hosts: [a.example.com], ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP, targetPort: 8080}], resolution: STATIC, endpoints: [{address: 192.0.2.1}]}";
    assert_eq!(
        lines_of_new("ServiceEntry", spec),
        [
            "+ ServiceEntry shop/x",
            "    hosts: a.example.com",
            "    endpoints: 192.0.2.1",
            "    location: MESH_EXTERNAL",
            "    ports: 80 http to 8080, 443 tls",
            "    resolution: STATIC",
        ]
    );
    let spec = "{selector: {istio: gw}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com], tls: {httpsRedirect: true}}]}";
    assert_eq!(
        lines_of_new("Gateway", spec),
        [
            "+ Gateway shop/x",
            "    for: workloads of the mesh with istio: gw",
            "    + servers[0]",
            "        hosts: [a.example.com]",
            "        port: 80",
            "        protocol: http",
            "        tls: redirect",
        ]
    );
    let spec = "{workloadSelector: {labels: {app: front}}, outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: [./cart.shop.svc.cluster.local]}]}";
    assert_eq!(
        lines_of_new("Sidecar", spec),
        [
            "+ Sidecar shop/x",
            "    outboundTrafficPolicy: registryOnly",
            "    sees: cart.shop.svc.cluster.local",
            "    for: workloads of shop with app: front",
        ]
    );
}

/// Every field of a Service and of a `ServiceEntry` that may change is called as its author calls it.
#[test]
fn what_services_say_otherwise_is_told_in_their_words() {
    let service = |spec: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: shop}}\nspec: {{{spec}}}\n"
        )
    };
    let before = service(
        "selector: {app: cart}, ports: [{name: http, port: 80, targetPort: 8080}, {name: x, port: 81}]",
    );
    let after = service(
        "clusterIP: None, selector: {app: front}, ports: [{name: http, port: 80, targetPort: web}, {name: x, port: 82, appProtocol: grpc}]",
    );
    assert_eq!(
        objects(&told(&[&before], &[&after])),
        [
            "~ Service shop/s",
            "    clusterIP: None",
            "    ports[http].targetPort: 8080 → web",
            "    ports[x].port: 81 → 82",
            "    ports[x].protocol: detect → grpc",
            "    selector.app: cart → front",
            "    for: workloads of shop with app: cart → workloads of shop with app: front",
        ]
    );
    // The registry lists its endpoints.
    let listed = service("ports: [{name: http, port: 80, targetPort: 8080}, {name: x, port: 81}]");
    assert_eq!(
        objects(&told(&[&before], &[&listed])),
        ["~ Service shop/s", "    selector.app: cart → no longer set"]
    );
    assert_eq!(
        objects(&told(&[], &[&before])),
        ["+ Service shop/s", "    ports: 80 http to 8080, 81 detect", "    selector.app: cart"]
    );

    let entry = |spec: &str| {
        resource(
            "ServiceEntry",
            "x",
            &format!(
                "{{hosts: [a.example.com], ports: [{{number: 80, name: http, protocol: HTTP}}], {spec}}}"
            ),
        )
    };
    let listed = entry(
        "location: MESH_INTERNAL, resolution: STATIC, endpoints: [{address: 192.0.2.1, labels: {v: a}, ports: {http: 8080}}]",
    );
    let named = entry(
        "location: MESH_EXTERNAL, resolution: DNS, subjectAltNames: [a.test], addresses: [192.0.2.9], endpoints: [{address: b.test, labels: {v: b}, ports: {http: 8081}, weight: 5, locality: r/z, serviceAccount: u}]",
    );
    assert_eq!(
        objects(&told(&[&listed], &[&named]))[1..],
        [
            "    addresses: [192.0.2.9]",
            "    endpoints[0].address: 192.0.2.1 → b.test",
            "    endpoints[0].labels.v: a → b",
            "    endpoints[0].locality: r/z",
            "    endpoints[0].ports.http: 8080 → 8081",
            "    endpoints[0].serviceAccount: u",
            "    endpoints[0].weight: 5",
            "    location: MESH_INTERNAL → MESH_EXTERNAL",
            "    resolution: STATIC → DNS",
            "    subjectAltNames: [a.test]",
        ]
    );
    let selecting = |app: &str| {
        entry(&format!(
            "location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {{labels: {{app: {app}}}}}"
        ))
    };
    assert_eq!(
        objects(&told(&[&selecting("cart")], &[&selecting("front")]))[1..2],
        ["    workloadSelector.labels.app: cart → front"]
    );
    // Nothing of the snapshot's types is left.
    for shown in [told(&[&listed], &[&selecting("cart")]), told(&[&selecting("cart")], &[&named])] {
        assert!(!shown.contains("discovery") && !shown.contains("external:"), "{shown}");
    }
}

/// Every field of a traffic policy is called as its author calls it, for the host, a port and a subset.
#[test]
fn what_a_rule_says_otherwise_is_told_in_its_words() {
    let policy = "connectionPool: {tcp: {maxConnections: 3, connectTimeout: 1s, maxConnectionDuration: 2s, idleTimeout: 3s, tcpKeepalive: {probes: 3}}, http: {http1MaxPendingRequests: 4, http2MaxRequests: 5, maxRequestsPerConnection: 6, maxRetries: 7, idleTimeout: 8s, maxConcurrentStreams: 9, h2UpgradePolicy: UPGRADE}}, outlierDetection: {consecutive5xxErrors: 3, consecutiveGatewayErrors: 2, consecutiveLocalOriginFailures: 4, splitExternalLocalOriginErrors: true, interval: 1s, baseEjectionTime: 3s, maxEjectionPercent: 20, minHealthPercent: 30}, loadBalancer: {simple: ROUND_ROBIN}";
    let names = [
        "connectionPool.http.h2UpgradePolicy: UPGRADE",
        "connectionPool.http.http1MaxPendingRequests: 4",
        "connectionPool.http.http2MaxRequests: 5",
        "connectionPool.http.idleTimeout: 8s",
        "connectionPool.http.maxConcurrentStreams: 9",
        "connectionPool.http.maxRequestsPerConnection: 6",
        "connectionPool.http.maxRetries: 7",
        "connectionPool.tcp.connectTimeout: 1s",
        "connectionPool.tcp.idleTimeout: 3s",
        "connectionPool.tcp.maxConnectionDuration: 2s",
        "connectionPool.tcp.maxConnections: 3",
        "connectionPool.tcp.tcpKeepalive.probes: 3",
        "loadBalancer.simple: ROUND_ROBIN",
        "outlierDetection.baseEjectionTime: 3s",
        "outlierDetection.consecutive5xxErrors: 3",
        "outlierDetection.consecutiveGatewayErrors: 2",
        "outlierDetection.consecutiveLocalOriginFailures: 4",
        "outlierDetection.interval: 1s",
        "outlierDetection.maxEjectionPercent: 20 %",
        "outlierDetection.minHealthPercent: 30 %",
        "outlierDetection.splitExternalLocalOriginErrors: true",
    ];
    let rule = |spec: &str| resource("DestinationRule", "x", &format!("{{host: cart, {spec}}}"));
    let plain = "subsets: [{name: a, labels: {v: a}}]";
    let lines = |indent: &str, prefix: &str| -> Vec<String> {
        names.iter().map(|name| format!("{indent}{prefix}{name}")).collect()
    };
    for (spec, told_as) in [
        (
            format!("trafficPolicy: {{{policy}}}, subsets: [{{name: a, labels: {{v: a}}}}]"),
            lines("    ", ""),
        ),
        (
            format!(
                "trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, {policy}}}]}}, subsets: [{{name: a, labels: {{v: a}}}}]"
            ),
            lines("    ", "portLevelSettings.80."),
        ),
        (
            format!("subsets: [{{name: a, labels: {{v: a}}, trafficPolicy: {{{policy}}}}}]"),
            lines("        ", ""),
        ),
    ] {
        let shown = told(&[&rule(plain)], &[&rule(&spec)]);
        for line in &told_as {
            assert!(objects(&shown).contains(&line.as_str()), "{line}: {shown}");
        }
    }
    for (hash, line) in [
        ("httpHeaderName: x", "httpHeaderName: x"),
        ("httpQueryParameterName: x", "httpQueryParameterName: x"),
        ("useSourceIp: true", "useSourceIp: true"),
        ("httpCookie: {name: x, ttl: 1s}", "httpCookie.ttl: 1s"),
        ("httpHeaderName: x, ringHash: {minimumRingSize: 5}", "ringHash.minimumRingSize: 5"),
        ("httpHeaderName: x, maglev: {tableSize: 65537}", "maglev.tableSize: 65537"),
    ] {
        let spec = format!("trafficPolicy: {{loadBalancer: {{consistentHash: {{{hash}}}}}}}");
        let shown = told(&[&rule(plain)], &[&rule(&spec)]);
        let line = format!("    loadBalancer.consistentHash.{line}");
        assert!(objects(&shown).contains(&line.as_str()), "{line}: {shown}");
    }
}

/// A `ServiceEntry` becomes an object for each of its hosts.
#[test]
fn a_service_entry_for_other_hosts_is_one_changed_resource() {
    let entry = |hosts: &str, port: u16| {
        let spec = format!(
            "{{hosts: [{hosts}], ports: [{{number: {port}, name: http, protocol: HTTP}}], resolution: DNS}}"
        );
        resource("ServiceEntry", "x", &spec)
    };
    let before = entry("a.example.com, c.example.com", 80);
    for (hosts, now) in [
        ("b.example.com, c.example.com", "b.example.com, c.example.com"),
        ("c.example.com", "c.example.com"),
        (
            "c.example.com, a.example.com, b.example.com",
            "a.example.com, b.example.com, c.example.com",
        ),
    ] {
        let shown = told(&[&before], &[&entry(hosts, 80)]);
        let edit = format!("    hosts: a.example.com, c.example.com → {now}");
        assert_eq!(objects(&shown), ["~ ServiceEntry shop/x", &edit]);
        assert!(shown.contains("\n0 added, 0 removed, 1 changed\n"), "{shown}");
        assert_eq!(effects(&shown), ["    shop/cart, shop/front: ServiceEntry shop/x"]);
    }
    // What it says of all of them is said once.
    let shown = told(&[&before], &[&entry("a.example.com, c.example.com", 81)]);
    assert_eq!(
        objects(&shown).iter().filter(|line| line.contains("ports[http].number: 80 → 81")).count(),
        1
    );
    assert!(shown.contains("\n0 added, 0 removed, 1 changed\n"), "{shown}");
    let (old, new) = (BASE.to_owned() + &before, BASE.to_owned() + &entry("b.example.com", 80));
    let comment = between(&old, &new, &["--format", "markdown"]);
    assert!(
        comment.contains("\n  - `hosts`: `a.example.com, c.example.com` → `b.example.com`\n"),
        "{comment}"
    );
    let data: Value = serde_json::from_str(&between(&old, &new, &["--format", "json"])).unwrap();
    let entries: Vec<_> = data["objects"].as_array().unwrap().iter().collect();
    let entries: Vec<_> =
        entries.into_iter().filter(|it| it["resource"] == "ServiceEntry shop/x").collect();
    assert_eq!((entries.len(), &entries[0]["change"]), (1, &"changed".into()));
    // What workloads have is told by the name under which it stands there.
    let name = data["effects"][0]["objects"][0]["name"].clone();
    assert_eq!(name, entries[0]["name"]);
}

/// Nobody touched the rule's policy.
#[test]
fn a_rule_for_another_host_is_a_changed_one() {
    let rule = |host: &str| {
        let pool = "{connectionPool: {tcp: {maxConnections: 5}}}";
        resource("DestinationRule", "x", &format!("{{host: {host}, trafficPolicy: {pool}}}"))
    };
    let shown = told(&[&rule("cart")], &[&rule("front")]);
    let (cart, front) = ("cart.shop.svc.cluster.local", "front.shop.svc.cluster.local");
    let edit = format!("    host: {cart} → {front}");
    assert_eq!(objects(&shown), ["~ DestinationRule shop/x", &edit]);
    assert!(shown.contains("\n0 added, 0 removed, 1 changed\n"), "{shown}");
    assert_eq!(effects(&shown)[0], "    shop/cart, shop/front: DestinationRule shop/x");
    // A host in full is the same one.
    assert!(told(&[&rule("cart")], &[&rule(cart)]).starts_with("nothing differs"));
    // One that nobody knows, too.
    let shown = told(&[&rule("a.example.com")], &[&rule("b.example.com")]);
    let edit = "    host: a.example.com → b.example.com";
    assert_eq!(objects(&shown), ["~ DestinationRule shop/x", edit]);
}

/// The gateway is not the one that says which hosts it has routes for.
#[test]
fn routes_for_other_hosts_are_told_by_their_author() {
    let routes = |hosts: &str| {
        let spec = "gateways: [public], http: [{route: [{destination: {host: cart}}]}]";
        resource("VirtualService", "v", &format!("{{hosts: [{hosts}], {spec}}}"))
    };
    let attached = |hosts: &str| {
        let rules = "[{backendRefs: [{name: cart, port: 80}]}]";
        let spec = format!("{{parentRefs: [{{name: api}}], hostnames: [{hosts}], rules: {rules}}}");
        resource("HTTPRoute", "h", &spec)
    };
    let api = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: api, namespace: shop}\nspec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";
    let side = |hosts: &str| [GATEWAY, api, &routes(hosts), &attached(hosts)].concat();
    let (before, after) = (side("a.example.com"), side("b.example.com, a.example.com"));
    let edit = "a.example.com → a.example.com, b.example.com";
    let shown = told(&[&before], &[&after]);
    assert_eq!(
        objects(&shown),
        [
            "~ HTTPRoute shop/h",
            &format!("    hostnames: {edit}"),
            "~ VirtualService shop/v",
            &format!("    hosts: {edit}"),
        ]
    );
    assert!(shown.contains("\n0 added, 0 removed, 2 changed\n"), "{shown}");
    assert!(effects(&shown).contains(&"    shop/gw: VirtualService shop/v"), "{shown}");
    // A gateway that says something else itself is told, and routes as their author calls them.
    let closed = after.replace("number: 81,", "number: 82,");
    let shown = told(&[&before], &[&closed]);
    assert!(shown.contains("~ Gateway shop/public"), "{shown}");
    assert!(shown.contains("virtualHosts[b.example.com].routes: VirtualService shop/v"), "{shown}");
    assert!(!shown.contains("RouteTable"), "{shown}");
}

/// A new resource may be as large as it likes; what is said of it is not.
#[test]
fn of_large_new_resources_it_is_told_that_there_is_more() {
    let route = |at: usize| {
        format!(
            "{{match: [{{uri: {{prefix: /{at}{}}}}}], route: [{{destination: {{host: front}}}}]}}",
            "x".repeat(400)
        )
    };
    let routes: Vec<_> = (0..30).map(route).collect();
    let large = resource(
        "VirtualService",
        "x",
        &format!("{{hosts: [cart], http: [{}]}}", routes.join(", ")),
    );
    let after = BASE.to_owned() + &large;
    let shown = between(BASE, &after, &["--format", "markdown"]);
    assert_eq!(shown.matches("added `http[").count(), 20, "{shown}");
    assert!(shown.contains("\n  - … and 10 more\n"), "{shown}");
    assert!(shown.contains("xx…`") && !shown.contains(&"x".repeat(301)), "{shown}");
    assert!(told(&[], &[&large]).contains("\n    … and 10 more\n"));
    let data: Value = serde_json::from_str(&between(BASE, &after, &["--format", "json"])).unwrap();
    assert_eq!(data["objects"][0]["items"].as_array().unwrap().len(), 30);
}
