//! Texts of a policy: exact, `prefix*`, `*suffix`, `*`, and path templates.

use std::collections::HashSet;

use mesh_snapshot::object::{Accepts, Subject, Test, TextPattern};

use crate::resolve::{TrustDomains, service_account};

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

/// `namespace/name` of each.
pub(super) fn accounts(values: &[String], own_namespace: &str) -> Accepts {
    let full = |value: &String| {
        let (namespace, name) = service_account(value, own_namespace);
        TextPattern::Exact(format!("{namespace}/{name}"))
    };
    Accepts::Text(values.iter().map(full).collect())
}

/// Namespaces, in which every star is a wildcard. Source: Istio, `srcNamespaceGenerator`.
pub(super) fn namespaces(values: &[String]) -> Accepts {
    Accepts::Text(values.iter().map(|text| glob(text)).collect())
}

/// Trust domains, in which the first star is a wildcard; one of the mesh's is all of them. Source: Istio,
/// `srcTrustDomainGenerator`, `ExpandTrustDomainAliases`.
pub(super) fn trust_domains(values: &[String], domains: TrustDomains<'_>) -> Accepts {
    let patterns = values.iter().flat_map(|it| domains.alike(it)).map(|text| {
        if text.matches('*').count() == 1 {
            glob(text)
        } else {
            TextPattern::Exact(text.to_owned())
        }
    });
    Accepts::Text(patterns.collect())
}

fn glob(text: &str) -> TextPattern {
    match pattern(text) {
        TextPattern::Exact(text) | TextPattern::Prefix(text) | TextPattern::Suffix(text)
            if text.contains('*') => {}
        pattern => return pattern,
    }
    TextPattern::Glob(text.to_owned())
}

/// The identities that they stand for, each once.
pub(super) fn principals(values: &[String], domains: TrustDomains<'_>) -> Accepts {
    let mut met = HashSet::new();
    let identities = values.iter().flat_map(|it| domains.identities(it));
    let patterns = identities.map(|it| pattern(&it));
    Accepts::Text(patterns.filter(|it| met.insert(it.clone())).collect())
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
    fn an_identity_is_meant_once() {
        let aliases = ["old".to_owned()];
        let domains = TrustDomains { own: "new", aliases: &aliases };
        let exact = |text: &str| TextPattern::Exact(text.into());
        let values = ["old/ns/a/sa/b", "cluster.local/ns/a/sa/b", "*/c"].map(str::to_owned);
        let met =
            vec![exact("new/ns/a/sa/b"), exact("old/ns/a/sa/b"), TextPattern::Suffix("/c".into())];
        assert_eq!(principals(&values, domains), Accepts::Text(met));
    }

    #[test]
    fn a_trust_domain_of_the_mesh_is_all_of_them() {
        let aliases = ["old".to_owned()];
        let domains = TrustDomains { own: "new", aliases: &aliases };
        let of = |text: &str| trust_domains(&[text.to_owned()], domains);
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
