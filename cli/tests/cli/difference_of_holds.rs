//! What `mesh diff` says of workloads that policies begin or cease to hold for, and that begin or cease to back Services.

use serde_json::Value;

use crate::difference::{BASE, GATEWAY, between};
use crate::difference_of_moves::told_with_snapshots;

/// A resource of a namespace.
fn resource(kind: &str, name: &str, namespace: &str, spec: &str) -> String {
    let group = match kind {
        "Sidecar" | "EnvoyFilter" => "networking.istio.io/v1alpha3",
        "Gateway" => "gateway.networking.k8s.io/v1",
        _ => "security.istio.io/v1",
    };
    format!(
        "---\napiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

/// [`BASE`], in which the pods of `front` have another label `app`.
fn front_as(app: &str) -> String {
    relabelled(BASE, &format!("app: {app}"))
}

fn relabelled(text: &str, labels: &str) -> String {
    let pods = |labels: &str| format!("template: {{metadata: {{labels: {{{labels}}}}}");
    let told = text.replace(&pods("app: front"), &pods(labels));
    // The Deployment selects nothing that its pods are not.
    let (app, _) = labels.split_once(',').unwrap_or((labels, ""));
    told.replace("matchLabels: {app: front}", &format!("matchLabels: {{{app}}}"))
}

/// The verdict on what begins or ceases to hold, and the lines below it.
fn held(told: &str) -> Vec<&str> {
    let is_verdict = |line: &&str| line.starts_with("policies ") || line.contains(" a Service");
    let mut lines = told.lines().skip_while(|line| !is_verdict(line));
    let verdict = lines.next();
    verdict.into_iter().chain(lines.take_while(|line| line.starts_with("    "))).collect()
}

const DENY: &str = "{selector: {matchLabels: {app: front}}, action: DENY, rules: [{to: [{operation: {paths: [/admin*]}}]}]}";

/// No object differs, and nothing else would say which way it goes.
#[test]
fn a_label_takes_a_workload_out_of_its_policies() {
    let policy = resource("AuthorizationPolicy", "x", "shop", DENY);
    let (before, after) = (front_as("front") + &policy, front_as("other") + &policy);
    let shown = between(&before, &after, &[]);
    assert_eq!(
        held(&shown),
        [
            "policies cease to hold for 1 workload, 1 workload no longer backs a Service",
            "    shop/front",
            "        no longer under AuthorizationPolicy shop/x (DENY: to path /admin*)",
            "        no longer backs Service shop/front",
        ]
    );
    // What has not changed itself is called as its author calls it, too.
    assert!(
        shown.contains("    shop/front: AuthorizationPolicy shop/x, Service shop/front\n"),
        "{shown}"
    );
    let back = between(&after, &before, &[]);
    assert_eq!(
        held(&back),
        [
            "policies begin to hold for 1 workload, 1 workload newly backs a Service",
            "    shop/front",
            "        newly under AuthorizationPolicy shop/x (DENY: to path /admin*)",
            "        newly backs Service shop/front",
        ]
    );
    for told in told_with_snapshots(&before, &after) {
        assert_eq!(held(&told), held(&shown));
    }

    let comment = between(&before, &after, &["--format", "markdown"]);
    let verdict = "### ⚠ mesh: policies cease to hold for 1 workload, 1 workload no longer backs a Service; 0 added, ";
    assert!(comment.starts_with(verdict), "{comment}");
    let line = "\n- shop/front\n  - 🔴 no longer under AuthorizationPolicy shop/x (DENY: to path /admin\\*)\n";
    assert!(comment.contains(line), "{comment}");
    let comment = between(&after, &before, &["--format", "markdown"]);
    assert!(comment.starts_with("### mesh: policies begin to hold for 1 workload"), "{comment}");

    let data = between(&before, &after, &["--format", "json"]);
    let data: Value = serde_json::from_str(&data).unwrap();
    let group = &data["held"][0];
    assert_eq!(group["workloads"][0], "shop/front");
    let policy = &group["objects"][0];
    assert_eq!(policy["resource"], "AuthorizationPolicy shop/x");
    assert_eq!((&policy["direction"], &policy["relation"]), (&"ceases".into(), &"under".into()));
    assert_eq!(
        (&policy["says"], &policy["isNewOrGone"]),
        (&"DENY: to path /admin*".into(), &false.into())
    );
    assert_eq!(group["objects"][1]["relation"], "backs");
}

/// Of what holds as before nothing is told, whatever it says now, nor of whoever comes or leaves.
#[test]
fn what_holds_as_before_is_not_told() {
    let policy = resource("AuthorizationPolicy", "x", "shop", DENY);
    let stricter = policy.replace("/admin*", "/*");
    let with = |policy: &str| BASE.to_owned() + policy;
    assert!(held(&between(&with(&policy), &with(&stricter), &[])).is_empty());
    let noted = relabelled(BASE, "app: front, note: a") + &policy;
    assert!(held(&between(&with(&policy), &noted, &[])).is_empty());
    let renamed = with(&policy).replace(
        "apps/v1\nkind: Deployment\nmetadata: {name: front,",
        "apps/v1\nkind: Deployment\nmetadata: {name: newer,",
    );
    let shown = between(&with(&policy), &renamed, &[]);
    assert!(shown.contains("joins: shop/newer") && held(&shown).is_empty(), "{shown}");
    let data = between(&with(&policy), &with(&stricter), &["--format", "json"]);
    let data: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(data["held"], Value::Array(Vec::new()));
}

/// That it is for others than before is told of the policy; who those are, of them.
#[test]
fn a_selector_moves_a_policy_from_some_workloads_to_others() {
    let gist = "(ALLOW: nobody may call, but for what other policies allow)";
    let selecting = |namespace: &str, app: &str| {
        let spec = format!("{{selector: {{matchLabels: {{app: {app}}}}}}}");
        BASE.to_owned() + &resource("AuthorizationPolicy", "x", namespace, &spec)
    };
    // In the root namespace, too, which is for all.
    for namespace in ["shop", "istio-system"] {
        let of = |app| selecting(namespace, app);
        assert_eq!(
            held(&between(&of("front"), &of("cart"), &[])),
            [
                "policies cease to hold for 1 workload, policies begin to hold for 1 workload"
                    .to_owned(),
                "    shop/front".to_owned(),
                format!("        no longer under AuthorizationPolicy {namespace}/x {gist}"),
                "    shop/cart".to_owned(),
                format!("        newly under AuthorizationPolicy {namespace}/x {gist}"),
            ]
        );
    }
    // Those for which it is alike are told together.
    let all = BASE.to_owned() + &resource("AuthorizationPolicy", "x", "shop", "{}");
    assert_eq!(
        held(&between(&all, &selecting("shop", "nobody"), &[]))[..2],
        ["policies cease to hold for 2 workloads", "    shop/cart, shop/front"]
    );
}

/// A namespace stands for the workloads that nobody has listed.
#[test]
fn policies_of_workloads_that_are_not_known_are_told_of_their_namespace() {
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n";
    let of = |spec: &str| namespace.to_owned() + &resource("PeerAuthentication", "x", "web", spec);
    let shown = between(
        &of("{mtls: {mode: STRICT}}"),
        &of("{selector: {matchLabels: {app: a}}, mtls: {mode: STRICT}}"),
        &[],
    );
    assert_eq!(
        held(&shown),
        [
            "policies cease to hold for 1 namespace",
            "    web/*",
            "        no longer under PeerAuthentication web/x (STRICT)"
        ]
    );
}

/// No template has the labels by which they are selected.
#[test]
fn policies_for_single_pods_count_their_workload() {
    let sets = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: NAME, namespace: shop}\nspec: {replicas: 2, serviceName: NAME, selector: {matchLabels: {app: NAME}}, template: {metadata: {labels: {app: NAME}}, spec: {containers: [{name: a, image: a}]}}}\n---\n";
    let sets = ["kafka", "zoo"].map(|name| sets.replace("NAME", name)).concat() + BASE;
    for (labels, whom) in [
        ("statefulset.kubernetes.io/pod-name: kafka-1", "1 workload"),
        ("apps.kubernetes.io/pod-index: '0'", "2 workloads"),
    ] {
        let spec = format!(
            "{{selector: {{matchLabels: {{{labels}}}}}, action: DENY, rules: [{{to: [{{operation: {{paths: [/admin*]}}}}]}}]}}"
        );
        let after = sets.clone() + &resource("AuthorizationPolicy", "x", "shop", &spec);
        let shown = between(&sets, &after, &[]);
        let held_of = format!("policies begin to hold for {whom}");
        assert_eq!(held(&shown), [held_of], "{shown}");
        let verb = if whom == "1 workload" { "has" } else { "have" };
        assert!(shown.contains(&format!("\n{whom} {verb} something to load\n")), "{shown}");
        assert!(shown.contains("AuthorizationPolicy shop/x\n"), "{shown}");
        let comment = between(&after, &sets, &["--format", "markdown"]);
        let verdict = format!("### ⚠ mesh: policies cease to hold for {whom}; ");
        assert!(comment.starts_with(&verdict), "{comment}");
    }
    let third = "{selector: {matchLabels: {statefulset.kubernetes.io/pod-name: kafka-2}}}";
    let after = sets.clone() + &resource("AuthorizationPolicy", "x", "shop", third);
    assert!(held(&between(&sets, &after, &[])).is_empty());
}

#[test]
fn policies_of_every_kind_are_told() {
    let limit = "{workloadSelector: {labels: {app: front}}, configPatches: [{applyTo: HTTP_FILTER, match: {context: SIDECAR_INBOUND}, patch: {operation: INSERT_FIRST, value: {name: limit, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: limit, token_bucket: {max_tokens: 3, tokens_per_fill: 10, fill_interval: 60s}, filter_enabled: {default_value: {numerator: 100}}, filter_enforced: {default_value: {numerator: 100}}}}}}]}";
    let selector = "selector: {matchLabels: {app: front}}";
    let jwt =
        format!("{{{selector}, jwtRules: [{{issuer: a, jwksUri: 'https://a.example.com/j'}}]}}");
    let strict = format!("{{{selector}, mtls: {{mode: STRICT}}}}");
    let ports = "{workloadSelector: {labels: {app: front}}, egress: [{hosts: [./*]}]}";
    for (kind, spec, gist) in [
        ("EnvoyFilter", limit, " (limit)"),
        ("RequestAuthentication", &jwt, " (issuer a)"),
        ("PeerAuthentication", &strict, " (STRICT)"),
        ("Sidecar", ports, ""),
    ] {
        // A Sidecar that is for nobody is an error.
        let spare = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: spare, namespace: shop, labels: {app: front}}\nspec: {containers: [{name: a, image: a}]}\n";
        let policy = resource(kind, "x", "shop", spec) + spare;
        let (before, after) = (front_as("front") + &policy, front_as("other") + &policy);
        for (before, after, verb) in [(&before, &after, "no longer"), (&after, &before, "newly")] {
            let shown = between(before, after, &[]);
            let line = format!("        {verb} under {kind} shop/x{gist}");
            assert!(held(&shown).contains(&line.as_str()), "{line}: {shown}");
            let data = between(before, after, &["--format", "json"]);
            let data: Value = serde_json::from_str(&data).unwrap();
            assert_eq!(data["held"][0]["objects"][0]["kind"], kind);
        }
    }
}

