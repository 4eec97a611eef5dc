//! The authorization policies that hold at a workload. What is on trial does not.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::Applies;
use mesh_snapshot::object::{Labels, Workload as Inventory};

use crate::api::istio::{Action, AuthorizationPolicy, Operation, Rule};
use crate::check::caller::{Caller, is_for_every_request};
use crate::check::operation::at_port;
use crate::resolve::policy::{Policy, Scope};
use crate::resolve::selectors::Selectors;
use crate::resolve::{Mesh, Workload};

/// From the oldest to the youngest.
pub(super) struct InForce<'m, 'a>(Vec<&'m Policy<'a, AuthorizationPolicy>>);

/// A policy that keeps somebody out, and its rule if it denies.
pub(super) type Barrier<'m, 'a> = (&'m Policy<'a, AuthorizationPolicy>, Option<usize>);

impl<'m, 'a> InForce<'m, 'a> {
    pub(super) fn at(mesh: &'m Mesh<'a>, workload: &Workload<'_>) -> Self {
        let mut all = mesh.policies.authorization_policies.for_workload(&workload.inventory);
        all.retain(|it| !it.resource.is_tried());
        Self(all)
    }

    pub(super) fn with(
        &self,
        action: Action,
    ) -> impl Iterator<Item = &'m Policy<'a, AuthorizationPolicy>> {
        self.0.iter().copied().filter(move |it| it.resource.spec.action == action)
    }

    /// The rules that let somebody in, each with the namespace that it is of. With any policy of these nobody else is let in.
    pub(super) fn letting_in(&self) -> impl Iterator<Item = (&'m Rule, &'m str)> {
        self.with(Action::Allow).flat_map(|policy| {
            let own = policy.resource.namespace.as_str();
            policy.resource.spec.rules.iter().flatten().map(move |rule| (rule, own))
        })
    }

    /// What is sure to keep a caller out, whatever it asks for: the first rule that denies it all, or that no rule lets it in.
    pub(super) fn barrier(&self, caller: &Caller<'_>) -> Option<Barrier<'m, 'a>> {
        let denied = self.with(Action::Deny).find_map(|policy| {
            let own = &policy.resource.namespace;
            let mut rules = policy.resource.spec.rules.iter().flatten();
            let at = rules.position(|it| caller.is_meant(it, own) && is_for_every_request(it))?;
            Some((policy, Some(at)))
        });
        denied.or_else(|| {
            let first = self.with(Action::Allow).next()?;
            let is_let_in = self.letting_in().any(|(rule, own)| caller.may_be_meant(rule, own));
            (!is_let_in).then_some((first, None))
        })
    }

    /// Whether something is sure to keep a caller out of a port of the workload, whatever it asks for there.
    pub(super) fn is_closed_at(&self, port: u16, caller: &Caller<'_>) -> bool {
        let holds = |action, holds: &dyn Fn(&Rule, &str) -> bool| {
            self.with(action).any(|policy| {
                let rules = policy.resource.spec.rules.iter().flatten();
                let mut rules = rules.filter_map(|rule| at_port(rule, port));
                rules.any(|rule| holds(&rule, &policy.resource.namespace))
            })
        };
        let is_denied =
            |rule: &Rule, own: &str| caller.is_meant(rule, own) && is_for_every_request(rule);
        holds(Action::Deny, &is_denied)
            || (self.with(Action::Allow).next().is_some()
                && !holds(Action::Allow, &|rule, own| caller.may_be_meant(rule, own)))
    }
}

/// The ports whose requests a rule is for, all of each.
fn whole_ports(rule: &Rule) -> impl Iterator<Item = u16> {
    let is_whole =
        |it: &&Operation| *it == &Operation { ports: it.ports.clone(), ..Operation::default() };
    let operations = rule.to.iter().flatten().filter_map(|it| it.operation.as_ref());
    let ports = operations.filter(is_whole).flat_map(|it| &it.ports);
    ports.filter_map(|it| it.parse().ok())
}

/// Where something is sure to keep out everybody who has no identity.
///
/// Thousands of policies may be for the same thousands of workloads: what they say is put together first.
pub(super) struct Closed<'m> {
    all: Vec<(&'m Scope<'m>, Said)>,
    selectors: Selectors<'m>,
}

/// What the policies for the same workloads say to callers without an identity.
#[derive(Clone, Debug, Default)]
struct Said {
    denies: bool,
    /// Those that they are denied whole.
    denied_ports: BTreeSet<u16>,
    /// Whether any is to let somebody in, and whether one lets in these.
    allows: bool,
    lets_in: bool,
}

impl<'m> Closed<'m> {
    pub(super) fn of(mesh: &'m Mesh<'_>) -> Self {
        let mut by_scope: BTreeMap<&Scope<'_>, Said> = BTreeMap::new();
        for policy in
            mesh.policies.authorization_policies.iter().filter(|it| !it.resource.is_tried())
        {
            let Ok(scope) = &policy.scope else { continue };
            let (spec, own) = (&policy.resource.spec, policy.resource.namespace.as_str());
            let mut rules = spec.rules.iter().flatten();
            let said = by_scope.entry(scope).or_default();
            match spec.action {
                Action::Allow => {
                    said.allows = true;
                    said.lets_in |= rules.any(|it| Caller::NOBODY.may_be_meant(it, own));
                }
                Action::Deny => {
                    for rule in rules.filter(|it| Caller::NOBODY.is_meant(it, own)) {
                        said.denies |= is_for_every_request(rule);
                        said.denied_ports.extend(whole_ports(rule));
                    }
                }
                Action::Audit | Action::Custom => {}
            }
        }
        let says = |it: &Said| it.denies || it.allows || !it.denied_ports.is_empty();
        let all: Vec<_> = by_scope.into_iter().filter(|(_, it)| says(it)).collect();
        let scopes = all.iter().enumerate().map(|(place, (scope, _))| {
            let selected: &[Labels] = match &scope.applies {
                Applies::Selected(selectors) => selectors,
                Applies::All | Applies::Gateways(_) | Applies::Addressed(_) => &[],
            };
            (scope.namespace, place, selected)
        });
        let selectors = Selectors::new(scopes);
        Self { all, selectors }
    }

    pub(super) fn is_at(&self, workload: &Inventory) -> bool {
        let (mut allows, mut lets_in) = (false, false);
        for said in self.said_of(workload) {
            if said.denies {
                return true;
            }
            allows |= said.allows;
            lets_in |= said.lets_in;
        }
        allows && !lets_in
    }

    /// The ports of a workload at which rules for these alone do so.
    pub(super) fn ports_of(&self, workload: &Inventory) -> impl Iterator<Item = u16> {
        self.said_of(workload).flat_map(|it| it.denied_ports.iter().copied())
    }

    fn said_of(&self, workload: &Inventory) -> impl Iterator<Item = &Said> {
        let of = |namespace| self.selectors.candidates(namespace, &workload.labels);
        let places = of(None).into_iter().chain(of(Some(workload.namespace.as_str())));
        let said = places.filter_map(|place| self.all.get(place));
        said.filter(|(scope, _)| scope.applies.to(workload)).map(|(_, said)| said)
    }
}
