//! What the pages' examples do not show: places in several files, and what is right and must not be reported.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Finding, Severity};
use crate::testing::{Folder, findings};

const REVIEWS: &str = "apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: 9080}]}
";

fn run(files: &[(&str, &str)]) -> Vec<Finding> {
    let folder = Folder::new();
    for (name, text) in files {
        folder.write(name, text);
    }
    findings(folder.path())
}

/// The names of the checks that found something.
fn names(texts: &[&str]) -> Vec<&'static str> {
    let text = texts.join("---\n");
    run(&[("a.yaml", &text)]).iter().map(|finding| finding.check.name).collect()
}

fn route(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"
    )
}

fn rule(spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: reviews, namespace: shop}}\nspec: {spec}\n"
    )
}

fn policy(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

fn peer(namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: p, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

fn deployment(labels: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: reviews, namespace: shop}}\nspec:\n  selector: {{matchLabels: {labels}}}\n  template: {{metadata: {{labels: {labels}}}, spec: {{containers: [{{name: a, image: a}}]}}}}\n"
    )
}

#[test]
fn a_finding_points_into_every_file_that_has_a_part_in_it() {
    let found = run(&[
        ("reviews.yaml", REVIEWS),
        ("rule.yaml", &rule("{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}")),
        (
            "routes.yaml",
            &route(
                "reviews",
                "{hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: v9}}]}]}",
            ),
        ),
    ]);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(found.check.name, "unknown-subset");
    assert_ne!(found.others[0].file, found.primary.file);
    assert_eq!(found.others[0].text, "there is only `v1`");
}

#[test]
fn one_name_that_is_wrong_is_one_finding() {
    let routes = route(
        "reviews",
        "{hosts: [reviews], http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: reveiws, subset: v1}}]}, {route: [{destination: {host: reveiws}}]}]}",
    );
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &routes)]);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.check.name, found.others.len()), ("unknown-host", 1));
    assert_eq!(found.fixes[0].edits[0].text, "reviews");
}

#[test]
fn a_host_is_completed_as_its_author_meant_it() {
    for (written, meant) in [
        ("reviews.shop", "reviews.shop.svc.cluster.local"),
        ("reviews.shop.svc", "reviews.shop.svc.cluster.local"),
        ("reviews.shop.svc.svc.local", "reviews.shop.svc.cluster.local"),
        ("reveiws.shop.svc.cluster.local", "reviews.shop.svc.cluster.local"),
        ("reviews.shpo.svc.cluster.local", "reviews.shop.svc.cluster.local"),
    ] {
        let spec = format!(
            "{{hosts: [a.example.com], http: [{{route: [{{destination: {{host: {written}}}}}]}}]}}"
        );
        let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &route("a", &spec))]);
        assert_eq!(found[0].fixes[0].edits[0].text, meant, "{written}");
    }
}

/// That both end in the cluster's domain makes no two hosts alike.
#[test]
fn a_host_of_another_name_and_namespace_is_not_meant() {
    let spec = "{hosts: [a.example.com], http: [{route: [{destination: {host: pay.other.svc.cluster.local}}]}]}";
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &route("a", spec))]);
    assert!(found[0].fixes.is_empty(), "{found:?}");
}

/// What is wrong stands at the anchor, and others may use it.
#[test]
fn nothing_is_written_over_an_alias() {
    let spec = "{hosts: [&host reveiws], http: [{route: [{destination: {host: *host}}]}]}";
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &route("a", spec))]);
    let unknown = found.iter().find(|it| it.check.name == "unknown-host").unwrap();
    assert!(unknown.fixes.is_empty(), "{found:?}");
}

#[test]
fn what_exists_elsewhere_is_listed() {
    let routes =
        route("a", "{hosts: [a.example.com], http: [{route: [{destination: {host: other}}]}]}");
    let project = "inventory: {hosts: [other.shop.svc.cluster.local]}\n";
    let found = run(&[("mesh.yaml", project), ("a.yaml", REVIEWS), ("b.yaml", &routes)]);
    assert!(found.is_empty(), "{found:?}");
}

