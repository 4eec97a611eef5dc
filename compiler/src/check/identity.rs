//! What an identity of a connection is, `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, and where policies ask for one.
//!
//! Whoever calls in plain text has none. Sources: SPIFFE ID §2; Istio, `spiffe.Identity`, `AuthorizationPolicy`, `Source`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Bound;

use crate::api::istio::{Condition, Rule, Source};
use crate::diagnostic::FieldPath;
use crate::resolve::TrustDomains;

/// The list by which a source asks for an identity.
pub(super) fn asked_by(source: &Source) -> Option<&'static str> {
    let lists = [
        ("principals", &source.principals),
        ("namespaces", &source.namespaces),
        ("serviceAccounts", &source.service_accounts),
        ("trustDomains", &source.trust_domains),
    ];
    lists.into_iter().find(|(_, values)| !values.is_empty()).map(|(field, _)| field)
}

/// The attributes of an identity, by which conditions name them.
pub(super) const KEYS: [&str; 4] =
    [PRINCIPAL, "source.namespace", "source.serviceAccount", TRUST_DOMAIN];

/// Whether a condition asks for an identity.
pub(super) fn is_asked(condition: &Condition) -> bool {
    KEYS.contains(&condition.key.as_str()) && !condition.values.is_empty()
}

/// Whether a rule asks anybody for an identity.
pub(super) fn is_any_asked(rule: &Rule) -> bool {
    sources(rule).any(|it| asked_by(it).is_some()) || rule.when.iter().any(is_asked)
}

/// Whether a rule leaves anybody out by an identity.
pub(super) fn is_any_excluded(rule: &Rule) -> bool {
    let excludes = |source: &Source| {
        let lists = [
            &source.not_principals,
            &source.not_namespaces,
            &source.not_service_accounts,
            &source.not_trust_domains,
        ];
        lists.into_iter().any(|values| !values.is_empty())
    };
    let is_excluded = |it: &Condition| KEYS.contains(&it.key.as_str()) && !it.not_values.is_empty();
    sources(rule).any(excludes) || rule.when.iter().any(is_excluded)
}

fn sources(rule: &Rule) -> impl Iterator<Item = &Source> {
    rule.from.iter().flatten().filter_map(|it| it.source.as_ref())
}

/// Where a rule, which stands at `at`, asks everybody for an identity whom it may hold for.
pub(super) fn asked_of_all(rule: &Rule, at: &FieldPath) -> Option<FieldPath> {
    if let Some(index) = rule.when.iter().position(is_asked) {
        return Some(at.clone().field("when").index(index).field("values"));
    }
    let sources = rule.from.iter().flatten().map(|it| it.source.as_ref().and_then(asked_by));
    let fields: Vec<_> = sources.collect::<Option<_>>()?;
    Some(at.clone().field("from").index(0).field("source").field(*fields.first()?))
}

/// A rule in which each identity and each trust domain is written as all those that it stands for, as they are compared.
pub(super) fn written_out<'r>(rule: &'r Rule, domains: TrustDomains<'_>) -> Cow<'r, Rule> {
    let is_alone = domains.aliases.is_empty();
    let are_as_written = |values: &[String]| values.iter().all(|it| domains.is_as_written(it));
    let are_sources_as_written = sources(rule).all(|it| {
        are_as_written(&it.principals)
            && are_as_written(&it.not_principals)
            && (is_alone || (it.trust_domains.is_empty() && it.not_trust_domains.is_empty()))
    });
    let are_conditions_as_written = rule.when.iter().all(|it| match it.key.as_str() {
        PRINCIPAL => are_as_written(&it.values) && are_as_written(&it.not_values),
        TRUST_DOMAIN => is_alone,
        _ => true,
    });
    if are_sources_as_written && are_conditions_as_written {
        return Cow::Borrowed(rule);
    }
    let principals = |values: &mut Vec<String>| {
        *values =
            values.iter().flat_map(|it| domains.identities(it)).map(Cow::into_owned).collect();
    };
    let trust_domains = |values: &mut Vec<String>| {
        *values = values.iter().flat_map(|it| domains.alike(it)).map(str::to_owned).collect();
    };
    let mut rule = rule.clone();
    for source in rule.from.iter_mut().flatten().filter_map(|it| it.source.as_mut()) {
        [&mut source.principals, &mut source.not_principals].into_iter().for_each(principals);
        [&mut source.trust_domains, &mut source.not_trust_domains]
            .into_iter()
            .for_each(trust_domains);
    }
    for condition in &mut rule.when {
        let lists = [&mut condition.values, &mut condition.not_values].into_iter();
        match condition.key.as_str() {
            PRINCIPAL => lists.for_each(principals),
            TRUST_DOMAIN => lists.for_each(trust_domains),
            _ => {}
        }
    }
    Cow::Owned(rule)
}

const PRINCIPAL: &str = "source.principal";
const TRUST_DOMAIN: &str = "source.trustDomain";

