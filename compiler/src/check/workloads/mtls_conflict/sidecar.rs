//! TLS that a `Sidecar` has a port end, and that no client is told to speak.

use std::collections::BTreeSet;

use mesh_snapshot::object::{Role, ServicePort};

use super::setting::settings;
use super::{CHECK, Conflicts, may_be_told, policies};
use crate::api::istio::ClientTlsMode;
use crate::check::injection::gets_proxy;
use crate::check::own_tls::OwnTls;
use crate::check::selection;
use crate::diagnostic::{Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::service::{Origin, Service};
use crate::resolve::{Mesh, Workload};

/// A port at which all servers end TLS that no client is told to speak. At other ports than those that carry requests
/// applications may speak it themselves, and who is reached from outside of the mesh may be made for those alone.
pub(super) fn check_own_tls(
    mesh: &Mesh<'_>,
    service: &Service<'_>,
    clients: &BTreeSet<&str>,
    conflicts: &mut Conflicts,
) {
    let Origin::Kubernetes(resource) = service.origin else { return };
    let is_inner = matches!(resource.spec.r#type.as_deref(), None | Some("" | "ClusterIP"));
    let workloads = selection::of_service(mesh, service);
    let is_known = |it: &&Workload<'_>| it.inventory.role == Role::Sidecar && gets_proxy(mesh, it);
    let are_all = workloads.iter().all(is_known) && !selection::has_machines(mesh, service);
    if !is_inner || workloads.is_empty() || !are_all || may_be_told(mesh) {
        return;
    }
    let ends: Option<Vec<_>> =
        workloads.iter().map(|it| OwnTls::of(mesh, &it.inventory).map(|own| (*it, own))).collect();
    let Some(ends) = ends else { return };
    let serves = |it: &Workload<'_>| workloads.iter().any(|own| std::ptr::eq(*own, it));
    let calls = |it: &Workload<'_>| it.inventory.role == Role::Gateway || gets_proxy(mesh, it);
    let has_callers = || mesh.workloads.iter().any(|it| !serves(it) && calls(it));
    for port in service.object.ports.iter().filter(|port| port.protocol.is_http()) {
        let at = |(workload, own): &(&Workload<'_>, OwnTls)| {
            own.by_port.get(&selection::target(workload, &port.target)?).cloned()
        };
        let terminations: Option<Vec<_>> = ends.iter().map(at).collect();
        let first = terminations.and_then(|all| all.into_iter().next());
        let Some((document, path)) = first.and_then(|it| written(&it.place)) else { continue };
        let is_told = policies(mesh, service, clients).into_iter().any(|policy| {
            settings(policy, port.number).iter().any(|it| it.mode != ClientTlsMode::Disable)
        });
        if is_told || mesh.backend_tls.of_host(&service.host).is_some() || !has_callers() {
            continue;
        }
        let index = resource.spec.ports.iter().position(|it| it.port == i32::from(port.number));
        let ports = FieldPath::default().field("spec").field("ports");
        let called =
            Place::value(resource.id, ports.index(index.unwrap_or_default()).field("port"));
        let entry = conflicts.entry((document, path.clone()));
        entry.or_insert_with(|| {
            let place = Place::key(document, path);
            (report_own_tls(place, called, service, port), BTreeSet::new())
        });
    }
}

fn report_own_tls(
    place: Place,
    called: Place,
    service: &Service<'_>,
    port: &ServicePort,
) -> Diagnostic {
    let (host, number) = (&service.host, port.number);
    let message = format!(
        "clients in the mesh speak plain text to port {number} of `{host}`, which takes TLS of its own alone"
    );
    let mut found = Diagnostic::new(&CHECK, place, message)
        .label("takes nothing but TLS")
        .also(called, "clients speak plain text: no DestinationRule says otherwise")
        .consequence("every connection of theirs fails; requests are answered with 503")
        .help("let a DestinationRule for the host say `tls: {mode: SIMPLE}`, or give clients in the mesh a port of their own");
    // Clients outside of the mesh may speak it.
    found.severity = Severity::Warning;
    found
}

/// The field of a resource that a place is.
fn written(place: &Place) -> Option<(DocumentId, FieldPath)> {
    match place {
        Place::Field { document, path, .. } => Some((*document, path.clone())),
        _ => None,
    }
}
