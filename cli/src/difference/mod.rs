//! What differs between two policies: each a folder of resources or a snapshot.

mod attached;
mod authored;
mod client_policy;
mod clients;
mod common;
mod danger;
mod edits;
mod effect;
mod export;
mod gist;
mod held;
mod items;
mod parts;
mod pods;
mod policy;
mod replaced;
mod resource;
mod rule;
mod scope;
mod seen;
mod sense;
mod service;
mod units;
mod viewed;

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::container::Bundle;
use mesh_snapshot::diff::{Diff, Served, Workloads, diff};
use mesh_snapshot::{Digest, Key, Kind, Location};

pub(crate) use danger::{Danger, Endangered};
pub(crate) use edits::Edit;
pub(crate) use effect::Effect;
pub(crate) use held::{Bond, Held, Hold, Turn};
pub(crate) use items::Item;
pub(crate) use pods::Pods;
pub(crate) use policy::{Policy, PolicyError, Side};
pub(crate) use viewed::Viewers;

use authored::Authored;
use held::Sides;
use scope::Whom;
use seen::{View, Views};

/// The difference of two policies, ready to be shown.
#[derive(Debug)]
pub(crate) struct Difference {
    pub before: Digest,
    pub after: Digest,
    /// By key.
    pub objects: Vec<Changed>,
    pub workloads: Workloads,
    /// Of the workloads on both sides, what differs for whom.
    pub effects: Vec<Effect>,
    /// What the objects of those are called, as by [`Changed::called`]: some differ in whom they are for alone.
    pub names: BTreeMap<Key, String>,
    /// For which of them what begins or ceases to hold.
    pub held: Vec<Held>,
    /// And for which of them it is dangerous.
    pub dangers: Vec<Endangered>,
    /// And whose pods are not as they were, and how.
    pub pods: Vec<Pods>,
}

/// An object that does not say the same on both sides, or is not for the same workloads.
#[derive(Debug)]
pub(crate) struct Changed {
    pub key: Key,
    pub change: Change,
    /// Where it was written, and where it is.
    pub before: Option<Location>,
    pub after: Option<Location>,
    /// Of a changed one, what differs in it.
    pub items: Vec<Item>,
    /// And what it says differently itself.
    pub edits: Vec<Edit>,
    /// Whether somebody wrote what differs: what a namespace sees follows from what all of them say, but for what a `Sidecar` says.
    pub is_written: bool,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Change {
    Added,
    Removed,
    Changed,
}

impl Difference {
    pub(crate) fn between(before: &Side, after: &Side) -> Self {
        let pods = pods::between(before, after);
        let sides = (before, after);
        let (before, after) = (&before.bundle, &after.bundle);
        let mut found = diff(served(before), served(after));
        let (old, new) = (Authored::of(before), Authored::of(after));
        divide(&mut found, &old, &new);
        viewed::join(&mut found, &old, &new);
        let whom = (Whom::of(&old), Whom::of(&new));
        found.changed.extend(whom.0.moved(&whom.1).cloned());
        let mut exported = export::moved((sides.0, &old), (sides.1, &new));
        let outbound = seen::mesh_edits(&old, &new);
        if !outbound.is_empty() {
            let mesh = Key::new(Kind::MeshDefaults, "", "mesh");
            exported.objects.entry(mesh).or_default().extend(outbound);
        }
        found.changed.extend(exported.objects.keys().cloned());
        let mut views = Views::of(&old, &new);
        let of = [
            (found.added, Change::Added),
            (found.removed, Change::Removed),
            (found.changed, Change::Changed),
        ];
        let keys = of
            .into_iter()
            .flat_map(|(keys, change)| keys.into_iter().map(move |key| (key, change)));
        let mut objects: Vec<_> =
            keys.map(|(key, change)| changed(key, change, &old, &new, &mut views)).collect();
        for object in &mut objects {
            let edit = scope::edit(&object.key, &whom.0, &whom.1);
            // A view that is for others than before shows the same; somebody wrote whom it is for.
            object.is_written |= edit.is_some() && whom.0.selects(&object.key, &whom.1);
            object.edits.extend(edit.filter(|_| object.is_written));
        }
        for object in objects.iter_mut().filter(|it| it.is_written) {
            object.edits.extend(exported.objects.remove(&object.key).into_iter().flatten());
        }
        let resources = [old.resources(), new.resources()];
        for object in objects.iter_mut().filter(|it| it.change != Change::Changed) {
            let place = object.after.as_ref().or(object.before.as_ref());
            // A side that is a snapshot does not say which hosts a resource is for that it has.
            let place =
                place.filter(|it| !resources.iter().all(|of| of.contains_key(&it.resource)));
            let hosts = place.and_then(|place| export::hosts_of(place, sides.0, sides.1));
            object.edits.splice(0..0, hosts);
        }
        objects.retain(|it| !it.only_leads(&old, &new));
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        export::put(exported.others, &mut objects);
        if sides.0.beside.is_none() || sides.1.beside.is_none() {
            attached::tell(&mut objects, &resources);
        }
        let sides =
            Sides { before: (sides.0, &old), after: (sides.1, &new), resources: &resources };
        let clients = clients::all(sides.before.0, sides.after.0);
        clients::count_pods(&mut found.workloads, &clients);
        let held = held::all(&clients, &sides);
        let dangers = danger::all(&clients, &sides);
        let joined = resource::join(&mut objects, [&old, &new], &resources);
        let explaining: BTreeSet<_> = objects.iter().filter_map(Changed::explains).collect();
        objects.retain(|it| !it.only_serves(&explaining));
        let told = effect::Told::of(&objects, joined, exported.rehosted);
        let effects = effect::all(&clients, [&old, &new], &told, &mut views);
        Self {
            before: before.snapshot.digest(),
            after: after.snapshot.digest(),
            workloads: found.workloads,
            names: names(&effects, &objects, &old, &new),
            objects,
            effects,
            held,
            dangers,
            pods,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let of = &self.workloads;
        let is_same = of.added.is_empty() && of.removed.is_empty() && of.changed.is_empty();
        let is_written = self.objects.iter().any(|it| it.is_written);
        self.before == self.after && is_same && self.pods.is_empty() && !is_written
    }
}

impl Changed {
    /// As its author calls it, `VirtualService shop/reviews`, or else as the snapshot does.
    pub(crate) fn called(&self) -> String {
        let place = self.after.as_ref().or(self.before.as_ref());
        place.map_or_else(|| self.key.to_string(), |place| place.resource.to_string())
    }

