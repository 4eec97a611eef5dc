//! Who calls.

use super::super::address;
use super::super::checks::{CUSTOM_CANNOT_TEST, EMPTY_RULE_PART, INVALID_SOURCE};
use crate::api::istio::{Action, Source};
use crate::diagnostic::{At, Diagnostic};

/// The longest service account, and the most of them. Source: Istio, which limits them so.
const ACCOUNT_MAX: usize = 320;
const ACCOUNTS_MAX: usize = 16;

/// `at` is the element of `from`.
pub(super) fn check(
    source: Option<&Source>,
    action: Action,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(source) = source else {
        let found = Diagnostic::new(&EMPTY_RULE_PART, at.value(), "`from` without a `source`");
        return out.push(found.label("needs `source`").lacking(at, &["source"]));
    };
    let at = at.field("source");
    let lists = lists(source);
    if lists.iter().all(|(_, values)| values.is_empty()) {
        let found = Diagnostic::new(&EMPTY_RULE_PART, at.key(), "the `source` says nothing");
        let found = found.label("empty").help("remove it where everybody shall match");
        out.push(found.supposing(at.value()));
    }
    for (name, values) in &lists {
        let at = at.field(name);
        check_list(name, values, &at, out);
        if action == Action::Custom
            && !values.is_empty()
            && !name.to_ascii_lowercase().contains("ipblocks")
        {
            let found = Diagnostic::new(
                &CUSTOM_CANNOT_TEST,
                at.key(),
                format!("a `CUSTOM` policy cannot test `{name}`"),
            );
            out.push(
                found
                    .label("not with `CUSTOM`")
                    .help("test it in a `DENY` or `ALLOW` policy beside this one"),
            );
        }
    }
    check_accounts_alone(source, &at, out);
}

/// Every field, by its name.
fn lists(source: &Source) -> [(&'static str, &Vec<String>); 14] {
    [
        ("principals", &source.principals),
        ("notPrincipals", &source.not_principals),
        ("requestPrincipals", &source.request_principals),
        ("notRequestPrincipals", &source.not_request_principals),
        ("namespaces", &source.namespaces),
        ("notNamespaces", &source.not_namespaces),
        ("ipBlocks", &source.ip_blocks),
        ("notIpBlocks", &source.not_ip_blocks),
        ("remoteIpBlocks", &source.remote_ip_blocks),
        ("notRemoteIpBlocks", &source.not_remote_ip_blocks),
        ("serviceAccounts", &source.service_accounts),
        ("notServiceAccounts", &source.not_service_accounts),
        ("trustDomains", &source.trust_domains),
        ("notTrustDomains", &source.not_trust_domains),
    ]
}

fn check_list(name: &str, values: &[String], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, value) in values.iter().enumerate() {
        let at = at.index(index);
        match name {
            "ipBlocks" | "notIpBlocks" | "remoteIpBlocks" | "notRemoteIpBlocks" => {
                address::check(value, &at, out);
            }
            "serviceAccounts" | "notServiceAccounts" => check_account(value, &at, out),
            "trustDomains" | "notTrustDomains" => check_domain(value, &at, out),
            _ if value.is_empty() => out.push(empty(name, &at)),
            _ => {}
        }
    }
    if name.to_ascii_lowercase().ends_with("serviceaccounts") && values.len() > ACCOUNTS_MAX {
        let found = Diagnostic::new(
            &INVALID_SOURCE,
            at.key(),
            format!("`{name}` has {} values", values.len()),
        );
        out.push(found.label(format!("at most {ACCOUNTS_MAX}")));
    }
}

pub(super) fn empty(name: &str, at: &At<'_>) -> Diagnostic {
    Diagnostic::new(&INVALID_SOURCE, at.value(), format!("a value of `{name}` is empty"))
        .label("matches nobody")
}

/// `name` or `namespace/name`.
pub(super) fn check_account(value: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let mut parts = value.split('/');
    let has_empty_part = value.split('/').any(str::is_empty);
    let reason = if value.contains('*') {
        "takes no wildcards"
    } else if has_empty_part || parts.by_ref().count() > 2 {
        "`name` or `namespace/name`"
    } else if value.len() > ACCOUNT_MAX {
        "too long"
    } else {
        return;
    };
    out.push(
        Diagnostic::new(&INVALID_SOURCE, at.value(), format!("`{value}` is no service account"))
            .label(reason),
    );
}

/// An exact name, or one with a single `*` at one end.
pub(super) fn wildcard_fault(value: &str) -> Option<&'static str> {
    let inner = value.strip_prefix('*').or_else(|| value.strip_suffix('*')).unwrap_or(value);
    if value.is_empty() {
        Some("empty")
    } else if inner.contains('*') {
        Some("one `*`, at the beginning or the end")
    } else {
        None
    }
}

fn check_domain(value: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let slash = value.contains('/').then_some("a trust domain has no `/`");
    if let Some(reason) = wildcard_fault(value).or(slash) {
        out.push(
            Diagnostic::new(&INVALID_SOURCE, at.value(), format!("`{value}` is no trust domain"))
                .label(reason),
        );
    }
}

/// A service account says namespace and identity already.
fn check_accounts_alone(source: &Source, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let lists = lists(source);
    let first_of = |names: &[&str]| {
        lists
            .iter()
            .find(|(name, values)| names.contains(name) && !values.is_empty())
            .map(|(name, _)| *name)
    };
    let accounts = first_of(&["serviceAccounts", "notServiceAccounts"]);
    let others = first_of(&["principals", "notPrincipals", "namespaces", "notNamespaces"]);
    if let (Some(account), Some(other)) = (accounts, others) {
        let message = format!("`{account}` and `{other}` cannot stand in one source");
        let found =
            Diagnostic::new(&INVALID_SOURCE, at.field(account).key(), message).label("one of them");
        out.push(found.also(at.field(other).key(), "or this"));
    }
}
