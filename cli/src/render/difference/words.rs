//! What is said of a difference as a whole.

use std::collections::BTreeSet;

use crate::difference::{Change, Difference};

/// How many workloads are named in a line.
const NAMED_MAX: usize = 6;

/// `1 added, 0 removed, 2 changed, and 3 views that follow from them`.
pub(super) fn objects(difference: &Difference) -> String {
    let count = |change| {
        let written = difference.objects.iter().filter(|object| !object.is_view());
        written.filter(|object| object.change == change).count()
    };
    let views = difference.objects.iter().filter(|object| object.is_view()).count();
    let views = match views {
        0 => String::new(),
        1 => ", and 1 view that follows from them".to_owned(),
        views => format!(", and {views} views that follow from them"),
    };
    let (added, removed) = (count(Change::Added), count(Change::Removed));
    format!("{added} added, {removed} removed, {} changed{views}", count(Change::Changed))
}

/// A line for each group of workloads for which something changes.
pub(super) fn workloads(difference: &Difference) -> Vec<String> {
    let of = &difference.workloads;
    let groups = [
        (&of.added, "joins", "join"),
        (&of.removed, "leaves", "leave"),
        (&of.changed, "has something to load", "have something to load"),
    ];
    let groups = groups.into_iter().filter(|(names, ..)| !names.is_empty());
    let line = |(names, one, several): (&BTreeSet<String>, _, _)| {
        let verb = if names.len() == 1 { one } else { several };
        format!("{} {verb}: {}", counted(names.len()), named(names))
    };
    groups.map(line).collect()
}

pub(super) fn unchanged(difference: &Difference) -> String {
    let unchanged = difference.workloads.unchanged.len();
    let verb = if unchanged == 1 { "stays as it is" } else { "stay as they are" };
    format!("{} {verb}", counted(unchanged))
}

fn counted(workloads: usize) -> String {
    if workloads == 1 { "1 workload".to_owned() } else { format!("{workloads} workloads") }
}

fn named(names: &BTreeSet<String>) -> String {
    let shown: Vec<_> = names.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMED_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}
