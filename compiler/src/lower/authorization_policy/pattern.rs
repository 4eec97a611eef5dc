//! Texts of a policy: exact, `prefix*`, `*suffix`, `*`, and path templates.

use std::collections::HashSet;

use mesh_snapshot::object::{Accepts, Subject, Test, TextPattern};

use crate::resolve::CLUSTER_LOCAL;

/// Any text but a path.
pub(super) fn pattern(text: &str) -> TextPattern {
    match (text.strip_prefix('*'), text.strip_suffix('*')) {
        (Some(""), _) => TextPattern::Present,
        (Some(suffix), _) => TextPattern::Suffix(suffix.to_owned()),
        (None, Some(prefix)) => TextPattern::Prefix(prefix.to_owned()),
        (None, None) => TextPattern::Exact(text.to_owned()),
    }
}

pub(super) fn path(text: &str) -> TextPattern {
    if text.contains("{*}") || text.contains("{**}") {
        return TextPattern::Template(text.to_owned());
    }
    pattern(text)
}

/// The tests of a field and of its `not` twin; an empty one asks nothing.
pub(super) fn tests(
    subject: &Subject,
    accepted: &[String],
    refused: &[String],
    accepts: impl Fn(&[String]) -> Accepts,
) -> impl Iterator<Item = Test> {
    let of = |values: &[String], negated| {
        let test = || Test { subject: subject.clone(), negated, accepts: accepts(values) };
        (!values.is_empty()).then(test)
    };
    [of(accepted, false), of(refused, true)].into_iter().flatten()
}

pub(super) fn texts(values: &[String]) -> Accepts {
    Accepts::Text(values.iter().map(|text| pattern(text)).collect())
}

pub(super) fn addresses(values: &[String]) -> Accepts {
    Accepts::Addresses(values.to_vec())
}

pub(super) fn ports(values: &[String]) -> Accepts {
    Accepts::Ports(values.iter().filter_map(|port| port.parse().ok()).collect())
}

/// `namespace/name`; a name alone is of the policy's own namespace.
pub(super) fn accounts(values: &[String], namespace: &str) -> Accepts {
    let full = |name: &String| {
        let own = || format!("{namespace}/{name}");
        TextPattern::Exact(if name.contains('/') { name.clone() } else { own() })
    };
    Accepts::Text(values.iter().map(full).collect())
}

/// Namespaces, in which every star is a wildcard. Source: Istio, `srcNamespaceGenerator`.
pub(super) fn namespaces(values: &[String]) -> Accepts {
    Accepts::Text(values.iter().map(|text| glob(text)).collect())
}

/// Trust domains, in which the first star is a wildcard; one of the mesh's is all of them. Source: Istio,
/// `srcTrustDomainGenerator`, `ExpandTrustDomainAliases`.
pub(super) fn trust_domains(values: &[String], domains: &[String]) -> Accepts {
    let mut patterns = Vec::new();
    for text in values {
        if domains.contains(text) {
            patterns.extend(domains.iter().map(|domain| pattern(domain)));
        } else if text.matches('*').count() == 1 {
            patterns.push(glob(text));
        } else {
            patterns.push(TextPattern::Exact(text.clone()));
        }
    }
    Accepts::Text(patterns)
}

fn glob(text: &str) -> TextPattern {
    match pattern(text) {
        TextPattern::Exact(text) | TextPattern::Prefix(text) | TextPattern::Suffix(text)
            if text.contains('*') => {}
        pattern => return pattern,
    }
    TextPattern::Glob(text.to_owned())
}

