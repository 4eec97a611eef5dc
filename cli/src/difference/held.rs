//! For whom something begins or ceases to hold: policies that select workloads, Services that they back, and Gateways that they
//! serve.
//!
//! A label that changes may take a workload out of its policies, though none of them differs; so may a selector, or a policy that
//! counts in place of another. What a slice begins with says it, whatever the reason: selectors, namespaces, `targetRefs`, rank.
//! Of workloads that come or leave nothing is told: all that is theirs comes or leaves with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::object::Action;
use mesh_snapshot::slice::Slice;
use mesh_snapshot::{Key, Kind, Object, Reference};

use super::Side;
use super::authored::{Authored, Resources};
use super::clients::Client;
use super::gist::gist;
use super::sense::sense;

/// Workloads for which the same begins or ceases to hold.
#[derive(Debug)]
pub(crate) struct Held {
    /// `shop/reviews-v1`; `web/*` stands for a namespace of which no workload is known.
    pub workloads: BTreeSet<String>,
    /// What ceases first, then by name; never empty.
    pub holds: Vec<Hold>,
}

/// That a resource begins or ceases to hold.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Hold {
    pub turn: Turn,
    pub bond: Bond,
    /// As its author calls it: `AuthorizationPolicy shop/api`.
    pub resource: String,
    /// The first of its objects.
    pub key: Key,
    /// What it says, in few words: `DENY: to path /admin*`. Empty where its name says enough.
    pub gist: String,
    /// Whether the resource itself is new or gone.
    pub is_whole: bool,
    /// Whether another one that says the same holds in its place.
    pub is_replaced: bool,
    /// Whether it is a danger that it ceases to hold; of what guards workloads and of Gateways [`super::Danger`] says it.
    pub is_grave: bool,
}

