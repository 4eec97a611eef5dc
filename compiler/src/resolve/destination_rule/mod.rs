//! Which `DestinationRule` applies to a host: rules for one host become one, and are looked up in the client's namespace,
//! then in the service's, then in the root namespace. Source: Istio, `setDestinationRules`, `mergeDestinationRule`,
//! `PushContext.destinationRule`.

mod of_host;

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use mesh_snapshot::object::Labels;

use self::of_host::OfHost;
use super::host::{Host, HostMap, qualify};
use super::{Age, Settings};
use crate::api::istio::{self, Subset, TrafficPolicy};
use crate::api::{Mesh, Resource};
use crate::parse::DocumentId;

/// Rules that count as one, by their place in [`DestinationRules`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PolicyId(u32);

/// What one or more rules of a namespace say of a host.
#[derive(Clone, Debug)]
pub struct Policy<'a> {
    pub host: Host,
    pub namespace: &'a str,
    /// As written; empty: the mesh's default.
    export_to: BTreeSet<&'a str>,
    /// The clients that it is for; absent: all.
    pub selector: Option<&'a Labels>,
    /// The rules, the one that counts most first.
    pub from: Vec<&'a Resource<istio::DestinationRule>>,
    /// The first that is there, with the place of its rule in `from`.
    pub traffic_policy: Option<(usize, &'a TrafficPolicy)>,
    /// Of each name the first, with the places of its rule in `from` and of itself in there.
    pub subsets: Vec<(usize, usize, &'a Subset)>,
    /// Name → place in `subsets`.
    by_name: HashMap<&'a str, usize>,
}

impl<'a> Policy<'a> {
    /// Whether it is for clients of another namespace; `None` is one that nobody names.
    #[must_use]
    pub fn is_for_others(&self, client: Option<&str>) -> bool {
        let names = &self.export_to;
        names.is_empty() || names.contains("*") || client.is_some_and(|it| names.contains(it))
    }

    /// The subset of a name that counts, as it stands in `subsets`.
    #[must_use]
    pub fn subset(&self, name: &str) -> Option<(usize, usize, &'a Subset)> {
        self.by_name.get(name).and_then(|place| self.subsets.get(*place)).copied()
    }
}

/// All rules, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub struct DestinationRules<'a> {
    all: Vec<Policy<'a>>,
    /// For clients of the rules' own namespace.
    local: BTreeMap<&'a str, HostMap<OfHost<'a>>>,
    /// For clients of other namespaces.
    exported: BTreeMap<&'a str, HostMap<OfHost<'a>>>,
    /// Of the root namespace, for itself alone.
    root_local: HostMap<OfHost<'a>>,
    /// Host → policies that are for named namespaces: whose views differ from everybody else's.
    named: HashMap<&'a str, BTreeSet<Host>>,
}

impl<'a> DestinationRules<'a> {
    pub(super) fn of(mesh: &'a Mesh, settings: &Settings<'a>) -> Self {
        let mut rules = Self::default();
        for rule in sorted(mesh) {
            rules.add(rule, settings);
        }
        rules
    }

    fn add(&mut self, rule: &'a Resource<istio::DestinationRule>, settings: &Settings<'a>) {
        let namespace = rule.namespace.as_str();
        let host = qualify(&rule.spec.host, namespace, settings.cluster_domain);
        let export_to = export_to(rule);
        let is_for = |name: &str| export_to.contains(name);
        if export_to.is_empty() || is_for("*") || is_for(".") || is_for(namespace) {
            let local = self.local.entry(namespace).or_default();
            insert(&mut self.all, local.entry(&host), rule, &host, &export_to);
        }
        let is_default_private = settings.destination_rule_export_to.iter().any(|name| name == ".");
        let is_private = if export_to.is_empty() {
            is_default_private
        } else {
            export_to.len() == 1 && (is_for(".") || is_for(namespace))
        };
        if !is_private {
            for name in export_to.iter().filter(|name| !matches!(**name, "*" | "." | "~")) {
                self.named.entry(name).or_default().insert(Arc::clone(&host));
            }
            let exported = self.exported.entry(namespace).or_default();
            insert(&mut self.all, exported.entry(&host), rule, &host, &export_to);
        } else if namespace == settings.root_namespace {
            insert(&mut self.all, self.root_local.entry(&host), rule, &host, &export_to);
        }
    }

