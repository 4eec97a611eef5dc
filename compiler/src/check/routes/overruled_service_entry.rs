//! `overruled-service-entry`: a `ServiceEntry` defines a host that a Service of Kubernetes has already.
//!
//! A Service comes before any entry and takes nothing from it; for sidecars of the entry's own namespace, where that is
//! another one, it is the other way round. Source: Istio, `appendSidecarServices`.

use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Visibility};

pub(super) static CHECK: Check = Check::lint(
    "overruled-service-entry",
    Severity::Error,
    include_str!("overruled_service_entry.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, service) in mesh.services.iter().filter(|(_, it)| it.origin.is_kubernetes()) {
        let same = mesh.services.of_host(&service.host).iter().map(|id| mesh.services.get(*id));
        let entries = same.filter(|it| !it.origin.is_kubernetes());
        let overruled = entries.filter(|it| service.visibility.meets(&it.visibility));
        out.extend(overruled.map(|entry| report(entry, service)));
    }
}

fn report(entry: &Service<'_>, service: &Service<'_>) -> Diagnostic {
    let message = format!("`{}` is the host of a Service already", entry.host);
    let found = Diagnostic::new(&CHECK, entry.origin.place(), message);
    let is_whole = [&Visibility::Public, &entry.visibility].contains(&&service.visibility);
    let found = if entry.namespace == service.namespace {
        let where_it_counts = "this entry counts only where the Service is not seen";
        found
            .label(if is_whole { "this entry changes nothing" } else { where_it_counts })
            .also(service.origin.place(), "this Service stands for the host")
            .consequence("whoever sees the Service gets nothing of the entry: no port, no endpoint")
    } else {
        found
            .label(format!("stands for the host in `{}` alone", entry.namespace))
            .also(service.origin.place(), "this Service stands for it everywhere else")
            .consequence("one name leads to two places, by the namespace of the client")
    };
    found.help("give the entry a host of its own, or remove one of the two")
}
