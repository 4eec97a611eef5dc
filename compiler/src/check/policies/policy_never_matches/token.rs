//! Tokens that nothing takes for the workloads of a policy.

use std::collections::BTreeSet;

use crate::api::istio::{AuthorizationPolicy, RequestAuthentication};
use crate::check::matching::possible::Never;
use crate::check::selection;
use crate::resolve::policy::Policy;
use crate::resolve::{Mesh, Workload};

const NO_ISSUER: &str = "no RequestAuthentication here takes tokens of such an issuer";
const NO_SLASH: &str = "a token is `ISSUER/SUBJECT`";

/// Whose tokens count for the workloads of a policy.
pub(super) struct Tokens<'m> {
    /// Empty: none.
    issuers: BTreeSet<&'m str>,
}

impl<'m> Tokens<'m> {
    /// Those of every `RequestAuthentication` that is for one of the workloads. Without workloads nothing can be told but where
    /// the policies stand.
    pub(super) fn of(
        mesh: &'m Mesh<'_>,
        policy: &'m Policy<'_, AuthorizationPolicy>,
        workloads: &'m [&Workload<'_>],
    ) -> Self {
        let own = policy.resource.namespace.as_str();
        let is_root = own == mesh.settings.root_namespace;
        let counts = |it: &&Policy<'_, RequestAuthentication>| {
            let Ok(scope) = &it.scope else { return false };
            if workloads.is_empty() {
                return is_root || scope.namespace.is_none_or(|namespace| namespace == own);
            }
            let selected = selection::of_policy(mesh, scope);
            selected.iter().any(|it| workloads.iter().any(|own| own.id == it.id))
        };
        let all = &mesh.policies.request_authentications;
        let issuers = |it: &'m Policy<'_, RequestAuthentication>| {
            it.resource.spec.jwt_rules.iter().map(|rule| rule.issuer.as_str())
        };
        let issuers = if workloads.is_empty() && is_root {
            all.iter().filter(counts).flat_map(issuers).collect()
        } else {
            // No other can be for one of the workloads.
            let namespaces: BTreeSet<&str> =
                workloads.iter().map(|it| it.namespace()).chain([own]).collect();
            let near = namespaces.into_iter().flat_map(|it| all.of_namespace(Some(it)));
            all.of_namespace(None).chain(near).filter(counts).flat_map(issuers).collect()
        };
        Self { issuers }
    }

    /// Whether nothing checks tokens.
    pub(super) fn are_none(&self) -> bool {
        self.issuers.is_empty()
    }

    /// Why no token is of the issuer `value`.
    pub(super) fn issuer(&self, value: &str) -> Option<Never> {
        let takes = |issuer: &&str| match (value.strip_prefix('*'), value.strip_suffix('*')) {
            (Some(end), _) => issuer.ends_with(end),
            (None, Some(start)) => issuer.starts_with(start),
            (None, None) => *issuer == value,
        };
        self.unless(self.issuers.iter().any(takes), NO_ISSUER)
    }

    /// Why no token is `value`, which is an issuer and a subject.
    pub(super) fn principal(&self, value: &str) -> Option<Never> {
        if value.starts_with('*') {
            return None;
        }
        let begins = |issuer: &&str, text: &str| {
            text.strip_prefix(issuer).is_some_and(|rest| rest.starts_with('/'))
        };
        if let Some(start) = value.strip_suffix('*') {
            let may = |it: &&str| format!("{it}/").starts_with(start) || begins(it, start);
            return self.unless(self.issuers.iter().any(may), NO_ISSUER);
        }
        let reason = if value.contains('/') { NO_ISSUER } else { NO_SLASH };
        self.unless(self.issuers.iter().any(|it| begins(it, value)), reason)
    }

    /// Where nothing checks tokens, that is told of the rule.
    fn unless(&self, is_possible: bool, reason: &'static str) -> Option<Never> {
        (!is_possible && !self.are_none()).then_some(Never { reason, instead: None })
    }
}
