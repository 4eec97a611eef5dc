use super::{REVIEWS, deployment, names, peer, places, policy, route, run, said};
use crate::diagnostic::{Finding, Severity};

#[test]
fn identities_and_tokens_have_somebody_who_proves_them() {
    let pods = deployment("{app: reviews}");
    let rules = "{rules: [{from: [{source: {namespaces: [shop]}}]}]}";
    let plain = peer("shop", "{mtls: {mode: DISABLE}}");
    assert_eq!(names(&[&pods, &policy("shop", rules), &plain]), ["policy-never-matches"]);
    assert!(names(&[&pods, &policy("shop", rules)]).is_empty());
    let token = policy("shop", "{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}");
    assert_eq!(names(&[&pods, &token]), ["policy-never-matches"]);
    let tokens = "apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: a, namespace: shop}
spec: {jwtRules: [{issuer: a, jwksUri: 'https://example.com/keys'}]}
";
    assert!(!names(&[&pods, &token, tokens]).contains(&"policy-never-matches"));
    let unread = tokens.replace("issuer: a", "issuer: '${ISSUER}'");
    assert!(!names(&[&pods, &token, &unread]).contains(&"policy-never-matches"));
}

/// A Gateway that is listed, or waits for a placeholder, may have any host.
#[test]
fn what_is_known_of_gateways_may_not_be_all() {
    let pods =
        deployment("{app: edge}").replace("name: a, image: a", "name: istio-proxy, image: auto");
    let gateway = |name: &str, host: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{selector: {{app: edge}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [{host}]}}]}}\n"
        )
    };
    let policy = policy("shop", "{action: DENY, rules: [{to: [{operation: {hosts: [b.test]}}]}]}");
    let is_told = |other: &str, project: &str| {
        let text =
            [&*pods, &gateway("a", "a.test"), &gateway("other", other), &policy].join("---\n");
        let files = [("mesh.yaml", project), ("a.yaml", &text)];
        run(&files).iter().any(|it| it.check.name == "policy-never-matches")
    };
    assert!(is_told("c.test", ""));
    assert!(!is_told("'${HOST}'", ""));
    assert!(!is_told("c.test", "inventory: {gateways: [shop/more]}\n"));
}

/// What one check finds in these resources.
fn found_by(check: &str, texts: &[&str]) -> Vec<Finding> {
    let text = texts.join("---\n");
    run(&[("a.yaml", &text)]).into_iter().filter(|it| it.check.name == check).collect()
}

/// What is said of a policy that is never met, beside other resources.
fn never_met(beside: &[&str], spec: &str) -> Vec<String> {
    let policy = policy("shop", spec);
    let texts: Vec<_> = beside.iter().copied().chain([&*policy]).collect();
    let found = found_by("policy-never-matches", &texts).into_iter();
    found.map(|it| it.message).collect()
}

#[test]
fn the_mesh_gives_its_own_identities_and_takes_no_other() {
    let pods = deployment("{app: reviews}");
    let asks = |field: &str, value: &str| {
        format!("{{action: DENY, rules: [{{from: [{{source: {{{field}: ['{value}']}}}}]}}]}}")
    };
    for (field, value, reason) in [
        ("principals", "partner.org/ns/a/sa/b", "trust domain"),
        ("principals", "partner.org/*", "trust domain"),
        ("principals", "partner*", "trust domain"),
        ("principals", "shop/cli", "TRUST-DOMAIN/ns"),
        ("principals", "system:serviceaccount:shop:cli", "TRUST-DOMAIN/ns"),
        ("notPrincipals", "cluster.local/ns/shop/serviceaccount/cli", "TRUST-DOMAIN/ns"),
        ("trustDomains", "partner.org", "trust domain"),
    ] {
        let found = never_met(&[&pods], &asks(field, value));
        assert!(found.len() == 1 && found[0].contains(reason), "{value}: {found:?}");
    }
    for value in ["cluster.local/ns/shop/sa/cli", "*/sa/cli", "cluster.local/*", "*", "cluster*"] {
        assert!(never_met(&[&pods], &asks("principals", value)).is_empty(), "{value}");
    }
    let short = policy("shop", &asks("principals", "shop/cli"));
    let found = found_by("policy-never-matches", &[&pods, &short]);
    assert_eq!(found[0].primary.text, "did you mean `cluster.local/ns/shop/sa/cli`?");
}

