//! Whom values of a policy stand for: `principals` and `serviceAccounts`.
//!
//! An identity of the mesh is `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. A mesh may have several trust domains, and an identity that is
//! written out in all its parts is meant of each of them. Sources: Istio, `trustdomain.Bundle`, `serviceAccountRegex`.

use std::borrow::Cow;

/// How a trust domain is called that stands for the mesh's own, whatever that is, where an identity is written out.
const CLUSTER_LOCAL: &str = "cluster.local";

/// The trust domains of a mesh.
#[derive(Clone, Copy, Debug)]
pub struct TrustDomains<'a> {
    /// Of its own workloads.
    pub own: &'a str,
    /// Those that are taken for it.
    pub aliases: &'a [String],
}

impl<'a> TrustDomains<'a> {
    /// That of the mesh's own workloads first.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.own).chain(self.aliases.iter().map(String::as_str))
    }

    /// Whether an identity that is written out and begins with `domain` is one of the mesh. Both that and what an alias says may have
    /// a star at one end.
    #[must_use]
    pub fn has(self, domain: &str) -> bool {
        let is_within = |text: &str, pattern: &str| {
            pattern.strip_suffix('*').is_some_and(|start| text.starts_with(start))
                || pattern.strip_prefix('*').is_some_and(|end| text.ends_with(end))
        };
        let mut all = self.iter();
        domain == CLUSTER_LOCAL
            || all.any(|own| own == domain || is_within(domain, own) || is_within(own, domain))
    }

    /// The identities that a principal of a policy stands for, as they are compared: as texts, with a star at one end. That of the
    /// mesh's own workloads is the first.
    pub fn identities(self, principal: &str) -> impl Iterator<Item = Cow<'_, str>> + use<'_, 'a> {
        let ours = parts(principal).filter(|(domain, _)| self.has(domain));
        let as_written = ours.is_none().then_some(Cow::Borrowed(principal));
        let ours = ours.into_iter().flat_map(move |(domain, rest)| {
            self.iter().map(move |own| match domain.strip_prefix('*') {
                Some(end) if own.ends_with(end) => Cow::Borrowed(principal),
                _ => Cow::Owned(format!("{own}/{rest}")),
            })
        });
        as_written.into_iter().chain(ours)
    }

    /// Whether a principal of a policy stands for what is written alone.
    #[must_use]
    pub fn is_as_written(self, principal: &str) -> bool {
        let is_other = |(domain, _): (&str, &str)| domain == self.own || !self.has(domain);
        parts(principal).is_none_or(|it| is_other(it) && self.aliases.is_empty())
    }

    /// The trust domains that one of a policy stands for: each of the mesh's stands for all of them.
    pub fn alike<'v>(self, domain: &'v str) -> impl Iterator<Item = &'v str> + use<'v, 'a>
    where
        'a: 'v,
    {
        let is_own = self.iter().any(|own| own == domain);
        let ours = self.iter().filter(move |_| is_own).map(|it: &'v str| it);
        ours.chain((!is_own).then_some(domain))
    }

    /// Whether those of the mesh may be of the trust domain that a principal of a policy begins with.
    #[must_use]
    pub fn begin(self, principal: &str) -> bool {
        let mut all = self.iter();
        match (parts(principal), principal.split_once('/')) {
            (Some((domain, _)), _) => self.has(domain),
            _ if principal.starts_with('*') => true,
            (None, Some((domain, _))) => all.any(|own| own == domain),
            (None, None) => {
                let start = principal.strip_suffix('*');
                start.is_some_and(|start| all.any(|own| own.starts_with(start)))
            }
        }
    }
}

/// The trust domain of an identity in all its parts, and the rest of it; none where any trust domain is meant.
fn parts(principal: &str) -> Option<(&str, &str)> {
    let is_whole = principal.matches('/').count() == 4;
    principal.split_once('/').filter(|(domain, _)| is_whole && *domain != "*")
}

/// The namespace and the name of a service account: a name alone is of the policy's own namespace.
#[must_use]
pub fn service_account<'v>(value: &'v str, own_namespace: &'v str) -> (&'v str, &'v str) {
    value.split_once('/').unwrap_or((own_namespace, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_of_an_alias_are_the_mesh_s() {
        let aliases = ["old".to_owned()];
        let domains = TrustDomains { own: "new", aliases: &aliases };
        let of = |text: &str| domains.identities(text).map(Cow::into_owned).collect::<Vec<_>>();
        assert_eq!(of("old/ns/a/sa/b"), ["new/ns/a/sa/b", "old/ns/a/sa/b"]);
        assert_eq!(of("cluster.local/ns/a/sa/b*"), ["new/ns/a/sa/b*", "old/ns/a/sa/b*"]);
        for text in ["x/ns/a/sa/b", "new/ns/a", "cluster.local/ns/a/sa/b/c", "*", "*/ns/a/sa/b"] {
            assert_eq!(of(text), [text]);
        }
        // A star at the beginning is kept for those that it stands for, and one at the end of a trust domain for none.
        assert_eq!(of("*ew/ns/a/sa/b"), ["*ew/ns/a/sa/b", "old/ns/a/sa/b"]);
        assert_eq!(of("n*/ns/a/sa/b"), ["new/ns/a/sa/b", "old/ns/a/sa/b"]);
        let alone = TrustDomains { own: "new", aliases: &[] };
        for (text, is_as_written) in [
            ("new/ns/a/sa/b", true),
            ("cluster.local/ns/a/sa/b", false),
            ("x/ns/a/sa/b", true),
            ("*", true),
        ] {
            assert_eq!(alone.is_as_written(text), is_as_written, "{text}");
            assert_eq!(alone.identities(text).eq([text]), is_as_written, "{text}");
        }
        assert!(!domains.is_as_written("new/ns/a/sa/b"));
        assert_eq!(of("*local/ns/a/sa/b"), ["*local/ns/a/sa/b"]);
    }

    #[test]
    fn a_principal_begins_with_a_trust_domain() {
        let aliases = ["old".to_owned()];
        let domains = TrustDomains { own: "new", aliases: &aliases };
        for text in [
            "new/ns/a/sa/b",
            "cluster.local/ns/a/sa/b",
            "n*/ns/a/sa/b",
            "*ld/ns/a/sa/b",
            "old/ns/*",
            "n*",
            "*",
            "*/ns/a/sa/b",
            "*/sa/b",
        ] {
            assert!(domains.begin(text), "{text}");
        }
        // What is not written out is compared as it stands.
        for text in ["x/ns/a/sa/b", "cluster.local/ns/*", "*x/ns/a/sa/b", "x*", "new", "n*/ns/*"] {
            assert!(!domains.begin(text), "{text}");
        }
    }

    #[test]
    fn an_account_is_of_the_policy_s_own_namespace() {
        assert_eq!(service_account("a", "shop"), ("shop", "a"));
        assert_eq!(service_account("x/a", "shop"), ("x", "a"));
    }
}
