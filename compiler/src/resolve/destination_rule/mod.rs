//! Which `DestinationRule` applies to a host: rules for one host become one, and are looked up in the client's namespace,
//! then in the service's, then in the root namespace. Source: Istio, `setDestinationRules`, `mergeDestinationRule`,
//! `PushContext.destinationRule`.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use mesh_snapshot::object::Labels;

use super::host::{Host, HostMap, qualify};
use super::{Age, Settings};
use crate::api::istio::{self, Subset, TrafficPolicy};
use crate::api::{Mesh, Resource};

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
    local: BTreeMap<&'a str, HostMap<Vec<PolicyId>>>,
    /// For clients of other namespaces.
    exported: BTreeMap<&'a str, HostMap<Vec<PolicyId>>>,
    /// Of the root namespace, for itself alone.
    root_local: HostMap<Vec<PolicyId>>,
    /// Host → policies that are for named namespaces: whose views differ from everybody else's.
    named: HashMap<&'a str, BTreeSet<Host>>,
}

impl<'a> DestinationRules<'a> {
    pub(super) fn of(mesh: &'a Mesh, settings: &Settings<'a>) -> Self {
        let mut sorted: Vec<_> = mesh.destination_rules.iter().collect();
        sorted.sort_by_key(|rule| (Reverse(rule.spec.workload_selector.is_some()), Age::of(rule)));
        let mut rules = Self::default();
        for rule in sorted {
            rules.add(rule, settings);
        }
        rules
    }

    fn add(&mut self, rule: &'a Resource<istio::DestinationRule>, settings: &Settings<'a>) {
        let namespace = rule.namespace.as_str();
        let host = qualify(&rule.spec.host, namespace, settings.cluster_domain);
        let export_to: BTreeSet<&str> = match &rule.spec.workload_selector {
            // A rule for some workloads of a namespace is nobody else's.
            Some(_) => BTreeSet::from(["."]),
            None => rule.spec.export_to.iter().map(String::as_str).collect(),
        };
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
            return own.clone();
        }
        [service_namespace, root_namespace]
            .into_iter()
            .map(|namespace| self.exported_from(namespace, host, client))
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn exported_from(&self, namespace: &str, host: &str, client: Option<&str>) -> Vec<PolicyId> {
        let found = self.exported.get(namespace).and_then(|rules| rules.find(host));
        let is_visible = |id: &&PolicyId| {
            let export_to = &self.get(**id).export_to;
            export_to.is_empty()
                || export_to.contains("*")
                || client.is_some_and(|client| export_to.contains(client))
        };
        found.into_iter().flatten().filter(is_visible).copied().collect()
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

/// Adds a rule to the policies for its host, as a part of one of them or beside them.
fn insert<'a>(
    all: &mut Vec<Policy<'a>>,
    of_host: &mut Vec<PolicyId>,
    rule: &'a Resource<istio::DestinationRule>,
    host: &Host,
    export_to: &BTreeSet<&'a str>,
) {
    let selector = rule.spec.workload_selector.as_ref().map(|selector| &selector.match_labels);
    let mut stands_apart = true;
    for id in of_host.iter() {
        let Some(policy) = all.get_mut(id.0 as usize) else { continue };
        let is_same = *export_to == policy.export_to;
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
        of_host.push(PolicyId(u32::try_from(all.len()).unwrap_or(u32::MAX)));
        let mut policy = Policy {
            host: Arc::clone(host),
            namespace: &rule.namespace,
            export_to: export_to.clone(),
            selector,
            from: Vec::new(),
            traffic_policy: None,
            subsets: Vec::new(),
            by_name: HashMap::new(),
        };
        policy.absorb(rule);
        all.push(policy);
    }
}

impl<'a> Policy<'a> {
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
