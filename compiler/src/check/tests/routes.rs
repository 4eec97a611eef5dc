use super::{REVIEWS, deployment, names, places, policy, route, rule, run, said};
use crate::diagnostic::{Finding, Severity};

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
    // So is its namespace, and to ask for both is one fault.
    assert_eq!(found("gateways: [g],", "{sourceNamespace: web}"), ["match-never-holds"]);
    let both = "{sourceNamespace: web, sourceLabels: {app: web}}";
    assert_eq!(found("gateways: [g],", both), ["match-never-holds"]);
    assert_eq!(found("gateways: [g],", "{sourceNamespace: shop}"), [""; 0]);
    assert_eq!(found("gateways: [g, mesh],", "{sourceNamespace: web}"), [""; 0]);
    let beside = "{gateways: [g], sourceNamespace: shop, sourceLabels: {app: web}}";
    assert_eq!(found("gateways: [g],", beside), ["ignored-source-match"]);
}

/// What is within a wildcard has the ports of the wildcard, and no cluster; a wildcard that nothing is within is no host.
#[test]
fn wildcards_are_hosts_too() {
    let entry = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: shop}\nspec: {hosts: ['*.example.com'], ports: [{number: 443, name: tls, protocol: TLS}], resolution: NONE}\n";
    let found = |to: &str| {
        let spec = format!("{{hosts: [a.test], http: [{{route: [{{destination: {to}}}]}}]}}");
        names(&[entry, &route("a", &spec)])
    };
    assert_eq!(found("{host: a.example.com, port: {number: 443}}"), ["host-within-wildcard"]);
    let both = ["host-within-wildcard", "unknown-port"];
    assert_eq!(found("{host: a.example.com, port: {number: 80}}"), both);
    assert_eq!(found("{host: '*.example.com', port: {number: 443}}"), ["plaintext-to-tls-port"]);
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

#[test]
fn a_route_is_used_somewhere() {
    let route = |kind: &str| {
        let version = if kind == "TLSRoute" { "v1alpha3" } else { "v1" };
        format!(
            "apiVersion: gateway.networking.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: a, namespace: shop}}\nspec: {{hostnames: [a.example.com], rules: [{{backendRefs: [{{name: reviews, port: 80}}]}}]}}\n"
        )
    };
    for kind in ["HTTPRoute", "GRPCRoute", "TLSRoute"] {
        assert_eq!(names(&[REVIEWS, &route(kind)]), ["unattached-route"], "{kind}");
    }
    let parent = "spec: {parentRefs: [{kind: Service, name: reviews}], ";
    let of_no_group = route("HTTPRoute").replace("spec: {hostnames: [a.example.com], ", parent);
    assert_eq!(names(&[REVIEWS, &of_no_group]), ["unattached-route"]);
}

#[test]
fn a_reference_is_to_a_kind_that_is_served() {
    let route = |kind: &str, parent: &str| {
        let version = if kind == "TLSRoute" { "v1alpha3" } else { "v1" };
        format!(
            "apiVersion: gateway.networking.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: a, namespace: shop}}\nspec: {{hostnames: [a.example.com], parentRefs: [{parent}], rules: [{{backendRefs: [{{name: reviews, port: 80}}]}}]}}\n"
        )
    };
    for (parent, message) in [
        (
            "{group: networking.istio.io, kind: Gateway, name: public}",
            "no route is for a `Gateway` of the group `networking.istio.io`",
        ),
        (
            "{kind: Gatway, name: public}",
            "no route is for a `Gatway` of the group `gateway.networking.k8s.io`",
        ),
        (
            "{group: core, kind: Service, name: reviews}",
            "no route is for a `Service` of the group `core`",
        ),
    ] {
        for kind in ["HTTPRoute", "TLSRoute"] {
            let found = said(&[REVIEWS, &route(kind, parent)], "unattached-route");
            assert_eq!(found, [message], "{kind}");
        }
    }
    let foreign = "{group: policy.linkerd.io, kind: Server, name: public}";
    assert!(said(&[REVIEWS, &route("HTTPRoute", foreign)], "unattached-route").is_empty());
    let policy = |target: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: a, namespace: shop}}\nspec: {{targetRefs: [{target}], validation: {{hostname: a.example.com, wellKnownCACertificates: System}}}}\n"
        )
    };
    let found = |target: &str| said(&[REVIEWS, &policy(target)], "unserved-backend-policy");
    assert_eq!(
        found("{group: '', kind: Servce, name: reviews}"),
        ["no such policy is for a `Servce` of the group ``"]
    );
    assert!(found("{group: '', kind: Service, name: reviews}").is_empty());
}

