//! Names of hosts: RFC 1123 labels, perhaps with a wildcard in front.

use std::ops::Range;

use super::checks::INVALID_HOST;
use super::label::is_dns_label;
use crate::diagnostic::{Applicability, At, Diagnostic, Fix};

/// The longest host name, in bytes.
const LENGTH_MAX: usize = 255;

/// Why a text is no host name, and which bytes of it are to blame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct HostFault {
    pub bytes: Range<usize>,
    pub reason: &'static str,
}

/// A name without wildcards; a dot at its end says that it is complete.
pub(super) fn fqdn(name: &str) -> Result<(), HostFault> {
    length(name)?;
    labels(name, 0)
}

/// A name whose first label may be `*`, or begin with `*` or `*-`.
pub(super) fn wildcard(name: &str) -> Result<(), HostFault> {
    length(name)?;
    let (first, rest) =
        name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
    let plain = first.strip_prefix("*-").or_else(|| first.strip_prefix('*')).unwrap_or(first);
    if first != "*" && (first.len() > 63 || !is_dns_label(plain)) {
        return Err(HostFault { bytes: 0..first.len(), reason: LABEL });
    }
    rest.map_or(Ok(()), |rest| labels(rest, first.len() + 1))
}

const LABEL: &str = "letters, digits and `-`; a `*` only at the beginning";

fn length(name: &str) -> Result<(), HostFault> {
    let reason = match name.len() {
        0 => "a host name cannot be empty",
        1..=LENGTH_MAX => return Ok(()),
        _ => "a host name has at most 255 characters",
    };
    Err(HostFault { bytes: 0..name.len(), reason })
}

/// `offset` is where `name` begins in the text that is checked.
fn labels(name: &str, offset: usize) -> Result<(), HostFault> {
    let top = name.rsplit('.').next().unwrap_or_default();
    if top.parse::<i64>().is_ok() {
        let end = offset + name.len();
        return Err(HostFault {
            bytes: end - top.len()..end,
            reason: "the last label cannot be a number",
        });
    }
    let mut start = offset;
    let mut rest = name.split('.').peekable();
    while let Some(label) = rest.next() {
        let is_final_dot = label.is_empty() && rest.peek().is_none() && start > offset;
        if !is_final_dot && !is_dns_label(label) {
            return Err(HostFault { bytes: start..start + label.len(), reason: LABEL });
        }
        start += label.len() + 1;
    }
    Ok(())
}

/// Whether it is how clusters of one mesh call a service of another one at their gateways: `outbound_.80_.v1_.reviews.shop`,
/// with port, subset, which may be empty, and host. Source: Istio, `BuildDNSSrvSubsetKey`.
pub(super) fn is_generated(name: &str) -> bool {
    let parts = name.strip_prefix("outbound_.").and_then(|rest| rest.split_once("_."));
    let Some((port, rest)) = parts else { return false };
    let Some((subset, host)) = rest.split_once("_.") else { return false };
    let is_subset = subset.is_empty() || is_dns_label(subset);
    port.parse::<u16>().is_ok_and(|port| port > 0) && is_subset && fqdn(host).is_ok()
}

/// Says what is wrong with a host that stands at `at`.
pub(super) fn report(name: &str, fault: &HostFault, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    report_from(name, 0, fault, at, out);
}

/// The same for a host that begins at `offset` of the text at `at`.
pub(super) fn report_from(
    name: &str,
    offset: usize,
    fault: &HostFault,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if let Some(found) = report_address(name, offset, at) {
        return out.push(found);
    }
    let place = if fault.bytes.is_empty() {
        at.value()
    } else {
        at.within(offset + fault.bytes.start..offset + fault.bytes.end)
    };
    let label = if is_unfilled(name) { UNFILLED } else { fault.reason };
    out.push(
        Diagnostic::new(&INVALID_HOST, place, format!("`{name}` is no host name")).label(label),
    );
}

