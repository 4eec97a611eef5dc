//! `entry-without-endpoints`: nothing serves the hosts of a `ServiceEntry` whose endpoints are to be listed.
//!
//! Source: Istio, `ServiceEntry.resolution: STATIC`: `endpoints`, or the workloads of `workloadSelector`.

use mesh_snapshot::object::Discovery;

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::service::Service;

pub(in crate::check) static CHECK: Check = Check::lint(
    "entry-without-endpoints",
    Severity::Warning,
    include_str!("entry_without_endpoints.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let services = &mesh.services;
    let has_none = |service: &Service<'_>| matches!(&service.object.discovery, Discovery::Declared { endpoints } if endpoints.is_empty());
    for entry in &mesh.source.service_entries {
        if !entry.spec.endpoints.is_empty() || entry.spec.workload_selector.is_some() {
            continue;
        }
        let mut own = services.of_entry(&entry.namespace, entry.name()).map(|id| services.get(id));
        // Another resource of the namespace may list endpoints for the same host: they are merged.
        let found = own.find(|service| {
            let all = services.of_host(&service.host).iter().map(|id| services.get(*id));
            all.filter(|it| it.namespace == entry.namespace).all(has_none)
        });
        let Some(service) = found else { continue };
        let place = Place::value(entry.id, FieldPath::default().field("spec").field("resolution"));
        let message =
            format!("`{}` has no endpoints, and `STATIC` looks for no others", service.host);
        let found = Diagnostic::new(&CHECK, place, message)
            .label("takes the endpoints that are listed")
            .consequence("requests to it are answered with 503, and other connections are closed")
            .help(
                "list `endpoints`, select them with `workloadSelector`, or write `resolution: DNS`",
            );
        out.push(found);
    }
}
