//! `service-port-in-policy`: a policy names a port of the Service where the port of its pods is meant.
//!
//! Policies are for workloads, which know only their own ports. Sources: Istio, `Operation.ports`, the
//! condition `destination.port`, `PeerAuthentication.portLevelMtls`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::api::istio::Rule;
use crate::check::kept::apart;
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Scope;
use crate::resolve::service::Service;

pub(super) static CHECK: Check = Check::lint(
    "service-port-in-policy",
    Severity::Warning,
    include_str!("service_port_in_policy.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // Many policies are for all workloads of one namespace, which are many, too.
    let known: RefCell<BTreeMap<&Scope<'_>, Ports<'_>>> = RefCell::default();
    let check = |scope, port: &str, place| {
        let mut known = known.borrow_mut();
        check(known.entry(scope).or_insert_with(|| Ports::of(mesh, scope)), port, place)
    };
    apart::authorization_policies(mesh, out, |policy, out| {
        let Ok(scope) = &policy.scope else { return };
        for (index, rule) in policy.resource.spec.rules.iter().flatten().enumerate() {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            for List { at, ports, effect } in lists(rule, &at) {
                for (index, port) in ports.iter().enumerate() {
                    let place = Place::value(policy.resource.id, at.clone().index(index));
                    let found = check(scope, port, place);
                    out.extend(found.map(|it| it.consequence(effect)));
                }
            }
        }
    });
    for policy in &mesh.policies.peer_authentications {
        let Ok(scope) = &policy.scope else { continue };
        for port in policy.resource.spec.port_level_mtls.iter().flatten().map(|(port, _)| port) {
            let path =
                FieldPath::default().field("spec").field("portLevelMtls").field(port.clone());
            let place = Place::key(policy.resource.id, path);
            let found = check(scope, port, place);
            out.extend(found.map(|it| it.consequence(SAYS_NOTHING)));
        }
    }
}

const SAYS_NOTHING: &str = "the policy says nothing about the port that is called";
const LEAVES_NOTHING_OUT: &str = "every call is to another port: nothing is left out by it";

/// Ports that a rule names.
struct List<'p> {
    at: FieldPath,
    ports: &'p [String],
    /// What follows where one of them is meant as another.
    effect: &'static str,
}

/// Those that a rule, which stands at `at`, asks for, and those that it leaves out.
fn lists<'p>(rule: &'p Rule, at: &FieldPath) -> Vec<List<'p>> {
    let mut all = Vec::new();
    for (index, to) in rule.to.iter().flatten().enumerate() {
        let Some(operation) = &to.operation else { continue };
        let at = at.clone().field("to").index(index).field("operation");
        all.extend(both(
            (at.clone().field("ports"), &operation.ports),
            (at.field("notPorts"), &operation.not_ports),
        ));
    }
    for (index, condition) in rule.when.iter().enumerate() {
        if condition.key == "destination.port" {
            let at = at.clone().field("when").index(index);
            let values = (at.clone().field("values"), condition.values.as_slice());
            all.extend(both(values, (at.field("notValues"), &condition.not_values)));
        }
    }
    all
}

fn both<'p>(
    asked: (FieldPath, &'p [String]),
    left_out: (FieldPath, &'p [String]),
) -> [List<'p>; 2] {
    let list = |(at, ports), effect| List { at, ports, effect };
    [list(asked, SAYS_NOTHING), list(left_out, LEAVES_NOTHING_OUT)]
}

/// The ports of the workloads that a policy is for.
struct Ports<'m> {
    /// Those that a workload has.
    own: BTreeSet<u16>,
    /// Port of a Service → the first Service, and the port that it leads to.
    of_services: BTreeMap<u16, (&'m Service<'m>, u16)>,
}

impl<'m> Ports<'m> {
    fn of(mesh: &'m Mesh<'_>, scope: &Scope<'_>) -> Self {
        let mut ports = Self { own: BTreeSet::new(), of_services: BTreeMap::new() };
        for workload in selection::all_of_policy(mesh, scope) {
            ports.own.extend(workload.inventory.ports.values());
            let mut met = BTreeSet::new();
            for service in mesh.services.served_by(workload) {
                for port in &service.object.ports {
                    let target = selection::target(workload, &port.target);
                    ports.own.extend(target);
                    // Of the Services of a workload the first counts that has the port.
                    if let (true, Some(target)) = (met.insert(port.number), target) {
                        ports.of_services.entry(port.number).or_insert((service, target));
                    }
                }
            }
        }
        ports
    }
}

fn check(known: &Ports<'_>, written: &str, place: Place) -> Option<Diagnostic> {
    let port: u16 = written.parse().ok()?;
    if known.own.contains(&port) {
        return None;
    }
    let (service, target) = *known.of_services.get(&port)?;
    let message = format!("{port} is a port of the Service, and its workloads do not have it");
    let found = Diagnostic::new(&CHECK, place, message)
        .meant(Some(&target.to_string()), "")
        .also(service.origin.place(), format!("this leads from {port} to {target}"))
        .help("policies name the ports of pods (`targetPort`)");
    Some(found)
}
