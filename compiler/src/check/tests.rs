//! What the pages' examples do not show: places in several files, and what is right and must not be reported.

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
    ] {
        let spec = format!(
            "{{hosts: [a.example.com], http: [{{route: [{{destination: {{host: {written}}}}}]}}]}}"
        );
        let found = run(&[("a.yaml", REVIEWS), ("b.yaml", &route("a", &spec))]);
        assert_eq!(found[0].fixes[0].edits[0].text, meant, "{written}");
    }
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
