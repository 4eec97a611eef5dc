//! Rules of `EnvoyFilter`.

mod matching;
mod value;

use super::checks::{CONFLICTING_TARGETS, INVALID_ENVOY_PATCH};
use super::{annotation, selector};
use crate::api::Resource;
use crate::api::istio::{ApplyTo, Attachment, ConfigPatch, EnvoyFilter, PatchOperation};
use crate::diagnostic::{At, Diagnostic, Place};

pub(in crate::api) fn check(
    resource: &Resource<EnvoyFilter>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    let selector = at.field("workloadSelector");
    selector::check_workloads(spec.workload_selector.as_ref(), &selector, out);
    let targets = Attachment { targets: &spec.target_refs, ..Attachment::default() };
    selector::check_targets(targets, &at, out);
    if spec.workload_selector.is_some() && !spec.target_refs.is_empty() {
        let message = "`workloadSelector` and `targetRefs` are both set";
        let found = Diagnostic::new(&CONFLICTING_TARGETS, at.field("targetRefs").key(), message);
        out.push(found.label("one of them").also(selector.key(), "or this"));
    }
    let at = at.field("configPatches");
    for (index, patch) in spec.config_patches.iter().enumerate() {
        check_patch(patch, &at.index(index), out);
    }
}

fn fault(place: Place, message: impl Into<String>, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_ENVOY_PATCH, place, message).label(label)
}

fn check_patch(config: &ConfigPatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let apply_to = at.field("applyTo");
    if config.apply_to == ApplyTo::Invalid {
        out.push(fault(
            apply_to.value(),
            "the patch does not say what it changes",
            "missing `applyTo`",
        ));
    }
    if let Some(matched) = &config.r#match {
        matching::check(config.apply_to, matched, &at.field("match"), out);
    }
    let at = at.field("patch");
    let Some(patch) = &config.patch else {
        return out.push(fault(at.value(), "the entry changes nothing", "missing `patch`"));
    };
    if patch.operation == PatchOperation::Invalid {
        let place = at.field("operation").value();
        out.push(fault(place, "the patch does not say what it does", "missing `operation`"));
    }
    match &patch.value {
        Some(value) => {
            value::check(config.apply_to, patch.operation, &value.0, &at.field("value"), out);
        }
        None if patch.operation != PatchOperation::Remove => {
            let message = "the patch has nothing to put there";
            out.push(fault(at.field("value").value(), message, "missing `value`"));
        }
        None => {}
    }
}
