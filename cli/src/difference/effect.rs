//! For whom something differs, and what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use mesh_snapshot::object::Host;
use mesh_snapshot::slice::Slice;
use mesh_snapshot::{Digest, Key, Kind, Object, Reference, Snapshot};

use super::Changed;
use super::authored::Authored;
use super::clients::Client;
use super::edits::Edit;
use super::seen::{Seen, View, Views};

/// Workloads for which the same differs.
#[derive(Debug)]
pub(crate) struct Effect {
    /// `shop/reviews-v1`; `web/*` stands for a namespace of which no workload is known.
    pub workloads: BTreeSet<String>,
    /// What they have of the objects that somebody wrote and that differ, or that are not theirs on both sides.
    pub objects: BTreeSet<Key>,
    /// What they see otherwise.
    pub edits: Vec<Edit>,
    /// Whether anything differs for them: what their proxies load may all be for others of their namespace.
    pub is_theirs: bool,
}

/// What differs for a group: its objects, its edits, and whether anything is theirs.
type What = (BTreeSet<Key>, Vec<Edit>, bool);

/// What is told of objects that differ, without views.
pub(super) struct Told {
    /// Each with the key under which it is told.
    pub(super) written: BTreeMap<Key, Key>,
    /// Those of them that are for other hosts than before.
    pub(super) rehosted: BTreeSet<Key>,
}

impl Told {
    /// `joined` and `rehosted`: objects, each with the one under which its resource is told.
    pub(super) fn of(
        objects: &[Changed],
        joined: BTreeMap<Key, Key>,
        rehosted: BTreeMap<Key, Key>,
    ) -> Self {
        let is_told = |key: &Key| objects.binary_search_by(|it| it.key.cmp(key)).is_ok();
        let under = |key: Key| joined.get(&key).cloned().unwrap_or(key);
        let others = rehosted.into_iter().map(|(key, of)| (key, under(of)));
        let others: Vec<_> = others.filter(|(_, under)| is_told(under)).collect();
        let rehosted = others.iter().map(|(key, _)| key.clone()).collect();
        let mut written: BTreeMap<_, _> = others.into_iter().collect();
        written.extend(joined.into_iter().filter(|(_, under)| is_told(under)));
        Self { written, rehosted }
    }

    fn named(&self, objects: BTreeSet<Key>) -> BTreeSet<Key> {
        objects.into_iter().map(|key| self.written.get(&key).cloned().unwrap_or(key)).collect()
    }
}

/// For each workload that is on both sides, by groups for which the same differs.
pub(super) fn all(
    clients: &[Client],
    [before, after]: [&Authored<'_>; 2],
    told: &Told,
    views: &mut Views<'_>,
) -> Vec<Effect> {
    let (mut old, mut new) = (Reach::of(before, told), Reach::of(after, told));
    let mut known: HashMap<(View, View), What> = HashMap::new();
    let mut groups: BTreeMap<What, BTreeSet<String>> = BTreeMap::new();
    for client in clients {
        let Some((was, is)) = client.slices() else { continue };
        if was == is {
            continue;
        }
        let mut objects = apart(&old.besides_view(was), &new.besides_view(is));
        objects.extend(of_one_alone(was, is));
        let mut objects = told.named(objects);
        let mut edits = Vec::new();
        // What leads to hosts besides a view, as a gateway does, leads to no others.
        let mut is_theirs = !objects.is_empty() || roots(was) != roots(is);
        if let (Some(was), Some(is)) = (&was.egress, &is.egress) {
            let was = views.before.view(was, &client.before);
            let is = views.after.view(is, &client.after);
            let pair = (was, is);
            let seen = if let Some(known) = known.get(&pair) {
                known.clone()
            } else {
                let seen = through(&pair, &mut old, &mut new, views);
                known.insert(pair, seen.clone());
                seen
            };
            objects.extend(told.named(seen.0));
            edits = seen.1;
            is_theirs |= seen.2;
        }
        groups.entry((objects, edits, is_theirs)).or_default().insert(client.name.clone());
    }
    let group =
        |((objects, edits, is_theirs), workloads)| Effect { workloads, objects, edits, is_theirs };
    let mut effects: Vec<_> = groups.into_iter().map(group).collect();
    // Who is not concerned is told last.
    effects.sort_by_key(|effect| !effect.is_theirs);
    effects
}

/// What differs for those who have the first view on one side, and the second on the other.
fn through(
    (was, is): &(View, View),
    old: &mut Reach<'_>,
    new: &mut Reach<'_>,
    views: &mut Views<'_>,
) -> What {
    let objects = apart(&old.through(was, &mut views.before), &new.through(is, &mut views.after));
    let edits = views.edits(was, is);
    let is_theirs = !objects.is_empty() || !edits.is_empty() || !views.are_alike(was, is);
    (objects, edits, is_theirs)
}

/// The keys of what one side reaches and the other does not, or with another content.
fn apart(before: &BTreeSet<Reference>, after: &BTreeSet<Reference>) -> BTreeSet<Key> {
    before.symmetric_difference(after).map(|it| it.key.clone()).collect()
}

/// The roots that one slice has and the other lacks.
fn of_one_alone(before: &Slice, after: &Slice) -> Vec<Key> {
    let keys = |slice| roots(slice).into_iter().map(|root| &root.key).collect::<BTreeSet<_>>();
    keys(before).symmetric_difference(&keys(after)).copied().cloned().collect()
}

/// All that a slice holds but what its workload sees.
fn roots(slice: &Slice) -> BTreeSet<&Reference> {
    slice.roots().filter(|root| root.key.kind != Kind::Egress).collect()
}

/// Which of the written objects each part of one side's tree leads to.
struct Reach<'b> {
    authored: &'b Authored<'b>,
    snapshot: &'b Snapshot,
    told: &'b Told,
    known: HashMap<Reference, Rc<BTreeSet<Reference>>>,
}

