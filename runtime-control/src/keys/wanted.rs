//! Which key sets the snapshots name.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_snapshot::object::{JwtKeys, JwtRule};
use mesh_snapshot::{Digest, Kind, Object, Snapshot};

use crate::store::Store;

/// Where keys are fetched from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Source {
    Address(String),
    /// Whose `OpenID` configuration tells the address.
    Issuer(String),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Wanted {
    pub(super) source: Source,
    /// How long a fetch may take: the longest that any rule allows.
    pub(super) timeout: Duration,
}

/// By the name that the wire gives to a key set.
pub(super) type Names = BTreeMap<String, Wanted>;

/// What each snapshot of the store names; each is read once.
#[derive(Debug, Default)]
pub(super) struct Rules(BTreeMap<Digest, Names>);

impl Rules {
    /// What the snapshots that are held now name.
    pub(super) fn wanted(&mut self, store: &Store) -> Names {
        let held = store.digests();
        self.0.retain(|digest, _| held.contains(digest));
        for digest in held {
            if let (false, Some(bundle)) = (self.0.contains_key(&digest), store.get(&digest)) {
                self.0.insert(digest, names(&bundle.snapshot));
            }
        }
        let mut wanted = Names::new();
        for (name, one) in self.0.values().flatten() {
            add(&mut wanted, name.clone(), one.clone());
        }
        wanted
    }
}

fn names(snapshot: &Snapshot) -> Names {
    let objects = snapshot.names().iter();
    let policies = objects.filter(|(key, _)| key.kind == Kind::RequestAuthentication);
    let mut names = Names::new();
    for digest in policies.flat_map(|(_, digests)| digests) {
        let Some(Object::RequestAuthentication(policy)) = snapshot.object(digest) else { continue };
        for (name, wanted) in policy.rules.iter().filter_map(named_by) {
            add(&mut names, name, wanted);
        }
    }
    names
}

/// The names are those of `store::Entitlements`.
fn named_by(rule: &JwtRule) -> Option<(String, Wanted)> {
    let timeout = rule.fetch_timeout.into();
    match &rule.keys {
        JwtKeys::Inline(_) => None,
        JwtKeys::Remote(address) => {
            let source = Source::Address(address.clone());
            Some((address.clone(), Wanted { source, timeout }))
        }
        JwtKeys::Discovered(issuer) => {
            let source = Source::Issuer(issuer.clone());
            Some((format!("issuer:{issuer}"), Wanted { source, timeout }))
        }
    }
}

fn add(names: &mut Names, name: String, wanted: Wanted) {
    let timeout = wanted.timeout;
    let known = names.entry(name).or_insert(wanted);
    known.timeout = known.timeout.max(timeout);
}
