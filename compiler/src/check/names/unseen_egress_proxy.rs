//! `unseen-egress-proxy`: a `Sidecar` sends what is for no known host to a service that its workloads do not see.
//!
//! Source: Istio, `OutboundTrafficPolicy.egressProxy`; sidecars get the clusters of what they import, and of what routes lead to.

use std::collections::BTreeSet;

use mesh_snapshot::object::{EgressProxy, OutboundPolicy};

use crate::check::{inventory, suggestion};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::sidecar::Sidecar;
use crate::resolve::{Mesh, View};

pub(super) static CHECK: Check =
    Check::lint("unseen-egress-proxy", Severity::Warning, include_str!("unseen_egress_proxy.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for sidecar in mesh.sidecars.iter() {
        if let (OutboundPolicy::AllowAny, Some(proxy)) = (sidecar.outbound, &sidecar.proxy) {
            out.extend(check(mesh, sidecar, proxy));
        }
    }
}

fn check(mesh: &Mesh<'_>, sidecar: &Sidecar<'_>, proxy: &EgressProxy) -> Option<Diagnostic> {
    let (host, port) = (&*proxy.host, proxy.port);
    if !inventory::lists_hosts(mesh)
        || inventory::may_have_host(mesh, host)
        || is_led_to(mesh, host)
    {
        return None;
    }
    let sees = |client: &&str| {
        let seen = View::of(mesh, client).through(sidecar.imports.as_ref()).service(host);
        seen.is_some_and(|it| it.object.ports.iter().any(|own| own.number == port))
    };
    let clients = clients(mesh, sidecar);
    let client = *clients.iter().find(|client| !sees(client))?;

    let resource = sidecar.resource;
    let at = FieldPath::default().field("spec").field("outboundTrafficPolicy").field("egressProxy");
    let place = Place::value(resource.id, at.clone().field("host"));
    let found = match View::of(mesh, client).service(host) {
        None => {
            let near = suggestion::host(mesh, host, client);
            let message = format!("namespace `{client}` sees no service `{host}`");
            Diagnostic::new(&CHECK, place, message)
                .meant(near.as_deref(), "not defined, or not exported")
        }
        Some(shown) => {
            let service = mesh.services.get(shown.id);
            let has_port = shown.object.ports.iter().any(|own| own.number == port);
            let (place, message, label) = if has_port {
                let message = format!("the Sidecar does not import `{host}`");
                (place, message, "its workloads do not see it")
            } else {
                let place = Place::value(resource.id, at.field("port").field("number"));
                (place, format!("`{host}` has no port {port}"), "no such port")
            };
            let found = Diagnostic::new(&CHECK, place, message)
                .label(label)
                .also(service.origin.place(), "this is the service");
            if has_port {
                found.help(format!("add `{}/{host}` to `egress`", service.namespace))
            } else {
                found
            }
        }
    };
    Some(found.consequence("requests for unknown hosts are answered with 503: no cluster is there"))
}

/// Whether some route leads to a host. What imports the route sees all of the host's service.
fn is_led_to(mesh: &Mesh<'_>, host: &str) -> bool {
    let mut routes = mesh.virtual_services.written();
    routes.any(|it| it.destinations().any(|(to, _)| *to.host == *host))
}

/// The namespaces of the workloads that a Sidecar counts for; where none are known, its own.
fn clients<'m>(mesh: &'m Mesh<'_>, sidecar: &Sidecar<'m>) -> BTreeSet<&'m str> {
    let root = mesh.settings.root_namespace;
    let counts = |workload: &&crate::resolve::Workload<'_>| {
        let own = mesh.sidecars.of_workload(&workload.inventory, root);
        own.is_some_and(|it| it.resource.id == sidecar.resource.id)
    };
    let served = mesh.workloads.iter().filter(counts);
    let clients: BTreeSet<_> = served.map(|it| it.inventory.namespace.as_str()).collect();
    if clients.is_empty() { [sidecar.resource.namespace.as_str()].into() } else { clients }
}