/// And takes handshakes for those of its servers for TLS, whoever ends it.
#[test]
fn a_gateway_has_the_server_names_of_its_servers() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: g, namespace: shop, labels: {app: edge}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n";
    let told = |mode: &str, name: &str| {
        let server = format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{selector: {{app: edge}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}{mode}]}}\n"
        );
        let spec = format!(
            "{{action: DENY, selector: {{matchLabels: {{app: edge}}}}, rules: [{{when: [{{key: connection.sni, values: ['{name}']}}]}}]}}"
        );
        never_met(&[pod, &server], &spec).len()
    };
    for mode in ["SIMPLE, credentialName: c", "PASSTHROUGH", "AUTO_PASSTHROUGH"] {
        let server = format!(
            ", {{port: {{number: 443, name: tls, protocol: TLS}}, hosts: ['*.example.com'], tls: {{mode: {mode}}}}}"
        );
        assert_eq!(told(&server, "a.example.org"), 1, "{mode}");
        for name in ["a.example.com", "*.example.com", "*", "a.*"] {
            assert_eq!(told(&server, name), 0, "{mode}: {name}");
        }
    }
    // It takes none, or any.
    assert_eq!(told("", "a.example.org"), 0);
}

#[test]
fn clients_of_others_come_by_gateways_that_ask_for_their_certificates() {
    let gateway = "apiVersion: v1
kind: Pod
metadata: {name: edge, namespace: shop, labels: {app: edge}, annotations: {inject.istio.io/templates: gateway}}
spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  selector: {app: edge}
  servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com], tls: {mode: MUTUAL, credentialName: c}}]
";
    let spec = |app: &str, principal: &str| {
        format!(
            "{{selector: {{matchLabels: {{app: {app}}}}}, rules: [{{from: [{{source: {{principals: ['{principal}']}}}}]}}]}}"
        )
    };
    let pods = deployment("{app: reviews}");
    let simple = gateway.replace("MUTUAL", "SIMPLE");
    for principal in ["partner.org/ns/a/sa/b", "partner.org/client", "partner.org/*"] {
        assert!(never_met(&[gateway], &spec("edge", principal)).is_empty(), "{principal}");
        assert_eq!(never_met(&[&simple], &spec("edge", principal)).len(), 1, "{principal}");
        let elsewhere = never_met(&[gateway, &pods], &spec("reviews", principal));
        assert_eq!(elsewhere.len(), 1, "{principal}");
    }
    assert_eq!(never_met(&[gateway], &spec("edge", "partner.org/ns/a")).len(), 1);
    // Nor may the name of a trust domain be longer where nobody of another comes.
    for (app, severity) in [("edge", Severity::Warning), ("reviews", Severity::Info)] {
        let cut = policy("shop", &spec(app, "cluster.local*"));
        let found = found_by("open-principal", &[gateway, &pods, &cut]);
        assert_eq!(found.iter().map(|it| it.severity).collect::<Vec<_>>(), [severity], "{app}");
    }
    let sidecar = "apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: a, namespace: shop}
spec: {ingress: [{port: {number: 9080, name: https, protocol: HTTPS}, tls: {mode: MUTUAL, credentialName: c}}]}
";
    let by_sidecar = never_met(&[sidecar, &pods], &spec("reviews", "partner.org/ns/a/sa/b"));
    assert!(by_sidecar.is_empty());
}

#[test]
fn a_token_is_of_an_issuer_whose_tokens_are_taken() {
    let pods = deployment("{app: reviews}");
    let tokens = |namespace: &str, issuer: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: {namespace}, namespace: {namespace}}}\nspec: {{jwtRules: [{{issuer: '{issuer}', jwksUri: 'https://example.com/keys'}}]}}\n"
        )
    };
    let own = tokens("shop", "https://me");
    let asks = |value: &str| {
        format!("{{rules: [{{from: [{{source: {{requestPrincipals: ['{value}']}}}}]}}]}}")
    };
    let claims = |key: &str, value: &str| {
        format!("{{rules: [{{when: [{{key: 'request.auth.{key}', values: ['{value}']}}]}}]}}")
    };
    for spec in [
        asks("https://you/x"),
        asks("https://you/*"),
        asks("https://me"),
        claims("claims[iss]", "https://you"),
        claims("principal", "https://you/x"),
    ] {
        assert_eq!(never_met(&[&pods, &own], &spec).len(), 1, "{spec}");
        let both = [&*pods, &own, &tokens("istio-system", "https://you")];
        assert_eq!(never_met(&both, &spec).len(), usize::from(spec.contains("me")), "{spec}");
    }
    for spec in [
        asks("https://me/x"),
        asks("https://me/*"),
        asks("https*"),
        asks("*/x"),
        asks("*"),
        claims("claims[iss]", "https://*"),
        claims("claims[sub]", "x"),
    ] {
        assert!(never_met(&[&pods, &own], &spec).is_empty(), "{spec}");
    }
}