/// A resource that cannot be read exists all the same.
#[test]
fn a_broken_resource_is_not_called_missing() {
    let broken = "apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: shop}\nspec: {ports: [{port: x}]\n";
    let routes =
        route("a", "{hosts: [a.example.com], http: [{route: [{destination: {host: other}}]}]}");
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", broken), ("c.yaml", &routes)]);
    assert!(found.iter().all(|it| it.check.name != "unknown-host"), "{found:?}");
}

#[test]
fn a_host_that_others_alone_may_see_is_not_there() {
    let entry = "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: cards, namespace: partner}
spec:
  {hosts: [cards.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS, exportTo: [payments]}
";
    let routes = route(
        "a",
        "{hosts: [cards.example], http: [{route: [{destination: {host: cards.example}}]}]}",
    );
    let found = run(&[("a.yaml", entry), ("b.yaml", &routes)]);
    assert_eq!(found[0].check.name, "unknown-host");
    assert_eq!(found[0].message, "`cards.example` is not exported to namespace `shop`");
    let open = entry.replace("payments", "shop");
    let routes = routes.replace("{hosts:", "{exportTo: [\".\"], hosts:");
    assert!(run(&[("a.yaml", &open), ("b.yaml", &routes)]).is_empty());
}

#[test]
fn a_narrower_route_that_wins_is_a_warning() {
    let own = route(
        "own",
        "{hosts: [reviews], exportTo: [.], http: [{route: [{destination: {host: reviews}}]}]}",
    );
    let all = route("all", "{hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}");
    let found = run(&[("a.yaml", &[REVIEWS, &own, &all].join("---\n"))]);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.check.name, found.severity), ("conflicting-hosts", Severity::Warning));
    let again = all.replace("name: all", "name: again");
    assert_eq!(names(&[REVIEWS, &all, &again]), ["conflicting-hosts"]);
}

#[test]
fn routes_that_differ_in_one_thing_live_side_by_side() {
    let live = "{hosts: [reviews], http: [
      {match: [{uri: {prefix: /a}, headers: {x: {exact: z}}}], route: [{destination: {host: reviews}}]},
      {match: [{uri: {prefix: /a}}], route: [{destination: {host: reviews}}]},
      {match: [{uri: {regex: '/b/[0-9]+'}}], route: [{destination: {host: reviews}}]},
      {match: [{uri: {prefix: /b}}], route: [{destination: {host: reviews}}]},
      {route: [{destination: {host: reviews}}]}]}";
    assert_eq!(names(&[REVIEWS, &route("a", live)]), [""; 0]);
    let dead = "{hosts: [reviews], http: [
      {match: [{uri: {prefix: /b}}], route: [{destination: {host: reviews}}]},
      {match: [{uri: {regex: '/b/[0-9]+'}}, {uri: {exact: /bc}}], route: [{destination: {host: reviews}}]},
      {route: [{destination: {host: reviews}}]}]}";
    assert_eq!(names(&[REVIEWS, &route("a", dead)]), ["shadowed-route"]);
}

#[test]
fn clients_and_servers_agree_port_by_port() {
    let pods = deployment("{app: reviews}");
    let plain = rule("{host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}");
    let strict = peer("istio-system", "{mtls: {mode: STRICT}}");
    assert_eq!(names(&[REVIEWS, &pods, &plain, &strict]), ["mtls-conflict"]);
    let open = peer(
        "shop",
        "{selector: {matchLabels: {app: reviews}}, mtls: {mode: STRICT}, portLevelMtls: {9080: {mode: PERMISSIVE}}}",
    );
    assert!(names(&[REVIEWS, &pods, &plain, &strict, &open]).is_empty());
    let mutual = rule("{host: reviews, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}");
    let none = peer("shop", "{mtls: {mode: DISABLE}}");
    assert_eq!(names(&[REVIEWS, &pods, &mutual, &none]), ["mtls-conflict"]);
    // A port's settings take the place of the host's.
    let port = rule(
        "{host: reviews, trafficPolicy: {tls: {mode: DISABLE}, portLevelSettings: [{port: {number: 80}, tls: {mode: ISTIO_MUTUAL}}]}}",
    );
    assert!(names(&[REVIEWS, &pods, &port, &strict]).is_empty());
}