/// A class that nobody has may be another controller's; one that is nearly the mesh's is a slip.
#[test]
fn a_gateway_is_of_a_class_that_somebody_has() {
    let gateway = |class: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: a, namespace: shop}}\nspec: {{gatewayClassName: {class}, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}\n"
        )
    };
    let found = |class: &str| said(&[&gateway(class)], "unknown-gateway-class");
    for class in ["istoi", "cilium"] {
        assert_eq!(found(class), [format!("there is no GatewayClass `{class}`")]);
    }
    assert!(found("istio").is_empty());
    let of_another = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {name: cilium}\nspec: {controllerName: io.cilium/gateway-controller}\n";
    assert!(said(&[&gateway("cilium"), of_another], "unknown-gateway-class").is_empty());
}

/// What is refused has no further meaning, and of two rules that say why a route is dead one speaks.
#[test]
fn one_cause_is_told_once() {
    let of = |test: &str, to: &str| {
        let spec = format!(
            "{{hosts: [a.test], http: [{{match: [{test}], route: [{{destination: {{host: reviews{to}}}}}]}}]}}"
        );
        names(&[REVIEWS, &deployment("{app: reviews}"), &route("a", &spec)])
    };
    assert_eq!(of("{uri: {regex: ''}}", ""), ["empty-match"]);
    assert_eq!(of("{uri: {prefix: '*'}}", ""), ["match-never-holds"]);
    assert_eq!(of("{uri: {prefix: '/a*'}}", ""), ["literal-star"]);
    assert_eq!(of("{uri: {prefix: /a}}", ", subset: 'a b'"), ["invalid-subset"]);
    assert_eq!(of("{uri: {prefix: /a}}", ", subset: a-b"), ["unknown-subset"]);
    let rules = "{rules: [{to: [{operation: {ports: ['9080'], paths: ['']}}]}]}";
    assert_eq!(names(&[&deployment("{app: reviews}"), &policy("shop", rules)]), ["invalid-source"]);
    let nobody = "{rules: [{from: [{source: {namespaces: ['']}}]}]}";
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {istio-injection: enabled}}\n";
    assert_eq!(names(&[namespace, &policy("shop", nobody)]), ["invalid-source"]);
}

#[test]
fn a_route_of_the_mesh_is_for_ports_and_backends_that_there_are() {
    let route = |parent: &str, backend: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: a, namespace: shop}}\nspec: {{parentRefs: [{{group: '', kind: Service, name: reviews{parent}}}], rules: [{{backendRefs: [{{{backend}}}]}}]}}\n"
        )
    };
    let own = "name: reviews, port: 80";
    assert_eq!(names(&[REVIEWS, &route(", port: 81", own)]), ["unknown-port"]);
    assert_eq!(names(&[REVIEWS, &route(", port: 80", own)]), [""; 0]);
    let map = "kind: ConfigMap, name: reviews, port: 80";
    assert_eq!(names(&[REVIEWS, &route("", map)]), ["unserved-backend"]);
}

#[test]
fn what_is_shown_of_a_dead_route_some_request_has() {
    let to = "route: [{destination: {host: reviews}}]";
    let dead = "match: [{uri: {exact: '/a?b'}}, {uri: {prefix: /x/y}}]";
    let spec =
        |first: &str| format!("{{hosts: [reviews], http: [{{{first}{to}}}, {{{dead}, {to}}}]}}");
    for (first, check) in
        [("match: [{uri: {prefix: /x}}], ", "shadowed-route"), ("", "unreachable-route")]
    {
        let file = route("reviews", &spec(first));
        let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &file)]).into_iter();
        let found: Vec<_> = found.filter(|it| it.check.name == check).collect();
        let [found] = found.as_slice() else { panic!("{found:?}") };
        let consequence = found.consequence.as_deref().unwrap_or_default();
        assert!(consequence.contains("/x/y"), "{consequence}");
    }
}

