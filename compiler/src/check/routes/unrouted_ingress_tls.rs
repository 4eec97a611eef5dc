//! `unrouted-ingress-tls`: an Ingress's server on port 443 is for a host whose routes stand behind another one.
//!
//! The rules of all Ingresses for a host are bound to the servers of the oldest alone, and of the servers for one host the
//! one whose Ingress comes first by name is opened. Where these are not of one Ingress, requests over TLS meet no route,
//! while those over plain HTTP do. Source: Istio, `VirtualServices` (`rules[0]`), `MergeGateways`.

use std::collections::BTreeMap;

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::{Host, overlap};
use crate::resolve::ingress::{Ingress, IngressHost, Tls};

pub(super) static CHECK: Check =
    Check::lint("unrouted-ingress-tls", Severity::Warning, include_str!("unrouted_ingress_tls.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut served: Vec<_> = mesh.ingresses.served().collect();
    served.sort_by_key(|(_, it)| it.gateway_age());
    // Host → what is opened for it.
    let mut opened: BTreeMap<Host, (usize, usize)> = BTreeMap::new();
    for (number, ingress) in &served {
        for tls in ingress.tls() {
            if tls.hosts.iter().any(|host| opened.contains_key(host)) {
                continue;
            }
            for (index, host) in tls.hosts.iter().enumerate() {
                opened.insert(Host::clone(host), (*number, tls.index));
                out.extend(check(mesh, *number, ingress, &tls, index, host));
            }
        }
    }
}

fn check(
    mesh: &Mesh<'_>,
    number: usize,
    ingress: &Ingress<'_>,
    tls: &Tls<'_>,
    index: usize,
    host: &Host,
) -> Option<Diagnostic> {
    if mesh.ingresses.bound(number, host).next().is_some() {
        return None;
    }
    let at = FieldPath::default().field("spec").field("tls").index(tls.index);
    let is_written =
        ingress.resource.spec.tls.get(tls.index).is_some_and(|it| !it.hosts.is_empty());
    let path = if is_written { at.field("hosts").index(index) } else { at.field("secretName") };
    let place = Place::value(ingress.resource.id, path);
    let consequence = "requests for it over TLS are answered with 404";
    let elsewhere = mesh.ingresses.hosts().iter().find(|it| overlap(&it.host, host));
    let Some(elsewhere) = elsewhere else {
        let message = format!("no rule is for `{host}`");
        let found = Diagnostic::new(&CHECK, place, message).label("nobody serves it");
        return Some(
            found.consequence(consequence).help("add a rule for the host, or correct it here"),
        );
    };
    let owner = mesh.ingresses.get(elsewhere.owner)?.resource;
    let message = format!("the rules for `{host}` are not bound to this server");
    Some(
        Diagnostic::new(&CHECK, place, message)
            .label("no route stands behind it")
            .also(rule(elsewhere)?, format!("they are bound to the servers of `{}`", owner.name()))
            .consequence(consequence)
            .help("put the rules and the `tls` of a host into one Ingress"),
    )
}

/// Where the oldest Ingress with a rule for a host has it.
fn rule(host: &IngressHost<'_>) -> Option<Place> {
    let first = host.paths.iter().min_by_key(|it| crate::resolve::Age::of(it.resource))?;
    let path = FieldPath::default().field("spec").field("rules").index(first.place.0);
    Some(Place::value(first.resource.id, path.field("host")))
}
