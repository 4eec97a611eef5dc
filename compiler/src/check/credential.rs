//! The Secrets that servers name: what each is for, where it is looked for, and the hosts of its server.
//!
//! A Secret is looked for where the proxies run, in the namespace of the gateway's workloads; where no workload is known,
//! in that of the Gateway. Source: Istio, `ServerTLSSettings.credentialName`; Gateway API, `certificateRefs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Resource;
use crate::api::istio::{ServerTlsMode, ServerTlsSettings};
use crate::api::kubernetes::{Certificate, Entry, Secret, Unreadable};
use crate::check::inventory;
use crate::check::workloads::selector_without_workload;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place};
use crate::resolve::gateway::{ApiGateway, Class, IstioGateway, Listener};
use crate::resolve::host::Host;
use crate::resolve::ingress::{self, Ingress, Tls};
use crate::resolve::{Mesh, Workload};

/// A server of a gateway that speaks TLS, and what it names for it.
pub(super) struct Server<'m> {
    /// Each with where it is written. `*`: for all.
    pub hosts: Vec<(Place, Host)>,
    pub credentials: Vec<Credential<'m>>,
}

pub(super) struct Credential<'m> {
    pub place: Place,
    pub name: &'m str,
    /// Where it may stand.
    pub namespaces: BTreeSet<&'m str>,
    pub purpose: Purpose,
    /// Whether clients are known by its authorities besides, since nothing else says by which.
    pub has_authorities: bool,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Purpose {
    /// The server shows its certificate.
    Shown,
    /// Clients are known by its authorities.
    Authorities,
}

impl Credential<'_> {
    /// The Secret, if the repository holds it.
    pub(super) fn secret<'m>(&self, mesh: &'m Mesh<'_>) -> Option<&'m Resource<Secret>> {
        let mut secrets = self
            .namespaces
            .iter()
            .flat_map(|namespace| inventory::in_namespace(&mesh.source.secrets, namespace));
        secrets.find(|it| it.name() == self.name)
    }
}

/// Of all that is shown, with the hosts for which it is.
pub(super) fn servers<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = Server<'m>> {
    of_gateways(mesh).chain(of_ingresses(mesh)).chain(of_listeners(mesh))
}

/// A Secret that the repository holds, and the servers that name it for one purpose.
pub(super) struct Used<'m> {
    pub secret: &'m Resource<Secret>,
    pub purpose: Purpose,
    pub places: Vec<Place>,
}

pub(super) fn used<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = Used<'m>> {
    let mut all: BTreeMap<_, Used<'m>> = BTreeMap::new();
    for it in servers(mesh).flat_map(|server| server.credentials) {
        let Some(secret) = it.secret(mesh) else { continue };
        let used = Used { secret, purpose: it.purpose, places: Vec::new() };
        all.entry((secret.id, it.purpose)).or_insert(used).places.push(it.place);
    }
    all.into_values()
}

impl Used<'_> {
    /// What the Secret has for it.
    pub(super) fn certificate(&self) -> Option<&Entry<Result<Certificate, Unreadable>>> {
        match self.purpose {
            Purpose::Shown => self.secret.spec.certificate.as_ref(),
            Purpose::Authorities => self.secret.spec.authority.as_ref(),
        }
    }

    /// A finding at one of the Secret's keys, with the servers that it is of consequence for.
    pub(super) fn report<T>(
        &self,
        check: &'static Check,
        entry: &Entry<T>,
        message: String,
    ) -> Diagnostic {
        let place = Place::key(self.secret.id, entry.path());
        let text = match self.purpose {
            Purpose::Shown => "this server shows it",
            Purpose::Authorities => "clients are known by it",
        };
        let found = Diagnostic::new(check, place, message);
        self.places.iter().fold(found, |found, place| found.also(place.clone(), text))
    }
}

/// Of Istio's Gateways.
fn of_gateways<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = Server<'m>> {
    // Nobody looks for the Secrets of one without workloads, which is what `selector-without-workload` says.
    let gateways =
        mesh.gateways.iter().filter(|it| !selector_without_workload::selects_nobody(mesh, it));
    gateways.flat_map(move |gateway| {
        let namespaces = namespaces(mesh, gateway);
        let servers = gateway.servers.iter();
        servers.filter_map(move |server| {
            let tls = server.spec.tls.as_ref()?;
            let at = FieldPath::default().field("spec").field("servers").index(server.index);
            let place = |path| Place::value(gateway.resource.id, path);
            let hosts = server.hosts.iter().enumerate();
            let hosts = hosts.map(|(index, it)| {
                (place(at.clone().field("hosts").index(index)), Host::clone(&it.host))
            });
            let are_clients_known_by_it = knows_clients_by_its_own(tls);
            let credentials = names(tls, &at.clone().field("tls")).into_iter();
            let credentials = credentials.map(|(path, name, purpose)| Credential {
                place: place(path),
                name,
                namespaces: namespaces.clone(),
                purpose,
                has_authorities: purpose == Purpose::Shown && are_clients_known_by_it,
            });
            Some(Server { hosts: hosts.collect(), credentials: credentials.collect() })
        })
    })
}

