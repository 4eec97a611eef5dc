//! The authorization policies that hold at a workload. What is on trial does not.

use mesh_snapshot::object::Workload as Inventory;

use crate::api::istio::{Action, AuthorizationPolicy, Rule};
use crate::check::caller::{Caller, is_for_every_request};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;

/// From the oldest to the youngest.
pub(super) struct InForce<'m, 'a>(Vec<&'m Policy<'a, AuthorizationPolicy>>);

/// A policy that keeps somebody out, and its rule if it denies.
pub(super) type Barrier<'m, 'a> = (&'m Policy<'a, AuthorizationPolicy>, Option<usize>);

impl<'m, 'a> InForce<'m, 'a> {
    pub(super) fn at(mesh: &'m Mesh<'a>, workload: &Inventory) -> Self {
        let mut all = mesh.policies.authorization_policies.for_workload(workload);
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
}
