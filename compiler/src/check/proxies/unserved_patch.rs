//! `unserved-patch`: a patch of an `EnvoyFilter` asks for what proxies of this mesh do not do.
//!
//! Patches are recognised by what they ask for ([`crate::resolve::envoy`]): one finding a patch, which says by name what will
//! not happen. What the mesh does without being asked is no finding.

use crate::check::envoy_patch::At;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::envoy::{self, Loss, Patch};

pub(super) static CHECK: Check =
    Check::lint("unserved-patch", Severity::Warning, include_str!("unserved_patch.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for filter in mesh.envoy_filters.iter() {
        for Patch { index, told, .. } in &filter.patches {
            let config = filter.resource.spec.config_patches.get(*index);
            let (Some(loss), Some(config)) = (told, config) else { continue };
            let Some(patch) = &config.patch else { continue };
            let at = At { filter: filter.resource, index: *index, config, patch };
            out.push(report(&CHECK, place(&at, loss), loss.clone()));
        }
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
            Some((name, inner)) => (path, value) = (path.field(name.to_owned()), inner),
            None => return at.place(),
        }
    }
    if value.is_object() || value.is_array() {
        Place::key(at.filter.id, path)
    } else {
        Place::value(at.filter.id, path)
    }
}
