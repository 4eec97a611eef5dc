//! `unlisted-gateway`: a workload's policies keep out the gateway that leads to it.
//!
//! A gateway comes with an identity of its own. It is said where no `ALLOW` rule may hold for it (one that asks for tokens or
//! addresses, or for nothing of the source, may), and where a `DENY` rule is sure to. One policy is one cause, however many
//! workloads and gateways are concerned. Source: Istio, `AuthorizationPolicy`, `Source.principals`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mesh_snapshot::object::Role;

use super::closed_gateway::closing;
use crate::check::behind_gateway::{self, Behind};
use crate::check::caller::Caller;
use crate::check::in_force::InForce;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check =
    Check::lint("unlisted-gateway", Severity::Warning, include_str!("unlisted_gateway.md"));

/// A policy, and its rule if it denies.
type Cause = (DocumentId, Option<usize>);

/// What is known of a gateway.
struct Gateway<'m> {
    caller: Caller<'m>,
    /// The policy by which nobody comes in who has no identity, which is said once.
    closed_by: Option<DocumentId>,
}

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let all = behind_gateway::all(mesh);
    let (mut known, mut policies) = (HashMap::new(), HashMap::new());
    let mut found: BTreeMap<Cause, Vec<&Behind<'_, '_>>> = BTreeMap::new();
    // What becomes of callers at another gateway is `closed-gateway`'s to say: it may ask nobody who they are.
    for behind in all.iter().filter(|it| it.workload.inventory.role == Role::Sidecar) {
        let gateway = known.entry(behind.gateway.id).or_insert_with(|| Gateway {
            caller: Caller::of(mesh, behind.gateway),
            closed_by: closing(mesh, behind.gateway).map(|(policy, _)| policy.resource.id),
        });
        let policies = policies
            .entry(behind.workload.id)
            .or_insert_with(|| InForce::at(mesh, behind.workload));
        let Some((policy, rule)) = policies.barrier(&gateway.caller) else { continue };
        if gateway.closed_by != Some(policy.resource.id) {
            found.entry((policy.resource.id, rule)).or_default().push(behind);
        }
    }
    out.extend(found.into_iter().filter_map(|(cause, all)| report(mesh, cause, &all)));
}

fn report(mesh: &Mesh<'_>, cause: Cause, all: &[&Behind<'_, '_>]) -> Option<Diagnostic> {
    let first = all.first()?;
    let gateway = first.gateway;
    let name = format!("{}/{}", gateway.namespace(), gateway.name());
    let workloads: BTreeSet<_> = all.iter().map(|it| it.workload.id).collect();
    let at = match workloads.len() - 1 {
        0 => format!("`{}`", first.workload.name()),
        1 => format!("`{}` and one other workload", first.workload.name()),
        more => format!("`{}` and {more} other workloads", first.workload.name()),
    };
    let identity = format!(
        "{}/ns/{}/sa/{}",
        mesh.settings.trust_domain,
        gateway.namespace(),
        gateway.inventory.service_account
    );
    let (place, message, label, help) = match cause {
        (policy, Some(rule)) => (
            Place::value(policy, FieldPath::default().field("spec").field("rules").index(rule)),
            format!("a rule denies the gateway `{name}` at {at}"),
            "holds for the gateway",
            format!("leave `{identity}` out of it, with `notPrincipals`"),
        ),
        (policy, None) => (
            Place::resource(policy),
            format!("no rule lets the gateway `{name}` in at {at}"),
            "lets in others alone",
            format!("let `{identity}` in"),
        ),
    };
    let found = Diagnostic::new(&CHECK, place, message)
        .label(label)
        .also(first.route.place(), "this route leads there")
        .also(Place::resource(gateway.id), "this is the gateway");
    let mut met = BTreeSet::from([gateway.id]);
    let others = all.iter().filter(|it| met.insert(it.gateway.id));
    let found = others.take(2).fold(found, |found, other| {
        found.also(Place::resource(other.gateway.id), "nor is this gateway let in")
    });
    Some(
        found
            .consequence("what comes through the gateway is refused: requests with 403, other connections are closed")
            .help(help),
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    const MESH: &str = "
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-1, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: main, image: main}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-2, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: main, image: main}]}
---
apiVersion: v1
kind: Pod
metadata: {name: edge, namespace: istio-system, labels: {app: edge}}
spec: {serviceAccountName: edge, containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec: {selector: {app: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec: {hosts: [a.test], gateways: [istio-system/edge], http: [{route: [{destination: {host: cart}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
";

    /// What is said of a gateway that is kept out.
    fn said(namespace: &str, spec: &str) -> Vec<String> {
        let folder = Folder::new();
        let policy = format!("metadata: {{name: a, namespace: {namespace}}}\nspec: {spec}\n");
        folder.write("a.yaml", format!("{MESH}{policy}"));
        let found = findings(folder.path()).into_iter();
        let found =
            found.filter(|it| ["unlisted-gateway", "closed-gateway"].contains(&it.check.name));
        found.map(|it| it.message).collect()
    }

    fn denies(namespace: &str, source: &str) -> Vec<String> {
        said(namespace, &format!("{{action: DENY, rules: [{{from: [{{source: {source}}}]}}]}}"))
    }

    #[test]
    fn one_policy_is_one_cause() {
        let denied =
            "a rule denies the gateway `istio-system/edge` at `cart-1` and one other workload";
        let unlisted =
            "no rule lets the gateway `istio-system/edge` in at `cart-1` and one other workload";
        assert_eq!(said("shop", "{rules: [{from: [{source: {namespaces: [shop]}}]}]}"), [unlisted]);
        for source in ["{notNamespaces: [shop]}", "{notPrincipals: [cluster.local/ns/shop/sa/a]}"] {
            assert_eq!(denies("shop", source), [denied], "{source}");
        }
        for source in [
            "{namespaces: [web]}",
            "{notPrincipals: ['*']}",
            "{notNamespaces: [shop, istio-system]}",
            "{notNamespaces: [shop], notIpBlocks: [10.0.0.0/8]}",
        ] {
            assert!(denies("shop", source).is_empty(), "{source}");
        }
        let some = "{action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}";
        assert!(said("shop", some).is_empty());
    }

    #[test]
    fn what_closes_the_gateway_itself_is_said_of_the_gateway() {
        let closed = "the gateway `istio-system/edge` lets in nobody";
        for spec in ["{}", "{action: DENY, rules: [{}]}"] {
            assert_eq!(said("istio-system", spec), [closed], "{spec}");
        }
        assert_eq!(denies("istio-system", "{notNamespaces: [shop, istio-system]}"), [closed]);
        let selected = "{selector: {matchLabels: {app: cart}}, action: DENY, rules: [{from: [{source: {notPrincipals: ['*']}}]}]}";
        assert!(said("istio-system", selected).is_empty());
    }
}