    /// Everything that some client has. What holds for clients of its own namespace and for others stands in it twice.
    pub fn iter(&self) -> impl Iterator<Item = &Policy<'a>> {
        self.all.iter()
    }

    /// One of these rules.
    ///
    /// # Panics
    /// With an id of others.
    #[must_use]
    pub fn get(&self, id: PolicyId) -> &Policy<'a> {
        #[expect(clippy::indexing_slicing, reason = "only these rules hand out their ids")]
        &self.all[id.0 as usize]
    }

    /// The policies for a host of `service_namespace`, as clients of `client` see it; `None` is a namespace without
    /// rules of its own. They stand in Istio's order: those for some workloads first.
    #[must_use]
    pub fn find(
        &self,
        host: &str,
        service_namespace: &str,
        client: Option<&str>,
        root_namespace: &str,
    ) -> Vec<PolicyId> {
        let own = match client {
            Some(client) if client == root_namespace => self.root_local.find(host),
            Some(client) => self.local.get(client).and_then(|rules| rules.find(host)),
            None => None,
        };
        if let Some(own) = own {
            return own.all().to_vec();
        }
        [service_namespace, root_namespace]
            .into_iter()
            .map(|namespace| self.exported_from(namespace, host, client))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn exported_from(&self, namespace: &str, host: &str, client: Option<&str>) -> Vec<PolicyId> {
        let found = self.exported.get(namespace).and_then(|rules| rules.find(host));
        found.map(|found| found.visible_to(client)).unwrap_or_default()
    }

    /// Every rule with the policies for clients of other namespaces that it is a part of.
    #[must_use]
    pub fn exported(&self) -> Vec<(&'a Resource<istio::DestinationRule>, Vec<&Policy<'a>>)> {
        let hosts = self.exported.values().flat_map(|all| all.hosts().map(|host| all.get(host)));
        let policies = hosts.flatten().flat_map(|of_host| of_host.all().iter());
        let mut parts: BTreeMap<DocumentId, (&Resource<_>, Vec<PolicyId>)> = BTreeMap::new();
        for id in policies {
            for rule in &self.get(*id).from {
                parts.entry(rule.id).or_insert((rule, Vec::new())).1.push(*id);
            }
        }
        let parts = parts.into_values().map(|(rule, mut ids)| {
            ids.sort_unstable();
            (rule, ids.into_iter().map(|id| self.get(id)).collect())
        });
        parts.collect()
    }

    /// The namespaces whose clients have rules that others have not, sorted.
    #[must_use]
    pub fn particular_clients(&self) -> BTreeSet<&'a str> {
        self.local.keys().chain(self.named.keys()).copied().collect()
    }

    /// The hosts, wildcards among them, for which clients of a namespace have other rules than everybody else.
    #[must_use]
    pub fn particular_to(&self, client: &str, root_namespace: &str) -> BTreeSet<Host> {
        let local =
            if client == root_namespace { Some(&self.root_local) } else { self.local.get(client) };
        let mut hosts: BTreeSet<Host> =
            local.into_iter().flat_map(|rules| rules.hosts().cloned()).collect();
        hosts.extend(self.named.get(client).into_iter().flatten().cloned());
        hosts
    }
}

/// In the order in which they are merged.
fn sorted(mesh: &Mesh) -> Vec<&Resource<istio::DestinationRule>> {
    let mut sorted: Vec<_> = mesh.destination_rules.iter().collect();
    sorted.sort_by_key(|rule| (Reverse(rule.spec.workload_selector.is_some()), Age::of(rule)));
    sorted
}

fn export_to(rule: &Resource<istio::DestinationRule>) -> BTreeSet<&str> {
    match &rule.spec.workload_selector {
        // A rule for some workloads of a namespace is nobody else's.
        Some(_) => BTreeSet::from(["."]),
        None => rule.spec.export_to.iter().map(String::as_str).collect(),
    }
}

/// Adds a rule to the policies for its host, as a part of one of them or beside them.
fn insert<'a>(
    all: &mut Vec<Policy<'a>>,
    of_host: &mut OfHost<'a>,
    rule: &'a Resource<istio::DestinationRule>,
    host: &Host,
    export_to: &BTreeSet<&'a str>,
) {
    let selector = rule.spec.workload_selector.as_ref().map(|selector| &selector.match_labels);
    for id in of_host.taking(selector, export_to, all) {
        if let Some(policy) = all.get_mut(id.0 as usize) {
            policy.absorb(rule);
        }
    }
    // Whatever took it: of the policies that there are Istio remembers what it found at the last.
    let last = of_host.all().last().and_then(|id| all.get(id.0 as usize));
    if last.is_none_or(|last| !last.stands_for(selector, export_to)) {
        let mut policy = Policy::of(rule, host, export_to);
        policy.absorb(rule);
        of_host.push(PolicyId(u32::try_from(all.len()).unwrap_or(u32::MAX)), &policy);
        all.push(policy);
    }
}

