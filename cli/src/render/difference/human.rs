//! For people at a terminal.
//!
//! ```text
//! ~ VirtualService shop/reviews          shop/reviews.yaml:118
//!     ~ http[1]                          shop/reviews.yaml:139
//!         backends[reviews.shop v1].weight: 90 → 80
//! + AuthorizationPolicy shop/no-admin    shop/deny.yaml:4
//!     action: deny
//!     + rules[0]                         shop/deny.yaml:9
//!         to path /admin*
//! + Sidecar web/default                  web/sidecar.yaml:1
//!
//! 2 added, 0 removed, 1 changed
//! 3 workloads have something to load
//!     shop/frontpage-v1, shop/reviews-v1: VirtualService shop/reviews
//!     web/ui: Sidecar web/default
//!         no longer sees: frontpage.shop.svc.cluster.local
//!         no longer sees: reviews.shop.svc.cluster.local
//! 6 workloads stay as they are
//! ```

use std::fmt::Write;

use mesh_snapshot::Location;

use super::words;
use crate::difference::{Change, Difference, Edit};
use crate::render::{Paint, Table};

pub(crate) fn human(difference: &Difference, paint: Paint) -> String {
    if difference.is_empty() {
        return format!("nothing differs: both are {}\n", difference.after);
    }
    let mut table = Table::default();
    for object in difference.objects.iter().filter(|object| object.is_written) {
        let place = object.after.as_ref().or(object.before.as_ref());
        table.row([mark(object.change, &object.called(), paint), dim(place, paint)]);
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
    let table = table.to_string();
    let gap = if table.is_empty() { "" } else { "\n" };
    let mut text = format!("{table}{gap}{}\n", words::objects(difference));
    for (line, effects) in words::workloads(difference) {
        text = text + &line + "\n";
        for effect in effects {
            text = text + "    " + &effect.whom + ": " + &effect.what + "\n";
            for edit in effect.edits {
                text = text + "        " + &edited(edit, paint) + "\n";
            }
            if effect.left > 0 {
                let _ = writeln!(text, "        … and {} more", effect.left);
            }
        }
    }
    let unchanged = words::unchanged(difference);
    text + &paint.dim(&unchanged) + "\n"
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
