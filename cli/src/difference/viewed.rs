//! A gateway, which is not the same to the proxies of every namespace: they may see other routes, and other hosts behind them.

use std::collections::{BTreeMap, BTreeSet};

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
pub(super) fn sights<'b>(key: &Key, before: &Authored<'b>, after: &Authored<'b>) -> Vec<Sight<'b>> {
    if key.kind != Kind::Gateway {
        let (before, after) = (before.contents(key), after.contents(key));
        return vec![Sight { viewer: None, before, after }];
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
