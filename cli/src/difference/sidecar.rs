//! A `Sidecar` is one resource, and two objects where it says anything of what arrives: what its workloads see, and the ports that
//! they open. It is told once, with the ports.

use mesh_snapshot::{Key, Kind};

use super::authored::Authored;
use super::{Change, Changed};

/// `objects` are sorted by their keys.
pub(super) fn join(objects: &mut [Changed], before: &Authored<'_>, after: &Authored<'_>) {
    for at in 0..objects.len() {
        let Some(key) = objects.get(at).filter(|it| it.key.kind == Kind::InboundPorts) else {
            continue;
        };
        let (ports, view) = (key.key.clone(), Key { kind: Kind::Egress, ..key.key.clone() });
        let other = objects.binary_search_by(|it| it.key.cmp(&view)).ok();
        let other = other.and_then(|other| objects.get_mut(other)).filter(|it| it.is_written);
        let edits = other.map(|other| {
            other.is_written = false;
            std::mem::take(&mut other.edits)
        });
        let Some(told) = objects.get_mut(at) else { continue };
        for edit in edits.into_iter().flatten() {
            if !told.edits.contains(&edit) {
                told.edits.push(edit);
            }
        }
        // It may have been there, and have said nothing of ports.
        let place =
            |side: &Authored<'_>| side.place(&ports, "").or_else(|| side.place(&view, "")).cloned();
        (told.before, told.after) = (place(before), place(after));
        if told.before.is_some() && told.after.is_some() {
            told.change = Change::Changed;
        }
    }
}
