//! `unknown-secret`: a server of a gateway shows a certificate that no Secret holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::nearest;
use crate::check::{credential, inventory};
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
    for it in credential::servers(mesh).flat_map(|server| server.credentials) {
        if !it.namespaces.iter().any(|namespace| has_secret(mesh, namespace, it.name)) {
            out.push(describe(mesh, it.place, it.name, &it.namespaces));
        }
    }
    for gateway in mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh) {
        check_authorities(gateway, out);
    }
}

fn has_secret(mesh: &Mesh<'_>, namespace: &str, name: &str) -> bool {
    mesh.source.secrets.iter().any(|it| it.namespace == namespace && it.name() == name)
        || inventory::lists(&mesh.source.project.inventory.secrets, namespace, name)
        || mesh.source.promised.has_secret(namespace, name)
        || inventory::is_incomplete(mesh, "Secret", namespace, name)
}

/// Every Secret, as `(namespace, name)`.
fn all<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = (&'m str, &'m str)> {
    let own = mesh.source.secrets.iter().map(|it| (it.namespace.as_str(), it.name()));
    let listed = &mesh.source.project.inventory.secrets;
    let listed = listed.iter().filter_map(|it| it.split_once('/'));
    own.chain(mesh.source.promised.secrets()).chain(listed)
}

fn describe(mesh: &Mesh<'_>, place: Place, name: &str, namespaces: &BTreeSet<&str>) -> Diagnostic {
    let near = nearest(name, all(mesh).filter(|(of, _)| namespaces.contains(of)).map(|it| it.1));
    let elsewhere = all(mesh).find(|(_, it)| *it == name).map(|(of, _)| of);
    let namespace = namespaces.iter().next().copied().unwrap_or_default();
    let message = format!("there is no Secret `{name}` in namespace `{namespace}`");
    let otherwise = match elsewhere {
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
