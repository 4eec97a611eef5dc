//! `foreign-host`: a `VirtualService` takes the requests for a service of another namespace, and not of its own clients alone.
//!
//! Source: Istio, `VirtualService.exportTo`: without it all namespaces see the routes, and use them.

use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::route::VirtualService;
use crate::resolve::{Mesh, Visibility};

pub(super) static CHECK: Check =
    Check::lint("foreign-host", Severity::Warning, include_str!("foreign_host.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::written_virtual_services(mesh, out, |it, out| {
        let own = it.namespace();
        if own == mesh.settings.root_namespace || !it.is_for_mesh() || is_private(it) {
            return;
        }
        for (index, host) in it.hosts.iter().enumerate() {
            let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
            // One that it does not see is unknown to it, which is said elsewhere.
            let services: Vec<_> =
                services.filter(|service| service.visibility.reaches(Some(own))).collect();
            let Some(foreign) = services.first() else { continue };
            if services.iter().any(|service| service.namespace == own) {
                continue;
            }
            let at = FieldPath::default().field("spec").field("hosts").index(index);
            let message = format!("`{host}` is a service of the namespace `{}`", foreign.namespace);
            let place = Place::value(it.resource.id, at);
            out.push(
                Diagnostic::new(&CHECK, place.clone(), message)
                    .label("routed from another namespace")
                    // Where it may not be routed at all, that is what is wrong with it.
                    .supposing(place)
                    .also(foreign.origin.place(), "the service")
                    .consequence(format!(
                        "clients of every namespace that sees these routes go where `{own}` says, unless theirs or the service's has routes of its own"
                    ))
                    .help("set `exportTo: [\".\"]`, so that it is for this namespace's own clients"),
            );
        }
    });
}

/// Whether none but the clients of its own namespace see it.
fn is_private(it: &VirtualService<'_>) -> bool {
    match &it.visibility {
        Visibility::Public => false,
        Visibility::Nobody => true,
        Visibility::Namespaces(names) => names.iter().all(|name| *name == it.namespace()),
    }
}
