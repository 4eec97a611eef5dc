//! `http-rule-on-tcp-port`: a rule asks for something of HTTP at a port whose bytes are not read as HTTP.
//!
//! There an `ALLOW` rule is left out, and of a `DENY` rule what asks for HTTP is, so that it denies more than it says. One of
//! a `DENY` policy that names no ports is `deny-closes-tcp`'s.
//! Source: Istio, "Authorization on a TCP port"; `authz/builder`.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use crate::api::istio::{Action, Rule};
use crate::check::http_field::http_field;
use crate::check::kept::apart;
use crate::check::openers::Openers;
use crate::check::selection;
use crate::check::workload_ports::{Ports, ports};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::policy::Scope;

pub(super) static CHECK: Check = Check::lint(
    "http-rule-on-tcp-port",
    Severity::Warning,
    include_str!("http_rule_on_tcp_port.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let openers = OnceCell::new();
    let openers = || openers.get_or_init(|| Openers::of(mesh));
    let open = OnceCell::new();
    // Many policies are for all workloads of one namespace, which are many, too.
    let known: RefCell<BTreeMap<&Scope<'_>, Ports>> = RefCell::default();
    apart::authorization_policies(mesh, out, |policy, out| {
        let spec = &policy.resource.spec;
        let (Ok(scope), Action::Allow | Action::Deny) = (&policy.scope, spec.action) else {
            return;
        };
        let mut known = known.borrow_mut();
        let ports = known
            .entry(scope)
            .or_insert_with(|| ports((mesh, openers()), &selection::at_least_in_part(mesh, scope)));
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
