//! `unknown-secret`: a server of a gateway shows a certificate that no Secret holds.
//!
//! A Secret is looked for where the proxies run, in the namespace of the gateway's workloads; where no workload is known,
//! in that of the Gateway. Source: Istio, `ServerTLSSettings.credentialName`; Gateway API, `certificateRefs`.

use std::collections::{BTreeMap, BTreeSet};

use super::{inventory, selector_without_workload, suggestion};
use crate::api::istio::{ServerTlsMode, ServerTlsSettings};
use crate::api::nearest;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::gateway::{ApiGateway, Class, IstioGateway};
use crate::resolve::ingress;
use crate::resolve::{Held, Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("unknown-secret", Severity::Error, include_str!("unknown_secret.md"))
        .alias(&["IST0101", "IST0161"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !inventory::lists_secrets(mesh) {
        return;
    }
    for (place, name, namespaces) in credentials(mesh) {
        if !namespaces.iter().any(|namespace| has_secret(mesh, namespace, name)) {
            out.push(describe(mesh, place, name, &namespaces));
        }
    }
    check_listeners(mesh, out);
}

/// What the servers of Istio's Gateways show: where it is written, the Secret's name, and where it may stand.
pub(super) fn credentials<'m>(mesh: &'m Mesh<'_>) -> Vec<(Place, &'m str, BTreeSet<&'m str>)> {
    let mut all = Vec::new();
    for gateway in mesh.gateways.iter() {
        // Nobody looks for its Secrets, which is what `selector-without-workload` says.
        if selector_without_workload::selects_nobody(mesh, gateway) {
            continue;
        }
        let namespaces = namespaces(mesh, gateway);
        for server in &gateway.servers {
            let Some(tls) = &server.spec.tls else { continue };
            let at = FieldPath::default().field("spec").field("servers").index(server.index);
            for (path, name) in names(tls) {
                let path =
                    path.segments().iter().fold(
                        at.clone().field("tls"),
                        |at, segment| match segment {
                            crate::diagnostic::Segment::Field(name) => at.field(name),
                            crate::diagnostic::Segment::Index(index) => at.index(*index as usize),
                        },
                    );
                all.push((Place::value(gateway.resource.id, path), name, namespaces.clone()));
            }
        }
    }
    all.extend(of_ingresses(mesh));
    all
}

fn of_ingresses<'m>(mesh: &'m Mesh<'_>) -> Vec<(Place, &'m str, BTreeSet<&'m str>)> {
    let selector = &mesh.ingresses.selector;
    let proxies = mesh.workloads.gateways().filter(|it| it.inventory.has(selector));
    let mut namespaces: BTreeSet<&str> = proxies.map(Workload::namespace).collect();
    if namespaces.is_empty() {
        namespaces.insert(ingress::NAMESPACE);
    }
    let tls = mesh.ingresses.served().flat_map(|(_, it)| {
        let at = FieldPath::default().field("spec").field("tls");
        let all = it.tls().into_iter();
        all.map(move |tls| {
            let path = at.clone().index(tls.index).field("secretName");
            (Place::value(it.resource.id, path), tls.secret)
        })
    });
    tls.map(|(place, secret)| (place, secret, namespaces.clone())).collect()
}

fn namespaces<'m>(mesh: &'m Mesh<'_>, gateway: &IstioGateway<'m>) -> BTreeSet<&'m str> {
    let proxies = gateway.proxies(&mesh.workloads).into_iter();
    let mut namespaces: BTreeSet<&str> = proxies.map(Workload::namespace).collect();
    if namespaces.is_empty() {
        namespaces.insert(&gateway.resource.namespace);
    }
    namespaces
}

