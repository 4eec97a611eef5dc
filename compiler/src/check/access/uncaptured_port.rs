//! `uncaptured-port`: a policy is about a port that the proxy does not see, or for a workload whose Service leads to one.
//!
//! Source: Istio, `traffic.sidecar.istio.io/excludeInboundPorts`, `includeInboundPorts`.

use std::collections::{HashMap, HashSet};

use mesh_snapshot::object::Protocol;

use crate::api::istio::{Action, AuthorizationPolicy, MtlsMode, Rule};
use crate::check::capture::{self, Capture};
use crate::check::{injection, mtls, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::policy::Policy;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("uncaptured-port", Severity::Warning, include_str!("uncaptured_port.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut particular = capture::particular(mesh);
    if particular.is_empty() {
        return;
    }
    // That nothing is enforced at a workload without a proxy is `policy-without-proxy`'s to say.
    let without = injection::without_proxy(mesh);
    let name = |it: &Workload<'_>| format!("{}/{}", it.namespace(), it.name());
    particular.retain(|(it, _)| !without.contains_key(&name(it)));
    let captures: HashMap<_, _> = particular.iter().map(|(it, capture)| (it.id, capture)).collect();
    for policy in &mesh.policies.authorization_policies {
        check_named(mesh, policy, &captures, out);
    }
    for (workload, capture) in &particular {
        check_served(mesh, workload, capture, out);
    }
}

/// Ports that the rules of a policy name.
fn check_named(
    mesh: &Mesh<'_>,
    policy: &Policy<'_, AuthorizationPolicy>,
    captures: &HashMap<DocumentId, &Capture>,
    out: &mut Vec<Diagnostic>,
) {
    let Ok(scope) = &policy.scope else { return };
    let rules = || policy.resource.spec.rules.iter().flatten();
    if !rules().any(Rule::names_ports) {
        return;
    }
    let selected = selection::of_policy(mesh, scope);
    for (index, rule) in rules().enumerate() {
        let at = FieldPath::default().field("spec").field("rules").index(index);
        out.extend(ports(rule, &at).filter_map(|(port, at)| {
            let kept_by = |it: &Workload<'_>| captures.get(&it.id)?.kept_by(port);
            let (workload, annotation) = selected.iter().find_map(|it| Some((it, kept_by(it)?)))?;
            let by = workload.annotations_path().field(annotation);
            let found = escapes(port, Place::value(policy.resource.id, at));
            let found = found.label("nothing enforces this");
            Some(found.also(Place::value(workload.id, by), "kept from it here"))
        }));
    }
}

/// Ports to which a Service leads, with a policy that names none and so is for every one.
fn check_served(
    mesh: &Mesh<'_>,
    workload: &Workload<'_>,
    capture: &Capture,
    out: &mut Vec<Diagnostic>,
) {
    let services = mesh.services.served_by(workload);
    let targets = services.iter().flat_map(|it| &it.object.ports);
    let targets = targets.filter(|it| it.protocol != Protocol::Udp);
    let mut served: Vec<_> =
        targets.filter_map(|it| selection::target(workload, &it.target)).collect();
    served.sort_unstable();
    served.dedup();
    let escaped = served.into_iter().filter_map(|port| Some((port, capture.kept_by(port)?)));
    let escaped: Vec<_> = escaped.collect();
    if escaped.is_empty() {
        return;
    }
    let policies = mesh.policies.authorization_policies.for_workload(&workload.inventory);
    let rules = policies.iter().flat_map(|it| it.resource.spec.rules.iter().flatten());
    let named = rules.flat_map(|rule| ports(rule, &FieldPath::default()));
    let told: HashSet<u16> = named.map(|(port, _)| port).collect();
    for (port, annotation) in escaped.into_iter().filter(|(port, _)| !told.contains(port)) {
        let by_policy = policies.iter().find(|it| is_for_every_port(&it.resource.spec)).map(|it| {
            let at = FieldPath::default().field("metadata").field("name");
            (Place::value(it.resource.id, at), "this is not enforced there")
        });
        let by_mode = || {
            let asked = mtls::effective(mesh, &workload.inventory, Some(port));
            let place = asked.place.filter(|_| asked.mode == MtlsMode::Strict)?;
            Some((place, "nor is mutual TLS asked for there"))
        };
        let Some((place, text)) = by_policy.or_else(by_mode) else { continue };
        let at = workload.annotations_path().field(annotation);
        let found = escapes(port, Place::value(workload.id, at));
        out.push(found.label("a Service leads to it").also(place, text));
    }
}

/// Whether a policy decides at ports that it does not name: who is not allowed at any port is refused there, too.
fn is_for_every_port(policy: &AuthorizationPolicy) -> bool {
    let mut rules = policy.rules.iter().flatten();
    policy.action == Action::Allow || rules.any(|rule| !rule.names_ports())
}

fn escapes(port: u16, place: Place) -> Diagnostic {
    Diagnostic::new(&CHECK, place, format!("port {port} does not go through the proxy"))
        .consequence("connections to the port reach the application whatever the policy says")
        .help("let the proxy take the port")
}

/// The ports that a rule names.
fn ports<'r>(rule: &'r Rule, at: &FieldPath) -> impl Iterator<Item = (u16, FieldPath)> + use<'r> {
    let at = at.clone().field("to");
    let operations = rule.to.iter().flatten().enumerate();
    operations.filter_map(|(index, to)| Some((index, to.operation.as_ref()?))).flat_map(
        move |(index, operation)| {
            let at = at.clone().index(index).field("operation").field("ports");
            let ports = operation.ports.iter().enumerate();
            ports.filter_map(move |(index, port)| {
                Some((port.parse().ok()?, at.clone().index(index)))
            })
        },
    )
}
