//! Objects that are not the same to the proxies of every namespace: gateways, whose routes only some may see, and routes and
//! services that look otherwise from where some of the hosts that they lead to are not seen.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::diff::Diff;
use mesh_snapshot::{Digest, Key, Kind, Snapshot};

use super::authored::{Authored, Content};

/// Whose proxies see something of an object.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Viewers {
    All,
    /// Those in these namespaces.
    Of(BTreeSet<String>),
    /// All but those.
    AllBut(BTreeSet<String>),
}

/// The namespaces in which a gateway has a content of its own, with that; absent: all others.
pub(super) type Gateways<'b> = BTreeMap<&'b Key, BTreeMap<Option<&'b str>, Digest>>;

/// What the proxies of a namespace have of an object on both sides. Nothing is told of what is the same.
pub(super) struct Sight<'b> {
    pub(super) viewer: Option<&'b str>,
    pub(super) before: Vec<Content>,
    pub(super) after: Vec<Content>,
}

pub(super) fn gateways(snapshot: &Snapshot) -> Gateways<'_> {
    let namespaces = snapshot.manifest().namespaces.keys();
    let own = namespaces.filter_map(|name| Some((Some(name.as_str()), snapshot.namespace(name)?)));
    let mut gateways = Gateways::new();
    for (viewer, section) in std::iter::once((None, snapshot.mesh())).chain(own) {
        let entries = section.entries.iter().map(|entry| &entry.reference);
        for of in entries.filter(|of| of.key.kind == Kind::Gateway) {
            gateways.entry(&of.key).or_default().insert(viewer, of.digest);
        }
    }
    gateways
}

/// An object as each namespace has it that has it otherwise than others on either side. Most objects are alike for all.
pub(super) fn sights<'b>(
    key: &'b Key,
    before: &Authored<'b>,
    after: &Authored<'b>,
) -> Vec<Sight<'b>> {
    if key.kind != Kind::Gateway {
        let own =
            Sight { viewer: viewer(key), before: before.contents(key), after: after.contents(key) };
        // What others see has a name of its own.
        let others = own.viewer.map(|_| Sight { viewer: None, before: vec![], after: vec![] });
        return others.into_iter().chain([own]).collect();
    }
    let of = |side: &Authored<'b>| side.gateways.get(key).cloned().unwrap_or_default();
    let (old, new) = (of(before), of(after));
    let viewers: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    let sight = |viewer| {
        let digest = |side: &BTreeMap<Option<&str>, Digest>| {
            side.get(&viewer).or_else(|| side.get(&None)).copied()
        };
        let content = |side: &Authored<'_>, digest: Option<Digest>| -> Vec<Content> {
            let object = digest.and_then(|it| side.bundle.snapshot.object(&it));
            object.map(Content::Object).into_iter().collect()
        };
        match (digest(&old), digest(&new)) {
            (was, is) if was == is => Sight { viewer, before: Vec::new(), after: Vec::new() },
            (was, is) => Sight { viewer, before: content(before, was), after: content(after, is) },
        }
    };
    viewers.into_iter().map(sight).collect()
}

/// The object that others see in place of one that looks otherwise from a namespace: `shop/reviews` of `shop/reviews@web`.
pub(super) fn of_others(key: &Key) -> Option<Key> {
    viewer(key)?;
    let (name, _) = key.name.split_once('@')?;
    Some(Key::new(key.kind, &key.namespace, name))
}

/// Who has an object, if it is no gateway.
pub(super) fn viewers(key: &Key) -> Viewers {
    viewer(key).map_or(Viewers::All, |name| Viewers::Of([name.to_owned()].into()))
}

/// That namespace.
fn viewer(key: &Key) -> Option<&str> {
    let (_, whose) = key.name.split_once('@')?;
    let is_told = matches!(key.kind, Kind::RouteTable | Kind::Service);
    whose.split(['/', '@']).next().filter(|_| is_told)
}

/// What begins or ceases to look otherwise from a namespace is not new, and not gone: it differs from what the namespace saw
/// before, or it does not.
pub(super) fn join(found: &mut Diff, before: &Authored<'_>, after: &Authored<'_>) {
    let has = |side: &Authored<'_>, key: &Key| of_others(key).is_some_and(|it| side.has(&it));
    let Diff { added, removed, changed, .. } = found;
    let begun = added.extract_if(.., |key| has(before, key));
    let ceased = removed.extract_if(.., |key| has(after, key));
    let differs = |key: &Key| before.contents(key) != after.contents(key);
    changed.extend(begun.chain(ceased).filter(differs));
}

impl Viewers {
    /// These of all who see an object in one way or another.
    pub(super) fn of(some: &BTreeSet<Option<&str>>, all: &[Sight<'_>]) -> Self {
        let named = |are_some: bool| -> BTreeSet<String> {
            let viewers = all.iter().map(|sight| sight.viewer);
            let meant = viewers.filter(|viewer| some.contains(viewer) == are_some);
            meant.flatten().map(str::to_owned).collect()
        };
        if all.len() == some.len() {
            Self::All
        } else if some.contains(&None) {
            Self::AllBut(named(false))
        } else {
            Self::Of(named(true))
        }
    }
}
