//! Who may do what, and whose tokens and connections are accepted.

use mesh_snapshot::object::MtlsMode;

use crate::support::{Call, Program, Repository, workload};

/// `shop/api` under a policy; `spec` is that of the policy.
fn policy(spec: &str) -> Repository {
    let text = workload("shop", "api")
        + "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: shop}\n"
        + "spec:\n"
        + spec;
    Repository::of(&text)
}

/// Whether `shop/api` lets a request in, with a policy.
fn lets_in(spec: &str, calls: &[(Call<'_>, Option<&str>)]) -> Vec<bool> {
    let bundle = policy(spec).bundle();
    let api = Program::of(&bundle, "shop/api");
    calls.iter().map(|(call, caller)| api.receives(*call, *caller).is_ok()).collect()
}

const GET: Call<'_> = Call::get("api", "/public/x").on(8080);

#[test]
fn nothing_is_allowed_by_a_policy_without_rules_and_all_by_an_empty_rule() {
    assert_eq!(lets_in("  {}\n", &[(GET, Some("shop/web"))]), [false]);
    assert_eq!(lets_in("  rules: [{}]\n", &[(GET, None)]), [true]);
}

#[test]
fn every_part_of_a_source_and_an_operation_must_hold() {
    let spec = r#"
  rules:
    - from:
        - source:
            namespaces: ["shop"]
            notPrincipals: ["*/sa/evil"]
        - source: {serviceAccounts: ["own", "edge/gate"]}
      to:
        - operation: {methods: [GET], paths: ["/public/*", "/items/{*}/view"], notPorts: ["9090"]}
      when:
        - key: request.headers[X-Team]
          values: ["a*"]
          notValues: ["ab"]
"#;
    let team = GET.with(&[("x-team", "aa")]);
    let calls = [
        (team, Some("shop/web")),
        (team, Some("shop/evil")),
        (team, Some("edge/gate")),
        (team, Some("edge/own")),
        (team, None),
        (team.by("POST"), Some("shop/web")),
        (team.on(9090), Some("shop/web")),
        (GET, Some("shop/web")),
        (GET.with(&[("x-team", "ab")]), Some("shop/web")),
        (Call { path: "/items/7/view", ..team }, Some("shop/web")),
        (Call { path: "/items/7/8/view", ..team }, Some("shop/web")),
    ];
    let expected = [true, false, true, false, false, false, false, false, false, true, false];
    assert_eq!(lets_in(spec, &calls), expected);
}

#[test]
fn a_denial_comes_before_any_leave() {
    let spec = "
  action: DENY
  rules:
    - to: [{operation: {paths: [\"/admin*\"]}}]
";
    let calls = [(Call { path: "/admin/x", ..GET }, Some("shop/web")), (GET, Some("shop/web"))];
    assert_eq!(lets_in(spec, &calls), [false, true]);
}

#[test]
fn a_dry_run_denies_nobody() {
    let text = workload("shop", "api")
        + "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
        + "metadata: {name: p, namespace: shop, annotations: {istio.io/dry-run: \"true\"}}\nspec: {action: DENY, rules: [{}]}\n";
    let bundle = Repository::of(&text).bundle();
    assert!(Program::of(&bundle, "shop/api").receives(GET, None).is_ok());
}

#[test]
fn the_root_namespace_speaks_for_all_and_a_selector_for_some() {
    let mesh = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-evil, namespace: istio-system}
spec:
  action: DENY
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/evil]}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: only-web, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}]
---
";
    let text = mesh.to_owned() + &workload("shop", "api") + &workload("edge", "gate");
    let bundle = Repository::of(&text).bundle();
    let api = Program::of(&bundle, "shop/api");
    assert!(api.receives(GET, Some("shop/web")).is_ok());
    assert!(api.receives(GET, Some("edge/gate")).is_err());
    assert!(api.receives(GET, Some("shop/evil")).unwrap_err().unwrap().starts_with("no-evil"));
    let gate = Program::of(&bundle, "edge/gate");
    assert!(gate.receives(GET, Some("shop/web")).is_ok());
    assert!(gate.receives(GET, Some("shop/evil")).is_err());
}

#[test]
fn identities_of_an_old_trust_domain_are_the_meshs() {
    let spec = "  rules: [{from: [{source: {principals: [old.test/ns/shop/sa/web]}}]}]\n";
    let repository = policy(spec);
    repository.write("mesh.yaml", "meshConfig: {trustDomainAliases: [old.test]}\n");
    let bundle = repository.bundle();
    let api = Program::of(&bundle, "shop/api");
    assert!(api.receives(GET, Some("shop/web")).is_ok());
    assert!(api.receives(GET, Some("shop/other")).is_err());
}

#[test]
fn the_narrowest_peer_authentication_counts_and_the_older_of_two() {
    let peers = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: mesh, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: all, namespace: edge}
spec: {mtls: {mode: DISABLE}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a, namespace: edge}
spec:
  selector: {matchLabels: {app: gate}}
  portLevelMtls: {\"9090\": {mode: PERMISSIVE}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: b, namespace: edge}
spec:
  selector: {matchLabels: {app: gate}}
  mtls: {mode: STRICT}
---
";
    let text = peers.to_owned()
        + &workload("shop", "api")
        + &workload("edge", "gate")
        + &workload("edge", "x");
    let bundle = Repository::of(&text).bundle();
    let mode = |name: &str, port| Program::of(&bundle, name).program.inbound().port(port).mtls;
    assert_eq!(mode("shop/api", 8080), MtlsMode::Strict);
    assert_eq!(mode("edge/x", 8080), MtlsMode::Disable);
    assert_eq!(mode("edge/gate", 9090), MtlsMode::Permissive);
    assert_eq!(mode("edge/gate", 8080), MtlsMode::Disable);
}

#[test]
fn clients_know_who_refuses_mutual_tls() {
    use mesh_engine::cluster::{Endpoint, Security};
    let peers = "
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  mtls: {mode: STRICT}
  portLevelMtls: {\"8080\": {mode: DISABLE}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: all, namespace: shop}
spec: {mtls: {mode: DISABLE}}
---
";
    let text = peers.to_owned() + &workload("shop", "api") + &workload("edge", "gate");
    let bundle = Repository::of(&text).bundle();
    let gate = Program::of(&bundle, "edge/gate");
    let cluster = gate.program.cluster_by_name("outbound|80||api.shop.svc.cluster.local").unwrap();
    let is_plain = |app: &str, workload_port| {
        let labels = [("app".to_owned(), app.to_owned())].into();
        let endpoint = Endpoint { labels: &labels, workload_port, meshed: true };
        cluster.security(&endpoint) == Security::Plaintext
    };
    assert!(is_plain("api", 8080) && !is_plain("api", 9090) && is_plain("other", 9090));
}
