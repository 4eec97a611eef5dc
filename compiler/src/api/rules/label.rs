//! Labels: the keys and values by which pods, subsets and localities are told apart.

use std::collections::BTreeMap;

use super::checks::INVALID_LABEL;
use crate::diagnostic::{At, Diagnostic};

/// The longest label of a domain name, and the longest name or value of a Kubernetes label.
const LENGTH_MAX: usize = 63;
/// The longest domain in front of a label's key.
const PREFIX_MAX: usize = 253;

/// RFC 1123: letters, digits and `-`, beginning and ending with a letter or digit. As Istio does, both cases
/// are taken.
pub(super) fn is_dns_label(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    text.len() <= LENGTH_MAX
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// Labels with dots, the last of which may be empty.
pub(super) fn is_domain(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    !name.is_empty() && name.split('.').all(is_dns_label)
}

/// Letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit.
fn is_qualified_name(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

pub(super) fn is_key(key: &str) -> bool {
    let (prefix, name) =
        key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_prefix =
        |prefix: &str| prefix.len() <= PREFIX_MAX && prefix.split('.').all(is_dns_label);
    name.len() <= LENGTH_MAX && is_qualified_name(name) && prefix.is_none_or(is_prefix)
}

/// Says which labels no Kubernetes object can have. Source: Kubernetes, "Labels and Selectors".
pub(super) fn check(labels: &BTreeMap<String, String>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for key in labels.keys().filter(|key| !is_key(key)) {
        let message = format!("`{key}` cannot be the key of a label");
        let found = Diagnostic::new(&INVALID_LABEL, at.field(key).key(), message);
        out.push(found.label("letters, digits, `-`, `_` and `.`, perhaps after a domain and `/`"));
    }
    check_values(labels, at, out);
}

pub(super) fn check_values(
    labels: &BTreeMap<String, String>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for (key, value) in labels {
        if value.len() > LENGTH_MAX {
            let message = format!("the value of the label `{key}` is too long");
            let found = Diagnostic::new(&INVALID_LABEL, at.field(key).value(), message);
            out.push(found.label(format!("{} characters; at most 63", value.len())));
        } else if !value.is_empty() && !is_qualified_name(value) {
            let message = format!("`{value}` cannot be the value of a label");
            let found = Diagnostic::new(&INVALID_LABEL, at.field(key).value(), message);
            out.push(found.label("letters, digits, `-`, `_` and `.`, at most 63"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_have_a_domain() {
        for key in ["app", "app.kubernetes.io/name", "a_b.c-d", "X"] {
            assert!(is_key(key), "{key}");
        }
        for key in ["", "a b", "-a", "/a", "a/", "a/b/c", "a@b", "b_c/d"] {
            assert!(!is_key(key), "{key}");
        }
    }
}