#[test]
fn ports_kept_from_the_proxy_are_kept_from_policies() {
    let pods = deployment("{app: reviews}").replace(
        "metadata: {labels: {app: reviews}}",
        "metadata: {labels: {app: reviews}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '9080, 9090'}}",
    );
    let told = |texts: &[&str]| {
        let found = found_by("uncaptured-port", texts).into_iter();
        found.map(|it| it.message).collect::<Vec<_>>()
    };
    let service = REVIEWS;
    let all = policy("shop", "{action: DENY, rules: [{}]}");
    let said = ["port 9080 does not go through the proxy"];
    assert_eq!(told(&[&pods, service, &all]), said);
    assert_eq!(told(&[&pods, service, &peer("shop", "{mtls: {mode: STRICT}}")]), said);
    assert!(told(&[&pods, service, &peer("shop", "{mtls: {mode: PERMISSIVE}}")]).is_empty());
    assert!(told(&[&pods, service]).is_empty());
    assert!(told(&[&pods, &all]).is_empty(), "no Service leads there");
    let named = "{action: DENY, rules: [{to: [{operation: {ports: ['9080', '80', '9090']}}]}]}";
    assert_eq!(told(&[&pods, service, &policy("shop", named)]).len(), 2);
    // A gateway's proxy opens its ports itself, and where there is no proxy another rule speaks.
    for (own, other) in [
        ("annotations: {", "annotations: {inject.istio.io/templates: gateway, "),
        ("labels: {app: reviews}, ", "labels: {app: reviews, sidecar.istio.io/inject: 'false'}, "),
    ] {
        assert!(told(&[&pods.replace(own, other), service, &all]).is_empty(), "{other}");
    }
}

#[test]
fn a_rule_that_denies_is_not_split_by_chance() {
    let both = policy(
        "shop",
        "{rules: [{from: [{source: {namespaces: [a]}}], to: [{operation: {methods: [GET]}}]}, {to: [{operation: {methods: [PUT]}}]}]}",
    );
    assert!(names(&[&both]).is_empty());
}

#[test]
fn one_peer_authentication_holds_on_each_level() {
    let named = |name: &str, text: &str| text.replace("name: p", &format!("name: {name}"));
    let strict = "{mtls: {mode: STRICT}}";
    let mesh = peer("istio-system", strict);
    let namespace = peer("shop", "{mtls: {mode: PERMISSIVE}}");
    assert_eq!(names(&[&mesh, &namespace, &peer("other", strict)]), [""; 0]);
    let second = named("q", &mesh);
    let files = [("a.yaml", &*second), ("b.yaml", &*mesh)];
    assert_eq!(places(&files), [("conflicting-peer-authentications", vec![0, 1])]);
    assert_eq!(names(&[&namespace, &named("q", &namespace)]), ["conflicting-peer-authentications"]);
    let pods = deployment("{app: reviews, tier: web}");
    let app = peer("shop", "{selector: {matchLabels: {app: reviews}}, mtls: {mode: STRICT}}");
    let tier = "{selector: {matchLabels: {tier: web}}, mtls: {mode: PERMISSIVE}}";
    let tier = named("q", &peer("shop", tier));
    assert_eq!(names(&[&pods, &app, &tier]), ["conflicting-peer-authentications"]);
    // They say the same, or nothing known is selected by both.
    assert_eq!(names(&[&pods, &app, &tier.replace("PERMISSIVE", "STRICT")]), [""; 0]);
    assert_eq!(names(&[&app, &tier]), [""; 0]);
}

#[test]
fn ports_of_a_policy_are_judged_where_all_are_declared() {
    let pods = deployment("{app: reviews}");
    let open = pods.replace("image: a}", "image: a, ports: [{containerPort: 9080}]}");
    let port = |port: &str| {
        let rules =
            format!("{{action: DENY, rules: [{{to: [{{operation: {{ports: ['{port}']}}}}]}}]}}");
        policy("shop", &rules)
    };
    assert_eq!(names(&[&open, &port("9999")]), ["unknown-policy-port"]);
    assert_eq!(names(&[&open, &port("9080")]), [""; 0]);
    assert_eq!(names(&[&pods, &port("9999")]), [""; 0]);
    let beside = open.replace("containers: [", "containers: [{name: b, image: b}, ");
    assert_eq!(names(&[&beside, &port("9999")]), [""; 0]);
    // That is the Service's port, and one finding says so.
    assert_eq!(names(&[REVIEWS, &open, &port("80")]), ["service-port-in-policy"]);
    let gateway = open.replace(
        "metadata: {labels: {app: reviews}}",
        "metadata: {labels: {app: reviews}, annotations: {inject.istio.io/templates: gateway}}",
    );
    assert!(!names(&[&gateway, &port("9999")]).contains(&"unknown-policy-port"));
    let when = "{action: DENY, rules: [{when: [{key: destination.port, notValues: ['9999']}]}]}";
    assert!(names(&[&open, &policy("shop", when)]).contains(&"unknown-policy-port"));
}

