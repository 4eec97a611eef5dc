//! The sets of hosts that an `Egress` leads to, shared as far as what is seen is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::{Key, Kind, Reference};
use rayon::prelude::*;

use super::super::host_set::{Hosts, by_namespace, part_of};
use super::super::{Lowering, Perspective};
use super::bundle::Bundles;
use crate::resolve::SeenHost;
use crate::resolve::host::Host;

/// A set of hosts by its namespace and its name there.
pub(super) type SetName<'a> = (&'a str, String);

/// What everybody sees.
pub(super) struct Common<'a> {
    /// How many hosts each namespace has, by which their parts are told.
    counts: BTreeMap<&'a str, usize>,
    /// The set that a host is in.
    set_of: BTreeMap<Host, SetName<'a>>,
    sets: BTreeMap<SetName<'a>, (Hosts<'a>, Reference)>,
    bundles: Bundles<'a>,
}

impl Common<'_> {
    /// What a view leads to that sees what everybody sees.
    pub(super) fn references(&self) -> Vec<Reference> {
        self.bundles.references()
    }
}

impl<'a> Lowering<'_, 'a> {
    pub(super) fn common(&self) -> Common<'a> {
        let view = Perspective::common(self.mesh).view;
        let all = by_namespace(&view, view.all_hosts());
        let counts = all.iter().map(|(namespace, hosts)| (*namespace, hosts.len())).collect();
        let mut parts: BTreeMap<SetName<'a>, Hosts<'a>> = BTreeMap::new();
        for (namespace, hosts) in all {
            let count = hosts.len();
            for (name, seen) in hosts {
                let set = (namespace, part_of(&name, count));
                parts.entry(set).or_default().insert(name, seen);
            }
        }
        let set_of = parts
            .iter()
            .flat_map(|(set, hosts)| hosts.keys().map(move |name| (Arc::clone(name), set.clone())));
        let set_of = set_of.collect();
        let sets = parts.into_par_iter().map(|((namespace, part), hosts)| {
            let key = Key::new(Kind::HostSet, namespace, &*part);
            let reference = self.common_host_set(key, &hosts);
            ((namespace, part), (hosts, reference))
        });
        let sets: BTreeMap<_, _> = sets.collect();
        let references = sets.iter().map(|(name, (_, set))| (name.clone(), set.clone()));
        let bundles = self.bundle(references.collect());
        Common { counts, set_of, sets, bundles }
    }

    /// Everybody's sets, but for those in which the view differs.
    pub(super) fn particular_sets(
        &self,
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
        let set = |((namespace, part), hosts): (SetName<'a>, Hosts<'a>)| {
            let set = || self.particular_host_set(namespace, &part, &hosts, perspective);
            let set = (!hosts.is_empty()).then(set);
            ((namespace, part), set)
        };
        let changed = changed.into_iter().map(set).collect();
        self.rebundle(&common.bundles, changed, perspective)
    }

    /// The hosts that are seen through a `Sidecar`, and those that their routes lead to.
    pub(super) fn imported_sets(
        &self,
        common: &Common<'a>,
        seen: &BTreeMap<Host, SeenHost<'a>>,
        perspective: &Perspective<'_, 'a>,
    ) -> Vec<Reference> {
        let part = |name: &Host, host: &SeenHost<'a>| {
            let count = common.counts.get(host.namespace).copied().unwrap_or(0);
            (host.namespace, part_of(name, count))
        };
        let mut parts: BTreeMap<SetName<'a>, Hosts<'a>> = BTreeMap::new();
        let mut hidden: BTreeMap<SetName<'a>, Hosts<'a>> = BTreeMap::new();
        let whole = perspective.view.whole();
        for (name, host) in seen {
            parts.entry(part(name, host)).or_default().insert(Arc::clone(name), host.clone());
            for name in whole.destinations(host) {
                // It may have routes of somebody else's, although its service is not imported.
                let bare = seen.get(&name);
                let is_seen = bare.is_some_and(|host| host.service.is_some());
                let Some(host) = whole.host(&name).filter(|_| !is_seen) else { continue };
                let part = part(&name, bare.unwrap_or(&host));
                hidden.entry(part).or_default().insert(name, host);
            }
        }
        let names: BTreeSet<_> = parts.keys().chain(hidden.keys()).cloned().collect();
        let set = |(namespace, part): SetName<'a>| {
            let name = (namespace, part);
            let none = Hosts::new();
            let mut set = self.host_set(namespace, parts.get(&name).unwrap_or(&none), perspective);
            for (host, hidden) in hidden.get(&name).unwrap_or(&none) {
                let Some(object) = self.hidden_host(host, hidden, perspective) else { continue };
                if let Some(bare) = set.hosts.get_mut(&**host) {
                    // Its name leads to the routes; the service's own names and addresses are unknown here.
                    let routes = (bare.routes.take(), std::mem::take(&mut bare.ports));
                    *bare = object;
                    (bare.routes, bare.ports) = routes;
                } else {
                    set.hosts.insert(host.to_string(), object);
                }
            }
            let set = Some(set).filter(|it| !it.hosts.is_empty())?;
            let set = self.add_host_set(namespace, &name.1, set, perspective);
            Some((name, set))
        };
        let sets: BTreeMap<_, _> = names.into_iter().filter_map(set).collect();
        self.bundle_as(&common.bundles, sets, perspective)
    }
}
