//! `Egress`: what the workloads of a namespace see and reach. Everybody sees the same of most hosts, so the view of a
//! namespace is everybody's, with the sets changed in which it sees something otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::object::{Egress, Object, Overlay};
use mesh_snapshot::{Applies, Key, Kind, Reference};

use super::host_set::{Hosts, by_namespace, part_of};
use super::{Lowering, Perspective};
use crate::resolve::SeenHost;
use crate::resolve::destination_rule::PolicyId;
use crate::resolve::host::Host;

/// A set of hosts by its namespace and its name there.
type SetName<'a> = (&'a str, String);

/// What everybody sees.
struct Common<'a> {
    /// How many hosts each namespace has, by which their parts are told.
    counts: BTreeMap<&'a str, usize>,
    /// The set that a host is in.
    set_of: BTreeMap<Host, SetName<'a>>,
    sets: BTreeMap<SetName<'a>, (Hosts<'a>, Reference)>,
}

impl<'a> Lowering<'_, 'a> {
    /// Everybody's view, and those of the namespaces that see something otherwise.
    pub(super) fn egresses(&mut self) {
        let common = self.common();
        let hosts: Vec<_> = common.sets.values().map(|(_, set)| set.clone()).collect();
        self.egress("", hosts.clone(), Vec::new());
        for client in self.mesh.particular_clients() {
            let perspective = Perspective::of(self.mesh, client);
            let particulars = perspective.view.particulars();
            let own = self.particular_sets(&common, &particulars, &perspective);
            let overlays = self.overlays(&particulars, &perspective);
            if own != hosts || !overlays.is_empty() {
                self.egress(client, own, overlays);
            }
        }
    }

    /// Empty namespace: for all that have none of their own.
    fn egress(&mut self, namespace: &str, hosts: Vec<Reference>, overlays: Vec<Overlay>) {
        let outbound = self.mesh.settings.outbound;
        let egress = Egress { outbound, hosts, overlays, preload: BTreeSet::new() };
        let key = Key::new(Kind::Egress, namespace, "default");
        let reference = self.store.add(key, &Object::Egress(egress), &[]);
        self.store.list(namespace, reference, Applies::All, 0);
    }

    fn common(&mut self) -> Common<'a> {
        let view = Perspective::common(self.mesh).view;
        let all = by_namespace(&view, view.all_hosts());
        let mut common =
            Common { counts: BTreeMap::new(), set_of: BTreeMap::new(), sets: BTreeMap::new() };
        for (namespace, hosts) in all {
            common.counts.insert(namespace, hosts.len());
            let mut parts: BTreeMap<String, Hosts<'a>> = BTreeMap::new();
            let count = hosts.len();
            for (name, seen) in hosts {
                let part = part_of(&name, count);
                common.set_of.insert(Arc::clone(&name), (namespace, part.clone()));
                parts.entry(part).or_default().insert(name, seen);
            }
            for (part, hosts) in parts {
                let key = Key::new(Kind::HostSet, namespace, &*part);
                let reference = self.common_host_set(key, &hosts);
                common.sets.insert((namespace, part), (hosts, reference));
            }
        }
        common
    }

    /// Everybody's sets, but for those in which the view differs.
    fn particular_sets(
        &mut self,
        common: &Common<'a>,
        particulars: &BTreeMap<Host, Option<SeenHost<'a>>>,
        perspective: &Perspective<'_, 'a>,
    ) -> Vec<Reference> {
        let mut changed: BTreeMap<SetName<'a>, Hosts<'a>> = BTreeMap::new();
        let everybodys = |set: &SetName<'a>| {
            common.sets.get(set).map(|(hosts, _)| hosts.clone()).unwrap_or_default()
        };
        for (name, seen) in particulars {
            if let Some(set) = common.set_of.get(name) {
                changed.entry(set.clone()).or_insert_with(|| everybodys(set)).remove(name);
            }
            if let Some(seen) = seen {
                let count = common.counts.get(seen.namespace).copied().unwrap_or(0);
                let set = (seen.namespace, part_of(name, count));
                let hosts = changed.entry(set.clone()).or_insert_with(|| everybodys(&set));
                hosts.insert(Arc::clone(name), seen.clone());
            }
        }
        let mut sets: BTreeMap<SetName<'a>, Reference> = common
            .sets
            .iter()
            .filter(|(name, _)| !changed.contains_key(name))
            .map(|(name, (_, reference))| (name.clone(), reference.clone()))
            .collect();
        for ((namespace, part), hosts) in changed {
            if !hosts.is_empty() {
                let set = self.particular_host_set(namespace, &part, &hosts, perspective);
                sets.insert((namespace, part), set);
            }
        }
        sets.into_values().collect()
    }

    /// Exceptions for some workloads, the one that counts most last.
    fn overlays(
        &mut self,
        particulars: &BTreeMap<Host, Option<SeenHost<'a>>>,
        perspective: &Perspective<'_, 'a>,
    ) -> Vec<Overlay> {
        let mut groups: BTreeMap<(usize, PolicyId, &str), Hosts<'a>> = BTreeMap::new();
        for (name, seen) in particulars {
            let Some(seen) = seen else { continue };
            for (place, id) in seen.policies.iter().enumerate() {
                if self.mesh.destination_rules.get(*id).selector.is_some() {
                    let mut seen = seen.clone();
                    seen.policies = vec![*id];
                    let group = groups.entry((place, *id, seen.namespace)).or_default();
                    group.insert(Arc::clone(name), seen);
                }
            }
        }
        let overlay = |((_, id, namespace), hosts): (_, Hosts<'a>)| {
            self.overlay(id, namespace, &hosts, perspective)
        };
        groups.into_iter().rev().filter_map(overlay).collect()
    }

    fn overlay(
        &mut self,
        id: PolicyId,
        namespace: &str,
        hosts: &Hosts<'a>,
        perspective: &Perspective<'_, 'a>,
    ) -> Option<Overlay> {
        let labels = self.mesh.destination_rules.get(id).selector?.clone();
        let policy = self.rule(id);
        let mut set = self.host_set(namespace, hosts, perspective);
        for host in set.hosts.values_mut() {
            host.policy = Some(policy.clone());
        }
        let name = format!("for/{}", policy.key.name);
        let key = perspective.key(Kind::HostSet, namespace, &name);
        Some(Overlay { labels, hosts: self.store.add(key, &Object::HostSet(set), &[]) })
    }
}
