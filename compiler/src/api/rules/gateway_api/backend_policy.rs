//! Rules of the policies for backends. Source: the schemas and CEL rules of `BackendTLSPolicy` and
//! `XBackendTrafficPolicy`.

use super::super::checks::INVALID_BACKEND_POLICY;
use super::{name, reference, said_of, session};
use crate::api::Resource;
use crate::api::gateway_api::{
    BackendTlsPolicy, BackendTlsValidation, BackendTrafficPolicy, PolicyTarget, SubjectAltName,
    SubjectAltNameType,
};
use crate::diagnostic::{At, Diagnostic, Place};

const TARGETS_MAX: usize = 16;
const CERTIFICATES_MAX: usize = 8;
const NAMES_MAX: usize = 5;
const RETRIES_MAX: i32 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;

pub(in crate::api) fn check_tls(
    resource: &Resource<BackendTlsPolicy>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let (spec, at) = (&resource.spec, root.field("spec"));
    check_targets(&spec.target_refs, &at.field("targetRefs"), out);
    check_validation(&spec.validation, &at.field("validation"), out);
}

/// Whom a client believes.
pub(super) fn check_validation(
    validation: &BackendTlsValidation,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let at_hostname = at.field("hostname");
    if validation.hostname.is_empty() {
        let message = "`hostname` has no character".to_owned();
        out.push(fault(at_hostname.value(), message, "whom to ask for, and whom to expect"));
    } else {
        name::check_hostname(&validation.hostname, false, &at_hostname, out);
    }
    let well_known = validation.well_known_ca_certificates.as_deref();
    let has_references = !validation.ca_certificate_refs.is_empty();
    let known = at.field("wellKnownCACertificates");
    match (well_known.unwrap_or_default(), has_references) {
        ("", false) => out.push(fault(
            at.key(),
            "there are neither `caCertificateRefs` nor `wellKnownCACertificates`".into(),
            "needs one of them: nobody is believed",
        )),
        (_, false) | ("", true) => {}
        (_, true) => out.push(
            fault(
                known.key(),
                "`caCertificateRefs` and `wellKnownCACertificates` are both set".into(),
                "one of them",
            )
            .also(at.field("caCertificateRefs").key(), "or these"),
        ),
    }
    if let Some(name) = well_known.filter(|name| !is_well_known(name)) {
        let message = format!("no `wellKnownCACertificates` are called `{name}`");
        out.push(fault(known.value(), message, "`System`, or a domain, `/` and a name"));
    }
    let references = at.field("caCertificateRefs");
    check_count(validation.ca_certificate_refs.len(), CERTIFICATES_MAX, &references, out);
    for (index, it) in validation.ca_certificate_refs.iter().enumerate() {
        let at = references.index(index);
        reference::check_group_kind(Some(&it.group), Some(&it.kind), &at, out);
        reference::check_name(&it.name, &at.field("name"), out);
    }
    let names = at.field("subjectAltNames");
    check_count(validation.subject_alt_names.len(), NAMES_MAX, &names, out);
    for (index, it) in validation.subject_alt_names.iter().enumerate() {
        check_alt_name(it, &names.index(index), out);
    }
}

pub(in crate::api) fn check_traffic(
    resource: &Resource<BackendTrafficPolicy>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let (spec, at) = (&resource.spec, root.field("spec"));
    check_targets(&spec.target_refs, &at.field("targetRefs"), out);
    if let Some(persistence) = &spec.session_persistence {
        let mut found = Vec::new();
        session::check(persistence, &at.field("sessionPersistence"), &mut found);
        out.extend(said_of(&INVALID_BACKEND_POLICY, found));
    }
    let Some(constraint) = &spec.retry_constraint else { return };
    let at = at.field("retryConstraint");
    if let Some(budget) = &constraint.budget {
        let at = at.field("budget");
        if let Some(percent) = budget.percent.filter(|percent| !(0..=100).contains(percent)) {
            let message = format!("`{percent}` is no percentage");
            out.push(fault(at.field("percent").value(), message, "0 to 100"));
        }
        let is_unfit = |nanos: i64| !(SECOND..=HOUR).contains(&nanos);
        if budget.interval.is_some_and(|it| is_unfit(it.duration().nanos())) {
            let message =
                "the budget's interval is shorter than one second or longer than one hour";
            out.push(fault(at.field("interval").value(), message.into(), "1s to 1h"));
        }
    }
    if let Some(rate) = &constraint.min_retry_rate {
        let at = at.field("minRetryRate");
        if let Some(count) = rate.count.filter(|count| !(1..=RETRIES_MAX).contains(count)) {
            let message = format!("`{count}` retries are no rate");
            out.push(fault(at.field("count").value(), message, "1 to 1000000"));
        }
        let is_unfit = |nanos: i64| nanos == 0 || nanos > HOUR;
        if rate.interval.is_some_and(|it| is_unfit(it.duration().nanos())) {
            let message = "the interval of the rate is nothing, or longer than one hour";
            out.push(fault(at.field("interval").value(), message.into(), "up to 1h"));
        }
    }
}

