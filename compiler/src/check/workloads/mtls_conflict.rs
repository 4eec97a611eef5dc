//! `mtls-conflict`: clients are told to connect in a way that the servers refuse.
//!
//! A `DestinationRule` that sets `tls` takes the choice from the mesh (auto mTLS), which would have made it right; so does a
//! `BackendTLSPolicy` where no rule does. Of TLS that a `Sidecar` has a port end auto mTLS knows nothing: without either, clients
//! speak plain text there. Sources: Istio, `ClientTLSSettings.mode`, `PeerAuthentication`, `Sidecar.ingress.tls`; "auto mTLS";
//! Gateway API, `BackendTLSPolicy`.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{Labels, Role, ServicePort, Workload as Inventory};

use crate::api::istio::{
    ClientTlsMode, ClientTlsSettings, MtlsMode, PortTrafficPolicy, Subset, TrafficPolicy,
};
use crate::check::injection::gets_proxy;
use crate::check::mtls::{self, Effective};
use crate::check::own_tls::OwnTls;
use crate::check::{inventory, selection};
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
    help: &'static str,
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
        if !clients.is_empty() {
            check_service(mesh, service, &clients, &mut conflicts);
        }
        check_backend_tls(mesh, service, &mut conflicts);
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

fn check_service(
    mesh: &Mesh<'_>,
    service: &Service<'_>,
    clients: &BTreeSet<&str>,
    conflicts: &mut Conflicts,
) {
    let policies = policies(mesh, service, clients);
    for policy in policies.into_iter().filter(|policy| has_clients(mesh, policy)) {
        for port in &service.object.ports {
            let settings = settings(policy, port.number);
            for setting in settings {
                let labels = setting.subset.map(|subset| &subset.labels);
                let Some(server) = server(mesh, service, port, labels) else { continue };
                hold_against(&server, &setting, (service, port), conflicts);
            }
        }
    }
}

/// What any of the clients go by, and everybody else.
fn policies<'m, 'a>(
    mesh: &'m Mesh<'a>,
    service: &Service<'a>,
    clients: &BTreeSet<&str>,
) -> Vec<&'m Policy<'a>> {
    let own = clients.iter().map(|client| View::of(mesh, client));
    let views = own.chain([View::common(mesh)]);
    let policies: BTreeSet<_> = views.flat_map(|view| view.policies(service)).collect();
    policies.into_iter().map(|id| mesh.destination_rules.get(id)).collect()
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
    server: &Effective,
    setting: &Setting<'_>,
    (service, port): (&Service<'_>, &ServicePort),
    conflicts: &mut Conflicts,
) {
    if refuses(server.mode, setting.mode) {
        let entry = conflicts.entry((setting.document, setting.path.clone()));
        let first = || (report(setting, server, service, port), BTreeSet::new());
        entry.or_insert_with(first).1.insert(service.host.to_string());
    }
}

/// What a `BackendTLSPolicy` tells everybody who has no rule that says how to connect.
fn check_backend_tls(mesh: &Mesh<'_>, service: &Service<'_>, conflicts: &mut Conflicts) {
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
        let Some(server) = server(mesh, service, port, None) else { continue };
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
            help: WITHOUT_POLICY,
        };
        hold_against(&server, &setting, (service, port), conflicts);
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

const fn refuses(server: MtlsMode, client: ClientTlsMode) -> bool {
    match server {
        MtlsMode::Strict => !matches!(client, ClientTlsMode::IstioMutual),
        MtlsMode::Disable => matches!(client, ClientTlsMode::IstioMutual),
        MtlsMode::Permissive | MtlsMode::Unset => false,
    }
}

/// What the servers of a port ask for, those with the labels of a subset, where they agree. Of pods that no file of the
/// repository makes, it is known if no policy could tell them apart.
fn server(
    mesh: &Mesh<'_>,
    service: &Service<'_>,
    port: &ServicePort,
    labels: Option<&Labels>,
) -> Option<Effective> {
    let workloads = selection::of_service(mesh, service);
    let is_of_subset = |it: &&&Workload<'_>| labels.is_none_or(|labels| it.inventory.has(labels));
    let mut modes = workloads.iter().filter(is_of_subset).map(|workload| {
        mtls::effective(mesh, &workload.inventory, selection::target(workload, &port.target))
    });
    if let Some(first) = modes.next() {
        return modes.all(|other| other.mode == first.mode).then_some(first);
    }
    if !workloads.is_empty() {
        return None;
    }
    let is_for_some = |it: &crate::resolve::policy::Policy<'_, _>| {
        it.resource.namespace == service.namespace
            && !matches!(&it.scope, Ok(scope) if scope.applies == mesh_snapshot::Applies::All)
    };
    // Whatever is no pod, or is listed by somebody else, need not have a proxy.
    if !service.origin.is_kubernetes()
        || service.selects().is_none()
        || mesh.policies.peer_authentications.iter().any(is_for_some)
    {
        return None;
    }
    let anybody = Inventory { namespace: service.namespace.to_owned(), ..Inventory::default() };
    Some(mtls::effective(mesh, &anybody, None))
}

/// What clients are told of a port: at the port, else of the host; and of each subset, which has what is said of the host where it
/// says nothing itself, neither of TLS nor of the port.
fn settings<'m>(policy: &'m Policy<'_>, port: u16) -> Vec<Setting<'m>> {
    let root = || FieldPath::default().field("spec");
    let whole = policy.traffic_policy.and_then(|(from, traffic)| {
        setting(policy.from.get(from)?.id, || root().field("trafficPolicy"), traffic, port)
    });
    let subsets = policy.subsets.iter().filter_map(|(from, index, subset)| {
        let rule = policy.from.get(*from)?;
        let path = || root().field("subsets").index(*index).field("trafficPolicy");
        let traffic = subset.traffic_policy.as_ref();
        let own = traffic.and_then(|traffic| setting(rule.id, path, traffic, port));
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
    document: DocumentId,
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
    Some(Setting { mode, document, path, subset: None, help: WITHOUT_TLS })
}

fn report(
    setting: &Setting<'_>,
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
    let whom = match setting.subset {
        Some(subset) => format!("the subset `{}` of `{host}`", subset.name),
        None => format!("`{host}`"),
    };
    let message = format!("clients speak {client} to {whom}, which takes {asked} alone");
    let mut found =
        Diagnostic::new(&CHECK, place, message).label(format!("clients speak {client}"));
    if let Some(place) = &server.place {
        found = found.also(place.clone(), format!("servers take {asked} alone"));
    }
    let effect = match setting.subset {
        Some(_) => format!(
            "every connection to its port {number} fails; requests that a route leads there are answered with 503"
        ),
        None => format!("every connection to port {number} fails; requests are answered with 503"),
    };
    found.consequence(effect).help(setting.help)
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