fn namespaces<'m>(mesh: &'m Mesh<'_>, gateway: &IstioGateway<'m>) -> BTreeSet<&'m str> {
    let proxies = gateway.proxies(&mesh.workloads).into_iter();
    let mut namespaces: BTreeSet<&str> = proxies.map(Workload::namespace).collect();
    if namespaces.is_empty() {
        namespaces.insert(&gateway.resource.namespace);
    }
    namespaces
}

/// Whether a server believes the certificates of clients whose authorities stand in the one Secret that it shows itself.
fn knows_clients_by_its_own(tls: &ServerTlsSettings) -> bool {
    matches!(tls.mode, ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual)
        && tls.credential_names.is_empty()
        && tls.ca_cert_credential_name.is_empty()
        && tls.ca_certificates.is_empty()
}

/// Where each is written, `at` being `tls`. Other schemes than Kubernetes' name nothing that a repository could hold.
fn names<'m>(tls: &'m ServerTlsSettings, at: &FieldPath) -> Vec<(FieldPath, &'m str, Purpose)> {
    if matches!(tls.mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough) {
        return Vec::new();
    }
    let field = |name| at.clone().field(name);
    let several = tls.credential_names.iter().enumerate();
    let several = several.map(|(index, name)| {
        (field("credentialNames").index(index), name.as_str(), Purpose::Shown)
    });
    let authorities = tls.ca_cert_credential_name.as_str();
    [
        (field("credentialName"), tls.credential_name.as_str(), Purpose::Shown),
        (field("caCertCredentialName"), authorities, Purpose::Authorities),
    ]
    .into_iter()
    .chain(several)
    .map(|(path, name, purpose)| {
        (path, name.strip_prefix("kubernetes://").unwrap_or(name), purpose)
    })
    .filter(|(_, name, _)| !name.is_empty() && !name.contains("://"))
    .collect()
}

fn of_ingresses<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = Server<'m>> {
    let selector = &mesh.ingresses.selector;
    let proxies = mesh.workloads.gateways().filter(|it| it.inventory.has(selector));
    let mut namespaces: BTreeSet<&str> = proxies.map(Workload::namespace).collect();
    if namespaces.is_empty() {
        namespaces.insert(ingress::NAMESPACE);
    }
    mesh.ingresses.served().flat_map(move |(_, it)| {
        let all = it.tls().into_iter().map(|tls| of_ingress(it, tls, namespaces.clone()));
        all.collect::<Vec<_>>()
    })
}

fn of_ingress<'m>(
    ingress: &Ingress<'m>,
    tls: Tls<'m>,
    namespaces: BTreeSet<&'m str>,
) -> Server<'m> {
    let at = FieldPath::default().field("spec").field("tls").index(tls.index);
    let place = |path| Place::value(ingress.resource.id, path);
    let hosts = tls.hosts.into_iter().enumerate();
    let hosts =
        hosts.map(|(index, host)| (place(at.clone().field("hosts").index(index)), host)).collect();
    let place = place(at.clone().field("secretName"));
    let credential = Credential {
        place,
        name: tls.secret,
        namespaces,
        purpose: Purpose::Shown,
        has_authorities: false,
    };
    Server { hosts, credentials: vec![credential] }
}

/// Of the Gateway API's, and of what its `ListenerSet`s add.
fn of_listeners<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = Server<'m>> {
    let gateways = mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh);
    gateways.flat_map(|gateway: &ApiGateway<'_>| gateway.listeners.iter().map(of_listener))
}

fn of_listener<'m>(listener: &'m Listener<'_>) -> Server<'m> {
    let place = |path| Place::value(listener.document, path);
    let certificates = listener.certificates.iter().enumerate();
    let credentials = certificates.filter(|(_, it)| it.is_usable()).map(|(index, it)| {
        let at = listener.path().field("tls").field("certificateRefs").index(index);
        Credential {
            place: place(at.field("name")),
            name: &it.credential.name,
            namespaces: BTreeSet::from([it.credential.namespace.as_str()]),
            purpose: Purpose::Shown,
            has_authorities: false,
        }
    });
    let hosts = vec![(place(listener.path().field("hostname")), Host::clone(&listener.hostname))];
    Server { hosts, credentials: credentials.collect() }
}
