//! `closed-gateway`: a gateway that routes are bound to, and that lets nobody in.
//!
//! No server of it asks for certificates, so that its clients have no identity, those in the mesh no more than others. It is said where no `ALLOW` rule may hold for such a
//! client, since each asks for one, and where a `DENY` rule is sure to. Source: Istio, `AuthorizationPolicy`: a policy without selector in the root namespace is for gateways.

use std::collections::BTreeMap;

use crate::check::behind_gateway;
use crate::check::caller::Caller;
use crate::check::in_force::{Barrier, InForce};
use crate::check::openers::Openers;
use crate::check::outsiders;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check =
    Check::lint("closed-gateway", Severity::Warning, include_str!("closed_gateway.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let gateways = behind_gateway::gateways(mesh).into_iter();
    let closed = gateways.filter_map(|it| Some((it.id, (it, closing(mesh, it)?))));
    let mut closed: BTreeMap<_, _> = closed.collect();
    // Who shows a certificate may have an identity.
    if !closed.is_empty() {
        let openers = Openers::of(mesh);
        closed.retain(|_, (it, _)| !outsiders::may_be_known(&openers, it));
    }
    // There are few, and to find what is behind gateways takes a look at all routes.
    if closed.is_empty() {
        return;
    }
    for behind in behind_gateway::all(mesh) {
        if let Some((_, policy)) = closed.remove(&behind.gateway.id) {
            out.push(report(behind.gateway, policy, behind.route.place()));
        }
    }
}

/// What keeps everybody out who has no identity.
pub(super) fn closing<'m, 'a>(
    mesh: &'m Mesh<'a>,
    gateway: &Workload<'_>,
) -> Option<Barrier<'m, 'a>> {
    InForce::at(mesh, gateway).barrier(&Caller::NOBODY)
}

fn report(gateway: &Workload<'_>, (policy, rule): Barrier<'_, '_>, route: Place) -> Diagnostic {
    let name = format!("{}/{}", gateway.namespace(), gateway.name());
    let message = format!("the gateway `{name}` lets in nobody");
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
        .consequence("every request to it is answered with 403")
        .help(help)
}
