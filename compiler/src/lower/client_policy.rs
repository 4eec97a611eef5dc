//! `ClientPolicy`: how clients treat a host, with the inheritance of `DestinationRule`s resolved.
//!
//! A subset takes each block that it does not set from the host's policy. A port that is named takes nothing from anywhere:
//! what it does not set is at its default. Source: Istio, `MergeTrafficPolicy`.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{ClientPolicy, Object, PortPolicies, Subset, TrafficPolicy};
use mesh_snapshot::{Key, Kind, Reference};

use super::traffic_policy::{Blocks, Defaults};
use super::{Lowering, Written};
use crate::api::istio;
use crate::diagnostic::{FieldPath, Part, Place};
use crate::resolve::destination_rule::{Policy, PolicyId};

impl Lowering<'_, '_> {
    /// What applies to a host: of several rules the last that is for all workloads, as in Istio; without any, the mesh's
    /// defaults. Source: Istio, `SidecarScope.DestinationRule`.
    pub(super) fn client_policy(&mut self, policies: &[PolicyId]) -> Option<Reference> {
        let rules = &self.mesh.destination_rules;
        let is_for_all = |id: &&PolicyId| rules.get(**id).selector.is_none();
        match policies.iter().rev().find(is_for_all) {
            Some(id) => Some(self.rule(*id)),
            None => self.mesh_policy(),
        }
    }

    /// What one rule, or several that count as one, say.
    pub(super) fn rule(&mut self, id: PolicyId) -> Reference {
        let policy = self.mesh.destination_rules.get(id);
        let Written { object, places } = lower(policy, &Defaults::of(&self.mesh.settings));
        // Rules that count as one have all of their names, in the order in which they count.
        let names: Vec<_> = policy.from.iter().map(|rule| rule.name()).collect();
        let key = Key::new(Kind::ClientPolicy, policy.namespace, names.join("+"));
        self.store.add(key, &Object::ClientPolicy(object), &places)
    }

    /// For hosts without a rule, where the mesh configuration says anything.
    fn mesh_policy(&mut self) -> Option<Reference> {
        let settings = &self.mesh.settings;
        let others = Defaults::of(settings).without_rule();
        let object = ClientPolicy {
            ports: PortPolicies { others, by_number: BTreeMap::new() },
            subsets: BTreeMap::new(),
        };
        if object == ClientPolicy::default() {
            return None;
        }
        let place = settings.config.map(|config| (String::new(), config.at().value()));
        let key = Key::new(Kind::ClientPolicy, "", "mesh");
        Some(self.store.add(key, &Object::ClientPolicy(object), &place))
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
