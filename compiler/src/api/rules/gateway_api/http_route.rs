//! Rules of `HTTPRoute`.

use super::super::checks::INVALID_HTTP_ROUTE;
use super::{filter, matching, name, reference, session};
use crate::api::Resource;
use crate::api::checks::UNENFORCED_FIELD;
use crate::api::gateway_api::{HttpBackendRef, HttpRoute, HttpRouteRule};
use crate::diagnostic::{At, Diagnostic, Place};

/// The most of each. Source: the schema's `maxItems`.
const RULES_MAX: usize = 16;
const HOSTNAMES_MAX: usize = 16;
const MATCHES_MAX: usize = 128;
const RULE_MATCHES_MAX: usize = 64;
pub(super) const WEIGHT_MAX: i32 = 1_000_000;

pub(in crate::api) fn check(
    resource: &Resource<HttpRoute>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    check_spec(&resource.spec, &root.field("spec"), out);
}

/// The rules that all routes of requests share.
pub(super) fn check_spec(spec: &HttpRoute, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    reference::check_parents(&spec.parent_refs, &at.field("parentRefs"), out);
    let hostnames = at.field("hostnames");
    for (index, hostname) in spec.hostnames.iter().enumerate() {
        name::check_hostname(hostname, true, &hostnames.index(index), out);
    }
    let matches = spec.rules.iter().map(|rule| rule.matches.len()).sum();
    let limits = [
        ("hostnames", spec.hostnames.len(), HOSTNAMES_MAX, "host names"),
        ("rules", spec.rules.len(), RULES_MAX, "rules"),
        ("rules", matches, MATCHES_MAX, "matches in all its rules"),
    ];
    for (field, count, max, what) in limits {
        if count > max {
            out.push(fault(
                at.field(field).key(),
                format!("the route has {count} {what}"),
                &format!("at most {max}"),
            ));
        }
    }
    let rules = at.field("rules");
    for (index, rule) in spec.rules.iter().enumerate() {
        check_rule(rule, &rules.index(index), out);
        let first = spec
            .rules
            .iter()
            .take(index)
            .position(|first| first.name.is_some() && first.name == rule.name);
        if let Some(first) = first {
            let place = |index: usize| rules.index(index).field("name").value();
            out.push(
                fault(place(index), "two rules have the same name".into(), "again")
                    .also(place(first), "first here"),
            );
        }
    }
}

pub(super) fn fault(place: Place, message: String, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_HTTP_ROUTE, place, message).label(label)
}

fn check_rule(rule: &HttpRouteRule, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    name::check_section(rule.name.as_deref(), &at.field("name"), out);
    if rule.matches.len() > RULE_MATCHES_MAX {
        let message = format!("the rule has {} matches", rule.matches.len());
        out.push(fault(at.field("matches").key(), message, "at most 64"));
    }
    let matches = at.field("matches");
    for (index, test) in rule.matches.iter().enumerate() {
        matching::check(test, &matches.index(index), out);
    }
    filter::check_all(&rule.filters, &rule.matches, &at.field("filters"), out);
    let redirect = rule.filters.iter().position(|filter| filter.request_redirect.is_some());
    if let Some(redirect) = redirect.filter(|_| !rule.backend_refs.is_empty()) {
        let found = fault(
            at.field("backendRefs").key(),
            "requests are redirected, and so reach no backend".into(),
            "never reached",
        );
        let filters = at.field("filters");
        out.push(found.also(filters.index(redirect).value(), "redirected here"));
    }
    let backends = at.field("backendRefs");
    for (index, backend) in rule.backend_refs.iter().enumerate() {
        check_backend(backend, rule, &backends.index(index), out);
    }
    check_time(rule, at, out);
}

fn check_backend(
    backend: &HttpBackendRef,
    rule: &HttpRouteRule,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    reference::check_backend(&backend.object(), at, out);
    if let Some(weight) = backend.weight.filter(|weight| !(0..=WEIGHT_MAX).contains(weight)) {
        out.push(fault(
            at.field("weight").value(),
            format!("`{weight}` is no weight"),
            "0 to 1000000",
        ));
    }
    filter::check_all(&backend.filters, &rule.matches, &at.field("filters"), out);
    if rule.backend_refs.len() > 1 {
        check_one_of_several(backend, &at.field("filters"), out);
    }
}

/// What becomes of a request is decided before the backend is picked, unless there is only one.
fn check_one_of_several(backend: &HttpBackendRef, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, filter) in backend.filters.iter().enumerate() {
        let fields = [
            ("urlRewrite", filter.url_rewrite.is_some(), "rewritten"),
            ("requestRedirect", filter.request_redirect.is_some(), "redirected"),
        ];
        for (field, _, verb) in fields.into_iter().filter(|(_, is_set, _)| *is_set) {
            let message = format!("`{field}` of one backend of several has no effect");
            let at = at.index(index);
            out.push(
                Diagnostic::new(&UNENFORCED_FIELD, at.field(field).key(), message)
                    .label("not enforced")
                    .consequence(format!("requests to this backend alone are not {verb}"))
                    .help("put the filter at the rule, or split the rule"),
            );
        }
    }
}

fn check_time(rule: &HttpRouteRule, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let timeouts = at.field("timeouts");
    if let (Some(request), Some(backend)) = (rule.timeouts.request, rule.timeouts.backend_request)
        && request.duration().nanos() != 0
        && backend > request
    {
        let message = "one attempt may last longer than all of them together";
        let found = fault(timeouts.field("backendRequest").value(), message.into(), "longer");
        out.push(found.also(timeouts.field("request").value(), "than this"));
    }
    if let Some(persistence) = &rule.session_persistence {
        session::check(persistence, &at.field("sessionPersistence"), out);
    }
    let Some(retry) = &rule.retry else { return };
    let at = at.field("retry");
    if let Some(attempts) = retry.attempts.filter(|attempts| *attempts < 1) {
        out.push(fault(
            at.field("attempts").value(),
            format!("`{attempts}` retries are none"),
            "1 or more",
        ));
    }
    let codes = at.field("codes");
    for (index, code) in
        retry.codes.iter().enumerate().filter(|(_, code)| !(400..600).contains(*code))
    {
        out.push(fault(
            codes.index(index).value(),
            format!("an answer with `{code}` is not tried again"),
            "400 to 599",
        ));
    }
}
