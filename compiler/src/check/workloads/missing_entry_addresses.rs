//! `missing-entry-addresses`: a `ServiceEntry` has a TCP port, and no address by which its connections are known.
//!
//! Where nobody gives the entry an address at all, `ineffective-service-entry` says so; this is said where only some
//! clients learn of one. Source: Istio, `serviceentry.Analyzer`.

use crate::api::istio::ServicePort;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check = Check::lint(
    "missing-entry-addresses",
    Severity::Warning,
    include_str!("missing_entry_addresses.md"),
)
.alias(&["IST0134"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if all_clients_learn_addresses(mesh) {
        return;
    }
    for entry in &mesh.source.service_entries {
        if !entry.spec.addresses.is_empty() {
            continue;
        }
        let gets_one = crate::api::gets_address(entry);
        let ports = entry.spec.ports.iter().enumerate();
        let ports = ports.filter(|(_, port)| is_opaque(port) && (gets_one || !is_said(port)));
        let places = ports.map(|(index, _)| {
            let path = FieldPath::default().field("spec").field("ports").index(index);
            Place::value(entry.id, path.field("number"))
        });
        let mut places = places.collect::<Vec<_>>().into_iter();
        let Some(first) = places.next() else { continue };
        let message = format!("`{}` has a TCP port and no address", entry.name());
        let found = Diagnostic::new(&CHECK, first, message)
            .label("TCP without an address")
            .consequence(
                "a connection shows no name: clients whose proxy does not answer their DNS reach the entry by its port alone, for whatever address",
            )
            .help("add `addresses`, say what the port speaks, or set `ISTIO_META_DNS_CAPTURE` and `PILOT_ENABLE_IP_AUTOALLOCATE` for all proxies");
        out.push(places.fold(found, |found, place| found.also(place, "and so is this")));
    }
}

fn is_opaque(port: &ServicePort) -> bool {
    port.protocol.is_empty() || port.protocol.eq_ignore_ascii_case("TCP")
}

/// Whether `ineffective-service-entry` speaks of the port: it takes the word as it is written.
fn is_said(port: &ServicePort) -> bool {
    matches!(port.protocol.as_str(), "" | "TCP")
}

/// Whether every proxy answers DNS, with addresses that it makes up.
fn all_clients_learn_addresses(mesh: &Mesh<'_>) -> bool {
    let config = mesh.settings.config.map(|it| &it.spec.default_config.proxy_metadata);
    let is_set = |name: &str| config.and_then(|it| it.get(name)).is_some_and(|it| it == "true");
    is_set("ISTIO_META_DNS_CAPTURE")
        && (is_set("ISTIO_META_DNS_AUTO_ALLOCATE") || is_set("PILOT_ENABLE_IP_AUTOALLOCATE"))
}
