//! `mtls-conflict`: clients are told to connect in a way that the servers refuse.
//!
//! A `DestinationRule` that sets `tls` takes the choice from the mesh (auto mTLS), which would have made it right.
//! Sources: Istio, `ClientTLSSettings.mode`, `PeerAuthentication`; "auto mTLS".

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{ServicePort, Workload as Inventory};

use super::mtls::{self, Effective};
use super::selection;
use crate::api::istio::{ClientTlsMode, ClientTlsSettings, MtlsMode, TrafficPolicy};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::destination_rule::Policy;
use crate::resolve::host::{HostIndex, qualify};
use crate::resolve::service::Service;
use crate::resolve::{Mesh, View};

pub(super) static CHECK: Check =
    Check::lint("mtls-conflict", Severity::Error, include_str!("mtls_conflict.md"))
        .alias(&["KIA0206", "KIA0207", "KIA0501", "KIA0505", "KIA0506"]);

/// A client's setting, the port it is for, and where it is written.
struct Setting {
    mode: ClientTlsMode,
    document: DocumentId,
    path: FieldPath,
}

/// By the place of the client's setting: the first host that refuses it, and the other ones.
type Conflicts = BTreeMap<(DocumentId, FieldPath), (Diagnostic, BTreeSet<String>)>;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let domain = mesh.settings.cluster_domain;
    let (mut ends, mut by_host) = (HostIndex::default(), BTreeMap::<_, BTreeSet<&str>>::new());
    for rule in &mesh.source.destination_rules {
        let host = qualify(&rule.spec.host, &rule.namespace, domain);
        ends.insert(&host);
        by_host.entry(host).or_default().insert(&rule.namespace);
    }
    let mut conflicts = Conflicts::new();
    let mut services: Vec<_> = mesh.services.iter().map(|(_, service)| service).collect();
    services.sort_by(|a, b| (&a.host, a.namespace).cmp(&(&b.host, b.namespace)));
    for service in services.into_iter().filter(|it| !it.object.external) {
        let hosts = ends.overlapping(&service.host).into_iter();
        let clients: BTreeSet<&str> =
            hosts.filter_map(|host| by_host.get(host)).flatten().copied().collect();
        if !clients.is_empty() {
            check_service(mesh, service, &clients, &mut conflicts);
        }
    }
    out.extend(conflicts.into_values().map(|(found, mut others)| {
        others.pop_first();
        match others.len() {
            0 => found,
            more => found.help(format!("the same rule is refused by {more} more hosts")),
        }
    }));
}

fn check_service(
    mesh: &Mesh<'_>,
    service: &Service<'_>,
    clients: &BTreeSet<&str>,
    conflicts: &mut Conflicts,
) {
    let own = clients.iter().map(|client| View::of(mesh, client));
    let views = own.chain([View::common(mesh)]);
    let policies: BTreeSet<_> = views.flat_map(|view| view.policies(service)).collect();
    for policy in policies.into_iter().map(|id| mesh.destination_rules.get(id)) {
        for port in &service.object.ports {
            let settings = settings(policy, port.number);
            if settings.is_empty() {
                continue;
            }
            let Some(server) = server(mesh, service, port) else { continue };
            for setting in settings {
                if refuses(server.mode, setting.mode) {
                    let key = (setting.document, setting.path.clone());
                    let entry = conflicts.entry(key);
                    let first = || (report(&setting, &server, service, port), BTreeSet::new());
                    entry.or_insert_with(first).1.insert(service.host.to_string());
                }
            }
        }
    }
}

const fn refuses(server: MtlsMode, client: ClientTlsMode) -> bool {
    match server {
        MtlsMode::Strict => !matches!(client, ClientTlsMode::IstioMutual),
        MtlsMode::Disable => matches!(client, ClientTlsMode::IstioMutual),
        MtlsMode::Permissive | MtlsMode::Unset => false,
    }
}

