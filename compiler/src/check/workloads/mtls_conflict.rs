//! `mtls-conflict`: clients are told to connect in a way that the servers refuse.
//!
//! A gateway's ports are what its servers make of them; towards them the mesh begins no mutual TLS by itself.
//!
//! All servers of a port that are known must refuse them. Of pods that no file of the repository makes it is a notice: whether they
//! have a proxy, or are a gateway's, nobody says.
//!
//! A `DestinationRule` that sets `tls` takes the choice from the mesh (auto mTLS), which would have made it right; so does a
//! `BackendTLSPolicy` where no rule does. Of TLS that a `Sidecar` has a port end auto mTLS knows nothing: without either, clients
//! speak plain text there. Sources: Istio, `ClientTLSSettings.mode`, `PeerAuthentication`, `Sidecar.ingress.tls`; "auto mTLS";
//! Gateway API, `BackendTLSPolicy`.

use std::collections::{BTreeMap, BTreeSet};

use mesh_engine::cluster::takes_mutual_tls;
use mesh_snapshot::object::{
    Discovery, EndpointSet, Labels, Role, ServicePort, Workload as Inventory,
};

use crate::api::Resource;
use crate::api::istio::{
    ClientTlsMode, ClientTlsSettings, DestinationRule, PortTrafficPolicy, Subset, TrafficPolicy,
};
use crate::check::gateway_port::{Opened, Sent};
use crate::check::injection::{gets_proxy, is_without_proxies};
use crate::check::led::Led;
use crate::check::own_tls::OwnTls;
use crate::check::server_port::{ServerPort, ServerPorts};
use crate::check::{inventory, mtls, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::destination_rule::Policy;
use crate::resolve::host::{HostIndex, qualify};
use crate::resolve::service::{Origin, Service};
use crate::resolve::{Mesh, View, Workload};

pub(super) static CHECK: Check =
    Check::lint("mtls-conflict", Severity::Error, include_str!("mtls_conflict.md"))
        .alias(&["KIA0206", "KIA0207", "KIA0501", "KIA0505", "KIA0506"]);

/// A client's setting, and where it is written.
#[derive(Clone)]
struct Setting<'m> {
    mode: ClientTlsMode,
    document: DocumentId,
    path: FieldPath,
    /// The subset that is spoken to so; absent: all that serve the host.
    subset: Option<&'m Subset>,
    /// The route that leads requests of its clients to a gateway.
    led: Option<Place>,
    breadth: Breadth,
    help: &'static str,
}

/// Whom a setting is for.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Breadth {
    /// One host, which its author has thought of.
    One,
    /// Every host that a wildcard takes in, whether anybody calls it or not.
    Many,
}

impl Setting<'_> {
    /// Empty: all.
    fn subset_name(&self) -> &str {
        self.subset.map_or("", |it| &it.name)
    }
}

const WITHOUT_TLS: &str =
    "without `tls` in the DestinationRule, clients find out by themselves what servers take";
const WITHOUT_POLICY: &str =
    "without the BackendTLSPolicy, clients find out by themselves what servers take";

/// By the place of the client's setting: the first host that refuses it, and the other ones.
type Conflicts = BTreeMap<(DocumentId, FieldPath), (Diagnostic, BTreeSet<String>)>;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
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