#[test]
fn rules_for_tokens_name_headers_that_can_carry_them() {
    let tokens = |name: &str, rule: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{jwtRules: [{{issuer: a, {rule}}}]}}\n"
        )
    };
    for (rule, is_right) in [
        ("outputPayloadToHeader: x-jwt", true),
        ("outputPayloadToHeader: 'x jwt'", false),
        ("outputPayloadToHeader: Content-Length", false),
        ("fromHeaders: [{name: x-token}]", true),
        ("fromHeaders: [{name: 'x:token'}]", false),
    ] {
        let found = names(&[&tokens("a", rule)]).contains(&"invalid-jwt-rule");
        assert_eq!(found, !is_right, "{rule}");
    }
    let (a, b) = (tokens("a", "audiences: [x]"), tokens("b", "audiences: [y]"));
    let repeats = |files: &[&str]| names(files).contains(&"repeated-issuer");
    assert!(repeats(&[&a, &b]));
    assert!(!repeats(&[&a, &b.replace("issuer: a", "issuer: b")]));
    assert!(!repeats(&[&a, &b.replace("namespace: shop", "namespace: edge")]));
    let selects = |text: &str, app: &str| {
        text.replace("spec: {", &format!("spec: {{selector: {{matchLabels: {{app: {app}}}}}, "))
    };
    assert!(!repeats(&[&selects(&a, "reviews"), &selects(&b, "ratings")]));
    assert!(repeats(&[&a, &selects(&b, "ratings")]));
}

/// What is wrong with a text is said once, and not also of what it leads to.
#[test]
fn one_cause_is_one_finding() {
    for (spec, expected) in [
        (
            "{hosts: [reviews], http: [{route: [{destination: {host: 'rev iews'}}]}]}",
            "invalid-host",
        ),
        (
            "{hosts: [reviews], http: [{fault: {delay: 5s}, route: [{destination: {host: reviews}}]}]}",
            "wrong-type",
        ),
        (
            "{hosts: [reviews], http: [{fault: {dealy: {fixedDelay: 5s}}, route: [{destination: {host: reviews}}]}]}",
            "unknown-field",
        ),
    ] {
        let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &route("a", spec))]);
        let names: Vec<_> = found.iter().map(|it| it.check.name).collect();
        assert_eq!(names, [expected], "{spec}");
    }
    let text = policy("shop", "{rules: [{from: [{principals: [a]}]}]}");
    assert_eq!(names(&[&text]), ["unknown-field"]);
    let entry = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: shop}\nspec: {hosts: [a.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: dns, endpoints: [{address: b.example.com}]}\n";
    assert_eq!(names(&[entry]), ["unknown-value"]);
}

#[test]
fn conditions_name_what_there_is() {
    const CHECKS: [&str; 3] =
        ["unknown-source-namespace", "service-port-in-policy", "unknown-service-account"];
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n";
    let web = deployment("{app: reviews}");
    let said = |rule: &str| {
        let policy = policy("shop", &format!("{{action: DENY, rules: [{rule}]}}"));
        let text = [namespace, account, REVIEWS, &web, &policy].join("---\n");
        let found = run(&[("a.yaml", &text)]);
        let found = found.into_iter().filter(|it| CHECKS.contains(&it.check.name));
        found.map(|it| (it.check.name, it.consequence.unwrap_or_default())).collect::<Vec<_>>()
    };
    // What is told of a part of a rule is told of the condition that asks for the same.
    for (key, value, good, check, part) in [
        ("source.namespace", "nosuch", "shop", CHECKS[0], "from: [{source: {FIELD: [VALUE]}}]"),
        ("destination.port", "80", "9080", CHECKS[1], "to: [{operation: {FIELD: [VALUE]}}]"),
        (
            "source.serviceAccount",
            "shop/nosuch",
            "shop/web",
            CHECKS[2],
            "from: [{source: {FIELD: [VALUE]}}]",
        ),
        ("source.serviceAccount", "nosuch", "web", CHECKS[2], "from: [{source: {FIELD: [VALUE]}}]"),
    ] {
        let (values, not_values) = match key {
            "source.namespace" => ("namespaces", "notNamespaces"),
            "destination.port" => ("ports", "notPorts"),
            _ => ("serviceAccounts", "notServiceAccounts"),
        };
        for (list, field) in [("values", values), ("notValues", not_values)] {
            let when =
                |value: &str| said(&format!("{{when: [{{key: {key}, {list}: ['{value}']}}]}}"));
            let part = part.replace("FIELD", field).replace("VALUE", &format!("'{value}'"));
            let found = when(value);
            assert_eq!(found, said(&format!("{{{part}}}")), "{key}, {list}");
            assert_eq!(found.iter().map(|it| it.0).collect::<Vec<_>>(), [check], "{key}, {list}");
            assert!(when(good).is_empty(), "{key}: {good}");
        }
    }
    // The same values of other attributes.
    for key in ["source.trustDomain", "request.headers[x]", "request.auth.claims[source.namespace]"]
    {
        for value in ["nosuch", "80"] {
            assert!(said(&format!("{{when: [{{key: '{key}', values: ['{value}']}}]}}")).is_empty());
        }
    }
}

