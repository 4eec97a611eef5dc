//! What clients see and may reach.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::Egress;
use mesh_snapshot::{Digest, Kind, Object, Snapshot};
use serde_json::{Value, json};

use super::edits::{self, Edit};
use super::units::tree;

type Hosts = Rc<BTreeSet<String>>;

/// The views of both sides.
pub(super) struct Views<'b> {
    before: Side<'b>,
    after: Side<'b>,
}

struct Side<'b> {
    snapshot: &'b Snapshot,
    /// Of all views.
    hosts: BTreeSet<String>,
    known: HashMap<Digest, Hosts>,
}

impl<'b> Views<'b> {
    pub(super) fn of(before: &'b Bundle, after: &'b Bundle) -> Self {
        Self { before: Side::of(&before.snapshot), after: Side::of(&after.snapshot) }
    }

    /// What one view shows otherwise than the other. That a host came into the mesh or left it is told by what defines it.
    pub(super) fn edits(&mut self, before: &Digest, after: &Digest) -> Vec<Edit> {
        let (Some(old), Some(new)) = (self.before.egress(before), self.after.egress(after)) else {
            return Vec::new();
        };
        let mut edits = edits::between(&own(&old), &own(&new));
        let (old, new) = (self.before.hosts_of(before, &old), self.after.hosts_of(after, &new));
        let mut tell = |path: &str, hosts: Vec<&String>| {
            edits.extend(hosts.into_iter().map(|host| Edit {
                path: path.to_owned(),
                before: None,
                after: Some(host.clone()),
            }));
        };
        let (known, left) = (&self.before.hosts, &self.after.hosts);
        tell("no longer sees", old.difference(&new).filter(|it| left.contains(*it)).collect());
        tell("now sees", new.difference(&old).filter(|it| known.contains(*it)).collect());
        edits
    }
}

impl<'b> Side<'b> {
    fn of(snapshot: &'b Snapshot) -> Self {
        let names = snapshot.names().iter().filter(|(key, _)| key.kind == Kind::HostSet);
        let mut hosts = BTreeSet::new();
        for digest in names.flat_map(|(_, contents)| contents) {
            if let Some(Object::HostSet(set)) = snapshot.object(digest) {
                hosts.extend(set.hosts.into_keys());
            }
        }
        Self { snapshot, hosts, known: HashMap::new() }
    }

    fn egress(&self, digest: &Digest) -> Option<Egress> {
        match self.snapshot.object(digest) {
            Some(Object::Egress(egress)) => Some(egress),
            _ => None,
        }
    }

    fn hosts_of(&mut self, digest: &Digest, egress: &Egress) -> Hosts {
        if let Some(hosts) = self.known.get(digest) {
            return Rc::clone(hosts);
        }
        let sets = egress.hosts.iter().filter_map(|set| match self.snapshot.object(&set.digest) {
            Some(Object::HostSet(set)) => Some(set.hosts.into_keys()),
            _ => None,
        });
        let hosts: Hosts = Rc::new(sets.flatten().collect());
        self.known.insert(*digest, Rc::clone(&hosts));
        hosts
    }
}

/// What a view says besides the hosts that it shows.
fn own(egress: &Egress) -> Value {
    let outbound = tree(&egress.outbound);
    match &egress.proxy {
        None => json!({ "outboundTrafficPolicy": outbound }),
        Some(proxy) => json!({ "outboundTrafficPolicy": outbound, "egressProxy": tree(proxy) }),
    }
}