/// Of what has a host in it, and more.
fn report_address(name: &str, offset: usize, at: &At<'_>) -> Option<Diagnostic> {
    let (scheme, rest) = match name.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, name),
    };
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => (host, Some(port)),
        _ => (authority, None),
    };
    if host == name || wildcard(host).is_err() {
        return None;
    }
    let (message, label) = match (scheme, port) {
        (Some(_), _) => (format!("`{name}` is a URL"), "a host has no scheme and no path"),
        (None, Some(_)) => (format!("`{name}` has a port"), "a host has none"),
        (None, None) => (format!("`{name}` has a path"), "a host has none"),
    };
    let place = at.within(offset..offset + name.len());
    let fix = Fix::write(Applicability::Unsafe, place.clone(), host);
    Some(Diagnostic::new(&INVALID_HOST, place, message).label(label).fix(fix))
}

/// How a finding is labelled of a text that [`is_unfilled`].
pub(in crate::api) const UNFILLED: &str = "looks like a placeholder";

/// Whether it is of a text that is no host and looks as if somebody had to fill something in.
pub(in crate::api) fn is_of_unfilled(found: &Diagnostic) -> bool {
    *found.check == INVALID_HOST && found.label == UNFILLED
}

/// Whether somebody seems to have forgotten to fill something in: `<DOMAIN>`, `__DOMAIN__`, `DOMAIN_PLACEHOLDER`.
pub(in crate::api) fn is_unfilled(text: &str) -> bool {
    let is_framed = |open: &str, close: &str| {
        let inside = text.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        inside.is_some_and(|(name, _)| !name.is_empty())
    };
    let is_shouted = |word: &str| {
        word.contains('_')
            && word.contains(|it: char| it.is_ascii_uppercase())
            && word.chars().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_')
    };
    is_framed("<", ">") || is_framed("__", "__") || text.split(['.', '-', '/']).any(is_shouted)
}

/// Whether every host of `inner` is one of `outer`. Source: Istio, `host.Name.SubsetOf`.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    match (outer.strip_prefix('*'), inner.strip_prefix('*')) {
        (Some(outer), Some(inner)) => inner.ends_with(outer),
        (Some(suffix), None) => inner.ends_with(suffix),
        (None, Some(_)) => false,
        (None, None) => outer == inner,
    }
}

/// Whether a `*` stands anywhere but as the whole first label.
pub(super) fn is_partial_wildcard(name: &str) -> bool {
    name.contains('*') && name != "*" && !name.starts_with("*.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_filled_in_looks_like_it() {
        for text in
            ["<DOMAIN>", "a.<x>", "__HOST__.a", "a.APP_DOMAIN", "HOST_PLACEHOLDER", "OAUTH2_NS.svc"]
        {
            assert!(is_unfilled(text), "{text}");
        }
        for text in ["a.b", "A.B", "a_b", "outbound_.80_._.a", "_", "a < b"] {
            assert!(!is_unfilled(text), "{text}");
        }
    }

    #[test]
    fn names_are_labels_with_dots() {
        for name in ["a", "reviews.shop.svc.cluster.local", "A-b.c", "example.com.", "1.a"] {
            assert_eq!(fqdn(name), Ok(()), "{name}");
        }
        for (name, bytes) in [
            ("", 0..0),
            ("a..b", 2..2),
            ("-a", 0..2),
            ("a_b.c", 0..3),
            ("*.a", 0..1),
            ("a.1", 2..3),
            (".", 0..0),
        ] {
            assert_eq!(fqdn(name).unwrap_err().bytes, bytes, "{name}");
        }
        assert!(fqdn(&"a".repeat(64)).is_err());
        assert!(fqdn(&"a.".repeat(128)).is_err());
    }

    #[test]
    fn a_wildcard_stands_in_front() {
        for name in ["*", "*.a.com", "*a.com", "*-a.com", "a", "1"] {
            assert_eq!(wildcard(name), Ok(()), "{name}");
        }
        for name in ["a.*.com", "**", "a*.com", "*.*.com", "*.1", "*_a"] {
            assert!(wildcard(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_between_clusters_have_a_port_and_a_host() {
        assert!(is_generated("outbound_.80_._.e2e.mesh") && is_generated("outbound_.80_.v1_.a"));
        for name in ["outbound.com", "outbound_.x_._.a", "outbound_.0_._.a", "outbound_.80_._."] {
            assert!(!is_generated(name), "{name}");
        }
    }

    #[test]
    fn wildcards_cover_what_ends_like_them() {
        assert!(covers("*.com", "*.a.com") && !covers("*.a.com", "*.com") && covers("*", "a"));
        assert!(!covers("a", "*"));
    }
}
