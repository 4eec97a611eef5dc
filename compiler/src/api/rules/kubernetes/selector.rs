//! A workload's selector selects its own pods. Source: Kubernetes, "Deployments", "Selector": "`.spec.selector` must match
//! `.spec.template.metadata.labels`, or it will be rejected by the API."

use std::collections::BTreeMap;

use crate::api::kubernetes::LabelSelector;
use crate::api::rules::checks::MISMATCHED_SELECTOR;
use crate::diagnostic::{At, Diagnostic};

/// `at` leads to the workload's `spec`.
pub(super) fn check(
    selector: &LabelSelector,
    labels: &BTreeMap<String, String>,
    kind: &str,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if selector.selects(labels) {
        return;
    }
    let own = at.field("selector");
    let own_labels = own.field("matchLabels");
    let template = at.field("template");
    let metadata = template.field("metadata");
    let of_pods = metadata.field("labels");
    let message = format!("the {kind} does not select the pods that it makes");
    let alone = selector.match_labels.iter().find(|(name, value)| labels.get(*name) != Some(value));
    let found = match alone {
        Some((name, _)) if labels.contains_key(name) => {
            Diagnostic::new(&MISMATCHED_SELECTOR, own_labels.field(name).value(), message)
                .label("selects other pods")
                .also(of_pods.field(name).value(), "its own pods have this")
        }
        Some((name, _)) => {
            Diagnostic::new(&MISMATCHED_SELECTOR, own_labels.field(name).key(), message)
                .label("its own pods have no such label")
                .also(of_pods.key(), "their labels")
        }
        None => Diagnostic::new(&MISMATCHED_SELECTOR, own.field("matchExpressions").key(), message)
            .label("selects other pods")
            .also(of_pods.key(), "the labels of its own pods"),
    };
    // A label that could not be read may be the right one.
    let names = selector.match_labels.keys();
    let names = names.chain(selector.match_expressions.iter().map(|it| &it.key));
    let found = names.fold(found, |found, name| found.supposing(of_pods.field(name).value()));
    out.push(
        found
            .consequence("Kubernetes refuses it, so that nothing runs")
            .help("give the template the labels of the selector"),
    );
}
