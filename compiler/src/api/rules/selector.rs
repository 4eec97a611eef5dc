//! Which workloads or resources a policy is for.

use std::collections::BTreeMap;

use super::checks::{CONFLICTING_TARGETS, EMPTY_SELECTOR, INVALID_SELECTOR, INVALID_TARGET_REF};
use crate::api::istio::{Attachment, LabelSelector, TargetReference, WorkloadSelector};
use crate::diagnostic::{At, Diagnostic};

/// A selector by labels, whose labels stand at `at`. `whom` says whom an empty one selects.
pub(super) fn check_labels(
    labels: &BTreeMap<String, String>,
    whom: &str,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for (key, value) in labels {
        if key.is_empty() {
            out.push(Diagnostic::new(
                &INVALID_SELECTOR,
                at.field(key).key(),
                "a selector has a label without a key",
            ));
        } else if key.contains('*') || value.contains('*') {
            let place = if key.contains('*') { at.field(key).key() } else { at.field(key).value() };
            let found = Diagnostic::new(&INVALID_SELECTOR, place, "a selector takes no wildcards");
            out.push(found.label("selects only what is called so"));
        }
    }
    if labels.is_empty() {
        let found = Diagnostic::new(&EMPTY_SELECTOR, at.value(), "the selector has no labels")
            .label("empty");
        out.push(
            found
                .consequence(format!("it selects {whom}"))
                .help("add labels, or leave the selector out"),
        );
    }
}

pub(super) fn check(selector: Option<&WorkloadSelector>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(selector) = selector {
        check_labels(
            &selector.match_labels,
            "every workload of the namespace",
            &at.field("matchLabels"),
            out,
        );
    }
}

/// The same, in the older form.
pub(super) fn check_workloads(
    selector: Option<&LabelSelector>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if let Some(selector) = selector {
        let whom = "every workload of the namespace";
        check_labels(&selector.labels, whom, &at.field("labels"), out);
    }
}

/// The three ways in which a policy names what it is for; `at` is the spec.
pub(super) fn check_targets(of: Attachment<'_>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Attachment { selector, target, targets } = of;
    check(selector, &at.field("selector"), out);
    let set = [
        ("selector", selector.is_some()),
        ("targetRef", target.is_some()),
        ("targetRefs", !targets.is_empty()),
    ];
    let names: Vec<_> = set.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
    if let [first, second, ..] = names.as_slice() {
        let message = format!("`{first}` and `{second}` are both set");
        let found = Diagnostic::new(&CONFLICTING_TARGETS, at.field(second).key(), message)
            .label("one of them");
        out.push(found.also(at.field(first).key(), "or this"));
    }
    if let Some(target) = target {
        check_target(target, &at.field("targetRef"), out);
    }
    let at = at.field("targetRefs");
    for (index, target) in targets.iter().enumerate() {
        check_target(target, &at.index(index), out);
    }
}

fn check_target(target: &TargetReference, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if target.name.is_empty() {
        out.push(Diagnostic::new(
            &INVALID_TARGET_REF,
            at.field("name").value(),
            "the target has no name",
        ));
    }
    if !target.namespace.is_empty() {
        let found = Diagnostic::new(
            &INVALID_TARGET_REF,
            at.field("namespace").key(),
            "a policy is for resources of its own namespace",
        );
        out.push(found.label("remove this"));
    }
    let is_known = matches!(
        (target.group.as_str(), target.kind.as_str()),
        ("" | "core", "Service")
            | ("networking.istio.io", "ServiceEntry")
            | ("gateway.networking.k8s.io", "Gateway" | "GatewayClass")
    );
    if !is_known {
        let group = if target.group.is_empty() { "the core group" } else { &target.group };
        let message = format!("a policy cannot be for a {} of {group}", target.kind);
        let found = Diagnostic::new(&INVALID_TARGET_REF, at.field("kind").value(), message);
        out.push(found.help(
            "targets are Service (group \"\"), ServiceEntry (networking.istio.io), Gateway and GatewayClass (gateway.networking.k8s.io)",
        ));
    }
}
