//! `closed-gateway`: a gateway that routes are bound to, and that lets nobody in.
//!
//! Its clients come from outside, most without an identity of the mesh. It is said where no rule may hold for such a client:
//! each asks for one. Source: Istio, `AuthorizationPolicy`: a policy without selector in the root namespace is for gateways.

use std::collections::BTreeMap;

use super::behind_gateway;
use crate::api::istio::{AuthorizationPolicy, Rule};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
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

/// The first of the policies by which nobody from outside comes in.
fn closing<'m, 'a>(
    mesh: &'m Mesh<'a>,
    gateway: &Workload<'_>,
) -> Option<&'m Policy<'a, AuthorizationPolicy>> {
    let policies = behind_gateway::allows_at(mesh, gateway);
    let mut rules = policies.iter().flat_map(|it| it.resource.spec.rules.iter().flatten());
    if rules.any(may_hold) { None } else { policies.first().copied() }
}

fn report(
    gateway: &Workload<'_>,
    policy: &Policy<'_, AuthorizationPolicy>,
    route: Place,
) -> Diagnostic {
    let name = format!("{}/{}", gateway.namespace(), gateway.name());
    let message = format!("the gateway `{name}` lets in nobody from outside");
    Diagnostic::new(&CHECK, Place::resource(policy.resource.id), message)
        .label("is for the gateway, too")
        .also(Place::resource(gateway.id), "this is the gateway")
        .also(route, "this route is bound there")
        .consequence("every request from outside is answered with 403")
        .help("write a policy for the gateway that says which hosts are open to anybody")
}

/// Whether a rule may hold for a client without an identity.
fn may_hold(rule: &Rule) -> bool {
    rule.from.as_ref().is_none_or(|from| {
        let mut sources = from.iter().filter_map(|part| part.source.as_ref());
        sources.any(|it| {
            it.principals.is_empty() && it.namespaces.is_empty() && it.service_accounts.is_empty()
        })
    })
}