#[test]
fn selectors_are_judged_where_it_is_known_what_runs() {
    let other = peer("partner", "{selector: {matchLabels: {app: cards}}, mtls: {mode: STRICT}}");
    let pods = deployment("{app: reviews}");
    assert!(names(&[REVIEWS, &pods, &other]).is_empty());
    let own = other.replace("partner", "shop");
    assert_eq!(names(&[REVIEWS, &pods, &own]), ["selector-without-workload"]);
}

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
fn bad_names_of_the_gateway_api_are_found() {
    let gateway = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  gatewayClassName: istio
  listeners: [{name: http, port: 80, protocol: HTTP, hostname: shop.example.com}]
";
    let routes = |parent: &str, names: &str, backend: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: a, namespace: shop}}\nspec: {{parentRefs: [{{name: {parent}}}], hostnames: [{names}], rules: [{{backendRefs: [{{name: {backend}}}]}}]}}\n"
        )
    };
    let names_of = |route: String| names(&[REVIEWS, gateway, &route]);
    assert!(names_of(routes("public", "shop.example.com", "reviews, port: 80")).is_empty());
    let wrong = routes("publik", "shop.example.com", "reviews, port: 80");
    assert!(names_of(wrong).contains(&"unknown-gateway"));
    let apart = routes("public", "shop.example.org", "reviews, port: 80");
    assert_eq!(names_of(apart), ["unattached-route"]);
    let port = routes("public", "shop.example.com", "reviews, port: 9080");
    assert_eq!(names_of(port), ["unknown-port"]);
    let host = routes("public", "shop.example.com", "review, port: 80");
    assert_eq!(names_of(host), ["unknown-host"]);
}

/// What found something, and the file of each of its places.
fn places(files: &[(&str, &str)]) -> Vec<(&'static str, Vec<u32>)> {
    let places = |it: &Finding| {
        std::iter::once(&it.primary).chain(&it.others).map(|site| site.file.0).collect()
    };
    run(files).iter().map(|it| (it.check.name, places(it))).collect()
}

#[test]
fn rules_for_one_host_are_merged_as_far_as_nothing_is_lost() {
    let named =
        |name: &str, spec: &str| rule(spec).replace("name: reviews", &format!("name: {name}"));
    let v1 = "{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}";
    let with = |policy: &str| v1.replace("}]}", &format!("}}], trafficPolicy: {policy}}}"));
    let least = "{loadBalancer: {simple: LEAST_REQUEST}}";
    let a = named("a", &with(least));
    // Another subset, or the same once more, is no loss.
    let v2 = named("b", &v1.replace("v1", "v2"));
    assert_eq!(names(&[REVIEWS, &a, &v2]), [""; 0]);
    assert_eq!(names(&[REVIEWS, &a, &named("b", v1)]), [""; 0]);
    // Nor are rules for other clients.
    let random = "{loadBalancer: {simple: RANDOM}}";
    let b = named("b", &with(random));
    let some = b.replace("spec: {", "spec: {workloadSelector: {matchLabels: {app: a}}, ");
    assert_eq!(names(&[REVIEWS, &a, &some]), [""; 0]);
    let files = [("a.yaml", REVIEWS), ("b.yaml", &*b), ("c.yaml", &*a)];
    assert_eq!(places(&files), [("overruled-destination-rule", vec![1, 2])]);
    let other = named("b", &v1.replace("version: v1", "version: v7"));
    assert_eq!(names(&[REVIEWS, &a, &other]), ["overruled-destination-rule"]);
    // The older one holds, whatever it is called.
    let old = b.replace("name: b", "name: b, creationTimestamp: \"2024-01-01T00:00:00Z\"");
    let young = a.replace("name: a", "name: a, creationTimestamp: \"2025-01-01T00:00:00Z\"");
    let files = [("a.yaml", REVIEWS), ("b.yaml", &*old), ("c.yaml", &*young)];
    assert_eq!(places(&files), [("overruled-destination-rule", vec![2, 1])]);
}

