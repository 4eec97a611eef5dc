//! For people at a terminal.
//!
//! ```text
//! ~ VirtualService shop/reviews          shop/reviews.yaml:118
//!     ~ http[1]                          shop/reviews.yaml:139
//!         backends[reviews.shop v1].weight: 90 → 80
//! + AuthorizationPolicy shop/no-admin    shop/deny.yaml:4
//!     action: deny
//!     for: all workloads of shop
//!     + rules[0]                         shop/deny.yaml:9
//!         to path /admin*
//! + Sidecar web/default                  web/sidecar.yaml:1
//!     outboundTrafficPolicy: registryOnly
//!     sees: ui.web.svc.cluster.local
//!     for: all workloads of web
//!
//! 2 added, 0 removed, 1 changed
//! ⚠ shop/ratings-v1: requests are let in that policies refused
//! policies cease to hold for 1 workload, policies begin to hold for 6 workloads
//!     shop/ratings-v1
//!         no longer under AuthorizationPolicy shop/ratings (ALLOW: from principal cluster.local/ns/shop/sa/reviews)
//! 3 workloads have something to load
//!     shop/frontpage-v1, shop/reviews-v1: VirtualService shop/reviews
//!     web/ui: Sidecar web/default
//!         no longer sees: frontpage.shop.svc.cluster.local
//!         no longer sees: reviews.shop.svc.cluster.local
//! 6 workloads stay as they are
//! ```

use mesh_snapshot::Location;

use super::{danger, held, words};
use crate::difference::{Change, Difference, Edit, Turn};
use crate::render::placed::{Line, put, put_all};
use crate::render::plain::plain;
use crate::render::{Paint, Terminal};

pub(crate) fn human(difference: &Difference, terminal: &Terminal) -> String {
    let mut text = String::new();
    if difference.is_empty() {
        put(&mut text, 0, &format!("nothing differs: both are {}", difference.after), terminal);
        return text;
    }
    let rows = rows(difference, terminal.paint);
    put_all(&mut text, &rows, terminal);
    if !rows.is_empty() {
        text.push('\n');
    }
    put(&mut text, 0, &words::objects(difference), terminal);
    for line in danger::lines(difference) {
        let line = format!("{} {line}", danger::WARNING);
        put(&mut text, 0, &terminal.paint.removed(&line), terminal);
    }
    put_held(&mut text, difference, terminal);
    for (line, effects) in words::workloads(difference) {
        put(&mut text, 0, &line, terminal);
        for effect in effects {
            put(&mut text, 4, &format!("{}: {}", effect.whom, effect.what), terminal);
            for edit in effect.edits {
                put(&mut text, 8, &edited(edit, Change::Changed, terminal.paint), terminal);
            }
            if effect.left > 0 {
                put(&mut text, 8, &format!("… and {} more", effect.left), terminal);
            }
        }
    }
    put(&mut text, 0, &terminal.paint.dim(&words::unchanged(difference)), terminal);
    text
}

/// For whom policies begin or cease to hold.
fn put_held(text: &mut String, difference: &Difference, terminal: &Terminal) {
    let Some(verdict) = held::verdict(difference) else { return };
    put(text, 0, &terminal.paint.bold(&verdict), terminal);
    for group in held::groups(difference) {
        put(text, 4, &plain(&group.whom), terminal);
        for (turn, said) in &group.holds {
            let said = plain(said);
            let painted = match turn {
                Turn::Ceases => terminal.paint.removed(&said),
                Turn::Begins => terminal.paint.added(&said),
            };
            put(text, 8, &painted, terminal);
        }
        if group.left > 0 {
            put(text, 8, &format!("… and {} more", group.left), terminal);
        }
    }
}

/// A line for each object, for each part of it, and for each value.
fn rows(difference: &Difference, paint: Paint) -> Vec<Line> {
    let mut rows = Vec::new();
    let row = |indent, said, place| Line { lead: " ".repeat(indent), said, place };
    let put_edits = |rows: &mut Vec<Line>, indent, change, edits| {
        let (told, left) = words::edits(change, edits);
        rows.extend(told.iter().map(|edit| row(indent, edited(edit, change, paint), None)));
        rows.extend(left.map(|left| row(indent, left, None)));
    };
    for object in difference.objects.iter().filter(|object| object.is_written) {
        let place = object.after.as_ref().or(object.before.as_ref()).map(shown);
        let said = mark(object.change, &object.called(), paint);
        rows.push(row(0, said, place));
        put_edits(&mut rows, 4, object.change, &object.edits);
        let (items, left) = words::items(object);
        for item in items {
            let place = item.place.as_ref().map(shown);
            rows.push(row(4, mark(item.change, &words::part(item), paint), place));
            put_edits(&mut rows, 8, item.change, &item.edits);
        }
        rows.extend(left.map(|left| row(4, left, None)));
    }
    rows
}

fn mark(change: Change, name: &str, paint: Paint) -> String {
    let name = plain(name);
    match change {
        Change::Added => paint.added(&format!("+ {name}")),
        Change::Removed => paint.removed(&format!("- {name}")),
        Change::Changed => paint.bold(&format!("~ {name}")),
    }
}

fn edited(edit: &Edit, of: Change, paint: Paint) -> String {
    let value = |value: &Option<String>| {
        let value = value.as_deref().unwrap_or_default();
        plain(&words::value(edit, of, value)).into_owned()
    };
    let (before, after) = (value(&edit.before), value(&edit.after));
    let said = match (&edit.before, &edit.after) {
        (Some(_), Some(_)) => format!("{} → {}", paint.removed(&before), paint.added(&after)),
        (Some(_), None) if of == Change::Removed => paint.removed(&before),
        (Some(_), None) => format!("{} → {}", paint.removed(&before), words::GONE),
        (None, _) => paint.added(&after),
    };
    let path = plain(&edit.path);
    if path.is_empty() { said } else { format!("{}: {said}", paint.dim(&path)) }
}

fn shown(place: &Location) -> String {
    plain(&place.to_string()).into_owned()
}