/// Each Service once, or each of its ports once.
fn check_targets(targets: &[PolicyTarget], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if targets.is_empty() {
        out.push(fault(at.key(), "the policy is for nobody".into(), "needs a target"));
    }
    check_count(targets.len(), TARGETS_MAX, at, out);
    let section = |it: &PolicyTarget| it.section_name.clone().filter(|name| !name.is_empty());
    for (index, target) in targets.iter().enumerate() {
        let at_target = at.index(index);
        reference::check_group_kind(Some(&target.group), Some(&target.kind), &at_target, out);
        reference::check_name(&target.name, &at_target.field("name"), out);
        name::check_section(target.section_name.as_deref(), &at_target.field("sectionName"), out);
        let is_same = |other: &PolicyTarget| {
            (&other.group, &other.kind, &other.name) == (&target.group, &target.kind, &target.name)
        };
        let earlier = targets.iter().take(index).enumerate().filter(|(_, other)| is_same(other));
        let (own, mut clash) = (section(target), None);
        for (first, other) in earlier {
            let other = section(other);
            if own == other {
                clash = Some((first, "one target twice", "another `sectionName`, or remove it"));
            } else if own.is_some() != other.is_some() {
                let message = "one target twice, once as a whole and once a part of it";
                clash = Some((first, message, "say which part with `sectionName` in both"));
            }
        }
        if let Some((first, message, label)) = clash {
            let found = fault(at_target.field("name").value(), message.into(), label);
            out.push(found.also(at.index(first).field("name").value(), "first here"));
        }
    }
}

fn check_alt_name(it: &SubjectAltName, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let is_set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let is_uri = it.r#type == SubjectAltNameType::Uri;
    let fields = [
        ("hostname", "Hostname", is_set(&it.hostname), !is_uri),
        ("uri", "URI", is_set(&it.uri), is_uri),
    ];
    for (field, kind, is_set, is_due) in fields {
        if is_due && !is_set {
            let message = format!("a subjectAltName of type {kind} lacks its `{field}`");
            out.push(fault(at.field("type").value(), message, &format!("needs `{field}`")));
        } else if is_set && !is_due {
            let message =
                format!("a subjectAltName with a `{field}` is of another type than {kind}");
            out.push(fault(at.field(field).key(), message, "not of this type"));
        }
    }
    if let Some(hostname) = it.hostname.as_deref().filter(|name| !name.is_empty()) {
        name::check_hostname(hostname, true, &at.field("hostname"), out);
    }
    if let Some(uri) = it.uri.as_deref().filter(|uri| !uri.is_empty() && !is_uri_text(uri)) {
        let message = format!("`{uri}` is no URI");
        out.push(fault(at.field("uri").value(), message, "such as `spiffe://domain/ns/a/sa/b`"));
    }
}

/// A scheme, a colon, and whatever follows it.
fn is_uri_text(uri: &str) -> bool {
    uri.split_once(':')
        .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains(['/', '?', '#']))
}

/// `System`, or a domain, `/` and a name.
fn is_well_known(text: &str) -> bool {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let is_name = |name: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        name.len() <= 63
            && is_end(name.bytes().next())
            && is_end(name.bytes().last())
            && name.bytes().all(inner)
    };
    text == "System"
        || text
            .split_once('/')
            .is_some_and(|(domain, name)| name::is_subdomain(domain) && is_name(name))
}

fn check_count(count: usize, max: usize, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if count > max {
        out.push(fault(at.key(), format!("there are {count} of them"), &format!("at most {max}")));
    }
}

fn fault(place: Place, message: String, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_BACKEND_POLICY, place, message).label(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_well_known_by_domain_and_name() {
        assert!(is_well_known("System") && is_well_known("example.com/Roots_1"));
        for text in ["", "system", "example.com", "example.com/", "Example.com/a", "a/b/c", "a/-b"]
        {
            assert!(!is_well_known(text), "{text}");
        }
    }
}
