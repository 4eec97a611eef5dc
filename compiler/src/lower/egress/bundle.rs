//! `HostSets`: many sets in few bundles. A view that differs from everybody's in one set has one bundle of its own, and shares the
//! others; without them each view would list all sets, and views are as many as namespaces.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{HostSets, Object};
use mesh_snapshot::snapshot::Encoded;
use mesh_snapshot::{Digest, Key, Kind, Reference};

use super::super::{Lowering, Perspective};
use super::sets::SetName;

/// Up to so many sets are listed one by one.
const SETS_MAX: usize = 64;

/// Sets by their names.
type Sets<'a> = BTreeMap<SetName<'a>, Reference>;

/// Everybody's sets.
pub(super) enum Bundles<'a> {
    /// There are few.
    None(Sets<'a>),
    /// By number, of so many: what is in each, and what it is called.
    Some { count: usize, all: BTreeMap<usize, (Sets<'a>, Reference)> },
}

impl Bundles<'_> {
    pub(super) fn references(&self) -> Vec<Reference> {
        match self {
            Self::None(sets) => sets.values().cloned().collect(),
            Self::Some { all, .. } => all.values().map(|(_, bundle)| bundle.clone()).collect(),
        }
    }
}

/// The bundle of a set, of so many. It follows from the set alone, so that one more moves no other.
fn number_of((namespace, part): &SetName<'_>, count: usize) -> usize {
    let [first, second, ..] = *Digest::of(format!("{namespace}/{part}").as_bytes()).as_bytes();
    usize::from(u16::from_be_bytes([first, second])) % count
}

fn by_number(sets: Sets<'_>, count: usize) -> BTreeMap<usize, Sets<'_>> {
    let mut all: BTreeMap<usize, Sets<'_>> = BTreeMap::new();
    for (name, set) in sets {
        all.entry(number_of(&name, count)).or_default().insert(name, set);
    }
    all
}

impl<'a> Lowering<'_, 'a> {
    /// Everybody's: as many bundles as there are sets in each, in steps, so that their number seldom changes.
    pub(super) fn bundle(&self, sets: Sets<'a>) -> Bundles<'a> {
        if sets.len() <= SETS_MAX {
            return Bundles::None(sets);
        }
        let count = sets.len().isqrt().next_power_of_two();
        let bundles = by_number(sets, count).into_iter().map(|(number, sets)| {
            let object = bundled(&sets);
            let bundle = self.store.add(key(number, count), &object, &[]);
            (number, (sets, bundle))
        });
        Bundles::Some { count, all: bundles.collect() }
    }

    /// Everybody's, but for those in which a view has another set, or none.
    pub(super) fn rebundle(
        &self,
        common: &Bundles<'a>,
        changed: BTreeMap<SetName<'a>, Option<Reference>>,
        perspective: &Perspective<'_, 'a>,
    ) -> Vec<Reference> {
        let (count, all) = match common {
            Bundles::None(sets) => {
                let mut sets = sets.clone();
                change(&mut sets, changed);
                return sets.into_values().collect();
            }
            Bundles::Some { count, all } => (*count, all),
        };
        let mut by_number: BTreeMap<usize, BTreeMap<_, _>> = BTreeMap::new();
        for (name, set) in changed {
            by_number.entry(number_of(&name, count)).or_default().insert(name, set);
        }
        let numbers: BTreeSet<_> = all.keys().chain(by_number.keys()).copied().collect();
        let bundle = |number| {
            let known = all.get(&number);
            let Some(changed) = by_number.remove(&number) else {
                return known.map(|(_, bundle)| bundle.clone());
            };
            let mut sets = known.map(|(sets, _)| sets.clone()).unwrap_or_default();
            change(&mut sets, changed);
            self.own_bundle(number, count, &sets, known, perspective)
        };
        numbers.into_iter().filter_map(bundle).collect()
    }

    /// The sets of a view of its own, bundled as everybody's are where they are many.
    pub(super) fn bundle_as(
        &self,
        common: &Bundles<'a>,
        sets: Sets<'a>,
        perspective: &Perspective<'_, 'a>,
    ) -> Vec<Reference> {
        match common {
            Bundles::Some { count, all } if sets.len() > SETS_MAX => {
                let own = by_number(sets, *count).into_iter();
                let bundles = own.filter_map(|(number, sets)| {
                    self.own_bundle(number, *count, &sets, all.get(&number), perspective)
                });
                bundles.collect()
            }
            _ => sets.into_values().collect(),
        }
    }

    /// Called as everybody's is where it is the same.
    fn own_bundle(
        &self,
        number: usize,
        count: usize,
        sets: &Sets<'a>,
        known: Option<&(Sets<'a>, Reference)>,
        perspective: &Perspective<'_, 'a>,
    ) -> Option<Reference> {
        if sets.is_empty() {
            return None;
        }
        let encoded = Encoded::of(&bundled(sets));
        let everybodys = known.map(|(_, bundle)| bundle);
        if let Some(same) = everybodys.filter(|it| it.digest == encoded.digest()) {
            return Some(same.clone());
        }
        let key = perspective.key(Kind::HostSets, "", &key(number, count).name);
        Some(self.store.add_encoded(key, encoded, &[]))
    }
}

fn key(number: usize, count: usize) -> Key {
    Key::new(Kind::HostSets, "", format!("hosts-{number}-of-{count}"))
}

fn bundled(sets: &Sets<'_>) -> Object {
    Object::HostSets(HostSets { sets: sets.values().cloned().collect() })
}

fn change<'a>(sets: &mut Sets<'a>, changed: BTreeMap<SetName<'a>, Option<Reference>>) {
    for (name, set) in changed {
        match set {
            Some(set) => drop(sets.insert(name, set)),
            None => drop(sets.remove(&name)),
        }
    }
}
