//! `mtls-conflict`: clients are told to connect in a way that the servers refuse.
//!
//! A gateway's ports are what its servers make of them; towards them the mesh begins no mutual TLS by itself.
//!
//! All servers of a port that are known must refuse them; where machines serve it, too, or a policy is for those of the pods that
//! have labels which no template has, some may not, and it is a warning. Of pods that no file of the repository makes it is a notice: whether they
//! have a proxy, or are a gateway's, nobody says.
//!
//! A `DestinationRule` that sets `tls` takes the choice from the mesh (auto mTLS), which would have made it right; so does a
//! `BackendTLSPolicy` where no rule does. Of TLS that a `Sidecar` has a port end auto mTLS knows nothing: without either, clients
//! speak plain text there. Sources: Istio, `ClientTLSSettings.mode`, `PeerAuthentication`, `Sidecar.ingress.tls`; "auto mTLS";
//! Gateway API, `BackendTLSPolicy`.

mod gateway;
mod servers;
mod setting;
mod sidecar;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::ServicePort;

use crate::api::istio::ClientTlsMode;
use crate::check::gateway_port::{Opened, Sent};
use crate::check::injection::gets_proxy;
use crate::check::led::Led;
use crate::check::server_port::{ServerPort, ServerPorts};
use crate::check::{inventory, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::destination_rule::Policy;
use crate::resolve::host::{HostIndex, qualify};
use crate::resolve::service::Service;
use crate::resolve::{Mesh, View, Viewer};

use gateway::unsecured;
use servers::{Servers, servers};
use setting::{Breadth, Setting, WITHOUT_POLICY, settings};
use sidecar::check_own_tls;

pub(in crate::check) static CHECK: Check =
    Check::lint("mtls-conflict", Severity::Error, include_str!("mtls_conflict.md"))
        .alias(&["KIA0206", "KIA0207", "KIA0501", "KIA0505", "KIA0506"]);

/// By the place of the client's setting: the first host that refuses it, and the other ones.
type Conflicts = BTreeMap<(DocumentId, FieldPath), (Diagnostic, BTreeSet<String>)>;

pub(in crate::check) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let domain = mesh.settings.cluster_domain;
    let (mut ends, mut by_host) = (HostIndex::default(), BTreeMap::<_, BTreeSet<&str>>::new());
    for rule in &mesh.source.destination_rules {
        let host = qualify(&rule.spec.host, &rule.namespace, domain);
        ends.insert(&host);
        // Who else may go by it than everybody: its own namespace, and those that it is exported to by name.
        let exported = rule.spec.export_to.iter().map(String::as_str);
        let named = exported.filter(|it| !matches!(*it, "." | "*" | "~"));
        by_host.entry(host).or_default().extend(named.chain([rule.namespace.as_str()]));
    }
    let known = Known { ports: ServerPorts::of(mesh), led: Led::to_gateways(mesh) };
    let mut conflicts = Conflicts::new();
    let may_end_tls = mesh.sidecars.iter().any(|it| {
        let ingress = &it.resource.spec.ingress;
        ingress.iter().any(|it| it.tls.is_some())
    });
    let mut services: Vec<_> = mesh.services.iter().map(|(_, service)| service).collect();
    services.sort_by(|a, b| (&a.host, a.namespace).cmp(&(&b.host, b.namespace)));
    for service in services.into_iter().filter(|it| !it.object.external) {
        let hosts = ends.overlapping(&service.host).into_iter();
        let clients: BTreeSet<&str> =
            hosts.filter_map(|host| by_host.get(host)).flatten().copied().collect();
        let mut led = known.led.of_host(&service.host).peekable();
        if !clients.is_empty() || led.peek().is_some() {
            let policies = policies(mesh, service, &clients);
            check_service((mesh, &known), service, &policies, &mut conflicts);
            out.extend(led.filter_map(|to| unsecured((mesh, &known), service, &policies, to)));
        }
        check_backend_tls((mesh, &known), service, &mut conflicts);
        if may_end_tls {
            check_own_tls(mesh, service, &clients, &mut conflicts);
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

/// What the check knows besides the mesh.
struct Known<'m, 'a> {
    ports: ServerPorts<'m, 'a>,
    led: Led,
}

/// The rules by which somebody may go who calls a host.
fn policies<'m, 'a>(
    mesh: &'m Mesh<'a>,
    service: &Service<'a>,
    clients: &BTreeSet<&'m str>,
) -> Vec<&'m Policy<'a>> {
    let own = clients.iter().map(|client| View::of(mesh, client));
    let views = own.chain([View::common(mesh)]);
    let policies: BTreeSet<_> = views.flat_map(|view| view.policies(service)).collect();
    let policies = policies.into_iter().map(|id| mesh.destination_rules.get(id));
    policies.filter(|policy| has_clients(mesh, policy)).collect()
}

fn check_service(
    (mesh, known): (&Mesh<'_>, &Known<'_, '_>),
    service: &Service<'_>,
    policies: &[&Policy<'_>],
    conflicts: &mut Conflicts,
) {
    for policy in policies {
        for port in &service.object.ports {
            let settings = settings(policy, port.number);
            for setting in settings {
                let led = known.led.at(&service.host, port.number, setting.subset_name());
                let setting = Setting { led: led.cloned(), ..setting };
                let labels = setting.subset.map(|subset| &subset.labels);
                let servers = servers((mesh, known), service, port, labels);
                hold_against(&servers, &setting, (service, port), conflicts);
            }
        }
    }
}

fn hold_against(
    servers: &Servers,
    setting: &Setting<'_>,
    (service, port): (&Service<'_>, &ServicePort),
    conflicts: &mut Conflicts,
) {
    let sent = setting.led.as_ref().map_or(Sent::Anything, |_| Sent::Requests);
    let Some(severity) = servers.refuse(setting.mode, sent) else { return };
    let severity = match setting.breadth {
        Breadth::One => severity,
        // Most gateways are called from outside alone.
        Breadth::Many if sent == Sent::Anything && servers.has_gateway() => return,
        Breadth::Many if servers.are_proxied() => severity,
        Breadth::Many => severity.min(Severity::Warning),
    };
    let first = || (report(setting, servers, service, port, severity), BTreeSet::new());
    let entry = conflicts.entry((setting.document, setting.path.clone()));
    let (found, hosts) = entry.or_insert_with(first);
    // What is surely so counts more than what may be.
    if found.severity < severity {
        (*found, _) = first();
    }
    hosts.insert(service.host.to_string());
}

/// What a `BackendTLSPolicy` tells everybody who has no rule that says how to connect.
fn check_backend_tls(
    (mesh, known): (&Mesh<'_>, &Known<'_, '_>),
    service: &Service<'_>,
    conflicts: &mut Conflicts,
) {
    let Some(by_port) = mesh.backend_tls.of_host(&service.host) else { return };
    let rules = View::common(mesh).policies(service).into_iter();
    let rules: Vec<_> = rules.map(|id| mesh.destination_rules.get(id)).collect();
    for port in &service.object.ports {
        let policy = by_port.get(&Some(port.number)).or_else(|| by_port.get(&None));
        let is_set = || {
            rules.iter().any(|it| settings(it, port.number).iter().any(|it| it.subset.is_none()))
        };
        let Some(policy) = policy.filter(|_| !is_set() && !may_be_told(mesh)) else { continue };
        // Most are for servers that have no proxy, and speak TLS themselves.
        let workloads = selection::of_service(mesh, service);
        let are_meshed = workloads.iter().all(|it| gets_proxy(mesh, it));
        if workloads.is_empty() || !are_meshed {
            continue;
        }
        let servers = servers((mesh, known), service, port, None);
        let targets = FieldPath::default().field("spec").field("targetRefs");
        let mut targets_of = policy.spec.target_refs.iter();
        // It may have several; of a `ServiceEntry` the name says nothing.
        let Some(index) = targets_of.position(|it| it.name == service.origin.name()) else {
            continue;
        };
        let setting = Setting {
            mode: ClientTlsMode::Simple,
            document: policy.id,
            path: targets.index(index).field("name"),
            subset: None,
            led: None,
            breadth: Breadth::One,
            help: WITHOUT_POLICY,
        };
        hold_against(&servers, &setting, (service, port), conflicts);
    }
}

/// Whether clients may be told how to connect by what could not be read.
fn may_be_told(mesh: &Mesh<'_>) -> bool {
    ["DestinationRule", "BackendTLSPolicy"].iter().any(|kind| inventory::has_incomplete(mesh, kind))
}

/// Whether somebody may go by a rule: that it selects nobody is `selector-without-workload`'s to say.
fn has_clients(mesh: &Mesh<'_>, policy: &Policy<'_>) -> bool {
    policy.selector.is_none_or(|labels| {
        !inventory::shows_pods(mesh, policy.namespace)
            || !mesh.workloads.possible(Some(policy.namespace), labels, Viewer::Istio).is_empty()
            || mesh.machines.may_have(Some(policy.namespace), labels)
    })
}

fn taken_by_server(server: &Opened) -> String {
    format!("the gateway's server takes {} alone", server.takes.words())
}

fn report(
    setting: &Setting<'_>,
    servers: &Servers,
    service: &Service<'_>,
    port: &ServicePort,
    severity: Severity,
) -> Diagnostic {
    let (host, number) = (&service.host, port.number);
    let client = match setting.mode {
        ClientTlsMode::IstioMutual => "mutual TLS",
        ClientTlsMode::Disable => "plain text",
        ClientTlsMode::Simple | ClientTlsMode::Mutual => "TLS of their own",
    };
    let taken = match setting.mode {
        ClientTlsMode::IstioMutual => "plain text",
        ClientTlsMode::Disable => "mutual TLS",
        ClientTlsMode::Simple | ClientTlsMode::Mutual => "the mesh's mutual TLS",
    };
    let place = Place::value(setting.document, setting.path.clone());
    let whom = match setting.subset {
        Some(subset) => format!("the subset `{}` of `{host}`", subset.name),
        None => format!("`{host}`"),
    };
    let (what, because, help) = match servers.first() {
        Some(ServerPort::Bare { because, .. }) => {
            let help = "let a DestinationRule say `DISABLE` for the host";
            ("where no proxy ends it".to_owned(), Some(because.clone()), help.to_owned())
        }
        Some(ServerPort::Opened(servers)) => {
            let taken = servers.first().map_or("something else", |it| it.takes.words());
            let because = servers.first().map(|it| (it.place.clone(), taken_by_server(it)));
            let mode = servers.first().map_or("`DISABLE`", |it| it.takes.mode());
            (format!("which takes {taken} alone"), because, format!("let `mode` be {mode}"))
        }
        other => {
            let because = other.and_then(ServerPort::policy);
            let because = because.map(|place| (place, format!("servers take {taken} alone")));
            (format!("which takes {taken} alone"), because, setting.help.to_owned())
        }
    };
    let message = format!("clients speak {client} to {whom}, {what}");
    let mut found =
        Diagnostic::new(&CHECK, place, message).label(format!("clients speak {client}"));
    found.severity = severity;
    if let Some((place, text)) = because {
        found = found.also(place, text);
    }
    if let (Some(led), Some(ServerPort::Opened(_))) = (&setting.led, servers.first()) {
        found = found.also(led.clone(), "requests are led there by this");
    }
    let fails = match severity {
        Severity::Error => "fails",
        _ if matches!(servers, Servers::Unseen(_)) => "fails if a sidecar takes it",
        _ if let Some(fails) = servers.others(setting.mode, Sent::Requests) => fails,
        _ if servers.refuse(setting.mode, Sent::Requests) == Some(Severity::Error) => "fails",
        _ => "fails unless its servers get a proxy all the same",
    };
    let effect = match setting.subset {
        Some(_) => format!(
            "every connection to its port {number} {fails}; requests that a route leads there are answered with 503"
        ),
        None => {
            format!("every connection to port {number} {fails}; requests are answered with 503")
        }
    };
    found.consequence(effect).help(help)
}
