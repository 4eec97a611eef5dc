//! Whom an object is for.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::Labels;
use mesh_snapshot::{Applies, Key, Kind, Object, Scopes};

use super::authored::Authored;
use super::edits::Edit;

/// Whom the objects of one side are for.
pub(super) struct Whom<'b> {
    side: &'b Authored<'b>,
    scopes: Scopes<'b>,
    /// By client policy, where it is not for all who see the host (`DestinationRule.workloadSelector`): of which namespaces it
    /// is for whom.
    selected: BTreeMap<Key, BTreeSet<(String, Labels)>>,
}

impl<'b> Whom<'b> {
    pub(super) fn of(side: &'b Authored<'b>) -> Self {
        let snapshot = &side.bundle.snapshot;
        let mut selected: BTreeMap<Key, BTreeSet<_>> = BTreeMap::new();
        for (view, contents) in snapshot.names().iter().filter(|(key, _)| key.kind == Kind::Egress)
        {
            for digest in contents {
                let Some(Object::Egress(egress)) = snapshot.object(digest) else { continue };
                for overlay in egress.overlays {
                    let Some(Object::HostSet(set)) = snapshot.object(&overlay.hosts.digest) else {
                        continue;
                    };
                    for policy in set.hosts.into_values().filter_map(|host| host.policy) {
                        let whom = (view.namespace.to_string(), overlay.labels.clone());
                        selected.entry(policy.key).or_default().insert(whom);
                    }
                }
            }
        }
        Self { side, scopes: snapshot.scopes(), selected }
    }

    /// The client policies and views of both sides that are for others there than here.
    pub(super) fn moved<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = &'s Key> {
        let views = self.scopes.keys().copied().filter(|key| self.selects(key, other));
        let keys: BTreeSet<_> =
            self.selected.keys().chain(other.selected.keys()).chain(views).collect();
        let is_on_both = |key: &Key| self.has(key) && other.has(key);
        let differs = |key: &Key| {
            self.selected.get(key) != other.selected.get(key)
                || self.scopes.get(key) != other.scopes.get(key)
        };
        keys.into_iter().filter(move |key| is_on_both(key) && differs(key))
    }

    /// Whether it is a view that an author has for some workloads on either side (`Sidecar.workloadSelector`). Of others it
    /// follows from the namespaces that there are whom they are for.
    pub(super) fn selects(&self, key: &Key, other: &Self) -> bool {
        let is_for_some = |side: &Self| {
            let scope = side.scopes.get(key).into_iter().flatten();
            scope.into_iter().any(|(_, applies)| matches!(applies, Applies::Selected(_)))
        };
        let is_written = |side: &Self| side.side.place(key, "").is_some();
        key.kind == Kind::Egress
            && (is_written(self) && is_written(other))
            && (is_for_some(self) || is_for_some(other))
    }

    fn has(&self, key: &Key) -> bool {
        self.side.has(key)
    }

    /// `None` where it is not said.
    fn words(&self, key: &Key) -> Option<String> {
        let all: Vec<_> = if let Some(selected) = self.selected.get(key) {
            let applies = |labels: &Labels| Applies::Selected(vec![labels.clone()]);
            selected.iter().map(|(of, labels)| words(Some(of), &applies(labels))).collect()
        } else {
            let all = self.scopes.get(key)?;
            // A gateway is for whom it selects, in whatever namespace; one that sees it otherwise has it once more.
            let is_of_mesh = key.kind == Kind::Gateway && all.iter().any(|(of, _)| of.is_none());
            let own = all.iter().filter(|(of, _)| !is_of_mesh || of.is_none());
            own.map(|(of, applies)| words(*of, applies)).collect()
        };
        Some(all.join(", "))
    }
}

/// Where that is not the same on both sides, as of an object that is new or gone.
pub(super) fn edit(key: &Key, before: &Whom<'_>, after: &Whom<'_>) -> Option<Edit> {
    // A service is for those who serve it, which it says of its endpoints.
    let is_of_one = key.kind != Kind::Service && before.has(key) != after.has(key);
    let is_selected = before.selected.contains_key(key) || after.selected.contains_key(key);
    let words = |side: &Whom<'_>| {
        let all = || (is_selected && side.has(key)).then(|| "all workloads".to_owned());
        side.words(key).or_else(all)
    };
    let (before, after) = (words(before), words(after));
    let is_told = is_selected || is_of_one || (before.is_some() && after.is_some());
    (is_told && before != after).then(|| Edit { path: "for".to_owned(), before, after })
}

/// `workloads of shop with app: web`.
fn words(namespace: Option<&str>, applies: &Applies) -> String {
    let of = namespace.map_or_else(|| " of the mesh".to_owned(), |name| format!(" of {name}"));
    match applies {
        Applies::All => format!("all workloads{of}"),
        Applies::Selected(sets) => {
            let label = |(name, value): (&String, &String)| format!("{name}: {value}");
            let set = |labels: &Labels| labels.iter().map(label).collect::<Vec<_>>().join(", ");
            let sets: Vec<_> = sets.iter().map(set).collect();
            format!("workloads{of} with {}", sets.join(" or "))
        }
        Applies::Gateways(names) => {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            format!("gateways{of}: {}", names.join(", "))
        }
        Applies::Addressed(addresses) => {
            let all: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            format!("workloads{of} at {}", all.join(", "))
        }
    }
}
