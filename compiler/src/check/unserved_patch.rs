//! `unserved-patch`: a patch of an `EnvoyFilter` asks for what proxies of this mesh do not do.
//!
//! Patches are recognised by what they ask for ([`crate::resolve::envoy`]): one finding a patch, which says by name what will
//! not happen. What the mesh does without being asked is no finding.

use super::envoy_patch::{self, At};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::envoy::{self, Effect, HeaderEdits, Loss};

pub(super) static CHECK: Check =
    Check::lint("unserved-patch", Severity::Warning, include_str!("unserved_patch.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for patch in envoy_patch::all(mesh).flat_map(|(_, patches)| patches) {
        let loss = match envoy::effect(patch.config) {
            None | Some(Effect::Native(_)) => continue,
            Some(Effect::Lost(loss)) => loss,
            Some(Effect::Headers(edits)) => unmade(&edits),
        };
        out.push(report(&CHECK, place(&patch, &loss), loss));
    }
}

/// Of edits that are understood, and that nothing makes.
pub(super) fn unmade(edits: &HeaderEdits) -> Loss {
    Loss {
        what: format!("headers are not edited: {}", edits.summary()),
        consequence: "they pass as the client and the application wrote them".to_owned(),
        help: Some("write the edits as `headers` of a VirtualService".to_owned()),
        path: vec!["name".to_owned()],
    }
}

pub(super) fn report(check: &'static Check, place: Place, loss: Loss) -> Diagnostic {
    let found = Diagnostic::new(check, place, loss.what).label("does not happen");
    let found = found.consequence(loss.consequence);
    match loss.help {
        Some(help) => found.help(help),
        None => found,
    }
}

/// The token that asks for it, as far as the patch has it.
fn place(at: &At<'_>, loss: &Loss) -> Place {
    let Some(mut value) = at.patch.value.as_ref().map(|value| &value.0) else {
        return at.place();
    };
    if loss.path.is_empty() {
        return at.place();
    }
    let path = FieldPath::default().field("spec").field("configPatches").index(at.index);
    let mut path = path.field("patch").field("value");
    for step in &loss.path {
        match envoy::written(value, step) {
            Some((name, inner)) => (path, value) = (path.field(name), inner),
            None => return at.place(),
        }
    }
    if value.is_object() || value.is_array() {
        Place::key(at.filter.id, path)
    } else {
        Place::value(at.filter.id, path)
    }
}
