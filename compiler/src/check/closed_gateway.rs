//! `closed-gateway`: a gateway that routes are bound to, and that lets nobody in.
//!
//! Its clients come from outside, most without an identity of the mesh. It is said where no `ALLOW` rule may hold for such a
//! client, since each asks for one, and where a `DENY` rule is sure to. Source: Istio, `AuthorizationPolicy`: a policy without selector in the root namespace is for gateways.

use std::collections::BTreeSet;

use super::behind_gateway;
use super::caller::Caller;
use crate::api::istio::AuthorizationPolicy;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::policy::Policy;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("closed-gateway", Severity::Warning, include_str!("closed_gateway.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut met = BTreeSet::new();
    for behind in behind_gateway::all(mesh) {
        if met.insert(behind.gateway.id) {
            out.extend(check(mesh, behind.gateway, behind.route.place()));
        }
    }
}

/// What keeps everybody out who comes from outside: a policy, and its rule if it denies.
pub(super) fn closing<'m, 'a>(
    mesh: &'m Mesh<'a>,
    gateway: &Workload<'_>,
) -> Option<(&'m Policy<'a, AuthorizationPolicy>, Option<usize>)> {
    if let Some((policy, rule)) = behind_gateway::barrier_at(mesh, gateway, &Caller::NOBODY) {
        return Some((policy, Some(rule)));
    }
    let policies = behind_gateway::allows_at(mesh, gateway);
    let mut rules = policies.iter().flat_map(|policy| {
        policy.resource.spec.rules.iter().flatten().map(|rule| (rule, &policy.resource.namespace))
    });
    let is_open = rules.any(|(rule, own)| Caller::NOBODY.may_be_meant(rule, own));
    policies.first().filter(|_| !is_open).map(|policy| (*policy, None))
}

fn check(mesh: &Mesh<'_>, gateway: &Workload<'_>, route: Place) -> Option<Diagnostic> {
    let (policy, rule) = closing(mesh, gateway)?;
    let name = format!("{}/{}", gateway.namespace(), gateway.name());
    let message = format!("the gateway `{name}` lets in nobody from outside");
    let id = policy.resource.id;
    let (place, label, help) = match rule {
        Some(rule) => (
            Place::value(id, FieldPath::default().field("spec").field("rules").index(rule)),
            "denies who has no identity of the mesh",
            "select the workloads that are meant, and not the gateway",
        ),
        None => (
            Place::resource(id),
            "is for the gateway, too",
            "write a policy for the gateway that says which hosts are open to anybody",
        ),
    };
    Some(
        Diagnostic::new(&CHECK, place, message)
            .label(label)
            .also(Place::resource(gateway.id), "this is the gateway")
            .also(route, "this route is bound there")
            .consequence("every request from outside is answered with 403")
            .help(help),
    )
}