#[test]
fn a_rule_for_all_is_not_lost_in_one_for_some() {
    let some = "{host: reviews, workloadSelector: {matchLabels: {app: a}}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}";
    let some = rule(some).replace("name: reviews", "name: some");
    let all = "{host: reviews, subsets: [{name: v1, labels: {version: v1}}]}";
    assert_eq!(names(&[REVIEWS, &some, &rule(all)]), [""; 0]);
    let private = all.replace("{host", "{exportTo: [.], host");
    assert_eq!(names(&[REVIEWS, &some, &rule(&private)]), ["overruled-destination-rule"]);
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
fn a_workload_runs_under_an_account_that_there_is() {
    let pods = |account: &str| {
        deployment("{app: reviews}").replace(
            "spec: {containers",
            &format!("spec: {{serviceAccountName: {account}, containers"),
        )
    };
    let account =
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reviews, namespace: shop}\n";
    assert_eq!(names(&[account, &pods("reviews")]), [""; 0]);
    assert_eq!(names(&[account, &pods("default")]), [""; 0]);
    assert_eq!(names(&[account, &pods("reveiws")]), ["unknown-service-account"]);
    // Accounts are declared elsewhere.
    assert_eq!(names(&[&account.replace("shop", "edge"), &pods("reveiws")]), [""; 0]);
    let project = "inventory: {serviceAccounts: [shop/other]}\n";
    let files = [("mesh.yaml", project), ("a.yaml", account), ("b.yaml", &*pods("other"))];
    assert!(run(&files).is_empty());
}

#[test]
fn a_workload_selects_its_own_pods() {
    let pods = deployment("{app: reviews}");
    for (selector, is_right) in [
        ("{matchExpressions: [{key: app, operator: In, values: [reviews]}]}", true),
        ("{matchExpressions: [{key: app, operator: NotIn, values: [reviews]}]}", false),
        ("{matchLabels: {app: reviews, tier: web}}", false),
    ] {
        let pods = pods
            .replace("selector: {matchLabels: {app: reviews}}", &format!("selector: {selector}"));
        let found = names(&[&pods]);
        assert_eq!(found.is_empty(), is_right, "{selector}: {found:?}");
        assert!(is_right || found == ["mismatched-selector"], "{found:?}");
    }
    // A label that cannot be read is not called missing.
    let unread = pods.replace(
        "template: {metadata: {labels: {app: reviews}",
        "template: {metadata: {labels: {app: 1}",
    );
    assert_eq!(names(&[&unread]), ["wrong-type"]);
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

/// Kubernetes refuses it; nothing is read as if it were not there.
#[test]
fn data_of_a_config_map_is_text() {
    let map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: shop}}\ndata: {{key: {value}}}\n"
        )
    };
    for value in ["5", "true", "{a: b}", "[a]"] {
        assert_eq!(names(&[&map(value)]), ["wrong-type"], "{value}");
    }
    for value in ["'5'", "'${HOME}'", "'{{ .Values }}'", "", "\"\""] {
        assert_eq!(names(&[&map(value)]), [""; 0], "{value}");
    }
}

/// At one Gateway, two files with routes with these specs' `http`: what is said of shadowed routes.
fn shadowed(one: &str, two: &str) -> Vec<Finding> {
    const EDGE: &str = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: shop}\nspec: {selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n";
    let bound = |http: &str| format!("{{hosts: [a.test], gateways: [edge], http: {http}}}");
    let files = [
        ("edge.yaml", [REVIEWS, "---\n", EDGE].concat()),
        ("one.yaml", route("one", &bound(one))),
        ("two.yaml", route("two", &bound(two))),
    ];
    let found = run(&files.each_ref().map(|(name, text)| (*name, text.as_str())));
    found.into_iter().filter(|it| it.check.name == "shadowed-route").collect()
}