    /// Its name, where that it is there, or for other hosts, explains that gateways serve others.
    fn explains(&self) -> Option<String> {
        let is_host = |edit: &Edit| {
            matches!(edit.path.as_str(), "hosts" | "hostnames" | "gateways" | "parentRefs")
        };
        let is_of_routes = self.key.kind == Kind::RouteTable && self.is_written;
        let is_told = self.change != Change::Changed || self.edits.iter().any(is_host);
        (is_of_routes && is_told).then(|| self.called())
    }

    /// Whether it is changed, and nothing is told of how.
    fn says_nothing(&self) -> bool {
        self.change == Change::Changed && self.edits.is_empty() && self.items.is_empty()
    }

    /// Whether nothing differs but which hosts of these resources a gateway serves, to all who see it.
    fn only_serves(&self, told: &BTreeSet<String>) -> bool {
        let is_explained = |edit: &Edit| {
            let is_served = edit.path.starts_with("virtualHosts[") || edit.path == "streamRoutes";
            is_served
                && [&edit.before, &edit.after].into_iter().flatten().all(|it| told.contains(it))
        };
        let is_served = |item: &Item| {
            item.change == Change::Changed
                && item.viewers == Viewers::All
                && item.edits.iter().all(is_explained)
        };
        self.key.kind == Kind::Gateway
            && self.change == Change::Changed
            && self.edits.is_empty()
            && !self.items.is_empty()
            && self.items.iter().all(is_served)
    }

    /// Whether nothing differs but what a gateway leads to, which is told by itself. Of views it is told what they show.
    fn only_leads(&self, before: &Authored<'_>, after: &Authored<'_>) -> bool {
        self.change == Change::Changed
            && self.key.kind == Kind::Gateway
            && self.edits.is_empty()
            && items::are_alike(&self.key, before, after)
    }
}

/// What the objects of effects are called. One that stands for a resource may be no object of either side.
fn names(
    effects: &[Effect],
    objects: &[Changed],
    before: &Authored<'_>,
    after: &Authored<'_>,
) -> BTreeMap<Key, String> {
    let called = |key: &Key| {
        let told = objects.binary_search_by(|it| it.key.cmp(key)).ok();
        let told = told.and_then(|at| objects.get(at)).filter(|it| it.is_written);
        if let Some(told) = told {
            return told.called();
        }
        let place = after.place(key, "").or_else(|| before.place(key, ""));
        place.map_or_else(|| key.to_string(), |place| place.resource.to_string())
    };
    effects.iter().flat_map(|it| &it.objects).map(|key| (key.clone(), called(key))).collect()
}

fn served(bundle: &Bundle) -> Served<'_> {
    Served { snapshot: &bundle.snapshot, inventory: &bundle.inventory }
}

/// Instead of policies with several authors, what each of them says otherwise.
fn divide(found: &mut Diff, before: &Authored<'_>, after: &Authored<'_>) {
    let divided: BTreeSet<_> = before.divided().chain(after.divided()).collect();
    for keys in [&mut found.added, &mut found.removed, &mut found.changed] {
        keys.retain(|key| !divided.contains(key));
    }
    for key in divided {
        match (before.has(key), after.has(key)) {
            (false, true) => drop(found.added.insert(key.clone())),
            (true, false) => drop(found.removed.insert(key.clone())),
            (true, true) if before.contents(key) != after.contents(key) => {
                found.changed.insert(key.clone());
            }
            _ => {}
        }
    }
}

fn changed(
    key: Key,
    change: Change,
    before: &Authored<'_>,
    after: &Authored<'_>,
    views: &mut Views<'_>,
) -> Changed {
    let place = |side: &Authored<'_>| side.place(&key, "").cloned();
    let (old, new) = (place(before), place(after));
    let (items, edits) = match key.kind {
        // What is seen otherwise is told of those who see it.
        Kind::HostSet | Kind::HostSets => (Vec::new(), Vec::new()),
        Kind::Egress if change == Change::Changed => (Vec::new(), Vec::new()),
        Kind::Egress => (Vec::new(), views.whole(&key)),
        _ => (items::between(&key, before, after), items::edits(&key, before, after)),
    };
    let is_written = match key.kind {
        Kind::HostSet | Kind::HostSets => false,
        Kind::Egress => {
            let is_of_somebody = old.is_some() || new.is_some();
            is_of_somebody
                && (change != Change::Changed
                    || !seen(&key, before.bundle, after.bundle, views).is_empty())
        }
        _ => true,
    };
    Changed { change, before: old, after: new, items, edits, is_written, key }
}

/// What a view that is on both sides shows otherwise.
fn seen(key: &Key, before: &Bundle, after: &Bundle, views: &mut Views<'_>) -> Vec<Edit> {
    let both = View::only(key, before).zip(View::only(key, after));
    both.map(|(before, after)| views.edits(&before, &after)).unwrap_or_default()
}
