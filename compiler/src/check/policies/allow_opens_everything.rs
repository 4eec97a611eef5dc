//! `allow-opens-everything`: a rule of an `ALLOW` policy asks nothing, or what every request has, and so allows every request.
//!
//! Policies of one workload are a union: such a rule makes every other `ALLOW` rule for it moot. A gateway whose clients have no
//! identity is opened so on purpose where a policy for all workloads closes it. Source: Istio, `AuthorizationPolicy.rules`.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use mesh_snapshot::Applies;
use mesh_snapshot::object::Role;

use crate::api::istio::Action;
use crate::check::caller::{Reach, is_for_all};
use crate::check::in_force::InForce;
use crate::check::openers::Openers;
use crate::check::{outsiders, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::policy::{Policy, Scope};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check = Check::lint(
    "allow-opens-everything",
    Severity::Warning,
    include_str!("allow_opens_everything.md"),
);

/// How many policies that say no more are pointed at.
const SHOWN_MAX: usize = 2;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = &mesh.policies.authorization_policies;
    let allows = |it: &&Policy<'_, crate::api::istio::AuthorizationPolicy>| {
        it.resource.spec.action == Action::Allow && it.scope.is_ok()
    };
    let openers = OnceCell::new();
    let openers = || openers.get_or_init(|| Openers::of(mesh));
    let mut known: BTreeMap<&Scope<'_>, bool> = BTreeMap::new();
    for policy in policies.iter().filter(allows) {
        let rules = policy.resource.spec.rules.iter().flatten();
        let mut open = rules.enumerate().filter_map(|(at, it)| Some((at, it, is_for_all(it)?)));
        let Some((open, rule, reach)) = open.next() else { continue };
        let Ok(scope) = &policy.scope else { continue };
        if *known.entry(scope).or_insert_with(|| exempts(mesh, openers, scope)) {
            continue;
        }
        let rules = FieldPath::default().field("spec").field("rules");
        let place = Place::value(policy.resource.id, rules.clone().index(open));
        let message = match reach {
            Reach::All => "this rule allows every request",
            Reach::OverIpv4 => "this rule allows every request over IPv4",
        };
        let asks = rule.from.is_some() || rule.to.is_some();
        let mut found = Diagnostic::new(&CHECK, place, message)
            .label(if asks { "asks for what every request has" } else { "asks nothing" })
            .consequence("whoever reaches the workload is let in, with or without an identity")
            .help("say in `from` who may call, or leave `rules` out, which allows nobody");
        let count = policy.resource.spec.rules.as_ref().map_or(0, Vec::len);
        if let Some(other) = (0..count).find(|index| *index != open) {
            let place = Place::value(policy.resource.id, rules.index(other));
            found = found.also(place, "beside it this rule changes nothing");
        }
        let moot = policies.iter().filter(allows).filter(|other| {
            other.resource.id != policy.resource.id
                && other.scope == policy.scope
                && other.resource.spec.rules.as_ref().is_some_and(|rules| !rules.is_empty())
        });
        out.push(moot.take(SHOWN_MAX).fold(found, |found, other| {
            found
                .also(Place::resource(other.resource.id), "this policy no longer holds anybody off")
        }));
    }
}

