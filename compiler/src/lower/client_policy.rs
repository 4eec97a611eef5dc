//! `ClientPolicy`: how clients treat a host, with the inheritance of `DestinationRule`s resolved.
//!
//! A subset takes each block that it does not set from the host's policy. A port that is named takes nothing from anywhere:
//! what it does not set is at its default. Source: Istio, `MergeTrafficPolicy`.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{ClientPolicy, Object, PortPolicies, Subset, TrafficPolicy};
use mesh_snapshot::{Key, Kind, Reference};

use super::traffic_policy::{Blocks, Defaults};
use super::{Lowering, Written, backend_tls};
use crate::api::{Resource, istio};
use crate::diagnostic::{FieldPath, Part, Place};
use crate::resolve::backend_tls::ByPort;
use crate::resolve::destination_rule::{Policy, PolicyId};
use crate::resolve::host::Host;

impl Lowering<'_, '_> {
    /// What applies to a host: of several rules the last that is for all workloads, as in Istio; without any, the mesh's
    /// defaults. Source: Istio, `SidecarScope.DestinationRule`.
    pub(super) fn client_policy(&self, host: &Host, policies: &[PolicyId]) -> Option<Reference> {
        let rules = &self.mesh.destination_rules;
        let is_for_all = |id: &&PolicyId| rules.get(**id).selector.is_none();
        let rule = policies.iter().rev().find(is_for_all);
        if let Some(tls) = self.mesh.backend_tls.of_host(host) {
            return Some(self.secured(host, rule.copied(), tls));
        }
        match rule {
            Some(id) => Some(self.rule(*id)),
            None => self.mesh_policy(),
        }
    }

    /// What a rule says of a host, and its `BackendTLSPolicy`s.
    fn secured(&self, host: &Host, rule: Option<PolicyId>, tls: &ByPort<'_>) -> Reference {
        let rule = rule.map(|id| self.mesh.destination_rules.get(id));
        let defaults = Defaults::of(&self.mesh.settings);
        let mut written = match rule {
            Some(rule) => lower(rule, &defaults),
            None => Written { object: of_mesh(&defaults), places: Vec::new() },
        };
        let items = backend_tls::secure(&mut written.object, tls);
        if let Some(first) = tls.values().next().filter(|_| written.places.is_empty()) {
            written.places.push((String::new(), Place::resource(first.id)));
        }
        let of_item = |(item, policy): (_, &Resource<_>)| (item, Place::resource(policy.id));
        written.places.extend(items.into_iter().map(of_item));
        // The same rule may be for several hosts, and another for this one to other clients.
        let (namespace, names) =
            rule.map_or(("", String::new()), |rule| (rule.namespace, name(rule)));
        let key = Key::new(Kind::ClientPolicy, namespace, format!("{names}/tls/{host}"));
        self.store.add(key, &Object::ClientPolicy(written.object), &written.places)
    }

    /// What one rule, or several that count as one, say.
    pub(super) fn rule(&self, id: PolicyId) -> Reference {
        let policy = self.mesh.destination_rules.get(id);
        let of: Vec<_> = policy.from.iter().map(|rule| rule.id).collect();
        if let Some(known) = self.rules.get(&of) {
            return known;
        }
        let Written { object, places } = lower(policy, &Defaults::of(&self.mesh.settings));
        let key = Key::new(Kind::ClientPolicy, policy.namespace, name(policy));
        let reference = self.store.add(key, &Object::ClientPolicy(object), &places);
        self.rules.insert(of, reference.clone());
        reference
    }

    /// For hosts without a rule, where the mesh configuration says anything.
    fn mesh_policy(&self) -> Option<Reference> {
        let settings = &self.mesh.settings;
        let object = of_mesh(&Defaults::of(settings));
        if object == ClientPolicy::default() {
            return None;
        }
        let place = settings.config.map(|config| (String::new(), config.at().value()));
        let key = Key::new(Kind::ClientPolicy, "", "mesh");
        Some(self.store.add(key, &Object::ClientPolicy(object), &place))
    }
}

/// Rules that count as one have all of their names, in the order in which they count.
fn name(policy: &Policy<'_>) -> String {
    let names: Vec<_> = policy.from.iter().map(|rule| rule.name()).collect();
    names.join("+")
}

/// What the mesh configuration says of hosts without a rule.
fn of_mesh(defaults: &Defaults<'_>) -> ClientPolicy {
    let others = defaults.without_rule();
    ClientPolicy {
        ports: PortPolicies { others, by_number: BTreeMap::new() },
        subsets: BTreeMap::new(),
    }
}

fn lower(policy: &Policy<'_>, defaults: &Defaults<'_>) -> Written<ClientPolicy> {
    let whole = policy.traffic_policy.map(|(_, whole)| whole);
    let mut places = Vec::new();
    if let Some(first) = policy.from.first() {
        places.push((String::new(), Place::resource(first.id)));
    }
    let mut subsets = BTreeMap::new();
    for &(rule, index, subset) in &policy.subsets {
        let ports = port_policies(whole, subset.traffic_policy.as_ref(), defaults);
        let lowered = Subset { labels: subset.labels.clone(), ports };
        subsets.insert(subset.name.clone(), lowered);
        if let Some(rule) = policy.from.get(rule) {
            let path = FieldPath::default().field("spec").field("subsets").index(index);
            let place = Place::Field { document: rule.id, path, part: Part::Value };
            places.push((format!("subsets.{}", subset.name), place));
        }
    }
    let ports = port_policies(whole, None, defaults);
    Written { object: ClientPolicy { ports, subsets }, places }
}

/// The policies of all ports that either names, and of the others.
fn port_policies(
    whole: Option<&istio::TrafficPolicy>,
    subset: Option<&istio::TrafficPolicy>,
    defaults: &Defaults<'_>,
) -> PortPolicies {
    let of = |port: Option<u16>| -> TrafficPolicy {
        let blocks = Blocks::of(whole, port);
        let blocks = match subset {
            Some(subset) => Blocks::of(Some(subset), port).or_blocks_of(blocks, subset, port),
            None => blocks,
        };
        blocks.lower(defaults)
    };
    let named: BTreeSet<u16> =
        [whole, subset].into_iter().flatten().flat_map(Blocks::named_ports).collect();
    let by_number = named.into_iter().map(|port| (port, of(Some(port)))).collect();
    PortPolicies { others: of(None), by_number }
}
