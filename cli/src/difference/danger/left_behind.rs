//! Policies that are there still and for nobody any more, since their workloads live on under other names.
//!
//! Nothing says of a workload that came which one it was. It is taken for one that left where it has its name, or where both are of
//! one namespace, and of several for the one that it has most in common with. That it lacks what the other one was under tells the
//! rest: a workload that came with policies of its own is none that left some behind.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::object::{Action, Workload};
use mesh_snapshot::slice::Slice;
use mesh_snapshot::{Key, Kind, Object, Reference};

use super::Peril;
use super::guard::Guard;
use crate::difference::authored::Authored;
use crate::difference::clients::name;
use crate::difference::held::{Sides, have_proxies};

/// What asks something of callers, by the resource that says it: its kind, and what it does with requests.
type Policies = BTreeMap<Arc<str>, (Key, Option<Action>)>;

/// By the names of the workloads that came.
pub(super) fn all(sides: &Sides<'_>) -> BTreeMap<String, BTreeSet<Peril>> {
    let [old, new] = [sides.before.0, sides.after.0].map(|side| &side.bundle.inventory);
    let left = without(old, new);
    let came = without(new, old);
    let mut perils = BTreeMap::new();
    if left.is_empty() || came.is_empty() {
        return perils;
    }
    let after = sides.after.1;
    let held: BTreeSet<Arc<str>> = new
        .iter()
        .filter_map(|it| slice(it, after))
        .flat_map(|it| policies(&it, after).into_keys())
        .collect();
    for is in &came {
        let Some(was) = former(is, &left) else { continue };
        let found = of_pair(was, is, &held, sides);
        if !found.is_empty() {
            perils.insert(name(is), found);
        }
    }
    perils
}

/// What the first left behind that lives on as the second. `held`: what is for somebody now.
fn of_pair(
    was: &Workload,
    is: &Workload,
    held: &BTreeSet<Arc<str>>,
    sides: &Sides<'_>,
) -> BTreeSet<Peril> {
    let ((_, old), (_, new)) = (sides.before, sides.after);
    let [_, has_proxy] = have_proxies(&name(is), sides.before.0, sides.after.0);
    let (Some(before), Some(after)) = (slice(was, old), slice(is, new)) else {
        return BTreeSet::new();
    };
    let guards = (
        Guard::of(&before, was.role, &old.bundle.snapshot),
        Guard::of(&after, is.role, &new.bundle.snapshot),
    );
    if !has_proxy || guards.1.perils(&guards.0).is_empty() {
        return BTreeSet::new();
    }
    let (before, after) = (policies(&before, old), policies(&after, new));
    let own = after.iter().filter(|(policy, _)| !before.contains_key(*policy));
    let own: Vec<_> = own.map(|(_, (key, action))| (key.kind, action)).collect();
    let is_left = |policy: &Arc<str>, (key, action): &(Key, Option<Action>)| {
        let is_there = sides.resources[1].contains_key(policy);
        is_there && !held.contains(policy) && !own.contains(&(key.kind, action))
    };
    let left = before.iter().filter(|(policy, what)| is_left(policy, what));
    left.map(|(policy, _)| Peril::LeftBehind { policy: policy.to_string(), was: name(was) })
        .collect()
}

fn slice(workload: &Workload, side: &Authored<'_>) -> Option<Slice> {
    side.bundle.snapshot.slice_of(workload).ok()
}

fn policies(slice: &Slice, side: &Authored<'_>) -> Policies {
    let read = |root: &Reference| {
        let action = match root.key.kind {
            Kind::PeerAuthentication | Kind::RequestAuthentication => None,
            Kind::AuthorizationPolicy => match side.bundle.snapshot.object(&root.digest)? {
                Object::AuthorizationPolicy(policy) => Some(policy.action),
                _ => None,
            },
            _ => return None,
        };
        let place = side.place(&root.key, "")?;
        Some((Arc::clone(&place.resource), (root.key.clone(), action)))
    };
    slice.roots().filter_map(read).collect()
}

/// The workloads of the first that the second does not have.
fn without<'w>(some: &'w [Workload], others: &[Workload]) -> Vec<&'w Workload> {
    let known: BTreeSet<_> = others.iter().map(name).collect();
    some.iter().filter(|it| !known.contains(&name(it))).collect()
}

/// Which of those that left a workload was.
fn former<'w>(is: &Workload, left: &[&'w Workload]) -> Option<&'w Workload> {
    let near = |it: &&&Workload| it.name == is.name || it.namespace == is.namespace;
    let common = |was: &Workload| {
        was.name.bytes().zip(is.name.bytes()).take_while(|(was, is)| was == is).count()
    };
    let likeness = |was: &Workload| (was.name == is.name, shared(was, is), common(was));
    let all = left.iter().filter(near);
    all.min_by_key(|was| (Reverse(likeness(was)), name(was))).copied()
}

/// How many labels both have, and whether they have an account of their own.
fn shared(was: &Workload, is: &Workload) -> usize {
    let labels = was.labels.iter().filter(|(name, value)| is.labels.get(*name) == Some(value));
    // Who says nothing has this one, and this revision.
    let said = labels.filter(|(_, value)| *value != "latest").count();
    let is_own = was.service_account == is.service_account && was.service_account != "default";
    said + usize::from(is_own)
}
