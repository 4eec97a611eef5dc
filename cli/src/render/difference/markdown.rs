//! A comment on a pull request: the verdict in the first line, then what changes, value by value.

use std::fmt::Write as _;

use mesh_snapshot::Location;

use super::held::{self, Turned};
use super::{danger, words};
use crate::difference::{Change, Changed, Difference, Edit, Turn};
use crate::render::markdown::{LENGTH_MAX, code, inline};

/// By which those who post the comment find the one they posted before.
pub(super) const MARK: &str = "<!-- mesh diff -->";

/// How a place is shown, of what is there or of what is gone.
type Shown<'s> = &'s dyn Fn(Change, &Location) -> String;

pub(crate) fn markdown(difference: &Difference, shown: Shown<'_>) -> String {
    let mut text = verdict(difference);
    // Before what a long comment leaves out.
    text.push_str(&dangers(difference));
    text.push_str(&turned(difference));
    let objects: Vec<_> = difference.objects.iter().filter(|it| it.is_written).collect();
    for (before, object) in objects.iter().enumerate() {
        let entry = entry(object, shown);
        if text.len() + entry.len() > LENGTH_MAX {
            let rest = objects.len() - before;
            let _ = write!(text, "\n… and {rest} more: `mesh diff` lists them.\n");
            break;
        }
        text.push_str(&entry);
    }
    if !difference.is_empty() {
        text.push('\n');
        for (line, effects) in words::workloads(difference) {
            let _ = writeln!(text, "- {}", inline(&line));
            let count = effects.len();
            for (shown, effect) in effects.into_iter().enumerate() {
                let mut entry = format!("  - {}: {}\n", inline(&effect.whom), inline(&effect.what));
                edits(&mut entry, 2, Change::Changed, effect.edits);
                if effect.left > 0 {
                    let _ = writeln!(entry, "    - … and {} more", effect.left);
                }
                if text.len() + entry.len() > LENGTH_MAX {
                    let _ = writeln!(text, "  - … and {} more groups", count - shown);
                    break;
                }
                text.push_str(&entry);
            }
        }
        let _ = writeln!(text, "- {}", words::unchanged(difference));
        let _ = write!(text, "\n`{}` → `{}`\n", difference.before, difference.after);
    }
    format!("{text}\n{MARK}\n")
}

fn verdict(difference: &Difference) -> String {
    if difference.is_empty() {
        return format!("### ✔ mesh: nothing changes\n\nBoth are `{}`.\n", difference.after);
    }
    let of = &difference.workloads;
    let all = of.added.len() + of.removed.len() + of.changed.len() + of.unchanged.len();
    let concerned = words::concerned(difference);
    let objects = words::objects(difference);
    let mark =
        if danger::is_grave(difference) { format!("{} ", danger::WARNING) } else { String::new() };
    let held = held::verdict(difference).map(|said| said + "; ").unwrap_or_default();
    format!("### {mark}mesh: {held}{objects}; for {concerned} of {all} workloads\n\n")
}

/// What is dangerous for whom. It is bounded by how many lines there are, and how many are named in each.
fn dangers(difference: &Difference) -> String {
    let mut text = String::new();
    for line in danger::lines(difference) {
        let _ = writeln!(text, "- {} {}", danger::WARNING, inline(&line));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// For whom policies begin or cease to hold, in at most half of the comment.
fn turned(difference: &Difference) -> String {
    let mut text = String::new();
    let groups = held::groups(difference);
    for (shown, group) in groups.iter().enumerate() {
        let entry = turned_group(group);
        if text.len() + entry.len() > LENGTH_MAX / 2 {
            let _ = writeln!(text, "- … and {} more groups", groups.len() - shown);
            break;
        }
        text.push_str(&entry);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

fn turned_group(group: &Turned) -> String {
    let mut text = format!("- {}\n", inline(&group.whom));
    for (turn, said) in &group.holds {
        let mark = match turn {
            Turn::Ceases => "🔴",
            Turn::Begins => "🟢",
        };
        let _ = writeln!(text, "  - {mark} {}", inline(said));
    }
    if group.left > 0 {
        let _ = writeln!(text, "  - … and {} more", group.left);
    }
    text
}

fn entry(object: &Changed, shown: Shown<'_>) -> String {
    let mut text = String::new();
    let place = object.after.as_ref().or(object.before.as_ref());
    let placed = |change, place: Option<&Location>| place.map(|place| shown(change, place));
    line(&mut text, 0, object.change, &object.called(), placed(object.change, place));
    edits(&mut text, 1, object.change, &object.edits);
    let (items, left) = words::items(object);
    for item in items {
        line(
            &mut text,
            1,
            item.change,
            &words::part(item),
            placed(item.change, item.place.as_ref()),
        );
        edits(&mut text, 2, item.change, &item.edits);
    }
    if let Some(left) = left {
        let _ = writeln!(text, "  - {left}");
    }
    text
}

fn line(text: &mut String, depth: usize, change: Change, name: &str, place: Option<String>) {
    let verb = match change {
        Change::Added => "🟢 added",
        Change::Removed => "🔴 removed",
        Change::Changed => "🟡 changed",
    };
    let place = place.map(|place| format!(" ({})", code(&place))).unwrap_or_default();
    let _ = writeln!(text, "{}- {verb} {}{place}", "  ".repeat(depth), code(name));
}

fn edits(text: &mut String, depth: usize, of: Change, edits: &[Edit]) {
    let (told, left) = words::edits(of, edits);
    for edit in told {
        let Edit { path, before, after } = edit;
        let path = if path.is_empty() { String::new() } else { format!("{}: ", code(path)) };
        let value = |value: &str| code(&words::value(edit, of, value));
        let said = match (before, after) {
            (None, after) => value(after.as_deref().unwrap_or_default()),
            (Some(before), None) if of == Change::Removed => value(before),
            (Some(before), after) => {
                let after = after.as_deref().map_or(words::GONE.to_owned(), value);
                format!("{} → {after}", value(before))
            }
        };
        let _ = writeln!(text, "{}- {path}{said}", "  ".repeat(depth));
    }
    if let Some(left) = left {
        let _ = writeln!(text, "{}- {left}", "  ".repeat(depth));
    }
}