const TO_REVIEWS: &str = "route: [{destination: {host: reviews}}]";

#[test]
fn at_a_gateway_another_resource_may_hide_a_route() {
    let wide = format!("[{{match: [{{uri: {{prefix: /api}}}}], {TO_REVIEWS}}}]");
    let narrow = "[{match: [{uri: {prefix: /api/v2}}], redirect: {uri: /x}}]";
    let found = shadowed(&wide, narrow);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(found.severity, Severity::Warning);
    assert!(found.message.contains("`a.test` at the Gateway `shop/edge`"), "{}", found.message);
    assert_ne!(found.others[0].file, found.primary.file);
    assert!(found.others[0].text.contains("its name comes first"), "{}", found.others[0].text);
    // The narrow one is tried first.
    assert_eq!(shadowed(narrow, &wide), []);
    // What takes every request is tried last.
    let all = format!("[{{{TO_REVIEWS}}}]");
    assert_eq!(shadowed(&all, narrow), []);
    assert_eq!(shadowed(&all, &all).len(), 1);
    // For Istio an expression is no such thing.
    let expression = format!("[{{match: [{{uri: {{regex: /.*}}}}], {TO_REVIEWS}}}]");
    assert_eq!(shadowed(&expression, narrow).len(), 1);
    let found = shadowed(&all, &expression);
    assert!(found[0].others[0].text.contains("is tried last"), "{found:?}");
}

#[test]
fn a_route_that_is_hidden_in_part_is_a_notice() {
    let wide = format!("[{{match: [{{uri: {{prefix: /api}}}}], {TO_REVIEWS}}}]");
    let half = format!(
        "[{{match: [{{uri: {{prefix: /api/v2}}}}, {{uri: {{prefix: /b}}}}], {TO_REVIEWS}}}]"
    );
    let found = shadowed(&wide, &half);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(found.severity, Severity::Info);
    // Matches for other gateways do not meet here.
    let elsewhere = "[{match: [{uri: {prefix: /api/v2}, gateways: [mesh]}], redirect: {uri: /x}}]";
    assert_eq!(shadowed(&wide, elsewhere), []);
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
fn a_file_of_another_program_may_be_called_like_a_project() {
    let said = |text: &str| run(&[("a.yaml", REVIEWS), ("ci/mesh.yaml", text)]);
    let found = said("mesh:check: {stage: test, script: [mesh compile .]}\n");
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.check.name, found.severity), ("not-a-resource", Severity::Info));
    assert_eq!(said("trustDomain: shop.test\n")[0].check.name, "misplaced-project");
}

#[test]
fn gateways_that_are_listed_run_elsewhere() {
    const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: shop}\nspec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n";
    let said = |project: &str| {
        let workload = deployment("{app: reviews}");
        let found = run(&[("mesh.yaml", project), ("a.yaml", GATEWAY), ("b.yaml", &workload)]);
        found.iter().any(|it| it.check.name == "undeployed-gateway")
    };
    assert!(said(""));
    assert!(!said("inventory: {gateways: [shop/public]}\n"));
}

/// One finding a patch, at what asks for it; none for what asks for nothing.
#[test]
fn each_patch_is_told_of_by_itself() {
    let filter = "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: a, namespace: shop}
spec:
  priority: 1
  configPatches:
  - applyTo: HTTP_FILTER
    patch: {operation: INSERT_FIRST, value: {name: limit, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: a}}}
  - applyTo: HTTP_ROUTE
    patch:
      operation: MERGE
      value: {route: {timeout: 5s}}
  - applyTo: NETWORK_FILTER
    match: {listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}
    patch: {operation: MERGE, value: {typedConfig: {streamIdleTimeout: 10s}}}
";
    let found = run(&[("a.yaml", filter)]);
    let told: Vec<_> = found.iter().map(|it| (it.check.name, it.message.as_str())).collect();
    assert_eq!(
        told,
        [
            ("unserved-patch", "`timeout` of the route is not set"),
            ("unserved-patch", "`stream_idle_timeout: 10s` is not set for requests that come in"),
        ]
    );
    let text = |it: &Finding| &filter[it.primary.span.unwrap().range()];
    assert_eq!((text(&found[0]), text(&found[1])), ("route", "10s"));
}

