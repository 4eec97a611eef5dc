//! Rules of `WorkloadEntry`, and of what a `WorkloadGroup` makes.

use super::checks::{INEFFECTIVE_SERVICE_ENTRY, INVALID_ENDPOINT, INVALID_PORT};
use super::{address, annotation, host, label, port};
use crate::api::Resource;
use crate::api::istio::WorkloadEntry;
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<WorkloadEntry>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    if spec.address.is_empty() {
        let at_address = at.field("address");
        if spec.network.is_empty() {
            let message = "the entry has no address";
            let found = Diagnostic::new(&INVALID_ENDPOINT, at_address.value(), message);
            out.push(found.label("needs `address`"));
        } else {
            let message = format!("an entry of network `{}` without an address", spec.network);
            let found = Diagnostic::new(&INEFFECTIVE_SERVICE_ENTRY, at_address.value(), message);
            out.push(found.label("needs `address`"));
        }
    } else if !spec.address.starts_with(address::UNIX) && !address::is_address(&spec.address) {
        // Whether a name can be resolved is for the ServiceEntry to say that selects it.
        if let Err(fault) = host::fqdn(&spec.address) {
            host::report(&spec.address, &fault, &at.field("address"), out);
        }
    }
    check_entry(spec, &at, out);
}

/// What holds for templates, too, which need no address.
pub(super) fn check_entry(entry: &WorkloadEntry, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(path) = entry.address.strip_prefix(address::UNIX) {
        let mut fault = |field: &str, message: String, label: &str| {
            let at = at.field(field);
            let place = if field == "ports" { at.key() } else { at.value() };
            out.push(Diagnostic::new(&INVALID_ENDPOINT, place, message).label(label));
        };
        if let Some(reason) = address::socket_path_fault(path) {
            fault("address", format!("`{}` is no socket", entry.address), reason);
        }
        if !entry.ports.is_empty() {
            fault("ports", "a socket has no ports".into(), "remove `ports`");
        }
    }
    label::check(&entry.labels, &at.field("labels"), out);
    let ports = at.field("ports");
    for (name, number) in &entry.ports {
        let at = ports.field(name);
        if !label::is_dns_label(name) {
            let message = format!("`{name}` cannot be the name of a port");
            let found = Diagnostic::new(&INVALID_PORT, at.key(), message);
            out.push(found.label("letters, digits and `-`, at most 63"));
        }
        port::check_number(*number, &at, out);
    }
}
