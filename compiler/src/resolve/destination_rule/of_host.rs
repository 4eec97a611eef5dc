//! The policies of a namespace for one host: which rules become one of them, and who sees which.
//!
//! Thousands of rules may be for one host, each for workloads or for namespaces of its own. So neither is a rule held against
//! all policies nor a client.

use std::collections::{BTreeSet, HashMap};

use mesh_snapshot::object::Labels;

use super::{Policy, PolicyId};

#[derive(Clone, Debug, Default)]
pub(super) struct OfHost<'a> {
    /// In Istio's order: those for some workloads first.
    all: Vec<PolicyId>,
    by_selector: HashMap<&'a Labels, Vec<PolicyId>>,
    /// Those for all workloads, each by that name of its `exportTo` which the fewest others stand by: most may have a name in
    /// common. `None` has those without names.
    by_name: HashMap<Option<&'a str>, Vec<PolicyId>>,
    public: Vec<PolicyId>,
    /// Those that are not for everybody, by each namespace that sees them.
    by_client: HashMap<&'a str, Vec<PolicyId>>,
}

impl<'a> OfHost<'a> {
    pub(super) fn all(&self) -> &[PolicyId] {
        &self.all
    }

    /// Those that are exported to clients of `client`, in Istio's order; `None` is a namespace that nobody names.
    pub(super) fn visible_to(&self, client: Option<&str>) -> Vec<PolicyId> {
        let named = client.and_then(|client| self.by_client.get(client)).into_iter().flatten();
        let mut visible: Vec<_> = named.chain(&self.public).copied().collect();
        visible.sort_unstable();
        visible
    }

    /// The policies among `policies` that a rule becomes a part of, in no order.
    pub(super) fn taking(
        &self,
        selector: Option<&Labels>,
        export_to: &BTreeSet<&'a str>,
        policies: &[Policy<'a>],
    ) -> Vec<PolicyId> {
        let get = |id: &PolicyId| policies.get(id.0 as usize);
        let names = export_to.iter().copied().map(Some);
        let names = names.chain(export_to.is_empty().then_some(None));
        let for_all = names.filter_map(|name| self.by_name.get(&name)).flatten();
        let alike = selector.and_then(|selector| self.by_selector.get(selector));
        let are_for_some = |id: &&PolicyId| get(id).is_some_and(|it| it.selector.is_some());
        // Those for some are as if exported to `.`, whatever workloads these are.
        let is_for_own = selector.is_none() && export_to.contains(".");
        let for_some = is_for_own.then(|| self.all.iter().take_while(are_for_some));
        let candidates = for_all.chain(alike.into_iter().flatten());
        let candidates = candidates.chain(for_some.into_iter().flatten());
        let takes = |id: &&PolicyId| get(id).is_some_and(|it| it.takes(selector, export_to));
        candidates.filter(takes).copied().collect()
    }

    /// Adds a policy, which comes after all others.
    pub(super) fn push(&mut self, id: PolicyId, policy: &Policy<'a>) {
        self.all.push(id);
        let names = &policy.export_to;
        if let Some(selector) = policy.selector {
            self.by_selector.entry(selector).or_default().push(id);
        } else {
            let count = |name: &&str| self.by_name.get(&Some(*name)).map_or(0, Vec::len);
            let rarest = names.iter().copied().min_by_key(count);
            self.by_name.entry(rarest).or_default().push(id);
        }
        if names.is_empty() || names.contains("*") {
            self.public.push(id);
            return;
        }
        for name in names {
            self.by_client.entry(name).or_default().push(id);
        }
    }
}
