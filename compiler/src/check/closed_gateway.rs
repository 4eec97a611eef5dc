//! `closed-gateway`: a gateway that routes are bound to, and that lets nobody in.
//!
//! Its clients come from outside, most without an identity of the mesh. It is said where no `ALLOW` rule may hold for such a
//! client, since each asks for one, and where a `DENY` rule is sure to. Source: Istio, `AuthorizationPolicy`: a policy without selector in the root namespace is for gateways.

use std::collections::BTreeMap;

use super::behind_gateway;
use super::caller::Caller;
use crate::api::istio::AuthorizationPolicy;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::policy::Policy;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("closed-gateway", Severity::Warning, include_str!("closed_gateway.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let gateways = behind_gateway::gateways(mesh).into_iter();
    let closed = gateways.filter_map(|it| Some((it.id, closing(mesh, it)?)));
    let mut closed: BTreeMap<_, _> = closed.collect();
    // There are few, and to find what is behind gateways takes a look at all routes.
    if closed.is_empty() {
        return;
    }
    for behind in behind_gateway::all(mesh) {
        if let Some(policy) = closed.remove(&behind.gateway.id) {
            out.push(report(behind.gateway, policy, behind.route.place()));
        }
    }
}

/// What keeps everybody out who comes from outside: a policy, and its rule if it denies.
pub(super) type Closing<'m, 'a> = (&'m Policy<'a, AuthorizationPolicy>, Option<usize>);

/// The first of the policies by which nobody from outside comes in.
pub(super) fn closing<'m, 'a>(
    mesh: &'m Mesh<'a>,
    gateway: &Workload<'_>,
) -> Option<Closing<'m, 'a>> {
    if let Some((policy, rule)) = behind_gateway::barrier_at(mesh, gateway, &Caller::NOBODY) {
        return Some((policy, Some(rule)));
    }
    let policies = behind_gateway::allows_at(mesh, gateway);
    let mut rules = behind_gateway::rules_of(&policies);
    let is_open = rules.any(|(rule, own)| Caller::NOBODY.may_be_meant(rule, own));
    policies.first().filter(|_| !is_open).map(|policy| (*policy, None))
}

fn report(gateway: &Workload<'_>, (policy, rule): Closing<'_, '_>, route: Place) -> Diagnostic {
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
    Diagnostic::new(&CHECK, place, message)
        .label(label)
        .also(Place::resource(gateway.id), "this is the gateway")
        .also(route, "this route is bound there")
        .consequence("every request from outside is answered with 403")
        .help(help)
}
