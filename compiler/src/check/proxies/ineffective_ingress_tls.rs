//! `ineffective-ingress-tls`: a `Sidecar` has a certificate shown at a port that asks for the mesh's own.
//!
//! Source: Istio, `Sidecar.ingress.tls`, which counts where the port's mutual TLS is `DISABLE` (`buildInboundListeners`).

use mesh_snapshot::object::{Role, Workload as Inventory};

use crate::api::istio::MtlsMode;
use crate::check::mtls::{self, Effective};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::sidecar::Sidecar;

pub(in crate::check) static CHECK: Check = Check::lint(
    "ineffective-ingress-tls",
    Severity::Warning,
    include_str!("ineffective_ingress_tls.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for sidecar in mesh.sidecars.iter() {
        let listeners = sidecar.resource.spec.ingress.iter().enumerate();
        for (index, listener) in listeners.filter(|(_, listener)| listener.tls.is_some()) {
            let Ok(port) = u16::try_from(listener.port.number) else { continue };
            let own = |it: &Inventory| mtls::effective(mesh, it, Some(port));
            let found = workloads(mesh, sidecar).into_iter().map(|it| (own(&it), it));
            let mut found = found.filter(|(asked, _)| asked.mode != MtlsMode::Disable);
            let Some((asked, workload)) = found.next() else { continue };
            let at = FieldPath::default().field("spec").field("ingress").index(index);
            let place = Place::key(sidecar.resource.id, at.field("tls"));
            out.push(describe(place, port, &asked, &workload));
        }
    }
}

/// Those that it is for. Where none is known, one that has the labels it asks for.
fn workloads(mesh: &Mesh<'_>, sidecar: &Sidecar<'_>) -> Vec<Inventory> {
    let namespace = sidecar.resource.namespace.as_str();
    let is_its = |it: &Inventory| {
        let counts = mesh.sidecars.of_workload(it, mesh.settings.root_namespace);
        counts.is_some_and(|counts| counts.resource.id == sidecar.resource.id)
    };
    let all: Vec<_> = if namespace == mesh.settings.root_namespace {
        mesh.workloads.iter().collect()
    } else {
        mesh.workloads.of_namespace(namespace).iter().collect()
    };
    let known = all.into_iter().filter(|it| it.inventory.role == Role::Sidecar);
    let known: Vec<_> = known.map(|it| &it.inventory).filter(|it| is_its(it)).cloned().collect();
    if !known.is_empty() {
        return known;
    }
    let labels = sidecar.labels().cloned().unwrap_or_default();
    let imagined = Inventory { namespace: namespace.to_owned(), labels, ..Inventory::default() };
    vec![imagined]
}

fn describe(place: Place, port: u16, asked: &Effective, workload: &Inventory) -> Diagnostic {
    let consequence = match asked.mode {
        MtlsMode::Strict => {
            "clients outside of the mesh are refused: they have no certificate of it"
        }
        _ => "TLS of clients outside of the mesh is handed on to the application as it is",
    };
    let message =
        format!("the certificate is not shown at port {port}: it asks for the mesh's own TLS");
    let found = Diagnostic::new(&CHECK, place, message).label("has no effect");
    let found = match &asked.place {
        Some(place) => found.also(place.clone(), "mutual TLS here"),
        None => found,
    };
    let whom = match workload.name.as_str() {
        "" => "the workload".to_owned(),
        name => format!("`{name}`"),
    };
    found.consequence(consequence).help(format!(
        "set `portLevelMtls.{port}.mode: DISABLE` in a PeerAuthentication that selects {whom}"
    ))
}