/// Of two that select a workload one counts.
#[test]
fn a_policy_that_counts_in_place_of_another_is_told() {
    let dated = |name: &str, app: &str, mode: &str, date: &str| {
        let spec = format!("{{selector: {{matchLabels: {{app: {app}}}}}, mtls: {{mode: {mode}}}}}");
        let text = resource("PeerAuthentication", name, "shop", &spec);
        text.replace("namespace: shop}", &format!("namespace: shop, creationTimestamp: '{date}'}}"))
    };
    let late = dated("late", "front", "STRICT", "2024-01-01T00:00:00Z");
    let early = |app: &str| dated("early", app, "DISABLE", "2020-01-01T00:00:00Z");
    let side = |app: &str| BASE.to_owned() + &early(app) + &late;
    assert_eq!(
        held(&between(&side("nobody"), &side("front"), &[]))[1..],
        [
            "    shop/front",
            "        no longer under PeerAuthentication shop/late (STRICT)",
            "        newly under PeerAuthentication shop/early (DISABLE)"
        ]
    );
}

/// It is told itself, with whom it is for; for how many it ceases to hold is told beside it.
#[test]
fn policies_that_are_new_or_gone_are_told_once() {
    let policy = BASE.to_owned() + &resource("AuthorizationPolicy", "x", "shop", DENY);
    let shown = between(&policy, BASE, &[]);
    assert_eq!(held(&shown), ["policies cease to hold for 1 workload"]);
    assert!(shown.starts_with("- AuthorizationPolicy shop/x"), "{shown}");
    let shown = between(BASE, &policy, &[]);
    assert_eq!(held(&shown), ["policies begin to hold for 1 workload"]);
    let comment = between(&policy, BASE, &["--format", "markdown"]);
    assert!(
        comment
            .starts_with("### ⚠ mesh: policies cease to hold for 1 workload; 0 added, 1 removed, ")
    );
    let data = between(&policy, BASE, &["--format", "json"]);
    let data: Value = serde_json::from_str(&data).unwrap();
    let hold = &data["held"][0]["objects"][0];
    assert_eq!((&hold["direction"], &hold["isNewOrGone"]), (&"ceases".into(), &true.into()));
    // Of a Service nothing else tells who backs it, and who calls it.
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: new, namespace: shop}\nspec: {selector: {app: cart}, ports: [{name: http, port: 80}]}\n";
    let after = BASE.to_owned() + service;
    assert_eq!(
        held(&between(BASE, &after, &[])),
        [
            "1 workload newly backs a Service",
            "    shop/cart",
            "        newly backs Service shop/new"
        ]
    );
}