#[test]
fn the_servers_of_a_gateway_say_what_its_ports_speak() {
    const PODS: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: edge, namespace: shop}\nspec: {selector: {app: edge}, ports: [{name: https, port: 443, targetPort: 8443}]}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: edge, namespace: shop}\nspec:\n  selector: {matchLabels: {app: edge}}\n  template: {metadata: {labels: {app: edge}}, spec: {containers: [{name: istio-proxy, image: auto}]}}\n";
    let allow = policy(
        "shop",
        "{selector: {matchLabels: {app: edge}}, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
    );
    let said = |mode: &str| {
        let gateway = format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: edge, namespace: shop}}\nspec: {{selector: {{app: edge}}, servers: [{{port: {{number: 443, name: https, protocol: HTTPS}}, tls: {mode}, hosts: [a.test]}}]}}\n"
        );
        names(&[PODS, &gateway, &allow]).contains(&"http-rule-on-tcp-port")
    };
    assert!(!said("{mode: SIMPLE, credentialName: a}"));
    assert!(said("{mode: PASSTHROUGH}"));
}

#[test]
fn what_another_policy_keeps_out_has_no_way_past() {
    let policy = |name: &str, spec: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"
        )
    };
    let told = |check: &str, own: &str, other: &str| {
        let files = [policy("own", own), policy("other", other)];
        names(&[&files[0], &files[1]]).contains(&check)
    };
    let deny = |operation: &str| {
        format!("{{action: DENY, rules: [{{to: [{{operation: {operation}}}]}}]}}")
    };
    let allow = |operation: &str| format!("{{rules: [{{to: [{{operation: {operation}}}]}}]}}");
    let host = deny("{hosts: [admin.example.com]}");
    for (other, is_told) in [
        (deny("{hosts: ['admin.example.com:*']}"), false),
        (deny("{hosts: ['*:80']}"), false),
        (deny("{hosts: [other.example.com]}"), true),
        (deny("{notHosts: [admin.example.com]}"), false),
        (allow("{hosts: [admin.example.com, shop.example.com]}"), false),
        (allow("{hosts: ['*']}"), true),
        (allow("{methods: [GET]}"), true),
        (
            deny("{hosts: ['*:80']}")
                .replace("{action", "{selector: {matchLabels: {app: a}}, action"),
            true,
        ),
    ] {
        assert_eq!(told("host-without-port", &host, &other), is_told, "{other}");
    }
    // A host that is none is one fault, however it is looked at.
    let hosts = deny("{hosts: [\"tab\\tx.example\", 'http://*']}");
    assert!(told("policy-never-matches", &hosts, &deny("{hosts: [a.example.com]}")));
    let told_alone = |own: &str| names(&[&policy("own", own)]);
    assert!(!told_alone(&hosts).contains(&"host-without-port"), "{:?}", told_alone(&hosts));
    let path = deny("{paths: [/admin]}");
    for (other, is_told) in [
        (allow("{paths: [/admin, /shop]}"), false),
        (allow("{paths: ['*']}"), true),
        (deny("{paths: ['*admin']}"), false),
        (deny("{paths: ['/shop']}"), true),
    ] {
        assert_eq!(told("unnormalized-path", &path, &other), is_told, "{other}");
    }
}

#[test]
fn the_mesh_has_a_trust_domain_and_a_word_for_it() {
    let mesh = "trustDomain: prod.acme\ntrustDomainAliases: [old.acme]\n";
    let config = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio, namespace: istio-system}}\ndata:\n  mesh: |\n    {}\n",
        mesh.trim_end().replace('\n', "\n    ")
    );
    for (field, value, is_never) in [
        ("principals", "cluster.local/ns/shop/sa/a", false),
        ("principals", "old.acme/ns/shop/sa/a", false),
        ("principals", "prod.acme/ns/shop/*", false),
        // Only what is written out is put in its place.
        ("principals", "cluster.local/ns/shop/*", true),
        // The end of the trust domain of some, and of none.
        ("principals", "*acme/ns/shop/sa/a", false),
        ("principals", "prod*/ns/shop/sa/a", false),
        ("principals", "*local/ns/shop/sa/a", true),
        ("principals", "dev*/ns/shop/sa/a", true),
        ("trustDomains", "prod.acme", false),
        ("trustDomains", "old.acme", false),
        ("trustDomains", "cluster.local", true),
    ] {
        let rules =
            format!("{{action: DENY, rules: [{{from: [{{source: {{{field}: ['{value}']}}}}]}}]}}");
        let said = never_met(&[&config], &rules);
        assert_eq!(!said.is_empty(), is_never, "{field} {value} {said:?}");
    }
}

