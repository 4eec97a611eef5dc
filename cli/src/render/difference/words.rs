//! What is said of a difference as a whole.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::difference::{Change, Changed, Difference, Edit, Effect, Item, Pods, Viewers};
use crate::render::counts::counted;

pub(super) const WORKLOAD: &str = "workload";
pub(super) const NAMESPACE: &str = "namespace";

/// How many workloads, or others of which there may be many, are named in a line.
const NAMED_MAX: usize = 6;

/// How many groups of workloads are told apart.
pub(super) const GROUPS_MAX: usize = 20;

/// `1 added, 0 removed, 2 changed`.
pub(super) fn objects(difference: &Difference) -> String {
    let count = |change| {
        let written = difference.objects.iter().filter(|object| object.is_written);
        written.filter(|object| object.change == change).count()
    };
    let (added, removed) = (count(Change::Added), count(Change::Removed));
    format!("{added} added, {removed} removed, {} changed", count(Change::Changed))
}

/// `servers[0], as seen from edge`: what part of an object it is, and for whom where others have it otherwise.
pub(super) fn part(item: &Item) -> String {
    let (as_seen, namespaces) = match &item.viewers {
        Viewers::All => return item.name.clone(),
        Viewers::Of(namespaces) => ("as seen from", namespaces),
        Viewers::AllBut(namespaces) => ("except as seen from", namespaces),
    };
    let namespaces = named(namespaces.iter().map(String::as_str));
    format!("{}, {as_seen} {namespaces}", item.name)
}

/// In place of a value that is no longer there.
pub(super) const GONE: &str = "no longer set";

/// How many parts are told of what is new or gone, and how many values of each. Of what changed all are.
const WHOLE_MAX: usize = 20;

/// How much is told of a value of such a part, in characters: a key set or a program may stand there.
const VALUE_MAX: usize = 300;

/// Those of the edits that are told, and that there are more.
pub(super) fn edits(of: Change, edits: &[Edit]) -> (&[Edit], Option<String>) {
    bounded(of, edits)
}

/// Those of the parts.
pub(super) fn items(object: &Changed) -> (&[Item], Option<String>) {
    bounded(object.change, &object.items)
}

fn bounded<T>(of: Change, all: &[T]) -> (&[T], Option<String>) {
    let most = if of == Change::Changed { all.len() } else { WHOLE_MAX.min(all.len()) };
    let (told, rest) = all.split_at(most);
    (told, (!rest.is_empty()).then(|| format!("… and {} more", rest.len())))
}

/// A value, or its beginning. Who may call is told in full, and what differs between two values.
pub(super) fn value<'v>(edit: &Edit, of: Change, value: &'v str) -> Cow<'v, str> {
    let is_whole = of == Change::Changed || edit.path.is_empty() || edit.path == "for";
    if is_whole { value.into() } else { beginning(value) }
}

/// A value, as far as it is told.
pub(super) fn beginning(value: &str) -> Cow<'_, str> {
    match value.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()).into(),
        None => value.into(),
    }
}

/// How many of the workloads something differs for, beside those that come or leave: some load only what is for others.
pub(super) fn concerned(difference: &Difference) -> usize {
    let of = &difference.workloads;
    let those = |are_theirs: bool| -> BTreeSet<&String> {
        let effects = difference.effects.iter().filter(|it| it.is_theirs == are_theirs);
        effects.flat_map(|effect| &effect.workloads).collect()
    };
    // Of some something differs for single pods alone.
    let spared: BTreeSet<_> = &those(false) - &those(true);
    let changed = of.changed.iter().filter(|name| !spared.contains(name));
    let changed: BTreeSet<_> = changed.chain(with_other_pods(difference)).collect();
    of.added.len() + of.removed.len() + changed.len()
}

/// How many of their edits are told: a view may lose hosts by the thousand.
pub(super) const EDITS_MAX: usize = 12;

/// What differs for some workloads.
pub(super) struct Said<'d> {
    /// `shop/frontpage-v1, shop/reviews-v1`.
    pub whom: String,
    /// `VirtualService shop/reviews`.
    pub what: String,
    pub edits: &'d [Edit],
    /// How many more there are.
    pub left: usize,
}