const SECRETS: &str = "apiVersion: v1
kind: Secret
metadata: {name: real-tls, namespace: istio-system}
type: kubernetes.io/tls
data: {}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: a, namespace: istio-system}
spec: {secretName: shop-tls, dnsNames: [shop.example.com]}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: other-tls, namespace: istio-system}
spec: {target: {template: {type: kubernetes.io/tls}}}
";

fn gateway(secret: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: edge, namespace: istio-system}}\nspec:\n  selector: {{istio: ingressgateway}}\n  servers: [{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [a.example.com], tls: {{mode: SIMPLE, credentialName: {secret}}}}}]\n"
    )
}

/// What other programs make of resources that are none of the mesh's business.
#[test]
fn a_secret_that_is_made_is_not_missing() {
    for (secret, is_there) in [("shop-tls", true), ("other-tls", true), ("shop-tsl", false)] {
        let found = names(&[SECRETS, &gateway(secret)]);
        assert_eq!(!found.contains(&"unknown-secret"), is_there, "{secret}: {found:?}");
    }
    // The order of a Secret does not say that all Secrets stand here.
    let orders = SECRETS.split_once("---\n").unwrap().1;
    assert!(!names(&[orders, &gateway("any")]).contains(&"unknown-secret"));
}

fn rollout(labels: &str) -> String {
    deployment(labels)
        .replace("apps/v1", "argoproj.io/v1alpha1")
        .replace("Deployment", "Rollout")
        .replace("name: reviews,", "name: stepwise,")
        .replace("{containers", "{serviceAccountName: cart, containers")
}

#[test]
fn a_rollout_is_a_workload() {
    let all = [REVIEWS.to_owned(), deployment("{app: web}"), rollout("{app: reviews}")];
    let texts: Vec<&str> = all.iter().map(String::as_str).collect();
    assert!(names(&texts).is_empty(), "{:?}", names(&texts));
    let other = rollout("{app: others}");
    let found = names(&[texts[0], texts[1], &other]);
    assert_eq!(found, ["selector-without-workload"]);
}

#[test]
fn pods_of_other_programs_have_any_labels() {
    let web = deployment("{app: web}");
    let service = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: k, namespace: shop}\nspec: {template: {spec: {serviceAccountName: cart, containers: [{image: x}]}}}\n";
    let own = policy(
        "shop",
        "{selector: {matchLabels: {app: reviews}}, rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}]}",
    );
    let elsewhere = service.replace("namespace: shop", "namespace: other");
    assert_eq!(names(&[&web, &own]), ["selector-without-workload", "unknown-service-account"],);
    assert!(names(&[&web, &own, service]).is_empty());
    assert!(names(&[&web, &own, &elsewhere]).contains(&"selector-without-workload"));
}

/// A Job says nothing of what is there all the time; its identity is known.
#[test]
fn a_task_is_somebody_and_no_inventory() {
    let job = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: k, namespace: shop}\nspec: {schedule: '* * * * *', jobTemplate: {spec: {template: {metadata: {labels: {app: night}}, spec: {serviceAccountName: night, containers: [{name: a, image: x}]}}}}}\n";
    let allows = |account: &str| {
        policy(
            "shop",
            &format!(
                "{{rules: [{{from: [{{source: {{principals: [cluster.local/ns/shop/sa/{account}]}}}}]}}]}}"
            ),
        )
    };
    assert!(names(&[REVIEWS, job, &allows("night")]).is_empty());
    assert_eq!(names(&[job, &allows("day")]), ["unknown-service-account"]);
    let effects = |text: &str| {
        let found = run(&[("a.yaml", &[job, text].join("---\n"))]);
        let found = found.into_iter().filter(|it| it.check.name == "unknown-service-account");
        found.filter_map(|it| it.consequence).collect::<Vec<_>>()
    };
    let [effect] = &effects(&allows("day"))[..] else { panic!() };
    assert!(effect.ends_with("matches nobody"), "{effect}");
    let [effect] = &effects(&allows("day").replace("principals", "notPrincipals"))[..] else {
        panic!()
    };
    assert!(effect.ends_with("leaves out nobody"), "{effect}");
    let selects = policy("shop", "{selector: {matchLabels: {app: night}}, rules: []}");
    let found = names(&[&deployment("{app: reviews}"), job, &selects]);
    assert!(!found.contains(&"selector-without-workload"), "{found:?}");
}

