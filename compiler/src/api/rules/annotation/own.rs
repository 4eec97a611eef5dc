//! Annotations that one of Istio's kinds does not take.

use super::state;
use crate::api::Metadata;
use crate::api::checks::UNENFORCED_FIELD;
use crate::api::istio::DRY_RUN;
use crate::api::rules::checks::FORBIDDEN_ANNOTATION;
use crate::diagnostic::{At, Diagnostic};

/// Istio writes these itself, and trusts them.
const INTERNAL: &[&str] = &[
    "internal.istio.io/parents",
    "internal.istio.io/parent-namespace",
    "internal.istio.io/webhook-always-reject",
];

/// `at` is the resource's root. A dry run is for an AuthorizationPolicy alone, which looks at it itself.
pub(in crate::api) fn check(
    metadata: &Metadata,
    takes_dry_run: bool,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let at = at.field("metadata");
    state::check_labels(metadata, &at, out);
    let at = at.field("annotations");
    for (name, text) in &metadata.annotations {
        out.extend(state::unserved(name, text, &at.field(name)));
        if INTERNAL.contains(&name.as_str()) {
            let found = Diagnostic::new(
                &FORBIDDEN_ANNOTATION,
                at.field(name).key(),
                format!("`{name}` is Istio's own"),
            );
            out.push(found.label("cannot be set by hand"));
        } else if name == DRY_RUN && !takes_dry_run {
            let message = "only an AuthorizationPolicy can be run dry";
            out.push(
                Diagnostic::new(&FORBIDDEN_ANNOTATION, at.field(name).key(), message)
                    .label("not here"),
            );
        }
    }
}

/// What an AuthorizationPolicy says of a dry run.
pub(in crate::api::rules) fn dry_run(metadata: &Metadata) -> Option<&str> {
    metadata.annotations.get(DRY_RUN).map(String::as_str)
}

/// Whether a policy is tried in a dry run.
pub(in crate::api) fn is_tried(metadata: &Metadata) -> bool {
    dry_run(metadata).is_some_and(is_true)
}

/// Whether Go takes a text for a truth value. Source: Go, `strconv.ParseBool`.
pub(in crate::api::rules) fn is_bool(text: &str) -> bool {
    matches!(
        text,
        "1" | "t" | "T" | "TRUE" | "true" | "True" | "0" | "f" | "F" | "FALSE" | "false" | "False"
    )
}

/// Whether Go takes a text for true. Source: Go, `strconv.ParseBool`.
pub(in crate::api::rules) fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "TRUE" | "true" | "True")
}

/// A policy that is tried decides nothing, and nobody hears what it would have decided.
pub(in crate::api::rules) fn report_unrecorded_dry_run(at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = at.field("metadata");
    let at = at.field("annotations");
    let found = Diagnostic::new(
        &UNENFORCED_FIELD,
        at.field(DRY_RUN).key(),
        "the dry run is accepted and has no effect",
    );
    out.push(found.label("not enforced").consequence(
        "the policy refuses nothing and lets nothing in, and what it would have done is not recorded",
    ));
}

/// Where a dry run is asked for; `at` is the resource's root.
pub(in crate::api::rules) fn report_dry_run(message: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = at.field("metadata");
    let at = at.field("annotations");
    out.push(Diagnostic::new(&FORBIDDEN_ANNOTATION, at.field(DRY_RUN).value(), message));
}
