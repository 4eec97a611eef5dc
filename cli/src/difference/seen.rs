//! What clients see and may reach.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::{Egress, Host};
use mesh_snapshot::{Digest, Key, Kind, Object, Reference};
use serde_json::{Value, json};

use super::edits::{self, Edit};
use super::units::tree;

type Hosts = Rc<BTreeMap<String, Host>>;

/// The views of both sides.
pub(super) struct Views<'b> {
    before: Side<'b>,
    after: Side<'b>,
}

struct Side<'b> {
    bundle: &'b Bundle,
    /// Of all views.
    hosts: BTreeSet<String>,
    /// The resources that rule hosts, as their authors call them.
    rulers: BTreeSet<String>,
    /// By their digests, what sets of hosts hold.
    known: HashMap<Digest, Hosts>,
}

impl<'b> Views<'b> {
    pub(super) fn of(before: &'b Bundle, after: &'b Bundle) -> Self {
        Self { before: Side::of(before), after: Side::of(after) }
    }

    /// What one view shows otherwise than the other. That a host came into the mesh or left it is told by what defines it, and
    /// that what rules one did, by that.
    pub(super) fn edits(&mut self, before: &Digest, after: &Digest) -> Vec<Edit> {
        let (Some(old), Some(new)) = (self.before.egress(before), self.after.egress(after)) else {
            return Vec::new();
        };
        let mut edits = edits::between(&own(&old), &own(&new));
        // What both show alike is not looked at.
        let sets = |egress: &Egress| -> BTreeSet<Digest> {
            egress.hosts.iter().map(|set| set.digest).collect()
        };
        let (was, is) = (sets(&old), sets(&new));
        let was_shown: Vec<_> = was.difference(&is).map(|set| self.before.hosts_of(set)).collect();
        let is_shown: Vec<_> = is.difference(&was).map(|set| self.after.hosts_of(set)).collect();
        let old: BTreeMap<_, _> = was_shown.iter().flat_map(|hosts| hosts.iter()).collect();
        let new: BTreeMap<_, _> = is_shown.iter().flat_map(|hosts| hosts.iter()).collect();
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
                tell("now sees".to_owned(), host);
            }
        }
        for (name, was) in &old {
            let Some(is) = new.get(name) else { continue };
            let (was, is) = (self.before.rulers_of(was), self.after.rulers_of(is));
            for ruler in was.difference(&is).filter(|it| self.after.rulers.contains(*it)) {
                tell(format!("no longer under {ruler}"), name);
            }
            for ruler in is.difference(&was).filter(|it| self.before.rulers.contains(*it)) {
                tell(format!("now under {ruler}"), name);
            }
        }
        edits
    }
}

impl<'b> Side<'b> {
    fn of(bundle: &'b Bundle) -> Self {
        let mut side =
            Self { bundle, hosts: BTreeSet::new(), rulers: BTreeSet::new(), known: HashMap::new() };
        for (key, contents) in bundle.snapshot.names() {
            match key.kind {
                Kind::HostSet => {
                    for digest in contents {
                        side.hosts.extend(side.read(digest).into_keys());
                    }
                }
                Kind::RouteTable | Kind::ClientPolicy => side.rulers.extend(side.called(key)),
                _ => {}
            }
        }
        side
    }

    fn egress(&self, digest: &Digest) -> Option<Egress> {
        match self.bundle.snapshot.object(digest) {
            Some(Object::Egress(egress)) => Some(egress),
            _ => None,
        }
    }

    fn read(&self, set: &Digest) -> BTreeMap<String, Host> {
        match self.bundle.snapshot.object(set) {
            Some(Object::HostSet(set)) => set.hosts,
            _ => BTreeMap::new(),
        }
    }

    fn hosts_of(&mut self, set: &Digest) -> Hosts {
        if let Some(hosts) = self.known.get(set) {
            return Rc::clone(hosts);
        }
        let hosts = Rc::new(self.read(set));
        self.known.insert(*set, Rc::clone(&hosts));
        hosts
    }

    /// What says how requests for a host are routed, and how clients treat it.
    fn rulers_of(&self, host: &Host) -> BTreeSet<String> {
        let edges = [&host.routes, &host.policy].into_iter().flatten();
        edges.filter_map(|Reference { key, .. }| self.called(key)).collect()
    }

    /// `VirtualService shop/reviews`; what nobody wrote has no name.
    fn called(&self, key: &Key) -> Option<String> {
        self.bundle.source_map.get(key, "").map(|place| place.resource.to_string())
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