/// A line for each group of workloads for which something changes, and what that is.
pub(super) fn workloads(difference: &Difference) -> Vec<(String, Vec<Said<'_>>)> {
    let of = &difference.workloads;
    let mut lines = Vec::new();
    for (names, one, several) in [(&of.added, "joins", "join"), (&of.removed, "leaves", "leave")] {
        if !names.is_empty() {
            let verb = if names.len() == 1 { one } else { several };
            let names_shown = named(names.iter().map(String::as_str));
            lines.push((
                format!("{} {verb}: {names_shown}", counted(names.len(), WORKLOAD)),
                Vec::new(),
            ));
        }
    }
    if !difference.pods.is_empty() {
        let said: Vec<_> = difference.pods.iter().take(GROUPS_MAX).map(pods).collect();
        let more = difference.pods.get(said.len()..).unwrap_or_default();
        let more = more.iter().flat_map(|it| &it.workloads);
        let line =
            format!("{} with other pods", counted(with_other_pods(difference).count(), WORKLOAD));
        lines.push((line, with_others(said, more, "their pods, in other ways")));
    }
    if of.changed.is_empty() && difference.effects.is_empty() {
        return lines;
    }
    let verb = if of.changed.len() == 1 { "has" } else { "have" };
    let line = format!("{} {verb} something to load", counted(of.changed.len(), WORKLOAD));
    let said: Vec<_> =
        difference.effects.iter().take(GROUPS_MAX).map(|it| said(it, difference)).collect();
    let more = difference.effects.get(said.len()..).unwrap_or_default();
    let more = more.iter().flat_map(|effect| &effect.workloads);
    lines.push((line, with_others(said, more, "other parts of the above")));
    lines
}

/// The groups that are told apart, and in a line all the others.
fn with_others<'d>(
    mut said: Vec<Said<'d>>,
    others: impl Iterator<Item = &'d String>,
    what: &str,
) -> Vec<Said<'d>> {
    let mut others = others.map(String::as_str).peekable();
    if others.peek().is_some() {
        said.push(Said { whom: named(others), what: what.to_owned(), edits: &[], left: 0 });
    }
    said
}

fn pods(of: &Pods) -> Said<'_> {
    let what = if of.workloads.len() == 1 { "its pods" } else { "their pods" };
    let whom = named(of.workloads.iter().map(String::as_str));
    Said { whom, what: what.to_owned(), ..told(&of.edits) }
}

fn said<'d>(effect: &'d Effect, difference: &Difference) -> Said<'d> {
    let called = effect.objects.iter().filter_map(|key| difference.names.get(key));
    let objects: BTreeSet<_> = called.collect();
    let what = match (objects.is_empty(), effect.edits.is_empty()) {
        (false, _) => named(objects.into_iter().map(String::as_str)),
        (true, false) => "what they see".to_owned(),
        (true, true) if !effect.is_theirs => "nothing that counts for them".to_owned(),
        (true, true) => "hosts that came or left, or how a host is ruled".to_owned(),
    };
    let whom = named(effect.workloads.iter().map(String::as_str));
    Said { whom, what, ..told(&effect.edits) }
}

/// As many edits as are told of a group.
fn told(edits: &[Edit]) -> Said<'_> {
    let (edits, rest) = edits.split_at(edits.len().min(EDITS_MAX));
    Said { whom: String::new(), what: String::new(), edits, left: rest.len() }
}

fn with_other_pods(difference: &Difference) -> impl Iterator<Item = &String> {
    difference.pods.iter().flat_map(|it| &it.workloads)
}

pub(super) fn unchanged(difference: &Difference) -> String {
    let others: BTreeSet<_> = with_other_pods(difference).collect();
    let unchanged = difference.workloads.unchanged.iter().filter(|it| !others.contains(it)).count();
    let verb = if unchanged == 1 { "stays as it is" } else { "stay as they are" };
    format!("{} {verb}", counted(unchanged, WORKLOAD))
}

pub(super) fn named<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<_> = names.collect();
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", names.join(", "))
}