/// Whether a policy is for gateways alone whose clients have no identity, and another, which is for all, would keep them out.
fn exempts<'m, 'a>(
    mesh: &'m Mesh<'a>,
    openers: impl Fn() -> &'m Openers<'m, 'a>,
    scope: &Scope<'_>,
) -> bool {
    let gateways = selection::of_policy(mesh, scope);
    let is_gateway = |it: &&Workload<'_>| it.inventory.role == Role::Gateway;
    let is_closed = |gateway: &&Workload<'_>| {
        InForce::at(mesh, gateway).with(Action::Allow).any(|other| {
            other.scope.as_ref().is_ok_and(|of| of != scope && of.applies == Applies::All)
        })
    };
    !gateways.is_empty()
        && gateways.iter().all(is_gateway)
        && gateways.iter().all(is_closed)
        && !gateways.iter().any(|it| outsiders::may_be_known(openers(), it))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn said(rule: &str) -> Option<String> {
        let folder = Folder::new();
        folder.write("a.yaml", format!(
            "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec: {{rules: [{rule}]}}\n"
        ));
        let found = findings(folder.path()).into_iter().find(|it| it.check == &CHECK);
        found.map(|it| it.message)
    }

    #[test]
    fn what_every_request_has_keeps_nobody_out() {
        for rule in [
            "{}",
            "{to: [{operation: {methods: ['*']}}]}",
            "{to: [{operation: {paths: ['*'], hosts: ['*']}}]}",
            "{from: [{source: {ipBlocks: [0.0.0.0/0, '::/0']}}]}",
        ] {
            assert_eq!(said(rule).as_deref(), Some("this rule allows every request"), "{rule}");
        }
        let ipv4 = "this rule allows every request over IPv4";
        assert_eq!(said("{from: [{source: {ipBlocks: [0.0.0.0/0]}}]}").as_deref(), Some(ipv4));
        for rule in [
            "{from: [{source: {principals: ['*']}}]}",
            "{to: [{operation: {methods: ['*'], paths: [/a]}}]}",
            "{to: [{operation: {methods: ['*'], notPaths: [/a]}}]}",
            "{to: [{operation: {ports: ['80']}}]}",
            "{from: [{source: {ipBlocks: [0.0.0.0/0], notIpBlocks: [10.0.0.0/8]}}]}",
            "{to: [{operation: {methods: ['*']}}], when: [{key: source.namespace, values: [a]}]}",
        ] {
            assert_eq!(said(rule), None, "{rule}");
        }
    }

    const EDGE: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: edge}
spec:
  selector: {matchLabels: {istio: edge}}
  template:
    metadata: {labels: {istio: edge}, annotations: {inject.istio.io/templates: gateway}}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: edge}
spec: {selector: {istio: edge}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: a}, hosts: ['*']}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: istio-system}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: edge, namespace: edge}
spec: {selector: {matchLabels: {istio: edge}}, rules: [{}]}
";

    #[test]
    fn so_may_a_gateway_that_istio_deploys() {
        let nobody = EDGE.split("---\n").nth(2).unwrap();
        let is_told = |attached: &str, listener: &str| {
            let folder = Folder::new();
            folder.write("a.yaml", format!(
                "{nobody}---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public, namespace: edge}}\nspec: {{gatewayClassName: istio, listeners: [{{{listener}}}]}}\n---\n\
                 apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: edge, namespace: edge}}\nspec: {{{attached}, rules: [{{}}]}}\n"
            ));
            findings(folder.path()).iter().any(|it| it.check == &CHECK)
        };
        let http = "name: http, port: 80, protocol: HTTP";
        let target =
            "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: public}]";
        assert!(!is_told(target, http));
        let label = |name: &str| {
            format!("selector: {{matchLabels: {{gateway.networking.k8s.io/gateway-name: {name}}}}}")
        };
        assert!(!is_told(&label("public"), http));
        assert!(is_told(&label("other"), http));
        let mutual = "name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: a}], options: {gateway.istio.io/tls-terminate-mode: MUTUAL}}";
        assert!(is_told(target, mutual));
    }

    #[test]
    fn a_gateway_may_be_an_exemption() {
        let is_told = |before: &str, after: &str| {
            assert!(EDGE.contains(before));
            let folder = Folder::new();
            folder.write("a.yaml", EDGE.replace(before, after));
            findings(folder.path()).iter().any(|it| it.check == &CHECK)
        };
        let nobody = "metadata: {name: nobody, namespace: istio-system}";
        assert!(!is_told("", ""));
        assert!(!is_told(nobody, "metadata: {name: nobody, namespace: edge}"));
        for (before, after) in [
            (nobody, "metadata: {name: nobody, namespace: shop}"),
            (
                "spec: {}",
                "spec: {selector: {matchLabels: {istio: edge}}, rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}",
            ),
            ("mode: SIMPLE", "mode: MUTUAL"),
            (
                ", annotations: {inject.istio.io/templates: gateway}}\n    spec: {containers: [{name: istio-proxy",
                "}\n    spec: {containers: [{name: app",
            ),
        ] {
            assert!(is_told(before, after), "{after}");
        }
    }
}
