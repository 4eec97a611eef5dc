//! `Egress`: what the workloads of a namespace see and reach. Everybody sees the same of most hosts, so the view of a
//! namespace is everybody's, with the sets changed in which it sees something otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::object::{Egress, Object, Overlay};
use mesh_snapshot::{Applies, Key, Kind, Reference};

use super::host_set::{Hosts, by_namespace, part_of};
use super::{Lowering, Perspective};
use crate::diagnostic::Place;
use crate::resolve::SeenHost;
use crate::resolve::destination_rule::PolicyId;
use crate::resolve::host::Host;
use crate::resolve::sidecar::{Imports, Sidecar};

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

impl<'m, 'a> Lowering<'m, 'a> {
    /// Everybody's view, those of the namespaces that see something otherwise, and those through `Sidecar`s.
    pub(super) fn egresses(&mut self) {
        let common = self.common();
        let mesh = self.mesh;
        let root = mesh.sidecars.default_of(mesh.settings.root_namespace);
        match root {
            Some(sidecar) => {
                self.scoped("", &common, sidecar, Perspective::common(mesh), Applies::All, 0);
            }
            None => self.plain("", &common, &Perspective::common(mesh)),
        }
        for client in self.clients(root) {
            let perspective = || Perspective::of(mesh, client);
            for (rank, sidecar) in mesh.sidecars.selecting_in(client).enumerate() {
                let labels = sidecar.labels().cloned().unwrap_or_default();
                let applies = Applies::Selected(vec![labels]);
                self.scoped(client, &common, sidecar, perspective(), applies, rank);
            }
            match mesh.sidecars.default_of(client).or(root) {
                Some(sidecar) => {
                    self.scoped(client, &common, sidecar, perspective(), Applies::All, 0);
                }
                None => self.plain(client, &common, &perspective()),
            }
        }
    }

    /// The namespaces whose workloads may see something otherwise than everybody else, in order.
    fn clients(&self, root: Option<&Sidecar<'a>>) -> BTreeSet<&'a str> {
        let mesh = self.mesh;
        let mut clients = mesh.particular_clients();
        clients.extend(mesh.sidecars.namespaces());
        let is_relative =
            |sidecar: &Sidecar<'_>| sidecar.imports.as_ref().is_some_and(Imports::is_relative);
        if root.is_some_and(is_relative) {
            clients.extend(mesh.services.namespaces());
            clients.extend(mesh.virtual_services.iter().map(|(_, it)| it.namespace()));
        }
        clients
    }

    /// A view without a `Sidecar`. That of a namespace which sees what everybody sees need not be said.
    fn plain(&mut self, client: &str, common: &Common<'a>, perspective: &Perspective<'_, 'a>) {
        let hosts: Vec<_> = common.sets.values().map(|(_, set)| set.clone()).collect();
        let particulars = perspective.view.particulars();
        let own = self.particular_sets(common, &particulars, perspective);
        let seen = particulars.iter().filter_map(|(name, seen)| Some((name, seen.as_ref()?)));
        let overlays = self.overlays(seen, perspective);
        if client.is_empty() || own != hosts || !overlays.is_empty() {
            let egress = Egress {
                outbound: self.mesh.settings.outbound,
                hosts: own,
                overlays,
                preload: BTreeSet::new(),
            };
            self.add_egress(client, "default", egress, Applies::All, 0, None);
        }
    }

    /// A view through a `Sidecar`.
    fn scoped(
        &mut self,
        client: &str,
        common: &Common<'a>,
        sidecar: &'m Sidecar<'a>,
        perspective: Perspective<'m, 'a>,
        applies: Applies,
        rank: usize,
    ) {
        let (hosts, overlays) = if sidecar.imports.is_some() {
            let perspective = perspective.through(sidecar);
            let seen = perspective.view.imported_hosts();
            let hosts = self.imported_sets(common, &seen, &perspective);
            (hosts, self.overlays(&seen, &perspective))
        } else {
            let particulars = perspective.view.particulars();
            let seen = particulars.iter().filter_map(|(name, seen)| Some((name, seen.as_ref()?)));
            let hosts = self.particular_sets(common, &particulars, &perspective);
            (hosts, self.overlays(seen, &perspective))
        };
        let egress =
            Egress { outbound: sidecar.outbound, hosts, overlays, preload: BTreeSet::new() };
        let name = format!("sidecars/{}", sidecar.resource.name());
        let place = Place::resource(sidecar.resource.id);
        self.add_egress(client, &name, egress, applies, rank, Some(place));
    }

    /// Empty namespace: for all that have none of their own.
    fn add_egress(
        &mut self,
        namespace: &str,
        name: &str,
        egress: Egress,
        applies: Applies,
        rank: usize,
        place: Option<Place>,
    ) {
        let key = Key::new(Kind::Egress, namespace, name);
        let place = place.map(|place| (String::new(), place));
        let reference = self.store.add(key, &Object::Egress(egress), &place);
        self.store.list(namespace, reference, applies, rank);
    }

    /// The hosts that are seen through a `Sidecar`, and those that their routes lead to.
    fn imported_sets(
        &mut self,
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
                let Some(object) = self.hidden_host(hidden, perspective) else { continue };
                if let Some(bare) = set.hosts.get_mut(&**host) {
                    (bare.service, bare.policy) = (object.service, object.policy);
                } else {
                    set.hosts.insert(host.to_string(), object);
                }
            }
            let is_empty = set.hosts.is_empty();
            (!is_empty).then(|| self.add_host_set(namespace, &name.1, set, perspective))
        };
        names.into_iter().filter_map(set).collect()
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
    fn overlays<'s>(
        &mut self,
        hosts: impl IntoIterator<Item = (&'s Host, &'s SeenHost<'a>)>,
        perspective: &Perspective<'_, 'a>,
    ) -> Vec<Overlay>
    where
        'a: 's,
    {
        let mut groups: BTreeMap<(usize, PolicyId, &str), Hosts<'a>> = BTreeMap::new();
        for (name, seen) in hosts {
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
