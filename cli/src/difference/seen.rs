//! What clients see and may reach.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::{Egress, Host, HostSet, PlaintextEndpoints, Workload};
use mesh_snapshot::{Digest, Key, Kind, Object, Reference};
use serde_json::{Map, Value, json};

use super::authored::Authored;
use super::edits::{self, Edit};
use super::units::tree;

/// An `Egress`, as workloads see it that some of its exceptions are for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct View {
    pub(super) egress: Reference,
    /// The sets of hosts of the exceptions, in order: a later one counts.
    overlays: Vec<Reference>,
}

impl View {
    /// As workloads see it that no exception is for.
    pub(super) const fn plain(egress: Reference) -> Self {
        Self { egress, overlays: Vec::new() }
    }

    /// The one of this name, if all who have it see the same.
    pub(super) fn only(key: &Key, bundle: &Bundle) -> Option<Self> {
        match bundle.snapshot.names().get(key)?.as_slice() {
            [digest] => Some(Self::plain(Reference { key: key.clone(), digest: *digest })),
            _ => None,
        }
    }
}

/// The views of both sides.
pub(super) struct Views<'b> {
    pub(super) before: Seen<'b>,
    pub(super) after: Seen<'b>,
}

/// What is seen on one of them.
pub(super) struct Seen<'b> {
    authored: &'b Authored<'b>,
    /// Of all views.
    hosts: BTreeSet<String>,
    /// The resources that rule hosts, as their authors call them.
    rulers: BTreeSet<String>,
    /// By their digests.
    egresses: HashMap<Digest, Rc<Egress>>,
    sets: HashMap<Digest, Rc<HostSet>>,
}

/// A host as a view shows it, and which of its endpoints speak plain text.
type Shown<'s> = (&'s Host, &'s [PlaintextEndpoints]);

impl<'b> Views<'b> {
    pub(super) fn of(before: &'b Authored<'b>, after: &'b Authored<'b>) -> Self {
        Self { before: Seen::of(before), after: Seen::of(after) }
    }

    /// What a view says and shows that is on one side alone.
    pub(super) fn whole(&mut self, key: &Key) -> Vec<Edit> {
        let nothing = || Value::Object(Map::new());
        let (before, after) = (self.before.whole(key), self.after.whole(key));
        edits::between(&before.unwrap_or_else(nothing), &after.unwrap_or_else(nothing))
    }

    /// What one view shows otherwise than the other. That a host came into the mesh or left it is told by what defines it, and
    /// that what rules one did, by that.
    pub(super) fn edits(&mut self, before: &View, after: &View) -> Vec<Edit> {
        let (old, new) = (self.before.egress(before), self.after.egress(after));
        let mut edits = edits::between(&own(&old), &own(&new));
        let (was, is) = self.apart(before, after);
        let (old, new) = (effective(&was), effective(&is));
        let mut tell = |path: String, host: &str| {
            edits.push(Edit { path, before: None, after: Some(host.to_owned()) });
        };
        for host in old.keys().filter(|it| !new.contains_key(*it)) {
            if self.after.hosts.contains(*host) {
                tell("no longer sees".to_owned(), host);
            }
        }
        for host in new.keys().filter(|it| !old.contains_key(*it)) {
            if self.before.hosts.contains(*host) {
                tell("newly sees".to_owned(), host);
            }
        }
        for (name, (was, _)) in &old {
            let Some((is, _)) = new.get(name) else { continue };
            let (was, is) = (self.before.rulers_of(was), self.after.rulers_of(is));
            for ruler in was.difference(&is).filter(|it| self.after.rulers.contains(*it)) {
                tell(format!("no longer under {ruler}"), name);
            }
            for ruler in is.difference(&was).filter(|it| self.before.rulers.contains(*it)) {
                tell(format!("newly under {ruler}"), name);
            }
        }
        edits
    }