/// Identities of the mesh's trust domain are those of its aliases too, and `cluster.local` stands for all of them. Source: Istio,
/// `ReplaceTrustDomainAliases`.
pub(super) fn principals(values: &[String], domains: &[String]) -> Accepts {
    let (mut patterns, mut met) = (Vec::new(), HashSet::new());
    for text in values {
        let whole = text.split_once('/').filter(|_| text.matches('/').count() == 4);
        match whole {
            Some((domain, rest)) if domain != "*" && is_own(domain, domains) => {
                let identities = domains.iter().map(|own| match domain.strip_prefix('*') {
                    Some(end) if own.ends_with(end) => pattern(text),
                    _ => pattern(&format!("{own}/{rest}")),
                });
                patterns.extend(identities.filter(|it| met.insert(it.clone())));
            }
            _ => patterns.push(pattern(text)),
        }
    }
    Accepts::Text(patterns)
}

/// Whether the mesh's own workloads are of a trust domain, which may have a star at one end; so may theirs.
fn is_own(domain: &str, domains: &[String]) -> bool {
    let is_within = |text: &str, pattern: &str| {
        pattern.strip_suffix('*').is_some_and(|start| text.starts_with(start))
            || pattern.strip_prefix('*').is_some_and(|end| text.ends_with(end))
    };
    domain == CLUSTER_LOCAL
        || domains
            .iter()
            .any(|own| own == domain || is_within(domain, own) || is_within(own, domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_at_one_end() {
        assert_eq!(pattern("*"), TextPattern::Present);
        assert_eq!(pattern("a*"), TextPattern::Prefix("a".into()));
        assert_eq!(pattern("*a"), TextPattern::Suffix("a".into()));
        assert_eq!(pattern("a*b"), TextPattern::Exact("a*b".into()));
        assert_eq!(path("/a/{*}"), TextPattern::Template("/a/{*}".into()));
    }

    #[test]
    fn identities_of_an_alias_are_the_mesh_s() {
        let domains = ["new".to_owned(), "old".to_owned()];
        let exact = |text: &str| TextPattern::Exact(text.into());
        let of = |text: &str| principals(&[text.to_owned()], &domains);
        let both = vec![exact("new/ns/a/sa/b"), exact("old/ns/a/sa/b")];
        assert_eq!(of("old/ns/a/sa/b"), Accepts::Text(both));
        assert_eq!(of("cluster.local/ns/a/sa/b"), of("old/ns/a/sa/b"));
        for text in ["x/ns/a/sa/b", "new/ns/a", "cluster.local/ns/a/sa/b/c"] {
            assert_eq!(of(text), Accepts::Text(vec![exact(text)]));
        }
        let end = |text: &str| TextPattern::Suffix(text.into());
        let one = vec![end("ew/ns/a/sa/b"), exact("old/ns/a/sa/b")];
        assert_eq!(of("*ew/ns/a/sa/b"), Accepts::Text(one));
        assert_eq!(of("*/ns/a/sa/b"), Accepts::Text(vec![end("/ns/a/sa/b")]));
    }

    #[test]
    fn a_trust_domain_of_the_mesh_is_all_of_them() {
        let domains = ["new".to_owned(), "old".to_owned()];
        let of = |text: &str| trust_domains(&[text.to_owned()], &domains);
        let exact = |text: &str| TextPattern::Exact(text.into());
        assert_eq!(of("old"), Accepts::Text(vec![exact("new"), exact("old")]));
        // It is a pointer in identities alone.
        assert_eq!(of("cluster.local"), Accepts::Text(vec![exact("cluster.local")]));
        assert_eq!(of("a*b"), Accepts::Text(vec![TextPattern::Glob("a*b".into())]));
        assert_eq!(of("a*b*"), Accepts::Text(vec![exact("a*b*")]));
    }

    #[test]
    fn every_star_of_a_namespace_is_a_wildcard() {
        let of = |text: &str| namespaces(&[text.to_owned()]);
        let glob = |text: &str| Accepts::Text(vec![TextPattern::Glob(text.into())]);
        assert_eq!(of("sh*p"), glob("sh*p"));
        assert_eq!(of("*ho*"), glob("*ho*"));
        assert_eq!(of("sh*"), Accepts::Text(vec![TextPattern::Prefix("sh".into())]));
        assert_eq!(of("*"), Accepts::Text(vec![TextPattern::Present]));
    }
}
