//! `inward-endpoint`: an endpoint is an address that means the client's own machine: loopback, or link-local, where clouds
//! keep credentials.
//!
//! Sources: RFC 1122 §3.2.1.3, RFC 3927, RFC 4291 §2.5.

use crate::api::inward;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("inward-endpoint", Severity::Warning, include_str!("inward_endpoint.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let root = || FieldPath::default().field("spec");
    for entry in &mesh.source.service_entries {
        for (index, endpoint) in entry.spec.endpoints.iter().enumerate() {
            let at = root().field("endpoints").index(index).field("address");
            out.extend(report(&endpoint.address, Place::value(entry.id, at)));
        }
    }
    for entry in &mesh.source.workload_entries {
        let at = root().field("address");
        out.extend(report(&entry.spec.address, Place::value(entry.id, at)));
    }
}

fn report(address: &str, place: Place) -> Option<Diagnostic> {
    let what = inward(address)?;
    Some(
        Diagnostic::new(&CHECK, place, format!("`{address}` is {what}"))
            .label("another machine for each client")
            .consequence("each proxy connects to what listens at its own machine: its administration, or a cloud's credentials")
            .help("name an address that is the same for all"),
    )
}
