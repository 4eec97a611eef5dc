//! How a difference looks.
//!
//! ```text
//! ~ RouteTable shop/reviews              shop/reviews.yaml:118
//!     ~ http[1]                          shop/reviews.yaml:139
//!         action.backends[reviews.shop v1].weight: 90 → 80
//! + AuthorizationPolicy shop/deny-all    shop/deny.yaml:4
//!
//! 1 added, 0 removed, 1 changed, and 3 views that follow from them
//! 2 workloads have something to load: shop/frontpage-v1, shop/reviews-v1
//! 6 workloads stay as they are
//! ```

use std::collections::BTreeSet;

use mesh_snapshot::Location;
use serde_json::{Value, json};

use super::Paint;
use super::table::Table;
use crate::difference::{Change, Changed, Difference, Edit, Item};

/// How many workloads are named in a line.
const NAMED_MAX: usize = 6;

pub(crate) fn human(difference: &Difference, paint: Paint) -> String {
    if difference.is_empty() {
        return format!("nothing differs: both are {}\n", difference.after);
    }
    let mut table = Table::default();
    for object in difference.objects.iter().filter(|object| !object.is_view()) {
        let place = object.after.as_ref().or(object.before.as_ref());
        table.row([mark(object.change, &object.key.to_string(), paint), dim(place, paint)]);
        for edit in &object.edits {
            table.row([format!("    {}", edited(edit, paint))]);
        }
        for item in &object.items {
            let name = mark(item.change, &item.name, paint);
            table.row([format!("    {name}"), dim(item.place.as_ref(), paint)]);
            for edit in &item.edits {
                table.row([format!("        {}", edited(edit, paint))]);
            }
        }
    }
    format!("{table}\n{}\n{}", objects(difference), workloads(difference, paint))
}

fn mark(change: Change, name: &str, paint: Paint) -> String {
    match change {
        Change::Added => paint.added(&format!("+ {name}")),
        Change::Removed => paint.removed(&format!("- {name}")),
        Change::Changed => paint.bold(&format!("~ {name}")),
    }
}

fn edited(edit: &Edit, paint: Paint) -> String {
    let Edit { path, before, after } = edit;
    let said = match (before, after) {
        (Some(before), Some(after)) => {
            format!("{} → {}", paint.removed(before), paint.added(after))
        }
        (Some(before), None) => format!("{} → not said", paint.removed(before)),
        (None, after) => paint.added(after.as_deref().unwrap_or_default()),
    };
    if path.is_empty() { said } else { format!("{}: {said}", paint.dim(path)) }
}

fn dim(place: Option<&Location>, paint: Paint) -> String {
    place.map_or_else(String::new, |place| paint.dim(&place.to_string()))
}

fn objects(difference: &Difference) -> String {
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

fn workloads(difference: &Difference, paint: Paint) -> String {
    let of = &difference.workloads;
    let groups = [
        (&of.added, "joins", "join"),
        (&of.removed, "leaves", "leave"),
        (&of.changed, "has something to load", "have something to load"),
    ];
    let mut lines = Vec::new();
    for (names, one, several) in groups.into_iter().filter(|(names, ..)| !names.is_empty()) {
        let verb = if names.len() == 1 { one } else { several };
        lines.push(format!("{} {verb}: {}", counted(names.len()), named(names)));
    }
    let verb = if of.unchanged.len() == 1 { "stays as it is" } else { "stay as they are" };
    let unchanged = format!("{} {verb}", counted(of.unchanged.len()));
    lines.push(paint.dim(&unchanged));
    lines.join("\n") + "\n"
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

/// One object, `mesh.diff/v1`. Fields are only ever added to it.
pub(crate) fn json(difference: &Difference) -> Value {
    let of = &difference.workloads;
    json!({
        "schema": "mesh.diff/v1",
        "before": difference.before,
        "after": difference.after,
        "objects": difference.objects.iter().map(object).collect::<Vec<_>>(),
        "workloads": {
            "added": of.added,
            "removed": of.removed,
            "changed": of.changed,
            "unchanged": of.unchanged,
        },
    })
}

fn object(object: &Changed) -> Value {
    json!({
        "kind": object.key.kind.name(),
        "namespace": object.key.namespace,
        "name": object.key.name,
        "change": name(object.change),
        "isView": object.is_view(),
        "before": object.before,
        "after": object.after,
        "edits": edits(&object.edits),
        "items": object.items.iter().map(item).collect::<Vec<_>>(),
    })
}

fn item(item: &Item) -> Value {
    let edits = edits(&item.edits);
    json!({ "item": item.name, "change": name(item.change), "place": item.place, "edits": edits })
}

fn edits(edits: &[Edit]) -> Vec<Value> {
    let edit = |it: &Edit| json!({ "path": it.path, "before": it.before, "after": it.after });
    edits.iter().map(edit).collect()
}

const fn name(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    }
}
