//! Exceptions for some workloads: rules for clients of a namespace that have certain labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_snapshot::Kind;
use mesh_snapshot::object::{Object, Overlay};

use super::super::host_set::Hosts;
use super::super::{Lowering, Perspective};
use crate::resolve::SeenHost;
use crate::resolve::destination_rule::PolicyId;
use crate::resolve::host::Host;

impl<'a> Lowering<'_, 'a> {
    /// The one that counts most last.
    pub(super) fn overlays<'s>(
        &self,
        hosts: impl IntoIterator<Item = (&'s Host, &'s SeenHost<'a>)>,
        perspective: &Perspective<'_, 'a>,
    ) -> Vec<Overlay>
    where
        'a: 's,
    {
        let mut groups: BTreeMap<(usize, PolicyId, &str), Hosts<'a>> = BTreeMap::new();
        for (name, seen) in hosts {
            let bare = SeenHost { policies: Vec::new(), ..seen.clone() };
            for (place, id) in seen.policies.iter().enumerate() {
                if self.mesh.destination_rules.get(*id).selector.is_some() {
                    let seen = SeenHost { policies: vec![*id], ..bare.clone() };
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
        &self,
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
