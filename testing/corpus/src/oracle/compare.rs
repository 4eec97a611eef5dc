//! Whether what the engine says is what was seen.

use std::collections::BTreeMap;

use crate::headers::ANYTHING;

use super::asked::{Asked, Expected, Upstream};
use super::got::{Got, Sent};

/// Headers that a proxy writes for itself, or that a codec needs.
fn is_proxys(name: &str) -> bool {
    let own = [
        "server",
        "content-length",
        "content-type",
        "connection",
        "transfer-encoding",
        "date",
        "www-authenticate",
        "x-request-id",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-client-cert",
        "host",
    ];
    own.contains(&name) || name.starts_with("x-envoy-")
}

pub(super) fn differences(asked: &Asked, got: &Got) -> Vec<String> {
    let expected = &asked.expect;
    let mut found = Vec::new();
    let mut differ = |what: &str, expected: &str, got: &str| {
        if expected != got {
            found.push(format!("{what} is {got}, not {expected}"));
        }
    };
    let text = |text: Option<&str>| text.unwrap_or("none").to_owned();
    let number =
        |number: Option<u16>| number.map_or_else(|| "none".to_owned(), |it| it.to_string());
    differ("status", &number(expected.status), &number(got.status));
    differ("error", &text(expected.error.as_deref()), &text(got.error));
    if let Some(attempts) = expected.attempts {
        differ("attempts", &attempts.to_string(), &got.attempts.to_string());
    }
    if let Some(cluster) = cluster(expected, got) {
        differ("cluster", cluster, got.cluster.as_deref().unwrap_or("none"));
    }
    if expected.upstream.is_some() {
        let subset = got.cluster.as_deref().and_then(|cluster| cluster.split('|').nth(2));
        differ(
            "subset",
            expected.subset.as_deref().unwrap_or_default(),
            subset.unwrap_or_default(),
        );
    }
    if let Some(body) = expected.body.as_deref().filter(|_| is_bodys(expected)) {
        differ("body", body, got.body.as_deref().unwrap_or_default());
    }
    if let Some(details) = expected.details.as_deref().filter(|details| is_denial(details)) {
        differ("details", details, got.details.as_deref().unwrap_or("none"));
    }
    found.extend(backend(expected, got));
    if let Some(headers) = &got.response_headers {
        found.extend(headers_differ("response", &expected.response_headers, headers));
    }
    if let (Some(expected), Some(got)) = (&expected.upstream, &got.upstream) {
        found.extend(upstream(expected, got));
    }
    if let Some(expected) = &expected.mirrors {
        let (mut expected, mut mirrors) = (expected.clone(), got.mirrors.clone());
        expected.sort();
        mirrors.sort();
        if expected != mirrors {
            found.push(format!("mirrors are {mirrors:?}, not {expected:?}"));
        }
    }
    found
}

fn is_denial(details: &str) -> bool {
    details.starts_with("rbac_") || details.starts_with("jwt_")
}

/// Which text says that there is no connection is a proxy's business.
fn is_bodys(expected: &Expected) -> bool {
    let details = expected.details.as_deref().unwrap_or_default();
    !details.starts_with("upstream_reset") && details != "response_timeout"
}

/// The cluster that was to be used; Envoy tells one of requests, too, that were never to be forwarded.
fn cluster<'e>(expected: &'e Expected, got: &Got) -> Option<&'e str> {
    let is_forwarded = expected.upstream.is_some() || got.cluster.is_some();
    expected.cluster.as_deref().filter(|_| is_forwarded)
}

fn backend(expected: &Expected, got: &Got) -> Option<String> {
    let shown =
        |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(" or ") };
    let mut wanted = expected
        .backend_one_of
        .clone()
        .unwrap_or_else(|| expected.backend.iter().cloned().collect());
    let mut backends = got.backends.clone();
    wanted.sort_unstable();
    backends.sort_unstable();
    // Balancing may always have chosen the same.
    let is_met = match expected.backend_one_of {
        Some(_) => wanted == backends,
        None => {
            wanted.is_empty() == backends.is_empty()
                && wanted.iter().all(|name| backends.contains(name))
        }
    };
    (!is_met).then(|| format!("backend is {}, not {}", shown(&backends), shown(&wanted)))
}

fn upstream(expected: &Upstream, got: &Sent) -> Vec<String> {
    let mut found = Vec::new();
    let pairs = [
        ("upstream's method", &expected.method, &got.method),
        ("upstream's path", &expected.path, &got.path),
        ("upstream's authority", &expected.authority, &got.authority),
    ];
    for (what, expected, got) in pairs {
        if expected != got {
            found.push(format!("{what} is {got}, not {expected}"));
        }
    }
    found.extend(headers_differ("upstream", &expected.headers, &got.headers));
    found
}

/// Values by header, in the order in which they stand.
type Headers<'h> = BTreeMap<&'h str, Vec<&'h str>>;

fn headers_differ(
    whose: &str,
    expected: &[(String, String)],
    got: &[(String, String)],
) -> Option<String> {
    let (expected, got) = (by_name(expected), by_name(got));
    let is_same = expected.len() == got.len()
        && expected
            .iter()
            .zip(&got)
            .all(|((name, values), (other, found))| name == other && is_same(values, found));
    let shown = |headers: &Headers<'_>| {
        let all: Vec<_> = headers
            .iter()
            .map(|(name, values)| format!("{name}: {}", values.join(" | ")))
            .collect();
        all.join(", ")
    };
    (!is_same).then(|| format!("{whose} headers are [{}], not [{}]", shown(&got), shown(&expected)))
}

fn by_name(headers: &[(String, String)]) -> Headers<'_> {
    let mut by_name = Headers::new();
    for (name, value) in headers.iter().filter(|(name, _)| !is_proxys(name)) {
        by_name.entry(name).or_default().push(value);
    }
    by_name
}

/// The corpus sorts values, and a proxy may write several as one (RFC 9110 §5.3).
fn is_same(expected: &[&str], got: &[&str]) -> bool {
    let sorted = |values: &[&str]| {
        let mut sorted: Vec<_> = values.iter().map(|value| (*value).to_owned()).collect();
        sorted.sort_unstable();
        sorted
    };
    got.iter().any(|value| value.contains(ANYTHING))
        || sorted(expected) == sorted(got)
        || expected.join(",") == got.join(",")
}