/// What is written out is meant of each trust domain, and what ends with a star of its own alone.
#[test]
fn identities_are_compared_as_those_that_they_stand_for() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: '{trustDomain: prod.acme, trustDomainAliases: [old.acme]}'\n";
    let source = |source: &str| format!("{{from: [{{source: {{{source}}}}}]}}");
    let moot = |one: &str, other: &str| {
        let rules = format!("{{rules: [{}, {}]}}", source(one), source(other));
        said(&[config, &policy("shop", &rules)], "moot-allow").len()
    };
    let (old, new) =
        ("principals: [old.acme/ns/shop/sa/a]", "principals: [prod.acme/ns/shop/sa/a]");
    assert_eq!(moot(old, "principals: ['old.acme/ns/shop/*']"), 0);
    assert_eq!(moot(old, new), 1);
    assert_eq!(moot(old, "principals: [cluster.local/ns/shop/sa/a]"), 1);
    assert_eq!(moot("trustDomains: [old.acme]", "trustDomains: ['old*']"), 0);
    assert_eq!(moot("trustDomains: [old.acme]", "trustDomains: [prod.acme]"), 1);
    let never = |values: &str| {
        let rules = format!("{{action: DENY, rules: [{}]}}", source(values));
        never_met(&[config], &rules).len()
    };
    assert_eq!(never(&format!("{old}, notPrincipals: ['old.acme/ns/shop/*']")), 0);
    assert_eq!(never(&format!("{new}, notPrincipals: [old.acme/ns/shop/sa/a]")), 1);
    assert_eq!(never(&format!("{old}, notPrincipals: ['*/ns/shop/sa/a']")), 1);
}

/// A name without a namespace is of the policy's own.
#[test]
fn accounts_of_two_namespaces_are_not_alike() {
    let of = |namespace: &str, account: &str| {
        let rules = format!(
            "{{rules: [{{from: [{{source: {{notServiceAccounts: [{account}]}}}}], to: [{{operation: {{paths: [/a]}}}}]}}]}}"
        );
        policy(namespace, &rules)
    };
    let moot = |one: &str, other: &str| said(&[one, other], "moot-allow").len();
    let root = of("istio-system", "ops");
    assert_eq!(moot(&root, &of("shop", "ops")), 0);
    assert_eq!(moot(&root, &of("shop", "istio-system/ops")), 1);
}

/// Whom a value of a policy stands for, all rules see alike.
#[test]
fn a_gateway_is_known_by_each_word_for_the_trust_domain() {
    let mesh = "apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: 'trustDomain: prod.acme'}
---
apiVersion: v1
kind: Pod
metadata: {name: edge, namespace: edge, labels: {app: edge}}
spec: {serviceAccountName: edge, containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: edge, namespace: edge}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: edge}
spec: {selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
";
    let pods = deployment("{app: reviews}");
    let to = route(
        "a",
        "{hosts: [a.test], gateways: [edge/edge], http: [{route: [{destination: {host: reviews}}]}]}",
    );
    for (principal, is_listed) in [
        ("prod.acme/ns/edge/sa/edge", true),
        ("cluster.local/ns/edge/sa/edge", true),
        ("*acme/ns/edge/sa/edge", true),
        ("*local/ns/edge/sa/edge", false),
        ("cluster.local/ns/edge/*", false),
    ] {
        let spec = format!("{{rules: [{{from: [{{source: {{principals: ['{principal}']}}}}]}}]}}");
        let policy = policy("shop", &spec);
        let found = found_by("unlisted-gateway", &[mesh, REVIEWS, &pods, &to, &policy]);
        assert_eq!(found.is_empty(), is_listed, "{principal}");
    }
}

