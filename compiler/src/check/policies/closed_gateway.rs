//! `closed-gateway`: a gateway that routes are bound to, and that lets nobody in.
//!
//! Its clients come from outside, most without an identity of the mesh. It is said where no `ALLOW` rule may hold for such a
//! client, since each asks for one, and where a `DENY` rule is sure to. Source: Istio, `AuthorizationPolicy`: a policy without selector in the root namespace is for gateways.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::behind_gateway;
use crate::check::caller::Caller;
use crate::check::in_force::{Barrier, InForce};
use crate::check::outsiders;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::host::Host;
use crate::resolve::route::Parent;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("closed-gateway", Severity::Warning, include_str!("closed_gateway.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let gateways = behind_gateway::gateways(mesh).into_iter();
    let closed = gateways.filter_map(|it| Some((it.id, (it, closing(mesh, it)?))));
    let mut closed: BTreeMap<_, _> = closed.collect();
    // Who shows a certificate may have an identity.
    closed.retain(|_, (it, _)| !outsiders::may_be_known(mesh, it));
    // There are few, and to find what is behind gateways takes a look at all routes.
    if closed.is_empty() {
        return;
    }
    // Where routes of the mesh lead to it, its clients are the mesh's own.
    let led_to = led_to_on_the_mesh(mesh);
    closed.retain(|_, (gateway, _)| {
        !mesh.services.served_by(gateway).iter().any(|it| led_to.contains(&it.host))
    });
    for behind in behind_gateway::all(mesh) {
        if let Some((_, policy)) = closed.remove(&behind.gateway.id) {
            out.push(report(behind.gateway, policy, behind.route.place()));
        }
    }
}

/// The hosts that routes lead clients in the mesh to.
fn led_to_on_the_mesh(mesh: &Mesh<'_>) -> BTreeSet<Host> {
    let routes = mesh.virtual_services.iter().map(|(_, it)| it).filter(|it| it.is_for_mesh());
    let led = routes.flat_map(|it| it.destinations().map(|(to, _)| to.host));
    let is_of_service = |parent: &Parent<'_>| matches!(parent, Parent::Mesh(_));
    let routes = mesh.http_routes.iter().map(|(_, it)| it);
    let routes = routes.filter(|it| it.parents.iter().any(is_of_service));
    let backends = routes.flat_map(|it| &it.rules).flat_map(|rule| &rule.backends);
    led.chain(backends.map(|it| it.host.clone())).collect()
}

/// What keeps everybody out who comes from outside.
pub(super) fn closing<'m, 'a>(
    mesh: &'m Mesh<'a>,
    gateway: &Workload<'_>,
) -> Option<Barrier<'m, 'a>> {
    InForce::at(mesh, gateway).barrier(&Caller::NOBODY)
}

fn report(gateway: &Workload<'_>, (policy, rule): Barrier<'_, '_>, route: Place) -> Diagnostic {
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
