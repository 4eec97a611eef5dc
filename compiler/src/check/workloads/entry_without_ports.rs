//! `entry-without-ports`: a `ServiceEntry` names hosts and no port at which they are.
//!
//! Source: Istio, `ServiceEntry.ports`: what is sent to a host goes to one of its ports, by its protocol.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("entry-without-ports", Severity::Warning, include_str!("entry_without_ports.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for entry in mesh.source.service_entries.iter().filter(|it| it.spec.ports.is_empty()) {
        let place = Place::key(entry.id, FieldPath::default().field("spec").field("hosts"));
        let found = Diagnostic::new(&CHECK, place, "the hosts have no port")
            .label("known at no port")
            .consequence("routes to them are answered with 503, and other requests go as if there was no entry")
            .help("say in `ports` where they are, and what is spoken there");
        out.push(found);
    }
}
