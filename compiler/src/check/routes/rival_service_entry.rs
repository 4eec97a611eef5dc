//! `rival-service-entry`: `ServiceEntry`s of several namespaces define one host, each otherwise.
//!
//! A sidecar takes the one of its own namespace; everybody else takes the oldest that it sees. Entries that say the same are
//! everyday: each team brings the hosts that it needs. Source: Istio, `selectServices`.

use mesh_snapshot::object::{Discovery, ServicePort};

use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::service::{Origin, Service};

pub(super) static CHECK: Check =
    Check::lint("rival-service-entry", Severity::Warning, include_str!("rival_service_entry.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (id, later) in mesh.services.iter() {
        let Origin::Entry(..) = later.origin else { continue };
        let same = mesh.services.of_host(&later.host).iter();
        // They stand in the order of their age.
        let mut older = same.take_while(|other| **other != id).map(|id| mesh.services.get(*id));
        if let Some(earlier) = older.find(|earlier| rivals(earlier, later)) {
            out.push(report(earlier, later));
        }
    }
}

/// Whether somebody sees both, and they lead to different places. That their protocols differ is `conflicting-entry-protocols`'s
/// to say.
fn rivals(earlier: &Service<'_>, later: &Service<'_>) -> bool {
    matches!(earlier.origin, Origin::Entry(..))
        && earlier.namespace != later.namespace
        && earlier.visibility.meets(&later.visibility)
        && !disagree(&earlier.object.ports, &later.object.ports)
        && (has_own_endpoints(earlier) || has_own_endpoints(later))
        && earlier.object.discovery != later.object.discovery
}

fn disagree(a: &[ServicePort], b: &[ServicePort]) -> bool {
    a.iter().any(|a| b.iter().any(|b| a.number == b.number && a.protocol != b.protocol))
}

/// Addresses that its author wrote.
fn has_own_endpoints(service: &Service<'_>) -> bool {
    matches!(service.object.discovery, Discovery::Declared { .. } | Discovery::Dns { .. })
}

fn report(earlier: &Service<'_>, later: &Service<'_>) -> Diagnostic {
    let message = format!("`{}` is defined in `{}` otherwise", later.host, earlier.namespace);
    let found = Diagnostic::new(&CHECK, host(later), message);
    found
        .label(format!("counts for sidecars in `{}`", later.namespace))
        .also(host(earlier), "counts for all others, since it is the older one")
        .consequence("one name leads to different endpoints, by the namespace of the client")
        .help("keep one of the two, or let each be seen in its own namespace alone: `exportTo: [\".\"]`")
}

fn host(service: &Service<'_>) -> Place {
    match service.origin {
        Origin::Entry(entry, index) => {
            let root = entry.at();
            root.field("spec").field("hosts").index(index).value()
        }
        Origin::Kubernetes(_) => service.origin.place(),
    }
}
