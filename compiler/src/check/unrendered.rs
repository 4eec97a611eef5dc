//! What is not said of files that kustomizations change: names may be others once these are applied.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{
    missing_reference_grant, selector_without_workload, subset_without_instances,
    unknown_export_namespace, unknown_gateway, unknown_grant_namespace, unknown_host,
    unknown_policy_port, unknown_port, unknown_provider, unknown_rule_host, unknown_secret,
    unknown_service_account, unknown_source_namespace, unknown_subset, unknown_webhook_service,
};
use crate::diagnostic::{Check, Diagnostic};
use crate::parse::Parsed;

/// The checks by which a name leads nowhere.
static OF_NAMES: &[&Check] = &[
    &missing_reference_grant::CHECK,
    &selector_without_workload::CHECK,
    &subset_without_instances::CHECK,
    &unknown_export_namespace::CHECK,
    &unknown_gateway::CHECK,
    &unknown_grant_namespace::CHECK,
    &unknown_host::CHECK,
    &unknown_policy_port::CHECK,
    &unknown_port::CHECK,
    &unknown_provider::CHECK,
    &unknown_rule_host::CHECK,
    &unknown_secret::CHECK,
    &unknown_service_account::CHECK,
    &unknown_source_namespace::CHECK,
    &unknown_subset::CHECK,
    &unknown_webhook_service::CHECK,
];

/// Takes back what is said of names in such files, and of names elsewhere that a resource of such a file may have; in its
/// place, that nothing is built of them.
pub(crate) fn hold_back(parsed: &Parsed, out: &mut Vec<Cow<'_, Diagnostic>>) {
    let kustomizations = parsed.kustomizations();
    let changed = parsed.documents().filter(|(_, it)| kustomizations.change(it.file));
    let names: BTreeSet<&str> = changed.filter_map(|(_, it)| it.identity.name.as_deref()).collect();
    let before = out.len();
    out.retain(|found| {
        if names.is_empty() || !OF_NAMES.contains(&found.check) {
            return true;
        }
        let (file, span) = found.place.locate(parsed);
        let text = parsed.source(file).text().get(span.range()).unwrap_or_default();
        let mut parts = text.split(['.', '/', '"', '\'']);
        !kustomizations.change(file) && !parts.any(|part| names.contains(part))
    });
    let report = kustomizations.report(parsed, before - out.len());
    out.extend(report.into_iter().map(Cow::Owned));
}