#[test]
fn a_gateway_that_asks_for_no_certificate_knows_nobody() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: edge, namespace: shop, labels: {app: edge}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n";
    let gateway = |server: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{selector: {{app: edge}}, servers: [{server}]}}\n"
        )
    };
    let plain = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}";
    let mutual = "{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: ISTIO_MUTUAL}}";
    let deny = "{action: DENY, selector: {matchLabels: {app: edge}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}";
    let told = |servers: &str| never_met(&[pod, &gateway(servers)], deny).len();
    assert_eq!(told(plain), 1);
    assert_eq!(told(mutual), 0);
    assert_eq!(told(&format!("{plain}, {mutual}")), 0);
    assert_eq!(never_met(&[pod], deny).len(), 0);
    // That nobody of the trust domain comes follows from it.
    let foreign = deny.replace("namespaces: [shop]", "principals: [partner.org/ns/a/sa/b]");
    let met = never_met(&[pod, &gateway(plain)], &foreign);
    assert_eq!(met, ["`principals` asks for an identity, and no connection here has one"]);
    assert_eq!(never_met(&[pod, &gateway(mutual)], &foreign).len(), 1);
}

#[test]
fn a_token_is_asked_for_where_something_takes_tokens() {
    let pods = deployment("{app: reviews}");
    let tokens = |selector: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: a, namespace: shop}}\nspec: {{{selector}jwtRules: [{{issuer: a, jwksUri: 'https://example.com/keys'}}]}}\n"
        )
    };
    let told = |rule: &str, beside: &[&str]| {
        let policy = policy("shop", &format!("{{action: DENY, rules: [{rule}]}}"));
        let texts: Vec<_> = [&*pods, &*policy].into_iter().chain(beside.iter().copied()).collect();
        names(&texts).contains(&"deny-without-authentication")
    };
    let rule = "{from: [{source: {notRequestPrincipals: ['*']}}]}";
    assert!(told(rule, &[]));
    assert!(told("{when: [{key: request.auth.principal, notValues: ['*']}]}", &[]));
    assert!(told("{from: [{source: {notRequestPrincipals: ['a/*']}}]}", &[]));
    assert!(!told("{from: [{source: {requestPrincipals: ['*']}}]}", &[]));
    // What asks for a token besides never holds.
    let (asks, excludes) = ("requestPrincipals: ['*']", "notRequestPrincipals: ['a/*']");
    let groups = "when: [{key: 'request.auth.claims[groups]', notValues: [a]}]";
    assert!(!told(&format!("{{from: [{{source: {{{asks}, {excludes}}}}}]}}"), &[]));
    assert!(!told(&format!("{{from: [{{source: {{{asks}}}}}], {groups}}}"), &[]));
    let two = format!("{{from: [{{source: {{{asks}}}}}, {{source: {{{excludes}}}}}]}}");
    assert!(told(&two, &[]));
    assert!(!told(rule, &[&tokens("")]));
    assert!(told(rule, &[&tokens("selector: {matchLabels: {app: other}}, ")]));
}

#[test]
fn who_has_no_identity_is_kept_out_by_what_excludes_all_who_have() {
    let pods = deployment("{app: reviews}");
    let deny = policy("shop", "{action: DENY, rules: [{from: [{source: {namespaces: [web]}}]}]}");
    let told = |rule: &str| {
        let other = policy("shop", &format!("{{action: DENY, rules: [{rule}]}}"));
        let other = other.replacen("name: ", "name: other-", 1);
        names(&[&pods, &deny, &other]).contains(&"deny-by-identity")
    };
    assert!(told("{to: [{operation: {methods: [GET]}}]}"));
    for rule in [
        "{from: [{source: {notPrincipals: ['*']}}]}",
        "{from: [{source: {notTrustDomains: ['*']}}]}",
        "{when: [{key: source.principal, notValues: ['*']}]}",
    ] {
        assert!(!told(rule), "{rule}");
    }
}

#[test]
fn a_token_is_of_the_issuer_before_its_last_slash() {
    let tokens = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: a, namespace: shop}\nspec: {jwtRules: [{issuer: 'https://idp.example.com', jwksUri: 'https://example.com/keys'}]}\n";
    for (value, is_never) in [
        ("https://idp.example.com/*", false),
        ("https://idp.example.com/joe", false),
        ("https://idp.example.com/a*", false),
        ("https://idp.example.com*", true),
        ("https://idp*", true),
        ("https://idp.example.com/a/b", true),
        ("https*", false),
        ("*/joe", false),
    ] {
        let rules = format!(
            "{{action: DENY, rules: [{{from: [{{source: {{requestPrincipals: ['{value}']}}}}]}}]}}"
        );
        assert_eq!(!never_met(&[tokens], &rules).is_empty(), is_never, "{value}");
    }
}