#[test]
fn a_number_in_quotes_is_one_mistake() {
    let route = |http: &str| route("a", &format!("{{hosts: [reviews], http: [{http}]}}"));
    let to = "route: [{destination: {host: reviews}}]";
    for http in [
        "{retries: {attempts: \"3\", retryOn: 5xx}, route: [{destination: {host: reviews}}]}",
        "{route: [{destination: {host: reviews}, weight: \"90\"}, {destination: {host: reviews}, weight: \"10\"}]}",
        &format!("{{match: [{{port: \"80\"}}], {to}}}, {{{to}}}"),
        &format!("{{match: [{{port: eighty}}], {to}}}, {{{to}}}"),
        &format!("{{match: [{{uri: {{prefix: 5}}}}], {to}}}, {{{to}}}"),
        &format!(
            "{{match: [{{uri: {{prefix: /a}}, port: eighty}}], {to}}}, {{match: [{{uri: {{prefix: /a/b}}}}], {to}}}"
        ),
    ] {
        let found: std::collections::BTreeSet<_> =
            names(&[REVIEWS, &route(http)]).into_iter().collect();
        assert_eq!(found, ["wrong-type"].into(), "{http}");
    }
}

#[test]
fn what_a_service_could_not_be_read_of_is_not_absent() {
    let to = "{route: [{destination: {host: reviews, port: {number: 80}}}]}";
    let to = route("a", &format!("{{hosts: [reviews], http: [{to}]}}"));
    for port in ["\"80\"", "eighty"] {
        let service = REVIEWS.replace("port: 80", &format!("port: {port}"));
        assert!(service.contains(port), "{service}");
        assert_eq!(names(&[&service, &to]), ["wrong-type"], "{port}");
    }
}

#[test]
fn an_alias_of_nothing_is_one_mistake() {
    let entry = "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a, namespace: shop}
spec:
  hosts: [a.example.com]
  ports: [{number: *nobody, name: http, protocol: HTTP}, {number: ten, name: tls, protocol: TLS}]
  resolution: DNS
";
    let found: std::collections::BTreeSet<_> = names(&[entry]).into_iter().collect();
    assert_eq!(found, ["invalid-alias", "wrong-type"].into());
}

/// Each name of a route of the Gateway API is one of a listener's, and rules that are absent are one for every path.
#[test]
fn routes_of_the_gateway_api_have_names_and_rules() {
    let found = |listeners: &str, parents: &str, rest: &str| {
        let text = format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: istio}}\nspec: {{controllerName: istio.io/gateway-controller}}\n---\n\
             apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{gatewayClassName: istio, listeners: [{listeners}]}}\n---\n\
             apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r, namespace: shop}}\nspec: {{parentRefs: [{parents}], {rest}}}\n"
        );
        let about = ["host-not-on-gateway", "unattached-route", "unserved-backend"];
        names(&[REVIEWS, &text]).into_iter().filter(|it| about.contains(it)).collect::<Vec<_>>()
    };
    let http = "{name: a, port: 80, protocol: HTTP, hostname: '*.example.com'}";
    let both = format!("{http}, {{name: b, port: 81, protocol: HTTP, hostname: b.example.org}}");
    let to = "rules: [{filters: [{type: RequestRedirect, requestRedirect: {port: 1}}]}]";
    let of = |names: &str| format!("hostnames: [{names}], {to}");
    let (right, wrong) = (of("a.example.com, '*.example.com'"), of("a.example.com, b.example.org"));
    assert_eq!(found(http, "{name: g}", &right), [""; 0]);
    assert_eq!(found(http, "{name: g}", &wrong), ["host-not-on-gateway"]);
    assert_eq!(found(&both, "{name: g}", &wrong), [""; 0]);
    assert_eq!(found(&both, "{name: g, sectionName: a}", &wrong), ["host-not-on-gateway"]);
    assert_eq!(
        found(&both, "{name: g, sectionName: a}, {name: g, sectionName: b}", &wrong),
        [""; 0]
    );
    // On a Service it has no names.
    let service = "{name: g}, {group: '', kind: Service, name: reviews}";
    assert_eq!(found(http, service, &wrong), ["host-not-on-gateway"]);
    assert_eq!(found(http, service, &right), [""; 0]);
    assert_eq!(found(http, "{name: g}", &of("b.example.org")), ["unattached-route"]);
    assert_eq!(found(http, "{name: g}", "hostnames: [a.example.com]"), ["unserved-backend"]);
    assert_eq!(found(http, "{name: g}", "hostnames: [a.example.com], rules: []"), [""; 0]);
}