/// A route for connections that leads nowhere is as wrong as one for requests.
#[test]
fn a_stream_route_to_no_host_is_an_unknown_host() {
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: TLSRoute\nmetadata: {name: r, namespace: shop}\nspec:\n  parentRefs: [{name: reviews, kind: Service, group: ''}]\n  hostnames: [a.example.com]\n  rules: [{backendRefs: [{name: reveiws, port: 80}]}]\n";
    let found = run(&[("a.yaml", REVIEWS), ("b.yaml", route)]);
    let unknown = found.iter().find(|it| it.check.name == "unknown-host").unwrap();
    assert_eq!(unknown.severity, Severity::Error);
    assert_eq!(unknown.fixes[0].edits[0].text, "reviews");
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

/// A certificate is held against the key beside it, and not against one that belongs to something else.
#[test]
fn a_key_is_that_of_its_pair() {
    let page = include_str!("foreign_key.md");
    let fixed = page.split("```yaml fixed\n").nth(1).unwrap().split("```").next().unwrap();
    let foreign = page.split("```yaml fails\n").nth(1).unwrap().split("```").next().unwrap();
    let key = foreign.split("  tls.key: |\n").nth(1).unwrap();
    let found = |text: &str| {
        run(&[("a.yaml", text)]).iter().filter(|it| it.check.name == "foreign-key").count()
    };
    assert_eq!((found(foreign), found(fixed)), (1, 0));
    assert_eq!(found(&format!("{fixed}  key: |\n{key}")), 0);
}

/// At a gateway it is the gateway's own labels that a match of callers is held against.
#[test]
fn callers_have_no_labels_at_a_gateway() {
    let gateway = "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: shop}
spec: {selector: {istio: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: shop}
spec:
  selector: {matchLabels: {istio: edge}}
  template: {metadata: {labels: {istio: edge}, annotations: {inject.istio.io/templates: gateway}}, spec: {containers: [{name: istio-proxy, image: auto}]}}
";
    let found = |gateways: &str, test: &str| {
        let to = "route: [{destination: {host: reviews}}]";
        let spec = format!(
            "{{hosts: [a.test], {gateways} http: [{{match: [{test}], {to}}}, {{timeout: 1s, {to}}}]}}"
        );
        let all = names(&[REVIEWS, &deployment("{app: reviews}"), gateway, &route("a", &spec)]);
        let about = ["match-never-holds", "ignored-source-match"];
        all.into_iter().filter(|it| about.contains(it)).collect::<Vec<_>>()
    };
    assert_eq!(found("gateways: [g],", "{sourceLabels: {app: web}}"), ["match-never-holds"]);
    assert_eq!(found("gateways: [g],", "{sourceLabels: {istio: edge}}"), [""; 0]);
    assert_eq!(found("gateways: [g, mesh],", "{sourceLabels: {app: web}}"), ["match-never-holds"]);
    assert_eq!(found("gateways: [g, mesh],", "{sourceLabels: {app: reviews}}"), [""; 0]);
    let beside = "{gateways: [g], sourceNamespace: shop, sourceLabels: {app: web}}";
    assert_eq!(found("gateways: [g],", beside), ["ignored-source-match"]);
}

#[test]
fn an_egress_proxy_is_seen_by_those_who_use_it() {
    let sidecar = |namespace: &str, hosts: &str, to: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: s, namespace: {namespace}}}\nspec: {{egress: [{{hosts: [{hosts}]}}], outboundTrafficPolicy: {{mode: ALLOW_ANY, egressProxy: {to}}}}}\n"
        )
    };
    let host = "reviews.shop.svc.cluster.local";
    let proxy = format!("{{host: {host}, port: {{number: 80}}}}");
    let said = |sidecar: &str, more: &str| {
        let text = [REVIEWS, &deployment("{app: reviews}"), sidecar, more].join("---\n");
        let found = run(&[("a.yaml", &text)]);
        let found = found.into_iter().filter(|it| it.check.name == "unseen-egress-proxy");
        found.map(|it| it.message).collect::<Vec<_>>()
    };
    let unseen = [format!("the Sidecar does not import `{host}`")];
    assert_eq!(said(&sidecar("shop", "./*", &proxy), ""), [""; 0]);
    assert_eq!(said(&sidecar("web", "./*", &proxy), ""), unseen);
    // That of the root namespace is for the workloads of all others.
    assert_eq!(said(&sidecar("istio-system", "./*", &proxy), ""), [""; 0]);
    assert_eq!(said(&sidecar("istio-system", "web/*", &proxy), ""), unseen);
    // A route that leads there makes it known.
    let leads = route("a", "{hosts: [a.test], http: [{route: [{destination: {host: reviews}}]}]}");
    assert_eq!(said(&sidecar("web", "./*", &proxy), &leads), [""; 0]);
    let port = format!("{{host: {host}, port: {{number: 81}}}}");
    assert_eq!(said(&sidecar("shop", "./*", &port), ""), [format!("`{host}` has no port 81")]);
    let nobody = "{host: out.example.com, port: {number: 80}}";
    let unknown = ["namespace `shop` sees no service `out.example.com`"];
    assert_eq!(said(&sidecar("shop", "./*", nobody), ""), unknown);
}

