//! `http-rule-on-tcp-port`: a rule asks for something of HTTP at a port whose bytes are not read as HTTP.
//!
//! There an `ALLOW` rule is left out, and of a `DENY` rule what asks for HTTP is, so that it denies more than it says. One of
//! a `DENY` policy that names no ports is `deny-closes-tcp`'s.
//! Source: Istio, "Authorization on a TCP port"; `authz/builder`.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{Protocol, Role};

use crate::api::istio::{Action, Rule};
use crate::check::kept::apart;
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::gateway::{ApiGateway, served_by};
use crate::resolve::policy::Scope;
use crate::resolve::service::Origin;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check = Check::lint(
    "http-rule-on-tcp-port",
    Severity::Warning,
    include_str!("http_rule_on_tcp_port.md"),
);

/// The ports of some workloads, by what their Services say they speak; of gateways, by what their servers do.
#[derive(Default)]
pub(in crate::check) struct Ports {
    /// Each once, with the place that says so first.
    pub(in crate::check) tcp: Vec<(u16, Place)>,
    pub(in crate::check) has_http: bool,
}

impl Ports {
    /// Whether no request is ever read as one there.
    pub(in crate::check) fn are_for_tcp_alone(&self) -> bool {
        !self.tcp.is_empty() && !self.has_http
    }
}

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let open = OnceCell::new();
    // Many policies are for all workloads of one namespace, which are many, too.
    let known: RefCell<BTreeMap<&Scope<'_>, Ports>> = RefCell::default();
    apart::authorization_policies(mesh, out, |policy, out| {
        let spec = &policy.resource.spec;
        let (Ok(scope), Action::Allow | Action::Deny) = (&policy.scope, spec.action) else {
            return;
        };
        let mut known = known.borrow_mut();
        let ports =
            known.entry(scope).or_insert_with(|| ports(mesh, &selection::of_policy(mesh, scope)));
        if ports.tcp.is_empty() {
            return;
        }
        let is_open = |port: u16| open.get_or_init(|| Open::of(mesh)).holds(scope, port);
        for (index, rule) in spec.rules.iter().flatten().enumerate() {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            let Some(field) = http_field(rule, &at) else { continue };
            if let Some((port, place)) = tcp_port(rule, spec.action, ports, is_open) {
                out.push(report(policy.resource.id, field, spec.action, *port, place.clone()));
                // Of one policy that closes a port by what it leaves out one rule tells enough.
                if spec.action == Action::Allow && !rule.names_ports() {
                    break;
                }
            }
        }
    });
}

pub(in crate::check) fn ports(mesh: &Mesh<'_>, workloads: &[&Workload<'_>]) -> Ports {
    let mut ports = Ports::default();
    for workload in workloads {
        if workload.inventory.role == Role::Gateway {
            opened(mesh, workload, &mut ports);
        } else {
            served(mesh, workload, &mut ports);
        }
    }
    // Many workloads have the same port.
    let mut met = BTreeSet::new();
    ports.tcp.retain(|(port, _)| met.insert(*port));
    ports
}

/// By the names of the Services' ports.
fn served(mesh: &Mesh<'_>, workload: &Workload<'_>, ports: &mut Ports) {
    for service in mesh.services.served_by(workload) {
        let Origin::Kubernetes(resource) = service.origin else { continue };
        for port in &service.object.ports {
            let Some(number) = selection::target(workload, &port.target) else { continue };
            match port.protocol {
                Protocol::Tcp | Protocol::Tls | Protocol::Https => {
                    let written = resource.spec.ports.iter();
                    let index =
                        written.into_iter().position(|it| it.port == i32::from(port.number));
                    let path = FieldPath::default().field("spec").field("ports");
                    let path = path.index(index.unwrap_or_default()).field("name");
                    ports.tcp.push((number, Place::value(resource.id, path)));
                }
                Protocol::Udp => {}
                _ => ports.has_http = true,
            }
        }
    }
}

/// By the servers of the Gateways that select it: TLS that ends at a server carries what is read as HTTP, whatever the
/// Service's port is called.
fn opened(mesh: &Mesh<'_>, workload: &Workload<'_>, ports: &mut Ports) {
    for gateway in mesh.gateways.iter().filter(|it| it.selects(&workload.inventory)) {
        for server in gateway.servers.iter().filter(|it| it.is_served()) {
            if server.is_http() {
                ports.has_http = true;
                continue;
            }
            let path = FieldPath::default().field("spec").field("servers").index(server.index);
            let place = Place::value(gateway.resource.id, path.field("port").field("protocol"));
            ports.tcp.push((behind(mesh, workload, server.port), place));
        }
    }
    let is_own = |it: &&ApiGateway<'_>| {
        it.resource.namespace == workload.namespace()
            && served_by(mesh, it.resource).to(&workload.inventory)
    };
    for gateway in mesh.api_gateways.iter().filter(is_own) {
        for listener in gateway.listeners.iter().filter(|it| it.is_served()) {
            if listener.is_http() {
                ports.has_http = true;
                continue;
            }
            let place = Place::value(listener.document, listener.path().field("protocol"));
            ports.tcp.push((behind(mesh, workload, listener.port), place));
        }
    }
}

