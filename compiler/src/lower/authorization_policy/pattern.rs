//! Texts of a policy: exact, `prefix*`, `*suffix`, `*`, and path templates.

use mesh_snapshot::object::{Accepts, Subject, Test, TextPattern};

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

/// Identities of the mesh's trust domain are those of its aliases too. Source: Istio, `ReplaceTrustDomainAliases`.
pub(super) fn principals(values: &[String], domains: &[String]) -> Accepts {
    let mut patterns = Vec::new();
    for text in values {
        match text.split_once('/') {
            Some((domain, rest)) if domains.iter().any(|own| own == domain) => {
                patterns.extend(domains.iter().map(|domain| pattern(&format!("{domain}/{rest}"))));
            }
            _ => patterns.push(pattern(text)),
        }
    }
    Accepts::Text(patterns)
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
        assert_eq!(of("x/ns/a/sa/b"), Accepts::Text(vec![exact("x/ns/a/sa/b")]));
    }
}