/// What is within a wildcard has the ports of the wildcard, and a wildcard that nothing is within is no host.
#[test]
fn wildcards_are_hosts_too() {
    let entry = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: shop}\nspec: {hosts: ['*.example.com'], ports: [{number: 443, name: tls, protocol: TLS}], resolution: NONE}\n";
    let found = |to: &str| {
        let spec = format!("{{hosts: [a.test], http: [{{route: [{{destination: {to}}}]}}]}}");
        names(&[entry, &route("a", &spec)])
    };
    assert_eq!(found("{host: a.example.com, port: {number: 443}}"), [""; 0]);
    assert_eq!(found("{host: a.example.com, port: {number: 80}}"), ["unknown-port"]);
    assert_eq!(found("{host: '*.example.com', port: {number: 443}}"), [""; 0]);
    assert_eq!(found("{host: '*.example.org', port: {number: 443}}"), ["unknown-host"]);
}

/// A match for the mesh takes every request there, and none at the gateway that the resource is for, too.
#[test]
fn a_match_for_the_mesh_is_no_route_for_all() {
    let found = |gateways: &str| {
        let to = "route: [{destination: {host: reviews}}]";
        let spec = format!(
            "{{hosts: [reviews.shop.svc.cluster.local], {gateways} http: [{{match: [{{gateways: [mesh]}}], timeout: 1s, {to}}}, {{{to}}}]}}"
        );
        names(&[REVIEWS, &deployment("{app: reviews}"), &route("a", &spec)])
    };
    assert!(!found("gateways: [edge/g, mesh],").contains(&"unreachable-route"));
}

/// What is looked at on another thread is not noted ([`crate::parts`]), so what was found would be kept when it changes. The
/// two `mod.rs` have rules, and what these look at, run side by side.
#[test]
fn rules_stay_on_their_thread() {
    fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.extension().is_some_and(|it| it == "rs") {
                out.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folders = ["check", "resolve"].map(|name| root.join(name));
    let mut all = Vec::new();
    for folder in &folders {
        sources(folder, &mut all);
    }
    let words = ["ray".to_owned() + "on::", "thread::sc".to_owned() + "ope"];
    all.retain(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        words.iter().any(|word| text.contains(word))
    });
    all.sort();
    assert_eq!(all, folders.map(|folder| folder.join("mod.rs")));
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
