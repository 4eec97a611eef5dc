//! `host-within-wildcard`: a route leads to a host of which there is only a wildcard around it.
//!
//! Source: Istio, `GetDestinationCluster`: the cluster is that of the host as it is written, and Envoy has one for the wildcard alone.

use std::collections::BTreeMap;

use super::unknown_host::is_seen;
use crate::check::inventory;
use crate::check::kept::apart;
use crate::check::sight::viewers;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::{Host, is_wildcard};
use crate::resolve::route::{DestinationAt, VirtualService};
use crate::resolve::service::Service;

pub(in crate::check) static CHECK: Check =
    Check::lint("host-within-wildcard", Severity::Warning, include_str!("host_within_wildcard.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !inventory::lists_hosts(mesh) {
        return;
    }
    apart::written_virtual_services(mesh, out, |it, out| {
        let mut within = BTreeMap::<Host, Vec<DestinationAt>>::new();
        for (destination, at) in it.destinations() {
            within.entry(destination.host).or_default().push(at);
        }
        for (host, places) in within {
            out.extend(around(mesh, it, &host).and_then(|wide| report(&host, wide, places)));
        }
    });
}

/// The wildcard that those who use a route see instead of a host; of what may be known elsewhere, none.
fn around<'m, 'a>(
    mesh: &'m Mesh<'a>,
    it: &VirtualService<'_>,
    host: &Host,
) -> Option<&'m Service<'a>> {
    if is_wildcard(host)
        || !mesh.services.of_host(host).is_empty()
        || inventory::may_have_host(mesh, host)
        || inventory::is_of_unseen_services(mesh, host)
    {
        return None;
    }
    let viewers = viewers(mesh, it);
    let wider = mesh.services.ends.overlapping(host).into_iter();
    let wide = wider.rev().find(|wide| is_seen(mesh, &viewers, wide))?;
    mesh.services.of_host(wide).first().map(|id| mesh.services.get(*id))
}

fn report(host: &Host, wide: &Service<'_>, places: Vec<DestinationAt>) -> Option<Diagnostic> {
    let mut places = places.into_iter();
    let first = places.next()?;
    let place = |at: &DestinationAt| Place::value(at.document, at.path().field("host"));
    let effect = if first.is_mirror() {
        "copies of requests that go there are lost"
    } else {
        "requests that take the route are answered with 503: no cluster is there"
    };
    let message = format!("`{host}` is within `{}`, and no host by itself", wide.host);
    Some(
        Diagnostic::new(&CHECK, place(&first), message)
            .label("has no cluster of its own")
            .also(wide.origin.place(), "clients may call what is within, and no route leads there")
            .consequence(effect)
            .help(format!(
                "add `{host}` to the hosts of a ServiceEntry, or lead to `{}`",
                wide.host
            ))
            .and_here(places.map(|at| place(&at))),
    )
}