impl<'a> Policy<'a> {
    /// What a rule is to become the first part of.
    fn of(
        rule: &'a Resource<istio::DestinationRule>,
        host: &Host,
        export_to: &BTreeSet<&'a str>,
    ) -> Self {
        Self {
            host: Arc::clone(host),
            namespace: &rule.namespace,
            export_to: export_to.clone(),
            selector: rule.spec.workload_selector.as_ref().map(|selector| &selector.match_labels),
            from: Vec::new(),
            traffic_policy: None,
            subsets: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    /// Whether a rule becomes a part of it: one for the same clients, or for these and others.
    fn takes(&self, selector: Option<&Labels>, export_to: &BTreeSet<&'a str>) -> bool {
        let is_same = *export_to == self.export_to;
        let is_wider = !self.export_to.is_empty() && export_to.is_superset(&self.export_to);
        let is_for_others = matches!((self.selector, selector), (Some(a), Some(b)) if a != b);
        (is_same || is_wider) && !is_for_others
    }

    /// Whether a rule that it takes is no policy of its own besides.
    fn stands_for(&self, selector: Option<&Labels>, export_to: &BTreeSet<&'a str>) -> bool {
        let is_same = *export_to == self.export_to;
        self.takes(selector, export_to) && (is_same || self.selector == selector)
    }

    /// Takes what is new of another rule: subsets of new names, and the traffic policy where there is none.
    fn absorb(&mut self, rule: &'a Resource<istio::DestinationRule>) {
        let place = self.from.len();
        self.from.push(rule);
        for (index, subset) in rule.spec.subsets.iter().enumerate() {
            if let Entry::Vacant(vacant) = self.by_name.entry(&subset.name) {
                vacant.insert(self.subsets.len());
                self.subsets.push((place, index, subset));
            }
        }
        if self.traffic_policy.is_none() {
            self.traffic_policy = rule.spec.traffic_policy.as_ref().map(|policy| (place, policy));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;
    use crate::testing::Compiled;

    /// Rules of one host, for workloads and clients of each sort.
    fn rules() -> impl Strategy<Value = String> {
        let selector = proptest::option::of(select(vec!["{app: a}", "{app: b}", "{app: c}"]));
        let names = subsequence(vec!["*", ".", "a", "b", "shop"], 0..4);
        let rule = (selector, names);
        proptest::collection::vec(rule, 1..9).prop_map(|rules| {
            let text = |(number, (selector, names)): (usize, &(Option<&str>, Vec<&str>))| {
                let selector = selector.as_ref().map_or_else(String::new, |labels| {
                    format!("workloadSelector: {{matchLabels: {labels}}}, ")
                });
                format!(
                    "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: r{number}, namespace: shop}}\nspec: {{host: web, {selector}exportTo: {names:?}, trafficPolicy: {{tls: {{mode: DISABLE}}}}}}\n"
                )
            };
            rules.iter().enumerate().map(text).collect()
        })
    }

    /// As Istio does it: each rule is held against all policies.
    fn insert_by_pairs<'a>(all: &mut Vec<Policy<'a>>, rule: &'a Resource<istio::DestinationRule>) {
        let export_to = export_to(rule);
        let selector = rule.spec.workload_selector.as_ref().map(|it| &it.match_labels);
        let mut stands_apart = true;
        for policy in all.iter_mut() {
            let is_same = export_to == policy.export_to;
            let is_wider = !policy.export_to.is_empty() && export_to.is_superset(&policy.export_to);
            stands_apart = !is_same;
            if !is_same && !is_wider {
                continue;
            }
            match (policy.selector, selector) {
                (Some(a), Some(b)) if a != b => {
                    stands_apart = true;
                    continue;
                }
                (Some(_), Some(_)) | (None, None) => stands_apart = false,
                (Some(_), None) | (None, Some(_)) => {}
            }
            policy.absorb(rule);
        }
        if stands_apart {
            let mut policy = Policy::of(rule, &"web".into(), &export_to);
            policy.absorb(rule);
            all.push(policy);
        }
    }

    proptest! {
        #[test]
        fn what_is_merged_by_index_is_what_is_merged_by_pairs(text in rules()) {
            let compiled = Compiled::text(&text);
            let host: Host = "web".into();
            let (mut all, mut of_host, mut pairwise) = (Vec::new(), OfHost::default(), Vec::new());
            for rule in sorted(&compiled.mesh) {
                insert(&mut all, &mut of_host, rule, &host, &export_to(rule));
                insert_by_pairs(&mut pairwise, rule);
            }
            let shape = |policy: &Policy<'_>| {
                let from: Vec<_> = policy.from.iter().map(|rule| rule.id).collect();
                let export_to: Vec<_> = policy.export_to.iter().map(|it| (*it).to_owned()).collect();
                (policy.selector.cloned(), export_to, from)
            };
            let shapes = |all: &[Policy<'_>]| all.iter().map(shape).collect::<Vec<_>>();
            prop_assert_eq!(shapes(&all), shapes(&pairwise));
            for client in [None, Some("a"), Some("b"), Some("c"), Some("shop")] {
                let is_visible = |(_, policy): &(PolicyId, &Policy<'_>)| {
                    let names = &policy.export_to;
                    names.is_empty() || names.contains("*") || client.is_some_and(|it| names.contains(it))
                };
                let visible = (0..).map(PolicyId).zip(&pairwise).filter(is_visible);
                let visible: Vec<_> = visible.map(|(id, _)| id).collect();
                prop_assert_eq!(of_host.visible_to(client), visible);
            }
        }
    }
}
