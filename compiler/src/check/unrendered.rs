//! What is not said of files that kustomizations change, and of what charts make: names may be others once these are applied
//! and rendered.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::check::installation::unknown_webhook_service;
use crate::check::names::{
    missing_reference_grant, unknown_export_namespace, unknown_gateway, unknown_grant_namespace,
    unknown_host, unknown_policy_port, unknown_port, unknown_provider, unknown_route_host,
    unknown_rule_host, unknown_secret, unknown_service_account, unknown_source_namespace,
    unknown_subset,
};
use crate::check::workloads::{selector_without_workload, subset_without_instances};
use crate::diagnostic::{Check, Diagnostic, Label, Place, Severity};
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
    &unknown_route_host::CHECK,
    &unknown_rule_host::CHECK,
    &unknown_secret::CHECK,
    &unknown_service_account::CHECK,
    &unknown_source_namespace::CHECK,
    &unknown_subset::CHECK,
    &unknown_webhook_service::CHECK,
];

/// Takes back what is said of names in such files, and of names elsewhere that a resource of such a file or of a chart's
/// template may have; in its place, that nothing is built of them. Where a chart's names depend on values, a name that leads
/// nowhere may be one of them, and is no error.
pub(crate) fn hold_back(parsed: &Parsed, out: &mut Vec<Cow<'_, Diagnostic>>) {
    let kustomizations = parsed.kustomizations();
    let changed = parsed.documents().filter(|(_, it)| kustomizations.change(it.file));
    let names: BTreeSet<&str> = changed.filter_map(|(_, it)| it.identity.name.as_deref()).collect();
    let before = out.len();
    if !names.is_empty() {
        out.retain(|found| {
            let is_of_changed = || kustomizations.change(found.place.file(parsed));
            !OF_NAMES.contains(&found.check)
                || !(is_of_changed() || names_any(parsed, found, &names))
        });
    }
    let changed = before - out.len();
    let (charts, before) = (parsed.charts(), out.len());
    let names = charts.names();
    out.retain(|found| !OF_NAMES.contains(&found.check) || !names_any(parsed, found, &names));
    let made = before - out.len();
    if let Some(chart) = charts.of_unknown_names() {
        let of_names = out.iter_mut().filter(|it| OF_NAMES.contains(&it.check));
        for found in of_names.filter(|it| it.severity == Severity::Error) {
            let warning = found.to_mut();
            warning.severity = Severity::Warning;
            let text = "this chart, which is not rendered, may make it".to_owned();
            warning.others.push(Label { place: Place::File(chart), text });
        }
    }
    let reports = kustomizations.report(parsed, changed).into_iter().chain(charts.report(made));
    out.extend(reports.map(Cow::Owned));
}

/// Whether what a finding points at has a part that is one of the names.
fn names_any(parsed: &Parsed, found: &Diagnostic, names: &BTreeSet<&str>) -> bool {
    let (file, span) = found.place.locate(parsed);
    let text = parsed.source(file).text().get(span.range()).unwrap_or_default();
    let is_name = |part: &str| names.contains(part);
    is_name(text) || text.split(['.', '/', '"', '\'']).any(is_name)
}
