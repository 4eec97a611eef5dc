//! No silence: every field that is said to be enforced changes something, and of every other one something is said.
//!
//! `cases/*.yaml` are small repositories. A field in them that is said to be enforced is taken away, or gets another value that
//! the field has somewhere in the cases, until something else is compiled. What cannot be told like this has a line in
//! `exceptions.txt`, and that is held against the facts, too. `refused/*.yaml` are repositories with errors, of which checks speak.

pub(crate) mod case;
mod exception;
pub(crate) mod outcome;
mod site;
mod spoken;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rayon::prelude::*;
use serde_json::Value;

use self::case::Case;
use self::exception::{Exception, Tell};
use self::site::{Field, Site};
use crate::api::field::{FieldState, FieldTable};
use crate::api::schema::{Compiled, all_leaves, compiled};

/// To write their schemas takes its time.
static KINDS: LazyLock<Vec<Compiled>> = LazyLock::new(compiled);

/// By its name, below this folder.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/silence").join(name)
}

#[test]
fn every_enforced_field_changes_what_is_compiled() {
    let cases = case::all("cases");
    let broken: Vec<_> = cases.iter().filter_map(Case::fault).collect();
    assert!(broken.is_empty(), "cases that do not compile:\n{}", broken.join("\n"));
    let sites = site::all(&cases);
    let exceptions = exception::all();
    let exception = |field: &Field| exceptions.iter().find(|it| it.is_for(field));
    let wrong: Vec<_> = enforced()
        .into_par_iter()
        .filter_map(|field| {
            let found = Trial::of(&field, &cases, &sites).fault(exception(&field))?;
            Some(format!("{field}: {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} fields:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_exception_is_for_a_field() {
    let (fields, named) = (enforced(), named());
    let is_known = |it: &&Exception| {
        fields.iter().any(|field| it.is_for(field)) || named.keys().any(|field| it.is_for(field))
    };
    let unknown: Vec<_> = exception::all().into_iter().filter(|it| !is_known(&it)).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// What a check says of a field it says because of the field.
#[test]
fn the_check_of_a_field_speaks_of_it() {
    let cases: Vec<_> = ["cases", "refused"].into_iter().flat_map(case::all).collect();
    let sites = site::all(&cases);
    let exceptions = exception::all();
    let wrong: Vec<_> = named()
        .into_par_iter()
        .filter(|(field, _)| !exceptions.iter().any(|it| it.is_for(field)))
        .filter_map(|(field, check)| {
            let is_told = Trial::of(&field, &cases, &sites).is_told(&Tell::Check(check.to_owned()));
            (!is_told).then(|| format!("{field}: `{check}` does not speak of it"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} fields:\n{}", wrong.len(), wrong.join("\n"));
}

/// All fields with this state, but for those that every kind has.
fn enforced() -> BTreeSet<Field> {
    let is_served = |state| matches!(state, FieldState::Enforced | FieldState::Reported);
    let fields = KINDS.iter().flat_map(|kind| {
        let served = move |path: &String| kind.table.state(path).is_some_and(is_served);
        all_leaves(kind).into_iter().filter(served).map(|path| Field::new(kind, path))
    });
    fields.filter(|field| !field.is_metadata()).collect()
}

/// The lines that leave the word to a check, and which.
fn named() -> BTreeMap<Field, &'static str> {
    let mut found = BTreeMap::new();
    for kind in KINDS.iter() {
        for (path, state) in kind.table.lines() {
            if let FieldState::Named(check) = state {
                found.insert(Field::new(kind, path), check);
            }
        }
    }
    found
}

/// A field, wherever it is set.
struct Trial<'c> {
    cases: &'c [Case],
    sites: &'c [Site],
    /// Values that its schema lists.
    listed: Vec<Value>,
}

impl<'c> Trial<'c> {
    fn of(field: &Field, cases: &'c [Case], sites: &'c BTreeMap<Field, Vec<Site>>) -> Self {
        let sites = sites.get(field).map_or(&[][..], Vec::as_slice);
        let kind = KINDS.iter().find(|kind| field.is_of(kind));
        let listed = kind.map_or_else(Vec::new, |kind| values::listed(kind, field));
        Self { cases, sites, listed }
    }

    /// What is wrong, given what is known of the field.
    fn fault(&self, exception: Option<&Exception>) -> Option<String> {
        match exception.map(|it| &it.tell) {
            None | Some(Tell::Check(_)) if self.sites.is_empty() => Some("in no case".to_owned()),
            None if self.is_told(&Tell::Compiled) => None,
            None => Some(format!("changes nothing in {} places", self.sites.len())),
            Some(_) if self.sites.is_empty() => None,
            Some(_) if self.first().is_told(&Tell::Compiled) => Some("is no exception".to_owned()),
            Some(Tell::Compiled | Tell::Nothing) => None,
            Some(tell) if self.is_told(tell) => None,
            Some(tell) => Some(format!("{tell:?} does not tell")),
        }
    }

    /// Where it is set first. To try an exception everywhere takes its time.
    fn first(&self) -> Self {
        let sites = self.sites.get(..1).unwrap_or_default();
        Self { sites, cases: self.cases, listed: self.listed.clone() }
    }

    /// Whether another value, or none, comes out otherwise somewhere.
    fn is_told(&self, tell: &Tell) -> bool {
        self.sites.iter().any(|site| {
            let Some(case) = self.cases.get(site.case) else { return false };
            let before = case.outcome(tell);
            let others = self.others(site).into_iter().map(Some);
            std::iter::once(None).chain(others).any(|value| {
                let changed = site.with(&case.documents, value);
                outcome::of(&changed, tell).is_some_and(|after| Some(&after) != before.as_ref())
            })
        })
    }

    /// The values that the field has elsewhere, and others that it may have.
    fn others(&self, site: &Site) -> Vec<Value> {
        let mut found = Vec::new();
        let elsewhere = self.sites.iter().map(|other| other.value.clone());
        for other in elsewhere.chain(self.listed.iter().cloned()).chain(values::like(&site.value)) {
            if other != site.value && !found.contains(&other) {
                found.push(other);
            }
        }
        found
    }
}

/// The fields of a document's kind.
pub(crate) fn table_of(document: &Value) -> Option<&'static FieldTable> {
    let kind = site::kind(document);
    KINDS.iter().find(|it| site::name(it.group, it.name) == kind).map(|it| it.table)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