/// Each of them has a word for what is backed.
#[test]
fn what_is_backed_is_called_as_its_author_has_it() {
    let entry = |name: &str| {
        format!(
            "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{hosts: [{name}.example.com], location: MESH_INTERNAL, resolution: STATIC, ports: [{{number: 80, name: http, protocol: HTTP}}], workloadSelector: {{labels: {{app: cart}}}}}}\n"
        )
    };
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: new, namespace: shop}\nspec: {selector: {app: cart}, ports: [{name: http, port: 80}]}\n";
    let of = |rest: &str| {
        let shown = between(&(BASE.to_owned() + rest), BASE, &[]);
        let lines = shown.lines().skip_while(|line| !line.contains(" back"));
        lines.take(3).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        of(&(entry("a") + &entry("b"))),
        [
            "1 workload no longer backs a ServiceEntry",
            "    shop/cart",
            "        no longer backs ServiceEntry shop/a, ServiceEntry shop/b"
        ]
    );
    assert_eq!(
        of(&(entry("a") + service)),
        [
            "1 workload no longer backs a Service or ServiceEntry",
            "    shop/cart",
            "        no longer backs Service shop/new, ServiceEntry shop/a"
        ]
    );
}

/// Nobody acts on policies in its place.
#[test]
fn policies_cease_to_hold_for_who_loses_its_proxy() {
    let policy = resource("AuthorizationPolicy", "x", "shop", DENY);
    let before = BASE.to_owned() + &policy;
    let after = before.replace("istio-injection: enabled", "istio-injection: disabled");
    assert_eq!(
        held(&between(&before, &after, &[])),
        [
            "policies cease to hold for 1 workload",
            "    shop/front",
            "        no longer under AuthorizationPolicy shop/x (DENY: to path /admin*)"
        ]
    );
    // Without one it was under none.
    let relabelled =
        after.replace("labels: {app: front}}, spec", "labels: {app: other}}, spec").replace(
            "matchLabels: {app: front}}\n  template",
            "matchLabels: {app: other}}\n  template",
        );
    let shown = between(&after, &relabelled, &[]);
    assert_eq!(held(&shown)[..1], ["1 workload no longer backs a Service"], "{shown}");
    // A snapshot does not tell who has one.
    let [mixed, snapshots] = told_with_snapshots(&before, &after);
    assert!(held(&mixed).is_empty() && held(&snapshots).is_empty(), "{mixed}\n{snapshots}");
}