#[test]
fn a_gateway_that_asks_nobody_who_he_is_is_closed_to_the_mesh_too() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: egress, namespace: shop, labels: {app: egress}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: egress, namespace: shop}\nspec: {selector: {app: egress}, ports: [{name: http, port: 80}]}\n";
    let gateway = |server: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{selector: {{app: egress}}, servers: [{server}]}}\n"
        )
    };
    let plain = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}";
    let mutual = "{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: MUTUAL, credentialName: c}}";
    let allow = policy(
        "shop",
        "{selector: {matchLabels: {app: egress}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}",
    );
    let bound =
        "{hosts: [a.test], gateways: [g], http: [{route: [{destination: {host: reviews}}]}]}";
    let to = route("to", "{hosts: [a.test], http: [{route: [{destination: {host: egress}}]}]}");
    let (pods, out) = (deployment("{app: reviews}"), route("out", bound));
    let told = |server: &str, beside: &[&str]| {
        let gateway = gateway(server);
        let own = [pod, service, REVIEWS, &*pods, &*gateway, &*allow, &*out].into_iter();
        let texts: Vec<_> = own.chain(beside.iter().copied()).collect();
        names(&texts).contains(&"closed-gateway")
    };
    assert!(told(plain, &[]));
    assert!(told(plain, &[&to]));
    for mode in ["MUTUAL, credentialName: c", "ISTIO_MUTUAL"] {
        assert!(!told(&mutual.replace("MUTUAL, credentialName: c", mode), &[&to]), "{mode}");
    }
}

/// In Istio it goes by its servers.
#[test]
fn no_peer_authentication_speaks_of_gateways() {
    let pod = |labels: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: egress, namespace: shop, labels: {{app: egress{labels}}}}}\nspec: {{containers: [{{name: istio-proxy, image: auto}}]}}\n"
        )
    };
    let gateway = |server: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{selector: {{app: egress}}, servers: [{{port: {{number: 80, name: a, protocol: {server}}}]}}\n"
        )
    };
    let deny = policy(
        "shop",
        "{action: DENY, selector: {matchLabels: {app: egress}}, rules: [{from: [{source: {namespaces: [shop]}}]}]}",
    );
    let about = ["policy-never-matches", "peer-authentication-at-gateway"];
    let told = |labels: &str, server: &str, mode: &str, selector: &str| {
        let peers = peer("shop", &format!("{{{selector}mtls: {{mode: {mode}}}}}"));
        let found = names(&[&pod(labels), &gateway(server), &deny, &peers]);
        found.into_iter().filter(|it| about.contains(it)).collect::<Vec<_>>()
    };
    let (plain, mutual) =
        ("HTTP}, hosts: ['*']", "HTTPS}, hosts: ['*'], tls: {mode: ISTIO_MUTUAL}");
    for mode in ["STRICT", "DISABLE"] {
        assert_eq!(told("", plain, mode, ""), ["policy-never-matches"], "{mode}");
        assert_eq!(told("", mutual, mode, ""), [""; 0], "{mode}");
        let own = "selector: {matchLabels: {app: egress}}, ";
        assert_eq!(told("", mutual, mode, own), ["peer-authentication-at-gateway"], "{mode}");
        let label = ", security.istio.io/tlsMode: istio";
        assert_eq!(told(label, mutual, mode, own), [""; 0], "{mode}");
    }
}

/// A gateway reads requests for the hosts of its servers and listeners.
#[test]
fn a_gateway_has_the_hosts_of_its_servers() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: g, namespace: shop, labels: {app: edge}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n";
    let server = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: shop}\nspec: {selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.example.com', 'shop/one.example.org']}]}\n";
    let told = |server: &str, app: &str, host: &str| {
        let hosts = format!("[{{operation: {{hosts: ['{host}']}}}}]");
        let all = policy(
            "shop",
            &format!(
                "{{action: DENY, selector: {{matchLabels: {{app: {app}}}}}, rules: [{{to: {hosts}}}]}}"
            ),
        );
        let found = names(&[pod, server, &deployment("{app: reviews}"), &all]).into_iter();
        let about = ["policy-never-matches", "host-without-port"];
        found.filter(|it| about.contains(it)).collect::<Vec<_>>()
    };
    for host in
        ["b.example.org", "*.example.net", "B.example.org:80", "b.example.org:*", "example.com"]
    {
        assert_eq!(told(server, "edge", host), ["policy-never-matches"], "{host}");
        let dead: Vec<_> = told(server, "reviews", host);
        assert!(!dead.contains(&"policy-never-matches"), "{host} of a workload");
        let none = told("kind: Other", "edge", host);
        assert!(!none.contains(&"policy-never-matches"), "{host} of a gateway without servers");
    }
    for host in [
        "a.example.com:*",
        "*.com:80",
        "ONE.example.org:8080",
        "b.*",
        "*:80",
        "a.b.example.com:443",
        "*",
    ] {
        assert_eq!(told(server, "edge", host), [""; 0], "{host}");
    }
}
