//! `unknown-secret`: a server of a gateway shows a certificate that no Secret holds.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::api::nearest;
use crate::check::credential;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::gateway::{ApiGateway, Class};
use crate::resolve::{Held, Mesh};

pub(in crate::check) static CHECK: Check =
    Check::lint("unknown-secret", Severity::Error, include_str!("unknown_secret.md"))
        .alias(&["IST0101", "IST0161"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !mesh.holdings.lists_secrets() {
        return;
    }
    let known = LazyCell::new(|| Known::of(mesh));
    for it in credential::servers(mesh).flat_map(|server| server.credentials) {
        if it.namespaces.iter().all(|of| mesh.holdings.misses_secret(of, it.name)) {
            out.push(describe(&known, it.place, it.name, &it.namespaces));
        }
    }
    for gateway in mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh) {
        check_authorities(gateway, out);
    }
}

/// Every Secret that has a name.
struct Known<'m> {
    by_namespace: BTreeMap<&'m str, Vec<&'m str>>,
    /// The first namespace that has one of a name.
    homes: BTreeMap<&'m str, &'m str>,
}

impl<'m> Known<'m> {
    fn of(mesh: &'m Mesh<'_>) -> Self {
        let own = mesh.source.secrets.iter().map(|it| (it.namespace.as_str(), it.name()));
        let listed = &mesh.source.project.inventory.secrets;
        let listed = listed.iter().filter_map(|it| it.split_once('/'));
        let mut known = Self { by_namespace: BTreeMap::new(), homes: BTreeMap::new() };
        for (namespace, name) in own.chain(mesh.source.promised.secrets()).chain(listed) {
            known.by_namespace.entry(namespace).or_default().push(name);
            known.homes.entry(name).or_insert(namespace);
        }
        known
    }
}

fn describe(
    known: &Known<'_>,
    place: Place,
    name: &str,
    namespaces: &BTreeSet<&str>,
) -> Diagnostic {
    let beside = namespaces.iter().filter_map(|of| known.by_namespace.get(of)).flatten();
    let near = nearest(name, beside.copied());
    let namespace = namespaces.iter().next().copied().unwrap_or_default();
    let message = format!("there is no Secret `{name}` in namespace `{namespace}`");
    let otherwise = match known.homes.get(name) {
        Some(of) => format!("there is one in `{of}`, where the gateway does not look"),
        None => "no such Secret".to_owned(),
    };
    Diagnostic::new(&CHECK, place, message)
        .meant(near, otherwise)
        .consequence("the server is not opened: connections to it are refused")
        .help("put the Secret where the gateway's pods run, or list it in `inventory.secrets` of mesh.yaml")
}

/// Whose certificates of clients are to be believed. Once for all ports of which it is said at one place.
fn check_authorities(gateway: &ApiGateway<'_>, out: &mut Vec<Diagnostic>) {
    let checks = gateway.listeners.iter().filter_map(|it| it.client.as_ref());
    let by_path: BTreeMap<_, _> = checks.map(|check| (&check.path, check)).collect();
    for (path, check) in by_path {
        let references = check.validation.ca_certificate_refs.iter().zip(&check.authorities);
        for (index, (reference, it)) in references.enumerate() {
            if it.held != Held::Missing || !it.is_readable || it.lacks_grant {
                continue;
            }
            let (namespace, name) = (&it.credential.namespace, &it.credential.name);
            let at = path.clone().field("caCertificateRefs").index(index).field("name");
            let kind = &reference.kind;
            let message = format!("there is no {kind} `{name}` in namespace `{namespace}`");
            out.push(
                Diagnostic::new(&CHECK, Place::value(gateway.resource.id, at), message)
                    .label(format!("no such {kind}"))
                    .consequence("nobody's certificate is believed: connections are refused"),
            );
        }
    }
}
