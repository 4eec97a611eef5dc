//! Rules of `Telemetry`.

use super::checks::{INEFFECTIVE_TELEMETRY, INVALID_TELEMETRY};
use super::{annotation, cel, duration, selector, share};
use crate::api::Resource;
use crate::api::istio::{
    AccessLogging, Attached, CustomTag, MetricsRule, ProviderRef, TagOperation, TagOverride,
    Telemetry, TracingRule,
};
use crate::diagnostic::{At, Diagnostic, Place};

pub(in crate::api) fn check(
    resource: &Resource<Telemetry>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check_targets(spec.attachment(), &at, out);
    check_tracing(&spec.tracing, &at.field("tracing"), out);
    let metrics = at.field("metrics");
    for (index, rule) in spec.metrics.iter().enumerate() {
        check_metrics(rule, &metrics.index(index), out);
    }
    let logs = at.field("accessLogging");
    for (index, log) in spec.access_logging.iter().enumerate() {
        check_log(log, &logs.index(index), out);
    }
}

fn fault(place: Place, message: impl Into<String>, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_TELEMETRY, place, message).label(label)
}

/// `at` is what has the providers.
fn check_providers(providers: &[ProviderRef], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = at.field("providers");
    for (index, _) in providers.iter().enumerate().filter(|(_, it)| it.name.is_empty()) {
        let place = at.index(index).field("name").value();
        out.push(fault(place, "a provider has no name", "needs a name"));
    }
}

fn check_tracing(rules: &[TracingRule], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if rules.len() > 1 {
        let message = "multiple `tracing` rules are not supported";
        let found = Diagnostic::new(&INEFFECTIVE_TELEMETRY, at.index(1).value(), message);
        let found = found.label("has no effect").also(at.index(0).value(), "only this one counts");
        out.push(found.consequence("requests are traced by the first rule alone"));
    }
    for (index, rule) in rules.iter().enumerate() {
        let at_rule = at.index(index);
        check_providers(&rule.providers, &at_rule, out);
        if rule.providers.len() > 1 {
            let providers = at_rule.field("providers");
            let message = "multiple providers of traces are not supported";
            let found =
                Diagnostic::new(&INEFFECTIVE_TELEMETRY, providers.index(1).value(), message);
            out.push(
                found
                    .label("gets no spans")
                    .also(providers.index(0).value(), "only this one does")
                    .consequence("traces of requests are missing there"),
            );
        }
        if let Some(percent) = rule.random_sampling_percentage {
            share::check(percent, &at_rule.field("randomSamplingPercentage"), out);
        }
        let tags = at_rule.field("customTags");
        for (name, tag) in &rule.custom_tags {
            check_tag(name, tag, &tags.field(name), out);
        }
    }
}

fn check_tag(name: &str, tag: &CustomTag, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if name.is_empty() {
        out.push(fault(at.key(), "a tag has no name", "needs a name"));
    }
    let sources = [
        ("literal", "value", tag.literal.as_ref().map(|it| &it.value)),
        ("environment", "name", tag.environment.as_ref().map(|it| &it.name)),
        ("header", "name", tag.header.as_ref().map(|it| &it.name)),
        ("formatter", "value", tag.formatter.as_ref().map(|it| &it.value)),
    ];
    let set: Vec<_> =
        sources.iter().filter_map(|(name, field, text)| Some((*name, *field, (*text)?))).collect();
    for (source, field, _) in set.iter().filter(|(_, _, text)| text.is_empty()) {
        let place = at.field(source).field(field).value();
        out.push(fault(place, format!("the {field} of a tag is empty"), "empty"));
    }
    if let [(first, ..), (second, ..), ..] = set.as_slice() {
        let message = format!("`{first}` and `{second}` are both set");
        let found = fault(at.field(second).key(), message, "one of them");
        out.push(found.also(at.field(first).key(), "or this"));
    }
}

fn check_metrics(rule: &MetricsRule, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    check_providers(&rule.providers, at, out);
    duration::check(rule.reporting_interval, &at.field("reportingInterval"), out);
    let overrides = at.field("overrides");
    for (index, change) in rule.overrides.iter().enumerate() {
        let at = overrides.index(index);
        if let Some(selected) = &change.r#match {
            let at = at.field("match");
            let custom = at.field("customMetric");
            if selected.custom_metric.as_deref() == Some("") {
                out.push(fault(custom.value(), "a metric has no name", "needs a name"));
            }
            if selected.metric.is_some() && selected.custom_metric.is_some() {
                let found =
                    fault(custom.key(), "`metric` and `customMetric` are both set", "one of them");
                out.push(found.also(at.field("metric").key(), "or this"));
            }
        }
        let tags = at.field("tagOverrides");
        for (name, tag) in &change.tag_overrides {
            check_tag_override(name, tag, &tags.field(name), out);
        }
    }
}

fn check_tag_override(name: &str, tag: &TagOverride, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let value = at.field("value");
    if name.is_empty() {
        out.push(fault(at.key(), "a tag has no name", "needs a name"));
    }
    match tag.operation {
        TagOperation::Upsert if tag.value.is_empty() => {
            let message = "a `value` must be set when the operation is `UPSERT`";
            out.push(fault(value.value(), message, "needs `value`"));
        }
        TagOperation::Upsert => cel::check(&tag.value, &value, out),
        TagOperation::Remove if !tag.value.is_empty() => {
            let message = "a `value` must not be set when the operation is `REMOVE`";
            let found = fault(value.key(), message, "remove this");
            out.push(found.also(at.field("operation").value(), "the tag is dropped"));
        }
        TagOperation::Remove => {}
    }
}

fn check_log(log: &AccessLogging, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    check_providers(&log.providers, at, out);
    if let Some(filter) = &log.filter {
        let at = at.field("filter");
        cel::check(&filter.expression, &at.field("expression"), out);
    }
}
