//! Policies that are there still and for nobody any more, since their workloads live on under other names.
//!
//! Nothing says of a workload that came which one it was. It is taken for one that left where both have one role and one name, or are
//! of one namespace and have something in common that tells them from those who stay: a name but for what follows it (`cart`,
//! `cart-v2`), a label, an account. Of several it is the one that it has most in common with, and without any nothing is said. That it
//! lacks what the other one was under tells the rest: a workload that came with policies of its own is none that left some behind.

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
    let gone: BTreeSet<_> = left.iter().map(|it| name(it)).collect();
    let stay: Vec<_> = old.iter().filter(|it| !gone.contains(&name(it))).collect();
    let after = sides.after.1;
    let held: BTreeSet<Arc<str>> = new
        .iter()
        .filter_map(|it| slice(it, after))
        .flat_map(|it| policies(&it, after).into_keys())
        .collect();
    for is in &came {
        let Some(was) = former(is, &left, &stay) else { continue };
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

/// Which of those that left a workload was. `stay`: those who neither left nor came.
fn former<'w>(is: &Workload, left: &[&'w Workload], stay: &[&Workload]) -> Option<&'w Workload> {
    let may_be = |was: &&&Workload| {
        let is_near = || was.namespace == is.namespace;
        let has_more = || are_alike(&was.name, &is.name) || shared(was, is, stay) > 0;
        was.role == is.role && (was.name == is.name || (is_near() && has_more()))
    };
    let common = |was: &Workload| {
        was.name.bytes().zip(is.name.bytes()).take_while(|(was, is)| was == is).count()
    };
    let likeness = |was: &Workload| (was.name == is.name, shared(was, is, stay), common(was));
    let all = left.iter().filter(may_be);
    all.min_by_key(|was| (Reverse(likeness(was)), name(was))).copied()
}

/// Whether two names are one, but for a version or what is added to one of them: `cart`, `cart-v2`, `cart-new`.
fn are_alike(was: &str, is: &str) -> bool {
    fn stem(name: &str) -> &str {
        let is_version = |last: &str| last.contains(|it: char| it.is_ascii_digit());
        name.rsplit_once('-').filter(|(_, last)| is_version(last)).map_or(name, |(stem, _)| stem)
    }
    let goes_on = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let (was, is) = (stem(was), stem(is));
    goes_on(was, is) || goes_on(is, was)
}

/// How many labels both have that say who they are, and whether they have an account of their own.
fn shared(was: &Workload, is: &Workload, stay: &[&Workload]) -> usize {
    let is_common = |name: &str, value: &String| {
        let of_namespace = |it: &&&Workload| it.namespace == was.namespace;
        stay.iter().filter(of_namespace).any(|it| it.labels.get(name) == Some(value))
    };
    let says_who = |(name, value): &(&String, &String)| {
        is.labels.get(*name) == Some(*value) && tells_apart(name) && !is_common(name, value)
    };
    let said = was.labels.iter().filter(says_who).count();
    let account = &was.service_account;
    let is_own = *account == is.service_account && account != "default";
    said + usize::from(is_own)
}

/// Whether a label is about a workload, and not about its version, its proxy, or the tool that wrote it.
fn tells_apart(label: &str) -> bool {
    const OF_ANY: [&str; 6] = [
        "version",
        "app.kubernetes.io/version",
        "app.kubernetes.io/managed-by",
        "helm.sh/chart",
        "service.istio.io/canonical-revision",
        "istio.io/rev",
    ];
    !OF_ANY.contains(&label) && !label.starts_with("sidecar.istio.io/")
}