    /// Whether both show the same, however it is kept.
    pub(super) fn are_alike(&mut self, before: &View, after: &View) -> bool {
        let (old, new) = (self.before.egress(before), self.after.egress(after));
        let besides =
            |it: &Egress| Egress { hosts: Vec::new(), overlays: Vec::new(), ..it.clone() };
        if besides(&old) != besides(&new) {
            return false;
        }
        let (was, is) = self.apart(before, after);
        let contents = |sets: &[Rc<HostSet>]| -> BTreeMap<String, (Host, Vec<PlaintextEndpoints>)> {
            let hosts = effective(sets).into_iter();
            hosts
                .map(|(name, (host, plain))| (name.to_owned(), (unnamed(host), plain.to_vec())))
                .collect()
        };
        contents(&was) == contents(&is)
    }

    /// The sets of hosts of two views, without those that both show alike.
    fn apart(&mut self, before: &View, after: &View) -> (Vec<Rc<HostSet>>, Vec<Rc<HostSet>>) {
        let (old, new) = (self.before.egress(before), self.after.egress(after));
        let digests = |egress: &Egress| -> BTreeSet<Digest> {
            egress.hosts.iter().map(|set| set.digest).collect()
        };
        let (was, is) = (digests(&old), digests(&new));
        // An exception counts in place of what stands in a set of the same namespace.
        let overlays = before.overlays.iter().chain(&after.overlays);
        let excepted: BTreeSet<_> = overlays.map(|set| &set.key.namespace).collect();
        let differs = |set: &&Reference, other: &BTreeSet<Digest>| {
            !other.contains(&set.digest) || excepted.contains(&set.key.namespace)
        };
        let old = old.hosts.iter().filter(|set| differs(set, &is)).chain(&before.overlays);
        let new = new.hosts.iter().filter(|set| differs(set, &was)).chain(&after.overlays);
        let old = old.map(|set| self.before.set(&set.digest)).collect();
        (old, new.map(|set| self.after.set(&set.digest)).collect())
    }
}

impl<'b> Seen<'b> {
    fn of(authored: &'b Authored<'b>) -> Self {
        let mut seen = Self {
            authored,
            hosts: BTreeSet::new(),
            rulers: BTreeSet::new(),
            egresses: HashMap::new(),
            sets: HashMap::new(),
        };
        for (key, contents) in authored.bundle.snapshot.names() {
            match key.kind {
                Kind::HostSet => {
                    for digest in contents {
                        seen.hosts.extend(seen.read(digest).hosts.into_keys());
                    }
                }
                Kind::RouteTable | Kind::ClientPolicy => {
                    for &digest in contents {
                        let of = Reference { key: key.clone(), digest };
                        seen.rulers.extend(authored.called(&of));
                    }
                }
                _ => {}
            }
        }
        seen
    }

    fn whole(&mut self, key: &Key) -> Option<Value> {
        let view = View::only(key, self.authored.bundle)?;
        let egress = self.egress(&view);
        let sets: Vec<_> = egress.hosts.iter().map(|set| self.set(&set.digest)).collect();
        let hosts: Vec<_> = effective(&sets).into_keys().collect();
        let mut said = own(&egress);
        if let Value::Object(fields) = &mut said {
            let hosts = if hosts.is_empty() { "no host".to_owned() } else { hosts.join(", ") };
            fields.insert("sees".to_owned(), hosts.into());
        }
        Some(said)
    }

    /// How a workload sees an `Egress`.
    pub(super) fn view(&mut self, egress: &Reference, workload: &Workload) -> View {
        let mut view = View::plain(egress.clone());
        let read = self.egress(&view);
        let own = read.overlays.iter().filter(|overlay| workload.has(&overlay.labels));
        view.overlays.extend(own.map(|overlay| overlay.hosts.clone()));
        view
    }