/// `targetRefs`, and the Gateways themselves.
#[test]
fn a_gateway_that_serves_another_is_under_other_policies() {
    let api = resource(
        "Gateway",
        "api",
        "shop",
        "{gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}",
    );
    let target = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: api}]";
    let policy = resource(
        "AuthorizationPolicy",
        "x",
        "shop",
        &format!("{{{target}, action: DENY, rules: [{{}}]}}"),
    );
    let side = |gateway: &str| {
        let label = "template: {metadata: {labels: {istio: gw";
        let own = format!("{label}, gateway.networking.k8s.io/gateway-name: {gateway}");
        format!("{BASE}{}{api}{policy}", GATEWAY.replace(label, &own))
    };
    let shown = between(&side("api"), &side("other"), &[]);
    assert_eq!(
        held(&shown),
        [
            "policies cease to hold for 1 workload, 1 workload no longer serves a Gateway",
            "    shop/gw",
            "        no longer under AuthorizationPolicy shop/x (DENY: nobody may call)",
            "        no longer serves Gateway shop/api"
        ],
        "{shown}"
    );
}

/// However many policies there are, and however long each, a comment has room for the rest.
#[test]
fn what_is_said_of_many_long_policies_is_bounded() {
    let long = "x".repeat(400);
    let policies = |app: &str| -> String {
        let policy = |at: usize| {
            let (spec, name) = (
                format!(
                    "{{selector: {{matchLabels: {{{app}{}: a}}}}, action: DENY, rules: [{{to: [{{operation: {{paths: [/{at}{long}]}}}}]}}]}}",
                    at / 13
                ),
                format!("p{at:03}"),
            );
            resource("AuthorizationPolicy", &name, "shop", &spec)
        };
        (0..20 * 13).map(policy).collect()
    };
    let pod = |at: usize| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: w{at}, namespace: shop, labels: {{a{at}: a}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n"
        )
    };
    let pods: String = (0..20).map(pod).collect();
    let side = |app: &str| format!("{BASE}{pods}{}", policies(app));
    let comment = between(&side("a"), &side("b"), &["--format", "markdown"]);
    assert!(
        comment.starts_with("### ⚠ mesh: policies cease to hold for 20 workloads; "),
        "{comment}"
    );
    assert!(comment.contains("  - … and 1 more\n") && comment.contains("x…)\n"), "{comment}");
    assert!(
        comment.contains(" more groups\n\n- 🟡 changed `AuthorizationPolicy shop/p000`"),
        "{comment}"
    );
    assert!(comment.len() < 65_000, "{}", comment.len());
}