impl Hold {
    /// As its author has it: `Sidecar`, of which the snapshot has an `Egress`.
    pub(crate) fn kind(&self) -> &str {
        self.resource.split_once(' ').map_or(self.key.kind.name(), |(kind, _)| kind)
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Turn {
    Ceases,
    Begins,
}

/// What a resource is to a workload.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Bond {
    /// A policy that its proxy acts on.
    Policy,
    /// What it has endpoints for.
    Service,
    /// What it serves as a gateway.
    Gateway,
}

/// What is compared, each side with its resources.
pub(super) struct Sides<'b> {
    pub(super) before: (&'b Side, &'b Authored<'b>),
    pub(super) after: (&'b Side, &'b Authored<'b>),
    pub(super) resources: &'b [Resources<'b>; 2],
}

/// The objects by which each resource holds for a workload.
type Roots<'s> = BTreeMap<(Bond, Arc<str>), BTreeSet<&'s Reference>>;

/// For each workload that is on both sides, by groups for which the same does; first those for which something ceases.
pub(super) fn all(clients: &[Client], sides: &Sides<'_>) -> Vec<Held> {
    let mut groups: BTreeMap<Vec<Hold>, BTreeSet<String>> = BTreeMap::new();
    for client in clients {
        let holds = holds(client, sides);
        if !holds.is_empty() {
            groups.entry(holds).or_default().insert(client.name.clone());
        }
    }
    groups.into_iter().map(|(holds, workloads)| Held { workloads, holds }).collect()
}

/// What ceases or begins to hold for one of them.
fn holds(client: &Client, sides: &Sides<'_>) -> Vec<Hold> {
    let (old, new) = (sides.before.1, sides.after.1);
    let Some((was, is)) = client.slices() else { return Vec::new() };
    let [served_before, served_after] = have_proxies(&client.name, sides.before.0, sides.after.0);
    if was == is && served_before == served_after {
        return Vec::new();
    }
    let (was, is) = (roots(was, old, served_before), roots(is, new, served_after));
    let [old_resources, new_resources] = sides.resources;
    let ceases = apart(&was, &is).map(|root| hold(Turn::Ceases, root, old, new_resources));
    let begins = apart(&is, &was).map(|root| hold(Turn::Begins, root, new, old_resources));
    let (mut ceases, mut begins): (Vec<_>, Vec<_>) =
        (ceases.flatten().collect(), begins.flatten().collect());
    replace(&mut ceases, &mut begins);
    ceases.into_iter().chain(begins).map(|(hold, _)| hold).collect()
}

/// Notes of what ceases that something begins to hold in its place which says the same, and of that, too.
fn replace(ceases: &mut [(Hold, BTreeSet<String>)], begins: &mut [(Hold, BTreeSet<String>)]) {
    for (gone, said) in ceases {
        let successor = begins.iter_mut().find(|(it, says)| {
            !it.is_replaced && it.bond == gone.bond && it.key.kind == gone.key.kind && says == said
        });
        if let Some((come, _)) = successor {
            (gone.is_replaced, gone.is_grave, come.is_replaced) = (true, false, true);
        }
    }
}

/// Whether a proxy speaks for a workload on either side. Where one side does not tell it is the same on both.
pub(super) fn have_proxies(workload: &str, before: &Side, after: &Side) -> [bool; 2] {
    match (&before.beside, &after.beside) {
        (Some(was), Some(is)) => {
            [was, is].map(|beside| !beside.without_proxy.contains_key(workload))
        }
        _ => [true, true],
    }
}

/// Without a proxy there is nobody to act on policies.
fn roots<'s>(slice: &'s Slice, side: &Authored<'_>, has_proxy: bool) -> Roots<'s> {
    let mut roots = Roots::new();
    for root in slice.roots() {
        let Some(bond) = bond(root.key.kind).filter(|it| has_proxy || *it == Bond::Service) else {
            continue;
        };
        if let Some(resource) = resource(&root.key, side) {
            roots.entry((bond, resource)).or_default().insert(root);
        }
    }
    roots
}

const fn bond(kind: Kind) -> Option<Bond> {
    match kind {
        Kind::PeerAuthentication
        | Kind::RequestAuthentication
        | Kind::AuthorizationPolicy
        | Kind::RequestFilters
        | Kind::InboundPorts
        | Kind::Egress => Some(Bond::Policy),
        Kind::Service => Some(Bond::Service),
        Kind::Gateway => Some(Bond::Gateway),
        // The mesh's defaults are everybody's, and the others are nobody's by themselves.
        Kind::MeshDefaults
        | Kind::ClientPolicy
        | Kind::RouteTable
        | Kind::HostSet
        | Kind::HostSets => None,
    }
}

/// What a workload sees and opens by default nobody wrote.
fn resource(key: &Key, side: &Authored<'_>) -> Option<Arc<str>> {
    let unwritten = || {
        let is_default = matches!(key.kind, Kind::Egress | Kind::InboundPorts);
        (!is_default).then(|| key.to_string().into())
    };
    side.place(key, "").map(|place| Arc::clone(&place.resource)).or_else(unwritten)
}

/// What the first has and the other lacks.
fn apart<'r, 's>(
    some: &'r Roots<'s>,
    other: &'r Roots<'s>,
) -> impl Iterator<Item = (&'r (Bond, Arc<str>), &'r BTreeSet<&'s Reference>)> {
    some.iter().filter(|(name, _)| !other.contains_key(*name))
}

/// And what its objects say. `other`: the resources of the side on which it does not hold.
fn hold(
    turn: Turn,
    ((bond, resource), roots): (&(Bond, Arc<str>), &BTreeSet<&Reference>),
    side: &Authored<'_>,
    other: &Resources<'_>,
) -> Option<(Hold, BTreeSet<String>)> {
    let key = roots.first()?.key.clone();
    let objects = roots.iter().filter_map(|it| side.bundle.snapshot.object(&it.digest));
    let objects: Vec<Object> = objects.collect();
    let gists: BTreeSet<_> = objects.iter().filter_map(gist).collect();
    let gist = gists.into_iter().collect::<Vec<_>>().join(", ");
    let hold = Hold {
        turn,
        bond: *bond,
        resource: resource.to_string(),
        key,
        gist,
        is_whole: !other.contains_key(resource),
        is_replaced: false,
        is_grave: turn == Turn::Ceases && objects.iter().any(stands_alone),
    };
    Some((hold, objects.iter().map(sense).collect()))
}

/// Whether what it does is not told together with what others do.
fn stands_alone(object: &Object) -> bool {
    match object {
        Object::AuthorizationPolicy(policy) => policy.dry_run || policy.action == Action::Audit,
        Object::PeerAuthentication(_) | Object::RequestAuthentication(_) | Object::Gateway(_) => {
            false
        }
        _ => true,
    }
}