/// A port at which all servers end TLS that no client is told to speak. At other ports than those that carry requests
/// applications may speak it themselves, and who is reached from outside of the mesh may be made for those alone.
fn check_own_tls(
    mesh: &Mesh<'_>,
    service: &Service<'_>,
    clients: &BTreeSet<&str>,
    conflicts: &mut Conflicts,
) {
    let Origin::Kubernetes(resource) = service.origin else { return };
    let is_inner = matches!(resource.spec.r#type.as_deref(), None | Some("" | "ClusterIP"));
    let workloads = selection::of_service(mesh, service);
    let is_known = |it: &&Workload<'_>| it.inventory.role == Role::Sidecar && gets_proxy(mesh, it);
    if !is_inner || workloads.is_empty() || !workloads.iter().all(is_known) {
        return;
    }
    let ends: Option<Vec<_>> =
        workloads.iter().map(|it| OwnTls::of(mesh, &it.inventory).map(|own| (*it, own))).collect();
    let Some(ends) = ends else { return };
    let serves = |it: &Workload<'_>| workloads.iter().any(|own| std::ptr::eq(*own, it));
    let calls = |it: &Workload<'_>| it.inventory.role == Role::Gateway || gets_proxy(mesh, it);
    let has_callers = || mesh.workloads.iter().any(|it| !serves(it) && calls(it));
    for port in service.object.ports.iter().filter(|port| port.protocol.is_http()) {
        let at = |(workload, own): &(&Workload<'_>, OwnTls)| {
            own.by_port.get(&selection::target(workload, &port.target)?).cloned()
        };
        let terminations: Option<Vec<_>> = ends.iter().map(at).collect();
        let first = terminations.and_then(|all| all.into_iter().next());
        let Some((document, path)) = first.and_then(|it| written(&it.place)) else { continue };
        let is_told = policies(mesh, service, clients).into_iter().any(|policy| {
            settings(policy, port.number).iter().any(|it| it.mode != ClientTlsMode::Disable)
        });
        if is_told || mesh.backend_tls.of_host(&service.host).is_some() || !has_callers() {
            continue;
        }
        let index = resource.spec.ports.iter().position(|it| it.port == i32::from(port.number));
        let ports = FieldPath::default().field("spec").field("ports");
        let called =
            Place::value(resource.id, ports.index(index.unwrap_or_default()).field("port"));
        let entry = conflicts.entry((document, path.clone()));
        entry.or_insert_with(|| {
            let place = Place::key(document, path);
            (report_own_tls(place, called, service, port), BTreeSet::new())
        });
    }
}

fn report_own_tls(
    place: Place,
    called: Place,
    service: &Service<'_>,
    port: &ServicePort,
) -> Diagnostic {
    let (host, number) = (&service.host, port.number);
    let message = format!(
        "clients in the mesh speak plain text to port {number} of `{host}`, which takes TLS of its own alone"
    );
    let mut found = Diagnostic::new(&CHECK, place, message)
        .label("takes nothing but TLS")
        .also(called, "clients speak plain text: no DestinationRule says otherwise")
        .consequence("every connection of theirs fails; requests are answered with 503")
        .help("let a DestinationRule for the host say `tls: {mode: SIMPLE}`, or give clients in the mesh a port of their own");
    // Clients outside of the mesh may speak it.
    found.severity = Severity::Warning;
    found
}

/// The field of a resource that a place is.
fn written(place: &Place) -> Option<(DocumentId, FieldPath)> {
    match place {
        Place::Field { document, path, .. } => Some((*document, path.clone())),
        _ => None,
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
        let Some(policy) = policy.filter(|_| !is_set()) else { continue };
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

/// Whether somebody may go by a rule: that it selects nobody is `selector-without-workload`'s to say.
fn has_clients(mesh: &Mesh<'_>, policy: &Policy<'_>) -> bool {
    policy.selector.is_none_or(|labels| {
        !inventory::shows_pods(mesh, policy.namespace)
            || !mesh.workloads.selected(Some(policy.namespace), labels).is_empty()
            || mesh.machines.may_have(Some(policy.namespace), labels)
    })
}

/// Those of a port that are known, as far as they differ.
enum Servers {
    Known(Vec<ServerPort>),
    /// Nobody knows which they are: what policies ask of all that they may be.
    Unseen(ServerPort),
}

impl Servers {
    fn first(&self) -> Option<&ServerPort> {
        match self {
            Self::Known(all) => all.first(),
            Self::Unseen(only) => Some(only),
        }
    }

    fn has_gateway(&self) -> bool {
        let is_gateway = |it: &ServerPort| matches!(it, ServerPort::Opened(_));
        matches!(self, Self::Known(all) if all.iter().any(is_gateway))
    }

    fn are_proxied(&self) -> bool {
        let is_proxied = |it: &ServerPort| matches!(it, ServerPort::Proxied(_));
        matches!(self, Self::Known(all) if all.iter().all(is_proxied))
    }

    /// How grave it is that all refuse those who speak so; `None` unless they do.
    fn refuse(&self, client: ClientTlsMode, sent: Sent) -> Option<Severity> {
        match self {
            Self::Known(all) => {
                let refuse_all = all.iter().all(|it| it.refuses(client, sent));
                all.iter().map(ServerPort::certainty).min().filter(|_| refuse_all)
            }
            Self::Unseen(only) => only.refuses(client, sent).then_some(Severity::Info),
        }
    }
}

/// The servers of a port, those with the labels of a subset. Of pods that no file of the repository makes, it is known what
/// policies ask of them if none could tell them apart.
fn servers(
    (mesh, known): (&Mesh<'_>, &Known<'_, '_>),
    service: &Service<'_>,
    port: &ServicePort,
    labels: Option<&Labels>,
) -> Servers {
    let workloads = selection::of_service(mesh, service);
    if workloads.is_empty() {
        return unseen(mesh, service).map_or(Servers::Known(Vec::new()), Servers::Unseen);
    }
    let is_of_subset = |it: &&&Workload<'_>| labels.is_none_or(|labels| it.inventory.has(labels));
    let own = workloads.iter().filter(is_of_subset);
    Servers::Known(own.map(|it| known.ports.at(it, selection::target(it, &port.target))).collect())
}

/// What a Service without a selector leads to is mostly no part of the mesh.
fn unseen(mesh: &Mesh<'_>, service: &Service<'_>) -> Option<ServerPort> {
    let discovery = &service.object.discovery;
    let selects = matches!(discovery, Discovery::World { set: EndpointSet::Selected { .. }, .. });
    let is_for_some = |it: &crate::resolve::policy::Policy<'_, _>| {
        it.resource.namespace == service.namespace
            && !matches!(&it.scope, Ok(scope) if scope.applies == mesh_snapshot::Applies::All)
    };
    // Whatever is no pod, or is listed by somebody else, need not have a proxy.
    if !selects
        || !service.origin.is_kubernetes()
        || mesh.policies.peer_authentications.iter().any(is_for_some)
        || is_without_proxies(mesh, service.namespace)
    {
        return None;
    }
    let anybody = Inventory { namespace: service.namespace.to_owned(), ..Inventory::default() };
    Some(ServerPort::Proxied(mtls::effective(mesh, &anybody, None)))
}

/// What clients are told of a port: at the port, else of the host; and of each subset, which has what is said of the host where it
/// says nothing itself, neither of TLS nor of the port.
fn settings<'m>(policy: &'m Policy<'_>, port: u16) -> Vec<Setting<'m>> {
    let root = || FieldPath::default().field("spec");
    let whole = policy.traffic_policy.and_then(|(from, traffic)| {
        setting(policy.from.get(from)?, || root().field("trafficPolicy"), traffic, port)
    });
    let subsets = policy.subsets.iter().filter_map(|(from, index, subset)| {
        let rule = policy.from.get(*from)?;
        let path = || root().field("subsets").index(*index).field("trafficPolicy");
        let traffic = subset.traffic_policy.as_ref();
        let own = traffic.and_then(|traffic| setting(rule, path, traffic, port));
        let names_port = traffic.is_some_and(|traffic| of_port(traffic, port).is_some());
        let found = own.or_else(|| whole.clone().filter(|_| !names_port))?;
        Some(Setting { subset: Some(subset), ..found })
    });
    whole.iter().cloned().chain(subsets).collect()
}

fn of_port(traffic: &TrafficPolicy, port: u16) -> Option<(usize, &PortTrafficPolicy)> {
    let is_own = |number: u32| number == u32::from(port);
    let ports = traffic.port_level_settings.iter().enumerate();
    ports.into_iter().find(|(_, it)| it.port.as_ref().is_some_and(|it| is_own(it.number)))
}

fn setting(
    rule: &Resource<DestinationRule>,
    at: impl Fn() -> FieldPath,
    traffic: &TrafficPolicy,
    port: u16,
) -> Option<Setting<'static>> {
    let of_port = of_port(traffic, port);
    let tls: Option<&ClientTlsSettings> = match of_port {
        Some((_, settings)) => settings.tls.as_ref(),
        None => traffic.tls.as_ref(),
    };
    let mode = tls?.mode;
    let at = match of_port {
        Some((index, _)) => at().field("portLevelSettings").index(index),
        None => at(),
    };
    let path = at.field("tls").field("mode");
    let breadth = if rule.spec.host.starts_with('*') { Breadth::Many } else { Breadth::One };
    let document = rule.id;
    Some(Setting { mode, document, path, subset: None, led: None, breadth, help: WITHOUT_TLS })
}

/// Requests that a route leads to a gateway, and that nobody says how to secure: in plain text.
fn unsecured(
    (mesh, known): (&Mesh<'_>, &Known<'_, '_>),
    service: &Service<'_>,
    policies: &[&Policy<'_>],
    (port, subset, route): (u16, &str, &Place),
) -> Option<Diagnostic> {
    let port = service.object.ports.iter().find(|it| it.number == port)?;
    let is_set = |policy: &&Policy<'_>| {
        settings(policy, port.number).iter().any(|it| it.subset_name() == subset)
    };
    // A label says that the pods take it on every port.
    let takes_mutual =
        |it: &&Workload<'_>| takes_mutual_tls(it.inventory.role, &it.inventory.labels);
    if policies.iter().any(is_set)
        || mesh.backend_tls.of_host(&service.host).is_some()
        || selection::of_service(mesh, service).iter().any(takes_mutual)
    {
        return None;
    }
    let mut subsets = policies.iter().flat_map(|policy| &policy.subsets);
    let of_subset = subsets.find(|(.., it)| it.name == subset).map(|(.., it)| &it.labels);
    if of_subset.is_none() && !subset.is_empty() {
        return None;
    }
    let servers = servers((mesh, known), service, port, of_subset);
    servers.refuse(ClientTlsMode::Disable, Sent::Requests)?;
    let ServerPort::Opened(opened) = servers.first()? else { return None };
    let server = opened.first()?;
    let (host, taken) = (&service.host, server.takes.words());
    let message = format!("requests go in plain text to `{host}`, which takes {taken} alone");
    let mut found = Diagnostic::new(&CHECK, route.clone(), message)
        .label("leads requests there")
        .also(server.place.clone(), taken_by_server(server));
    // The rule that is missing may stand elsewhere.
    found.severity = Severity::Warning;
    let mode = server.takes.mode();
    let help = format!("let a DestinationRule for it say `tls.mode`: {mode}");
    Some(found.consequence("each of these requests is answered with 503").help(help))
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

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::diagnostic::Severity;
    use crate::testing::{Folder, findings};

    /// What is told, by check and place, of a rule with this spec for a host of which `v2` alone takes nothing but mutual TLS.
    fn told(rule: &str) -> Vec<(&'static str, String)> {
        let folder = Folder::new();
        let pod = |version: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: {version}, namespace: shop, labels: {{app: reviews, version: {version}}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\n"
            )
        };
        let text = format!(
            "{}{}apiVersion: v1\nkind: Service\nmetadata: {{name: reviews, namespace: shop}}\nspec: {{selector: {{app: reviews}}, ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: v2, namespace: shop}}\nspec: {{selector: {{matchLabels: {{version: v2}}}}, mtls: {{mode: STRICT}}}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec: {{host: reviews, {rule}}}\n",
            pod("v1"),
            pod("v2")
        );
        folder.write("a.yaml", text);
        let about = ["mtls-conflict", "selector-without-workload"];
        let found = findings(folder.path()).into_iter();
        let found = found.filter(|it| about.contains(&it.check.name));
        found.map(|it| (it.check.name, it.message)).collect()
    }

    #[test]
    fn a_subset_is_held_against_its_own_servers() {
        let subset = |name: &str, policy: &str| {
            format!("{{name: {name}, labels: {{version: {name}}}{policy}}}")
        };
        let plain = ", trafficPolicy: {tls: {mode: DISABLE}}";
        let mutual = ", trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}";
        let of_port = |said: &str| {
            format!(", trafficPolicy: {{portLevelSettings: [{{port: {{number: 80}}, {said}}}]}}")
        };
        let conflict = [(
            CHECK.name,
            "clients speak plain text to the subset `v2` of `reviews.shop.svc.cluster.local`, which takes mutual TLS alone".to_owned(),
        )];
        let of = |subsets: &[String]| told(&format!("subsets: [{}]", subsets.join(", ")));
        assert_eq!(of(&[subset("v2", plain)]), conflict);
        assert_eq!(of(&[subset("v2", &of_port("tls: {mode: DISABLE}"))]), conflict);
        assert_eq!(of(&[subset("v1", plain), subset("v2", "")]), []);
        // What it does not say itself the host says, unless it speaks of the port.
        let of = |policy: &str| {
            let subset = subset("v2", policy);
            told(&format!("trafficPolicy: {{tls: {{mode: DISABLE}}}}, subsets: [{subset}]"))
        };
        assert_eq!(of(""), conflict);
        assert_eq!(of(mutual), []);
        assert_eq!(of(&of_port("loadBalancer: {simple: RANDOM}")), []);
    }

    #[test]
    fn a_rule_for_nobody_conflicts_with_nobody() {
        let rule = |app: &str| {
            format!(
                "workloadSelector: {{matchLabels: {{app: {app}}}}}, subsets: [{{name: v2, labels: {{version: v2}}, trafficPolicy: {{tls: {{mode: DISABLE}}}}}}]"
            )
        };
        let names = |app| told(&rule(app)).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("reviews"), [CHECK.name]);
        assert_eq!(names("nobody"), ["selector-without-workload"]);
    }

    /// How grave it is that clients of `web` are told `mode` where the mesh is `STRICT`.
    fn severity(namespace: &str, pod: &str, mode: &str) -> Option<Severity> {
        severity_at("web", namespace, pod, mode)
    }

    fn severity_at(host: &str, namespace: &str, pod: &str, mode: &str) -> Option<Severity> {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{{namespace}}}}}\n---\n\
             apiVersion: v1\nkind: Namespace\nmetadata: {{name: other, labels: {{istio-injection: enabled}}}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}\n---\n\
             apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: a, namespace: istio-system}}\nspec: {{mtls: {{mode: STRICT}}}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec: {{host: {host}, trafficPolicy: {{tls: {{mode: {mode}}}}}}}\n---\n{pod}"
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path());
        found.iter().find(|it| it.check == &CHECK).map(|it| it.severity)
    }

    fn pod(metadata: &str, spec: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop, {metadata}}}\nspec: {{{spec}containers: [{{name: a, image: a}}]}}\n"
        )
    }

    #[test]
    fn nobody_asks_for_mutual_tls_without_a_proxy() {
        let (enabled, disabled) = ("istio-injection: enabled", "istio-injection: disabled");
        let plain = "labels: {app: web}";
        let declined = "labels: {app: web, sidecar.istio.io/inject: 'false'}";
        let kept = "labels: {app: web}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: '8080'}";
        for (namespace, pod, mutual) in [
            (enabled, pod(declined, ""), Some(Severity::Error)),
            (enabled, pod(plain, "hostNetwork: true, "), Some(Severity::Error)),
            (enabled, pod(kept, ""), Some(Severity::Error)),
            (disabled, pod(plain, ""), Some(Severity::Error)),
            // Others may label it.
            ("", pod(plain, ""), Some(Severity::Warning)),
        ] {
            for client in ["DISABLE", "SIMPLE"] {
                assert_eq!(severity(namespace, &pod, client), None, "{client}: {pod}");
            }
            assert_eq!(severity(namespace, &pod, "ISTIO_MUTUAL"), mutual, "{pod}");
        }
        let meshed = pod(plain, "");
        assert_eq!(severity(enabled, &meshed, "DISABLE"), Some(Severity::Error));
        assert_eq!(severity(enabled, &meshed, "ISTIO_MUTUAL"), None);
        // One with a proxy, and one without.
        let both =
            format!("{meshed}---\n{}", pod(declined, "").replace("name: web,", "name: other,"));
        for client in ["DISABLE", "ISTIO_MUTUAL"] {
            assert_eq!(severity(enabled, &both, client), None, "{client}");
        }
    }

    #[test]
    fn of_servers_that_nobody_shows_it_is_a_notice() {
        assert_eq!(severity("istio-injection: enabled", "", "DISABLE"), Some(Severity::Info));
        assert_eq!(severity("istio-injection: disabled", "", "DISABLE"), None);
        assert_eq!(severity("", "", "DISABLE"), None);
    }

    #[test]
    fn of_endpoints_that_no_selector_finds_nothing_is_known() {
        let folder = Folder::new();
        let text = "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {ports: [{name: tcp, port: 6379}]}\n---\n\
             apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: istio-system}\nspec: {mtls: {mode: STRICT}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: d, namespace: shop}\nspec: {host: db, trafficPolicy: {tls: {mode: DISABLE}}}\n";
        folder.write("a.yaml", text);
        assert!(findings(folder.path()).iter().all(|it| it.check != &CHECK));
    }

    const MUTUAL: &str = "protocol: HTTPS}, hosts: [a.test], tls: {mode: ISTIO_MUTUAL}}";
    const SIMPLE: &str =
        "protocol: HTTPS}, hosts: [a.test], tls: {mode: SIMPLE, credentialName: c}}";
    const PASSTHROUGH: &str = "protocol: TLS}, hosts: [a.test], tls: {mode: PASSTHROUGH}}";
    const PLAIN: &str = "protocol: HTTP}, hosts: [a.test]}";
    const BYTES: &str = "protocol: TCP}, hosts: ['*']}";

    /// How grave it is what is told of clients of a gateway in a `STRICT` mesh, by its servers and the rest of the repository.
    fn at_gateway(labels: &str, servers: &[&str], rest: &str) -> Option<Severity> {
        let folder = Folder::new();
        let servers: Vec<_> =
            servers.iter().map(|it| format!("{{port: {{number: 80, name: a, {it}")).collect();
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: out, namespace: shop, labels: {{app: out{labels}}}}}\nspec: {{containers: [{{name: istio-proxy, image: auto}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: out, namespace: shop}}\nspec: {{selector: {{app: out}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}\n---\n\
             apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: a, namespace: istio-system}}\nspec: {{mtls: {{mode: STRICT}}}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: out, namespace: shop}}\nspec: {{selector: {{app: out}}, servers: [{}]}}\n---\n{rest}",
            servers.join(", ")
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path());
        found.iter().find(|it| it.check == &CHECK).map(|it| it.severity)
    }

    fn told_to(mode: &str) -> String {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec: {{host: out, subsets: [{{name: a, trafficPolicy: {{tls: {{mode: {mode}}}}}}}]}}\n---\n"
        )
    }

    fn led(list: &str) -> String {
        let (matches, subset) = match list {
            "tls" => ("match: [{port: 80, sniHosts: [a.test]}], ", ""),
            "http" => ("", ", subset: a"),
            _ => ("", ""),
        };
        let list = list.trim_end_matches('*');
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: a, namespace: shop}}\nspec: {{hosts: [a.test], {list}: [{{{matches}route: [{{destination: {{host: out{subset}}}}}]}}]}}\n---\n"
        )
    }

    #[test]
    fn a_gateway_takes_what_its_servers_say() {
        for (servers, refused) in [
            (&[PLAIN][..], &["SIMPLE", "MUTUAL", "ISTIO_MUTUAL"][..]),
            (&[MUTUAL], &["DISABLE", "SIMPLE", "MUTUAL"]),
            // The application may speak TLS by itself.
            (&[SIMPLE], &["ISTIO_MUTUAL"]),
            (&[PASSTHROUGH], &[]),
            (&[BYTES], &[]),
            (&[SIMPLE, MUTUAL], &[]),
            (&[], &[]),
        ] {
            for mode in ["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"] {
                let told = at_gateway("", servers, &told_to(mode));
                let expected = refused.contains(&mode).then_some(Severity::Error);
                assert_eq!(told, expected, "{mode} towards {servers:?}");
            }
        }
    }

    /// The mesh's own rule of old is for all hosts: those that nobody in the mesh calls do not make it a mistake.
    #[test]
    fn a_rule_for_many_hosts_need_not_mean_each() {
        let wide = |rule: String| rule.replace("host: out,", "host: '*.local',");
        let mutual = wide(told_to("ISTIO_MUTUAL"));
        assert_eq!(at_gateway("", &[PLAIN], &mutual), None);
        let led = format!("{}{mutual}", led("http"));
        assert_eq!(at_gateway("", &[PLAIN], &led), Some(Severity::Warning));
        let declined = pod("labels: {app: web, sidecar.istio.io/inject: 'false'}", "");
        let told =
            |host: &str| severity_at(host, "istio-injection: enabled", &declined, "ISTIO_MUTUAL");
        assert_eq!(told("web"), Some(Severity::Error));
        assert_eq!(told("'*.local'"), Some(Severity::Warning));
        let meshed = pod("labels: {app: web}", "");
        let told = severity_at("'*.local'", "istio-injection: enabled", &meshed, "DISABLE");
        assert_eq!(told, Some(Severity::Error));
    }

    #[test]
    fn requests_that_a_route_leads_to_a_gateway_are_no_tls() {
        for (server, refused) in
            [(PLAIN, false), (SIMPLE, true), (PASSTHROUGH, true), (MUTUAL, true), (BYTES, false)]
        {
            let rest = format!("{}{}", led("http"), told_to("DISABLE"));
            let expected = refused.then_some(Severity::Error);
            assert_eq!(at_gateway("", &[server], &rest), expected, "{server}");
            // Where nobody says anything else it is plain text, unless a label has the mesh speak TLS.
            let expected = refused.then_some(Severity::Warning);
            assert_eq!(at_gateway("", &[server], &led("http*")), expected, "{server}");
            let label = ", security.istio.io/tlsMode: istio";
            assert_eq!(at_gateway(label, &[server], &led("http*")), None, "{server}");
        }
        for list in ["tls", "tcp"] {
            assert_eq!(at_gateway("", &[SIMPLE], &led(list)), None, "{list}");
        }
        let mutual = format!("{}{}", led("http"), told_to("ISTIO_MUTUAL"));
        assert_eq!(at_gateway("", &[MUTUAL], &mutual), None);
    }

    #[test]
    fn tls_of_a_sidecar_must_be_spoken_by_somebody() {
        let told = |service: &str, target: u16, rule: &str| {
            let folder = Folder::new();
            let pod = |name: &str| {
                format!(
                    "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}, sidecar.istio.io/inject: 'true'}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\n"
                )
            };
            let text = format!(
                "{}{}apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{app: web}}, {service}, targetPort: {target}}}]}}\n---\n\
                 apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: a, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, mtls: {{mode: STRICT}}, portLevelMtls: {{8443: {{mode: DISABLE}}}}}}\n---\n\
                 apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: a, namespace: shop}}\nspec: {{workloadSelector: {{labels: {{app: web}}}}, ingress: [{{port: {{number: 8443, name: https, protocol: HTTPS}}, defaultEndpoint: '127.0.0.1:8080', tls: {{mode: SIMPLE, privateKey: /k, serverCertificate: /c}}}}, {{port: {{number: 8080, name: http, protocol: HTTP}}, defaultEndpoint: '127.0.0.1:8080'}}]}}\n---\n{rule}",
                pod("web"),
                pod("ui")
            );
            folder.write("a.yaml", text);
            findings(folder.path())
                .into_iter()
                .filter(|it| it.check == &CHECK)
                .map(|it| it.severity)
                .collect::<Vec<_>>()
        };
        let http = "ports: [{name: http, port: 80";
        let rule = |namespace: &str, mode: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: {namespace}}}\nspec: {{host: web.shop.svc.cluster.local, trafficPolicy: {{tls: {{mode: {mode}}}}}}}\n"
            )
        };
        assert_eq!(told(http, 8443, ""), [Severity::Warning]);
        assert_eq!(told(http, 8443, &rule("shop", "DISABLE")), [Severity::Warning]);
        for found in [
            told(http, 8080, ""),
            told(http, 8443, &rule("shop", "SIMPLE")),
            // Some client.
            told(http, 8443, &rule("web", "SIMPLE")),
            // What speaks TLS is the application.
            told("ports: [{name: https, port: 443", 8443, ""),
            told("ports: [{name: tcp, port: 443", 8443, ""),
            // Who comes from outside of the mesh speaks it.
            told("type: LoadBalancer, ports: [{name: http, port: 80", 8443, ""),
        ] {
            assert_eq!(found, []);
        }
        // That it speaks what is not taken is told of the rule.
        assert_eq!(told(http, 8443, &rule("shop", "ISTIO_MUTUAL")), [Severity::Error]);
    }

    #[test]
    fn a_policy_for_backends_is_held_against_proxies() {
        let count = |injection: &str, mode: &str, rule: &str| {
            let folder = Folder::new();
            let text = format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{istio-injection: {injection}}}}}\n---\n\
                 apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop, labels: {{app: web}}}}\nspec: {{containers: [{{name: a, image: a}}]}}\n---\n\
                 apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{app: web}}, ports: [{{name: http, port: 80}}, {{name: tcp, port: 90}}]}}\n---\n\
                 apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: a, namespace: shop}}\nspec: {{mtls: {{mode: {mode}}}}}\n---\n\
                 apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: p, namespace: shop}}\nspec: {{targetRefs: [{{group: '', kind: Service, name: web, sectionName: http}}], validation: {{hostname: web.test, wellKnownCACertificates: System}}}}\n---\n{rule}"
            );
            folder.write("a.yaml", text);
            findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
        };
        let rule = |policy: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d, namespace: shop}}\nspec: {{host: web, trafficPolicy: {{{policy}}}}}\n"
            )
        };
        assert_eq!(count("enabled", "STRICT", ""), 1);
        assert_eq!(count("enabled", "STRICT", &rule("loadBalancer: {simple: RANDOM}")), 1);
        // What the rule says counts.
        assert_eq!(count("enabled", "STRICT", &rule("tls: {mode: ISTIO_MUTUAL}")), 0);
        assert_eq!(count("enabled", "PERMISSIVE", ""), 0);
        // Such servers speak TLS themselves.
        assert_eq!(count("disabled", "STRICT", ""), 0);
    }
}