/// What the servers of a port ask for, where they agree. Of pods that no file of the repository makes, it is known if no
/// policy could tell them apart.
fn server(mesh: &Mesh<'_>, service: &Service<'_>, port: &ServicePort) -> Option<Effective> {
    let workloads = selection::of_service(mesh, service);
    let mut modes = workloads.iter().map(|workload| {
        mtls::effective(mesh, &workload.inventory, selection::target(workload, &port.target))
    });
    if let Some(first) = modes.next() {
        return modes.all(|other| other.mode == first.mode).then_some(first);
    }
    let is_for_some = |it: &crate::resolve::policy::Policy<'_, _>| {
        it.resource.namespace == service.namespace
            && !matches!(&it.scope, Ok(scope) if scope.applies == mesh_snapshot::Applies::All)
    };
    if !service.origin.is_kubernetes() || mesh.policies.peer_authentications.iter().any(is_for_some)
    {
        return None;
    }
    let anybody = Inventory { namespace: service.namespace.to_owned(), ..Inventory::default() };
    Some(mtls::effective(mesh, &anybody, None))
}

/// What clients are told of a port: at the port, else of the host; and of each subset.
fn settings(policy: &Policy<'_>, port: u16) -> Vec<Setting> {
    let mut all = Vec::new();
    let root = || FieldPath::default().field("spec");
    if let Some((from, traffic)) = policy.traffic_policy
        && let Some(rule) = policy.from.get(from)
    {
        all.extend(setting(rule.id, || root().field("trafficPolicy"), traffic, port));
    }
    for (from, index, subset) in &policy.subsets {
        if let (Some(rule), Some(traffic)) = (policy.from.get(*from), &subset.traffic_policy) {
            let path = || root().field("subsets").index(*index).field("trafficPolicy");
            all.extend(setting(rule.id, path, traffic, port));
        }
    }
    all
}

fn setting(
    document: DocumentId,
    at: impl Fn() -> FieldPath,
    traffic: &TrafficPolicy,
    port: u16,
) -> Option<Setting> {
    let is_own = |number: u32| number == u32::from(port);
    let ports = &traffic.port_level_settings;
    let own = ports.iter().position(|it| it.port.as_ref().is_some_and(|it| is_own(it.number)));
    let of_port = own.and_then(|index| Some((index, ports.get(index)?)));
    let tls: Option<&ClientTlsSettings> = match of_port {
        Some((_, settings)) => settings.tls.as_ref(),
        None => traffic.tls.as_ref(),
    };
    let mode = tls?.mode;
    let at = match of_port {
        Some((index, _)) => at().field("portLevelSettings").index(index),
        None => at(),
    };
    Some(Setting { mode, document, path: at.field("tls").field("mode") })
}

fn report(
    setting: &Setting,
    server: &Effective,
    service: &Service<'_>,
    port: &ServicePort,
) -> Diagnostic {
    let (host, number) = (&service.host, port.number);
    let (client, asked) = match (setting.mode, server.mode) {
        (ClientTlsMode::IstioMutual, _) => ("mutual TLS", "plain text"),
        (ClientTlsMode::Disable, _) => ("plain text", "mutual TLS"),
        (ClientTlsMode::Simple | ClientTlsMode::Mutual, _) => {
            ("TLS of their own", "the mesh's mutual TLS")
        }
    };
    let place = Place::value(setting.document, setting.path.clone());
    let message = format!("clients speak {client} to `{host}`, which takes {asked} alone");
    let mut found =
        Diagnostic::new(&CHECK, place, message).label(format!("clients speak {client}"));
    if let Some(place) = &server.place {
        found = found.also(place.clone(), format!("servers take {asked} alone"));
    }
    let effect = format!("every connection to port {number} fails; requests are answered with 503");
    found.consequence(effect).help(
        "without `tls` in the DestinationRule, clients find out by themselves what servers take",
    )
}
