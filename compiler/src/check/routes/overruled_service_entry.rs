//! `overruled-service-entry`: a `ServiceEntry` defines a host that a Service of Kubernetes has already, or another entry of its
//! namespace.
//!
//! A Service comes before any entry and takes nothing from it; for sidecars of the entry's own namespace, where that is
//! another one, it is the other way round. Of entries of one namespace the oldest counts, and takes the ports of those that lead to
//! the same endpoints. Source: Istio, `appendSidecarServices`.

use std::collections::BTreeMap;

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::service::{Origin, Service, can_merge};
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
    check_entries(mesh, out);
}

/// Entries beside an older one of their namespace. They stand in the order of their age, and one is told of once, with all hosts
/// that it loses to the same other.
fn check_entries(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<(&str, &str), &Service<'_>> = BTreeMap::new();
    let mut lost: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (_, later) in mesh.services.iter().filter(|(_, it)| !it.origin.is_kubernetes()) {
        let earlier = *first.entry((later.namespace, &*later.host)).or_insert(later);
        let pair = (later.origin.document(), earlier.origin.document());
        let is_same = later.visibility == earlier.visibility;
        if pair.0 != pair.1 && is_same && !can_merge(earlier, later) && says_more(later, earlier) {
            lost.entry(pair).or_default().push((later, earlier));
        }
    }
    for all in lost.into_values() {
        let Some(((later, earlier), others)) = all.split_first() else { continue };
        let others = others.iter().filter_map(|(later, _)| host(later));
        out.extend(report_entry(later, earlier).map(|it| it.and_here(others)));
    }
}

/// Where the host of an entry is written.
fn host(of: &Service<'_>) -> Option<Place> {
    let Origin::Entry(entry, index) = of.origin else { return None };
    let path = FieldPath::default().field("spec").field("hosts").index(index);
    Some(Place::value(entry.id, path))
}

/// Whether a host is more by what is not joined.
fn says_more(later: &Service<'_>, earlier: &Service<'_>) -> bool {
    let (later, earlier) = (&later.object, &earlier.object);
    later.discovery != earlier.discovery
        || later.ports.iter().any(|port| !earlier.ports.contains(port))
}

fn report_entry(later: &Service<'_>, earlier: &Service<'_>) -> Option<Diagnostic> {
    let message = format!("`{}` is the host of another entry of the namespace", later.host);
    let mut found = Diagnostic::new(&CHECK, host(later)?, message)
        .label("this entry changes nothing about it")
        .also(host(earlier)?, "this one is older, and leads elsewhere")
        .consequence(
            "its ports and its endpoints are not served: the host is what the other entry says",
        )
        .help("write one entry with all endpoints, or give each of them a host of its own");
    found.severity = Severity::Warning;
    Some(found)
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
