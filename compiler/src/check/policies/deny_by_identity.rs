//! `deny-by-identity`: a `DENY` rule is for callers by who they are, and the workload takes connections that prove nothing.
//!
//! Sources: Istio, ISTIO-SECURITY-2021-004: plain text has no identity, so that no rule for one matches it; `PeerAuthentication.mtls`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use mesh_snapshot::Applies;
use mesh_snapshot::object::{Labels, Role, Workload as Inventory};

use crate::api::istio::{Action, MtlsMode, Operation, Rule, Source};
use crate::check::{mtls, selection};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::policy::Scope;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("deny-by-identity", Severity::Warning, include_str!("deny_by_identity.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let known = Known::default();
    for policy in &mesh.policies.authorization_policies {
        let spec = &policy.resource.spec;
        let Ok(scope) = &policy.scope else { continue };
        if spec.action != Action::Deny || policy.resource.is_tried() {
            continue;
        }
        let rules = FieldPath::default().field("spec").field("rules");
        let asked = spec.rules.iter().flatten().enumerate().filter_map(|(index, rule)| {
            let at = asked(rule, rules.clone().index(index))?;
            Some((rule, Place::key(policy.resource.id, at)))
        });
        let mut asked = asked.peekable();
        if asked.peek().is_none() {
            continue;
        }
        let ports = plain_ports(mesh, scope, &known);
        let open = asked.filter_map(|(rule, place)| {
            Some((place, ports.iter().flat_map(|it| it.iter()).find(|it| it.is_for(rule))?))
        });
        let mut open = open.peekable();
        let Some((place, port)) = open.next() else { continue };
        out.push(report(place, port.by.clone()).and_here(open.map(|(place, _)| place)));
    }
}

/// A port at which plain text is taken besides mutual TLS.
struct PlainPort {
    /// Absent: any that is not declared.
    number: Option<u16>,
    /// What says so; absent: it is the default.
    by: Option<Place>,
}

impl PlainPort {
    fn is_for(&self, rule: &Rule) -> bool {
        let operations = || rule.to.iter().flatten().filter_map(|it| it.operation.as_ref());
        let names = |it: &Operation| {
            it.ports.is_empty() || it.ports.iter().any(|it| it.parse().ok() == self.number)
        };
        rule.to.is_none() || operations().any(names)
    }
}

/// Those of workloads that were looked at. It is made of the mesh alone.
type Known = RefCell<HashMap<DocumentId, Rc<Vec<PlainPort>>>>;

/// Where a rule asks for an identity that every caller whom it is for must have.
fn asked(rule: &Rule, at: FieldPath) -> Option<FieldPath> {
    let field = |source: &Source| {
        let lists = [
            ("principals", &source.principals),
            ("namespaces", &source.namespaces),
            ("serviceAccounts", &source.service_accounts),
            ("trustDomains", &source.trust_domains),
        ];
        lists.into_iter().find(|(_, values)| !values.is_empty()).map(|(field, _)| field)
    };
    let is_of_caller = |key: &str| {
        matches!(
            key,
            "source.principal"
                | "source.namespace"
                | "source.serviceAccount"
                | "source.trustDomain"
        )
    };
    let mut when = rule.when.iter();
    if let Some(index) = when.position(|it| is_of_caller(&it.key) && !it.values.is_empty()) {
        return Some(at.field("when").index(index).field("values"));
    }
    let sources = rule.from.iter().flatten().map(|it| it.source.as_ref().and_then(field));
    let fields: Vec<_> = sources.collect::<Option<_>>()?;
    let first = fields.first()?;
    Some(at.field("from").index(0).field("source").field(*first))
}

/// Of all workloads that a policy is for. Where none is known, of one that has the labels it asks for.
fn plain_ports(mesh: &Mesh<'_>, scope: &Scope<'_>, known: &Known) -> Vec<Rc<Vec<PlainPort>>> {
    let selected = selection::of_policy(mesh, scope);
    if !selected.is_empty() {
        // At a gateway callers come from outside.
        let sidecars = selected.into_iter().filter(|it| it.inventory.role == Role::Sidecar);
        let of_workload = |it: &Workload<'_>| {
            let mut known = known.borrow_mut();
            let own = || Rc::new(ports_of(mesh, &it.inventory));
            Rc::clone(known.entry(it.id).or_insert_with(own))
        };
        return sidecars.map(of_workload).collect();
    }
    let labels = match &scope.applies {
        Applies::Selected(selectors) => selectors.first().cloned().unwrap_or_default(),
        Applies::All => Labels::new(),
        _ => return Vec::new(),
    };
    let Some(namespace) = scope.namespace else { return Vec::new() };
    let namespace = namespace.to_owned();
    vec![Rc::new(ports_of(mesh, &Inventory { namespace, labels, ..Inventory::default() }))]
}

fn ports_of(mesh: &Mesh<'_>, workload: &Inventory) -> Vec<PlainPort> {
    let ports = workload.ports.values().map(|port| Some(*port)).chain([None]);
    let plain = ports.filter_map(|number| {
        let asked = mtls::effective(mesh, workload, number);
        let is_plain = asked.mode == MtlsMode::Permissive;
        is_plain.then_some(PlainPort { number, by: asked.place })
    });
    plain.collect()
}

fn report(place: Place, mode: Option<Place>) -> Diagnostic {
    let mut found = Diagnostic::new(
        &CHECK,
        place,
        "whoever calls in plain text has no identity, and the workload takes plain text, too",
    )
    .label("asks for an identity")
    .consequence("a caller that sends no certificate is not denied")
    .help("let a PeerAuthentication for the workload say `STRICT`; or write an `ALLOW` policy for all others");
    let Some(mode) = mode else {
        // It may be said where nobody looked.
        found.severity = Severity::Info;
        return found;
    };
    found.also(mode, "plain text is taken by this")
}