/// An account of a namespace.
pub(super) struct Identity<'p> {
    /// Empty: the field takes a namespace and an account alone.
    pub(super) domain: &'p str,
    pub(super) namespace: &'p str,
    pub(super) account: &'p str,
}

impl<'p> Identity<'p> {
    /// `domain/ns/namespace/sa/account`, without wildcards.
    pub(super) fn parse(principal: &'p str) -> Option<Self> {
        if principal.contains('*') {
            return None;
        }
        let (domain, rest) = principal.split_once("/ns/")?;
        let (namespace, account) = rest.split_once("/sa/")?;
        Some(Self { domain, namespace, account })
    }

    /// Another account, written in the same form.
    pub(super) fn like(&self, namespace: &str, account: &str) -> String {
        match self.domain {
            "" => format!("{namespace}/{account}"),
            domain => format!("{domain}/ns/{namespace}/sa/{account}"),
        }
    }
}

/// What an identity with a wildcard says of an account and its namespace.
pub(super) struct Pattern<'p> {
    /// Empty: any.
    pub(super) domain: &'p str,
    /// Absent: any.
    pub(super) namespace: Option<&'p str>,
    pub(super) account: &'p str,
    /// Whether it is how accounts begin.
    pub(super) is_beginning: bool,
}

impl<'p> Pattern<'p> {
    /// `*…/account`, or `domain/ns/namespace/…*`.
    pub(super) fn parse(principal: &'p str) -> Option<Self> {
        if let Some(end) = principal.strip_prefix('*') {
            let (before, account) = end.rsplit_once('/')?;
            let namespace = before.strip_suffix("/sa").and_then(|it| it.rsplit_once('/'));
            let namespace = namespace.map(|(_, namespace)| namespace);
            return Some(Self { domain: "", namespace, account, is_beginning: false });
        }
        let (domain, rest) = principal.strip_suffix('*')?.split_once("/ns/")?;
        let (namespace, rest) = rest.split_once('/')?;
        let account = rest.strip_prefix("sa/").unwrap_or_default();
        Some(Self { domain, namespace: Some(namespace), account, is_beginning: true })
    }

    pub(super) fn takes_any(&self, accounts: &BTreeSet<&str>) -> bool {
        let from = (Bound::Included(self.account), Bound::Unbounded);
        accounts.range::<str, _>(from).next().is_some_and(|first| self.takes(first))
    }

    pub(super) fn takes(&self, account: &str) -> bool {
        if self.is_beginning { account.starts_with(self.account) } else { account == self.account }
    }
}

/// Whether a value of a policy stands for identities of accounts in namespaces: each part that is written out is in its place.
pub(super) fn has_shape(value: &str) -> bool {
    const FORM: [Option<&str>; 5] = [None, Some("ns"), None, Some("sa"), None];
    let fits = |(part, form): (&str, Option<&str>)| form.map_or(!part.is_empty(), |it| it == part);
    if let Some(text) = value.strip_prefix('*') {
        // What follows the first slash is written out.
        let Some((cut, whole)) = text.split_once('/') else { return true };
        let parts: Vec<_> = whole.rsplit('/').collect();
        let mut form = FORM.into_iter().rev();
        let are_in_place = parts.len() < FORM.len() && parts.into_iter().zip(&mut form).all(fits);
        return are_in_place && form.next().is_some_and(|it| it.is_none_or(|it| it.ends_with(cut)));
    }
    let Some(text) = value.strip_suffix('*') else {
        let parts = value.split('/');
        return parts.clone().count() == FORM.len() && parts.zip(FORM).all(fits);
    };
    let Some((whole, cut)) = text.rsplit_once('/') else { return true };
    let mut form = FORM.into_iter();
    let parts: Vec<_> = whole.split('/').collect();
    let are_in_place = parts.len() < FORM.len() && parts.into_iter().zip(&mut form).all(fits);
    are_in_place && form.next().is_some_and(|it| it.is_none_or(|it| it.starts_with(cut)))
}

#[cfg(test)]
mod tests {
    use super::has_shape;

    #[test]
    fn an_identity_has_five_parts() {
        for value in [
            "a/ns/b/sa/c",
            "*",
            "a*",
            "a/*",
            "a/n*",
            "a/ns/*",
            "a/ns/b*",
            "a/ns/b/sa/*",
            "a/ns/b/sa/c*",
            "*c",
            "*/c",
            "*a/c",
            "*/sa/c",
            "*b/sa/c",
            "*/b/sa/c",
            "*ns/b/sa/c",
            "*/ns/b/sa/c",
            "*a/ns/b/sa/c",
        ] {
            assert!(has_shape(value), "{value}");
        }
        for value in [
            "",
            "a",
            "b/c",
            "a/ns/b",
            "a/ns/b/sa/",
            "a/ns/b/sa/c/d",
            "a/ns/b/serviceaccount/c",
            "a/x/*",
            "a/ns/b/x*",
            "a/ns/b/sa/c/*",
            "*/x/c",
            "*x/c",
            "*/x/ns/b/sa/c",
            "*/",
        ] {
            assert!(!has_shape(value), "{value}");
        }
    }
}
