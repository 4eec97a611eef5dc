//! Names as the Gateway API writes them: in lower case.

use super::super::checks::{INVALID_HOST, INVALID_REFERENCE};
use crate::diagnostic::{At, Diagnostic};

/// Lower-case letters, digits and `-`, beginning and ending with a letter or digit.
pub(super) fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(is_inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// Labels with dots, at most 253 characters.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// A host name, perhaps with `*.` in front.
pub(in crate::api::rules) fn check_hostname(
    name: &str,
    takes_wildcard: bool,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let plain = name.strip_prefix("*.").filter(|_| takes_wildcard).unwrap_or(name);
    if !is_subdomain(plain) || name.len() > 253 {
        let what = if takes_wildcard {
            "lower-case letters, digits and `-`; a `*.` only in front"
        } else {
            "lower-case letters, digits and `-`"
        };
        out.push(
            Diagnostic::new(&INVALID_HOST, at.value(), format!("`{name}` is no host name"))
                .label(what),
        );
    } else if super::super::address::is_address(name) {
        out.push(
            Diagnostic::new(&INVALID_HOST, at.value(), format!("`{name}` is an address"))
                .label("a host name"),
        );
    }
}

pub(super) fn check_namespace(namespace: Option<&str>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(namespace) = namespace
        && (!is_label(namespace) || namespace.len() > 63)
    {
        let found = Diagnostic::new(
            &INVALID_REFERENCE,
            at.value(),
            format!("`{namespace}` is no namespace"),
        );
        out.push(found.label("lower-case letters, digits and `-`"));
    }
}

/// The name of a listener or a rule.
pub(super) fn check_section(name: Option<&str>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(name) = name
        && !is_subdomain(name)
    {
        let found = Diagnostic::new(
            &INVALID_REFERENCE,
            at.value(),
            format!("`{name}` cannot be a name here"),
        );
        out.push(found.label("lower-case letters, digits, `-` and `.`"));
    }
}
