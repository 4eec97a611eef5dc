//! `closed-gateway`: a gateway that routes are bound to, and that lets nobody in.
//!
//! Its clients come from outside, most without an identity of the mesh. It is said where no rule may hold for such a client:
//! each asks for one. Source: Istio, `AuthorizationPolicy`: a policy without selector in the root namespace is for gateways.

use std::collections::BTreeSet;

use super::behind_gateway;
use crate::api::istio::Rule;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
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

fn check(mesh: &Mesh<'_>, gateway: &Workload<'_>, route: Place) -> Option<Diagnostic> {
    let policies = behind_gateway::allows_at(mesh, gateway);
    let first = policies.first()?;
    let mut rules = policies.iter().flat_map(|it| it.resource.spec.rules.iter().flatten());
    if rules.any(may_hold) {
        return None;
    }
    let name = format!("{}/{}", gateway.namespace(), gateway.name());
    let message = format!("the gateway `{name}` lets in nobody from outside");
    Some(
        Diagnostic::new(&CHECK, Place::resource(first.resource.id), message)
            .label("is for the gateway, too")
            .also(Place::resource(gateway.id), "this is the gateway")
            .also(route, "this route is bound there")
            .consequence("every request from outside is answered with 403")
            .help("write a policy for the gateway that says which hosts are open to anybody"),
    )
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
