//! `import-of-nothing`: a host that a `Sidecar` imports is none of the namespace that it is looked for in.
//!
//! It is said of namespaces of which the repository knows services. Source: Istio, `IstioEgressListener.hosts`.

use super::inventory;
use crate::api::nearest;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::{is_within, lower, overlap};

pub(super) static CHECK: Check =
    Check::lint("import-of-nothing", Severity::Warning, include_str!("import_of_nothing.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for sidecar in &mesh.source.sidecars {
        for (listener, egress) in sidecar.spec.egress.iter().enumerate() {
            for (index, text) in egress.hosts.iter().enumerate() {
                let at = FieldPath::default().field("spec").field("egress").index(listener);
                let place = Place::value(sidecar.id, at.field("hosts").index(index));
                out.extend(check(mesh, text, &sidecar.namespace, place));
            }
        }
    }
}

fn check(mesh: &Mesh<'_>, text: &str, own: &str, place: Place) -> Option<Diagnostic> {
    let (of, host) = text.split_once('/')?;
    let host = lower(host);
    // What it leaves out need not be there, and all of a namespace may be nothing.
    if of.starts_with('~') || &*host == "*" || inventory::may_have_host(mesh, &host) {
        return None;
    }
    let namespace = if of == "." { own } else { of };
    let services: Vec<_> = if of == "*" {
        mesh.services.iter().map(|(_, it)| it).collect()
    } else {
        let ids = mesh.services.of_namespace(namespace);
        ids.iter().map(|id| mesh.services.get(*id)).collect()
    };
    if services.is_empty()
        || services.iter().any(|it| is_within(&it.host, &host) || overlap(&it.host, &host))
        || routes(mesh, of, namespace, &host)
    {
        return None;
    }
    let elsewhere = mesh.services.of_host(&host).first().map(|id| mesh.services.get(*id));
    let whose = if of == "*" { "the mesh".to_owned() } else { format!("namespace `{namespace}`") };
    let near = nearest(&host, services.iter().map(|it| &*it.host));
    let written = match (elsewhere, near) {
        (Some(service), _) => Some(format!("{}/{host}", service.namespace)),
        (None, Some(near)) => Some(format!("{of}/{near}")),
        (None, None) => None,
    };
    let found = Diagnostic::new(&CHECK, place, format!("{whose} has no host `{host}`"))
        .meant(written.as_deref(), "imports nothing")
        .consequence("workloads of the Sidecar do not see the host that is meant")
        .help("before the `/` stands the namespace of the service, and behind it the host in full");
    Some(found)
}

/// Whether a `VirtualService` is imported so: its hosts need not be services.
fn routes(mesh: &Mesh<'_>, of: &str, namespace: &str, host: &str) -> bool {
    mesh.virtual_services.iter().any(|(_, it)| {
        (of == "*" || it.namespace() == namespace) && it.hosts.iter().any(|own| overlap(own, host))
    })
}