/// The port of a gateway's pods behind the port that a server is for: that of their Service, or their own.
fn behind(mesh: &Mesh<'_>, workload: &Workload<'_>, number: u16) -> u16 {
    let targets = mesh.services.served_by(workload).into_iter().flat_map(|it| &it.object.ports);
    let mut targets = targets.filter(|port| port.number == number);
    targets.find_map(|port| selection::target(workload, &port.target)).unwrap_or(number)
}

/// Where `ALLOW` rules let connections in, whatever these carry; by the namespace of their policies.
#[derive(Default)]
struct Open<'m>(BTreeMap<Option<&'m str>, OpenPorts>);

#[derive(Default)]
struct OpenPorts {
    all: bool,
    named: BTreeSet<u16>,
}

impl<'m> Open<'m> {
    fn of(mesh: &'m Mesh<'_>) -> Self {
        let mut open = Self::default();
        let root = FieldPath::default();
        for policy in &mesh.policies.authorization_policies {
            let spec = &policy.resource.spec;
            let (Ok(scope), Action::Allow) = (&policy.scope, spec.action) else { continue };
            let rules = spec.rules.iter().flatten();
            for rule in rules.filter(|rule| http_field(rule, &root).is_none()) {
                let ports = open.0.entry(scope.namespace).or_default();
                let named = rule.to.iter().flatten().filter_map(|to| to.operation.as_ref());
                let named = named.flat_map(|operation| &operation.ports);
                ports.all |= !rule.names_ports();
                ports.named.extend(named.filter_map(|port| port.parse::<u16>().ok()));
            }
        }
        open
    }

    /// Whether one is for workloads of this scope, and for `port`.
    fn holds(&self, scope: &Scope<'_>, port: u16) -> bool {
        let is_open = |it: &OpenPorts| it.all || it.named.contains(&port);
        match scope.namespace {
            None => self.0.values().any(is_open),
            own => [None, own].iter().filter_map(|it| self.0.get(it)).any(is_open),
        }
    }
}

/// The port for TCP that the rule is for. One that names no ports is for all; then an `ALLOW` rule may well be meant for
/// the others, and closes this one where no other rule is for it, as `is_open` tells.
fn tcp_port<'p>(
    rule: &Rule,
    action: Action,
    ports: &'p Ports,
    is_open: impl Fn(u16) -> bool,
) -> Option<&'p (u16, Place)> {
    let named: Option<Vec<_>> = rule
        .to
        .iter()
        .flatten()
        .map(|it| it.operation.as_ref().map(|it| &it.ports).filter(|ports| !ports.is_empty()))
        .collect();
    match named.filter(|named| !named.is_empty()) {
        Some(named) => {
            let named: BTreeSet<u16> =
                named.into_iter().flatten().filter_map(|port| port.parse().ok()).collect();
            ports.tcp.iter().find(|(port, _)| named.contains(port))
        }
        None if action == Action::Deny => None,
        None if !ports.has_http => ports.tcp.first(),
        None => ports.tcp.iter().find(|(port, _)| !is_open(*port)),
    }
}

/// The first field of a rule that only HTTP has.
pub(in crate::check) fn http_field(rule: &Rule, at: &FieldPath) -> Option<FieldPath> {
    let sources = rule.from.iter().flatten().enumerate();
    let source = sources.filter_map(|(index, it)| Some((index, it.source.as_ref()?))).find_map(
        |(index, it)| {
            let lists = [
                ("requestPrincipals", &it.request_principals),
                ("notRequestPrincipals", &it.not_request_principals),
            ];
            let (field, _) = lists.into_iter().find(|(_, values)| !values.is_empty())?;
            Some(at.clone().field("from").index(index).field("source").field(field))
        },
    );
    let operations = rule.to.iter().flatten().enumerate();
    let operation = operations
        .filter_map(|(index, it)| Some((index, it.operation.as_ref()?)))
        .find_map(|(index, it)| {
            let lists = [
                ("methods", &it.methods),
                ("paths", &it.paths),
                ("hosts", &it.hosts),
                ("notMethods", &it.not_methods),
                ("notPaths", &it.not_paths),
                ("notHosts", &it.not_hosts),
            ];
            let (field, _) = lists.into_iter().find(|(_, values)| !values.is_empty())?;
            Some(at.clone().field("to").index(index).field("operation").field(field))
        });
    let condition = rule.when.iter().position(|it| it.key.starts_with("request."));
    let condition = condition.map(|index| at.clone().field("when").index(index).field("key"));
    operation.or(source).or(condition)
}

fn report(
    document: DocumentId,
    field: FieldPath,
    action: Action,
    port: u16,
    place: Place,
) -> Diagnostic {
    let message = format!("the rule asks for HTTP at port {port}, which is not read as HTTP");
    let (label, effect) = match action {
        Action::Allow => {
            ("only HTTP has this", "the rule is left out there: it lets no connection in")
        }
        _ => (
            "only HTTP has this, and it is left out",
            "there the rule denies more than it says: every connection that its other parts match",
        ),
    };
    Diagnostic::new(&CHECK, Place::key(document, field), message)
        .label(label)
        .also(place, "this says what the port speaks")
        .consequence(effect)
        .help("name the ports for HTTP in the rule's `ports`, or say that this port speaks HTTP")
}
