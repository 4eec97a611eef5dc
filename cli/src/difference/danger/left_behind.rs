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

use super::Danger;
use super::guard::Guard;
use crate::difference::authored::Authored;
use crate::difference::held::{Sides, have_proxies};

/// What asks something of callers, by the resource that says it: its kind, and what it does with requests.
type Policies = BTreeMap<Arc<str>, (Key, Option<Action>)>;

/// By the names of the workloads that came.
pub(super) fn all(sides: &Sides<'_>) -> BTreeMap<String, BTreeSet<Danger>> {
    let [old, new] = [sides.before.0, sides.after.0].map(|side| &side.bundle.inventory);
    let left = without(old, new);
    let came = without(new, old);
    let mut dangers = BTreeMap::new();
    if left.is_empty() || came.is_empty() {
        return dangers;
    }
    let gone: BTreeSet<_> = left.iter().map(|it| it.full_name()).collect();
    let leavers = Leavers::of(&left, old.iter().filter(|it| !gone.contains(&it.full_name())));
    let after = sides.after.1;
    let held: BTreeSet<Arc<str>> = new
        .iter()
        .filter_map(|it| slice(it, after))
        .flat_map(|it| policies(&it, after).into_keys())
        .collect();
    for is in &came {
        let Some(was) = leavers.former(is) else { continue };
        let found = of_pair(was, is, &held, sides);
        if !found.is_empty() {
            dangers.insert(is.full_name(), found);
        }
    }
    dangers
}

/// What the first left behind that lives on as the second. `held`: what is for somebody now.
fn of_pair(
    was: &Workload,
    is: &Workload,
    held: &BTreeSet<Arc<str>>,
    sides: &Sides<'_>,
) -> BTreeSet<Danger> {
    let ((_, old), (_, new)) = (sides.before, sides.after);
    let [_, has_proxy] = have_proxies(&is.full_name(), sides.before.0, sides.after.0);
    let (Some(before), Some(after)) = (slice(was, old), slice(is, new)) else {
        return BTreeSet::new();
    };
    let guards = (
        Guard::of(&before, was.role, &old.bundle.snapshot),
        Guard::of(&after, is.role, &new.bundle.snapshot),
    );
    if !has_proxy || guards.1.dangers(&guards.0).is_empty() {
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
    left.map(|(policy, _)| Danger::LeftBehind { policy: policy.to_string(), was: was.full_name() })
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
    let known: BTreeSet<_> = others.iter().map(Workload::full_name).collect();
    some.iter().filter(|it| !known.contains(&it.full_name())).collect()
}

/// Those that left, by what tells them apart.
struct Leavers<'w> {
    by_name: BTreeMap<&'w str, Vec<&'w Workload>>,
    by_trait: BTreeMap<Trait<'w>, Vec<&'w Workload>>,
    /// What those say who neither left nor came: it tells nobody apart.
    common: BTreeSet<Trait<'w>>,
}

/// Namespace, and a label with its value; or an account, or the beginning of a name.
type Trait<'w> = (&'w str, &'w str, &'w str);

impl<'w> Leavers<'w> {
    fn of(left: &[&'w Workload], stay: impl Iterator<Item = &'w Workload>) -> Self {
        let common: BTreeSet<_> = stay.flat_map(labels).collect();
        let (mut by_name, mut by_trait) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
        for was in left.iter().copied() {
            by_name.entry(&*was.name).or_default().push(was);
            for own in traits(was, &common).into_iter().chain([start(was)]) {
                by_trait.entry(own).or_insert_with(Vec::new).push(was);
            }
        }
        Self { by_name, by_trait, common }
    }

    /// Which of them a workload was.
    fn former(&self, is: &Workload) -> Option<&'w Workload> {
        let mut shared: BTreeMap<String, (&'w Workload, usize)> = BTreeMap::new();
        let mut add = |was: &'w Workload, more: usize| {
            shared.entry(was.full_name()).or_insert((was, 0)).1 += more;
        };
        for was in self.by_name.get(&*is.name).into_iter().flatten() {
            add(was, 0);
        }
        for was in self.by_trait.get(&start(is)).into_iter().flatten() {
            if are_alike(&was.name, &is.name) {
                add(was, 0);
            }
        }
        for own in traits(is, &self.common) {
            for was in self.by_trait.get(&own).into_iter().flatten() {
                add(was, 1);
            }
        }
        let common = |was: &Workload| {
            was.name.bytes().zip(is.name.bytes()).take_while(|(was, is)| was == is).count()
        };
        let likeness = |was: &Workload, shared: usize| (was.name == is.name, shared, common(was));
        let all = shared.into_iter().filter(|(_, (was, _))| was.role == is.role);
        let best =
            all.min_by_key(|(name, (was, shared))| (Reverse(likeness(was, *shared)), name.clone()));
        best.map(|(_, (was, _))| was)
    }
}

/// In place of a label.
const ACCOUNT: &str = " account";
const NAME: &str = " name";

/// The labels that say who a workload is, and an account of its own.
fn traits<'w>(it: &'w Workload, common: &BTreeSet<Trait<'_>>) -> Vec<Trait<'w>> {
    let account = (&*it.namespace, ACCOUNT, &*it.service_account);
    let is_own = it.service_account != "default";
    let labels = labels(it).filter(|own| !common.contains(own));
    labels.chain(is_own.then_some(account)).collect()
}

fn labels(it: &Workload) -> impl Iterator<Item = Trait<'_>> {
    let own = it.labels.iter().filter(|(name, _)| tells_apart(name));
    own.map(|(name, value)| (&*it.namespace, &**name, &**value))
}

/// Names that are alike begin with the same word.
fn start(it: &Workload) -> Trait<'_> {
    (&it.namespace, NAME, it.name.split('-').next().unwrap_or_default())
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