impl<'b> Reach<'b> {
    fn of(authored: &'b Authored<'b>, told: &'b Told) -> Self {
        let snapshot = &authored.bundle.snapshot;
        Self { authored, snapshot, told, known: HashMap::new() }
    }

    /// From all that a slice holds but what its workload sees.
    fn besides_view(&mut self, slice: &Slice) -> BTreeSet<Reference> {
        let mut found = BTreeSet::new();
        for root in roots(slice) {
            found.extend(self.from(root).iter().cloned());
        }
        found
    }

    /// From what is seen by those who have a view.
    fn through(&mut self, view: &View, seen: &mut Seen<'_>) -> BTreeSet<Reference> {
        let mut found = self.itself(&view.egress);
        for child in seen.references(view) {
            found.extend(self.from(&child).iter().cloned());
        }
        found
    }

    /// What resources say of it.
    fn itself(&self, of: &Reference) -> BTreeSet<Reference> {
        let parts = self.authored.parts(of);
        parts.filter(|part| self.told.written.contains_key(&part.key)).cloned().collect()
    }

    /// The objects that are for other hosts than before, as what those are that an object shows.
    fn rehosted<'o>(&self, object: &'o Object) -> BTreeSet<Reference> {
        let shown: Vec<(&str, &Reference)> = match object {
            Object::HostSet(set) => {
                let edges = |(name, host): (_, &'o Host)| {
                    host.routes.iter().chain(&host.policy).map(move |of| (name, of))
                };
                set.hosts.iter().flat_map(|(name, host)| edges((name.as_str(), host))).collect()
            }
            Object::Gateway(gateway) => {
                let hosts = gateway.servers.iter().flat_map(|server| &server.virtual_hosts);
                hosts.map(|host| (host.host.as_str(), &host.routes)).collect()
            }
            _ => Vec::new(),
        };
        let mut hosts: BTreeMap<Key, BTreeSet<&str>> = BTreeMap::new();
        for (host, of) in shown {
            for part in self.authored.parts(of).filter(|it| self.told.rehosted.contains(&it.key)) {
                hosts.entry(part.key.clone()).or_default().insert(host);
            }
        }
        let digest = |hosts: BTreeSet<&str>| Digest::of(format!("{hosts:?}").as_bytes());
        let references =
            hosts.into_iter().map(|(key, hosts)| Reference { key, digest: digest(hosts) });
        references.collect()
    }

    /// A tree is at most five deep: each kind leads to kinds that lead less far.
    fn from(&mut self, of: &Reference) -> Rc<BTreeSet<Reference>> {
        if let Some(known) = self.known.get(of) {
            return Rc::clone(known);
        }
        let mut found = self.itself(of);
        if !of.key.kind.may_hold().is_empty()
            && let Some(object) = self.snapshot.object(&of.digest)
        {
            for child in object.references() {
                found.extend(self.from(child).iter().cloned());
            }
            if !self.told.rehosted.is_empty() {
                found.extend(self.rehosted(&object));
            }
        }
        let found = Rc::new(found);
        self.known.insert(of.clone(), Rc::clone(&found));
        found
    }
}