/// With the way to each in `tls`. Other schemes than Kubernetes' name nothing that a repository could hold.
fn names(tls: &ServerTlsSettings) -> Vec<(FieldPath, &str)> {
    if matches!(tls.mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough) {
        return Vec::new();
    }
    let root = FieldPath::default();
    let mut all = vec![
        (root.clone().field("credentialName"), tls.credential_name.as_str()),
        (root.clone().field("caCertCredentialName"), tls.ca_cert_credential_name.as_str()),
    ];
    let several = tls.credential_names.iter().enumerate();
    all.extend(
        several.map(|(index, name)| {
            (root.clone().field("credentialNames").index(index), name.as_str())
        }),
    );
    all.into_iter()
        .map(|(path, name)| (path, name.strip_prefix("kubernetes://").unwrap_or(name)))
        .filter(|(_, name)| !name.is_empty() && !name.contains("://"))
        .collect()
}

fn has_secret(mesh: &Mesh<'_>, namespace: &str, name: &str) -> bool {
    mesh.source.secrets.iter().any(|it| it.namespace == namespace && it.name() == name)
        || inventory::lists(&mesh.source.project.inventory.secrets, namespace, name)
        || inventory::is_incomplete(mesh, "Secret", namespace, name)
}

/// Every Secret, as `(namespace, name)`.
fn all<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = (&'m str, &'m str)> {
    let own = mesh.source.secrets.iter().map(|it| (it.namespace.as_str(), it.name()));
    let listed = &mesh.source.project.inventory.secrets;
    own.chain(listed.iter().filter_map(|it| it.split_once('/')))
}

fn describe(mesh: &Mesh<'_>, place: Place, name: &str, namespaces: &BTreeSet<&str>) -> Diagnostic {
    let near = nearest(name, all(mesh).filter(|(of, _)| namespaces.contains(of)).map(|it| it.1));
    let elsewhere = all(mesh).find(|(_, it)| *it == name).map(|(of, _)| of);
    let namespace = namespaces.iter().next().copied().unwrap_or_default();
    let message = format!("there is no Secret `{name}` in namespace `{namespace}`");
    let label = match (near, elsewhere) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(of)) => format!("there is one in `{of}`, where the gateway does not look"),
        (None, None) => "no such Secret".to_owned(),
    };
    let found = Diagnostic::new(&CHECK, place.clone(), message)
        .label(label)
        .consequence("the server is not opened: connections to it are refused")
        .help("put the Secret where the gateway's pods run, or list it in `inventory.secrets` of mesh.yaml");
    suggestion::offer(found, place, near)
}

fn check_listeners(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (place, name, namespace) in of_listeners(mesh) {
        if !has_secret(mesh, namespace, name) {
            out.push(describe(mesh, place, name, &BTreeSet::from([namespace])));
        }
    }
    for gateway in mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh) {
        check_authorities(gateway, out);
    }
}

/// What listeners of the Gateway API show: where it is written, the Secret's name, and its namespace.
fn of_listeners<'m>(mesh: &'m Mesh<'_>) -> Vec<(Place, &'m str, &'m str)> {
    let gateways = mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh);
    let mut all = Vec::new();
    for listener in gateways.flat_map(|gateway| &gateway.listeners) {
        let certificates = listener.certificates.iter().enumerate();
        for (index, it) in certificates.filter(|(_, it)| it.is_usable()) {
            let at = listener.path().field("tls").field("certificateRefs");
            let place = Place::value(listener.document, at.index(index).field("name"));
            all.push((place, it.credential.name.as_str(), it.credential.namespace.as_str()));
        }
    }
    all
}

/// All that servers show, other than the authorities by which they know their clients.
pub(super) fn shown<'m>(mesh: &'m Mesh<'_>) -> Vec<(Place, &'m str, BTreeSet<&'m str>)> {
    let is_authority = |place: &Place| match place {
        Place::Field { path, .. } => path.to_string().ends_with("caCertCredentialName"),
        Place::Text { .. } | Place::File(_) => false,
    };
    let of_listeners = of_listeners(mesh).into_iter();
    let of_listeners =
        of_listeners.map(|(place, name, namespace)| (place, name, BTreeSet::from([namespace])));
    let all = credentials(mesh).into_iter().filter(|(place, ..)| !is_authority(place));
    all.chain(of_listeners).collect()
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