    /// What a view leads to: its sets of hosts, and in place of those whose hosts have exceptions what counts of them.
    pub(super) fn references(&mut self, view: &View) -> Vec<Reference> {
        let egress = self.egress(view);
        let is_excepted =
            |set: &&Reference| view.overlays.iter().any(|it| it.key.namespace == set.key.namespace);
        let (excepted, whole): (Vec<_>, Vec<_>) = egress.hosts.iter().partition(is_excepted);
        let sets = excepted.into_iter().chain(&view.overlays);
        let sets: Vec<_> = sets.map(|set| self.set(&set.digest)).collect();
        let hosts = effective(&sets).into_values();
        let edges = hosts.flat_map(|(host, _)| [&host.service, &host.policy, &host.routes]);
        edges.flatten().chain(whole).cloned().collect()
    }

    /// With its sets by themselves. Nothing is seen through what is not there.
    fn egress(&mut self, view: &View) -> Rc<Egress> {
        let snapshot = &self.authored.bundle.snapshot;
        let unbundled = |set: Reference| match snapshot.object(&set.digest) {
            Some(Object::HostSets(bundle)) => bundle.sets,
            _ => vec![set],
        };
        let read = || match snapshot.object(&view.egress.digest) {
            Some(Object::Egress(egress)) => {
                let hosts = egress.hosts.into_iter().flat_map(unbundled).collect();
                Rc::new(Egress { hosts, ..egress })
            }
            _ => Rc::default(),
        };
        Rc::clone(self.egresses.entry(view.egress.digest).or_insert_with(read))
    }

    fn read(&self, set: &Digest) -> HostSet {
        match self.authored.bundle.snapshot.object(set) {
            Some(Object::HostSet(set)) => set,
            _ => HostSet::default(),
        }
    }

    fn set(&mut self, set: &Digest) -> Rc<HostSet> {
        if let Some(known) = self.sets.get(set) {
            return Rc::clone(known);
        }
        let read = Rc::new(self.read(set));
        self.sets.insert(*set, Rc::clone(&read));
        read
    }

    /// What says how requests for a host are routed, and how clients treat it.
    fn rulers_of(&self, host: &Host) -> BTreeSet<String> {
        let edges = [&host.routes, &host.policy].into_iter().flatten();
        edges.flat_map(|of| self.authored.called(of)).collect()
    }
}

/// The hosts of some sets by their names, as the last of them shows each.
fn effective(sets: &[Rc<HostSet>]) -> BTreeMap<&str, Shown<'_>> {
    let hosts = sets.iter().flat_map(|set| {
        set.hosts.iter().map(|(name, host)| (name.as_str(), (host, set.plaintext.as_slice())))
    });
    hosts.collect()
}

/// A host without the names of what it leads to.
fn unnamed(host: &Host) -> Host {
    let mut host = host.clone();
    for Reference { key, .. } in
        [&mut host.service, &mut host.policy, &mut host.routes].into_iter().flatten()
    {
        *key = Key::new(key.kind, "", "");
    }
    host
}

/// What the mesh's configuration says otherwise of views that nobody wrote: it is part of each of those, and of no other object.
pub(super) fn mesh_edits(before: &Authored<'_>, after: &Authored<'_>) -> Vec<Edit> {
    let said = |side: &Authored<'_>| {
        let snapshot = &side.bundle.snapshot;
        let views = snapshot.names().iter().filter(|(key, _)| key.kind == Kind::Egress);
        let mut unwritten = views.filter(|(key, _)| side.place(key, "").is_none());
        match snapshot.object(unwritten.next()?.1.first()?)? {
            Object::Egress(egress) => Some(own(&egress)),
            _ => None,
        }
    };
    let both = said(before).zip(said(after));
    both.map(|(before, after)| edits::between(&before, &after)).unwrap_or_default()
}

/// What a view says besides the hosts that it shows.
fn own(egress: &Egress) -> Value {
    let outbound = tree(&egress.outbound);
    match &egress.proxy {
        None => json!({ "outboundTrafficPolicy": outbound }),
        Some(proxy) => json!({ "outboundTrafficPolicy": outbound, "egressProxy": tree(proxy) }),
    }
}
