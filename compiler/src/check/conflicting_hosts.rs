//! `conflicting-hosts`: several `VirtualService`s route one host of the mesh for the same clients.
//!
//! On the mesh routes are not merged: one resource rules the host, and the others are as if they were not there. That a
//! narrower `exportTo` wins over a wider one is a rule that authors use, and no conflict. At a gateway routes are merged.
//! Source: Istio, `SelectVirtualServices`.

use std::collections::BTreeMap;

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::route::VirtualService;
use crate::resolve::{Mesh, Visibility};

pub(super) static CHECK: Check =
    Check::lint("conflicting-hosts", Severity::Error, include_str!("conflicting_hosts.md"))
        .alias(&["IST0109", "KIA1106"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_host: BTreeMap<&str, Vec<(&VirtualService<'_>, usize)>> = BTreeMap::new();
    for (_, it) in mesh.virtual_services.iter().filter(|(_, it)| it.is_for_mesh()) {
        for (index, host) in it.hosts.iter().enumerate() {
            by_host.entry(host).or_default().push((it, index));
        }
    }
    for (host, all) in by_host {
        // From the oldest on.
        for (position, (loser, at)) in all.iter().enumerate() {
            let earlier = all.iter().take(position);
            let mut earlier = earlier.filter(|(it, _)| it.resource.id != loser.resource.id);
            let winner = earlier.find(|(it, _)| meets(&it.visibility, &loser.visibility));
            if let Some((winner, first)) = winner {
                out.push(report(host, (winner, *first), (loser, *at)));
            }
        }
    }
}

/// Whether for some client neither is narrower than the other.
fn meets(a: &Visibility<'_>, b: &Visibility<'_>) -> bool {
    match (a, b) {
        (Visibility::Public, Visibility::Public) => true,
        (Visibility::Namespaces(a), Visibility::Namespaces(b)) => !a.is_disjoint(b),
        _ => false,
    }
}

fn report(
    host: &str,
    (winner, first): (&VirtualService<'_>, usize),
    (loser, again): (&VirtualService<'_>, usize),
) -> Diagnostic {
    let place = |it: &VirtualService<'_>, index| {
        let path = FieldPath::default().field("spec").field("hosts").index(index);
        Place::value(it.resource.id, path)
    };
    let reason = if winner.age.is_tied_with(&loser.age) {
        "its name comes first, and neither says when it was made"
    } else {
        "it is older"
    };
    Diagnostic::new(
        &CHECK,
        place(loser, again),
        format!("`{host}` is routed by two VirtualServices"),
    )
    .label("these routes are not used")
    .also(place(winner, first), format!("this one rules: {reason}"))
    .consequence("no request inside of the mesh takes the routes of the second one")
    .help("put all routes of the host into one resource, or let the other one be its delegate")
}
