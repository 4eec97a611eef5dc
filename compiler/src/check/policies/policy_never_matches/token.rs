//! Tokens that nothing takes for the workloads of a policy.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use crate::api::istio::{AuthorizationPolicy, RequestAuthentication};
use crate::check::matching::possible::Never;
use crate::parse::DocumentId;
use crate::resolve::policy::Policy;
use crate::resolve::{Mesh, Workload};

const NO_ISSUER: &str = "no RequestAuthentication here takes tokens of such an issuer";
const NO_SUBJECT: &str = "a token is `ISSUER/SUBJECT`";

type Names<'m> = Rc<BTreeSet<&'m str>>;

/// Whose tokens count where, as far as that was asked. It is made of the mesh alone.
#[derive(Default)]
pub(super) struct Issuers<'m> {
    by_workload: RefCell<HashMap<DocumentId, Names<'m>>>,
    by_namespace: RefCell<HashMap<&'m str, Names<'m>>>,
}

impl<'m> Issuers<'m> {
    /// Those of every `RequestAuthentication` that is for one of the workloads. Without workloads nothing can be told but where
    /// the policies stand.
    pub(super) fn of(
        &self,
        mesh: &'m Mesh<'_>,
        policy: &'m Policy<'_, AuthorizationPolicy>,
        workloads: &[&Workload<'_>],
    ) -> Tokens<'m> {
        let all = &mesh.policies.request_authentications;
        let names = |of: &mut dyn Iterator<Item = &'m Policy<'_, RequestAuthentication>>| {
            let rules = of.flat_map(|it| &it.resource.spec.jwt_rules);
            Rc::new(rules.map(|rule| rule.issuer.as_str()).collect::<BTreeSet<_>>())
        };
        let own = policy.resource.namespace.as_str();
        let near = || {
            if own == mesh.settings.root_namespace {
                return names(&mut all.iter().filter(|it| it.scope.is_ok()));
            }
            names(&mut all.of_namespace(None).chain(all.of_namespace(Some(own))))
        };
        let of_workload = |it: &&Workload<'_>| {
            let make = || names(&mut all.for_workload(&it.inventory).into_iter());
            let mut known = self.by_workload.borrow_mut();
            Rc::clone(known.entry(it.id).or_insert_with(make))
        };
        let issuers = if workloads.is_empty() {
            vec![Rc::clone(self.by_namespace.borrow_mut().entry(own).or_insert_with(near))]
        } else {
            workloads.iter().map(of_workload).collect()
        };
        Tokens { issuers }
    }
}

/// Whose tokens count for the workloads of a policy.
pub(super) struct Tokens<'m> {
    /// Of one workload or another; all empty: none.
    issuers: Vec<Names<'m>>,
}

impl Tokens<'_> {
    fn issuers(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().flat_map(|it| it.iter().copied())
    }

    /// Whether nothing checks tokens.
    pub(super) fn are_none(&self) -> bool {
        self.issuers().next().is_none()
    }

    /// Why no token is of the issuer `value`.
    pub(super) fn issuer(&self, value: &str) -> Option<Never> {
        let takes = |issuer: &str| match (value.strip_prefix('*'), value.strip_suffix('*')) {
            (Some(end), _) => issuer.ends_with(end),
            (None, Some(start)) => issuer.starts_with(start),
            (None, None) => issuer == value,
        };
        self.unless(self.issuers().any(takes), NO_ISSUER)
    }

    /// Why no token is `value`, which is an issuer and a subject.
    pub(super) fn principal(&self, value: &str) -> Option<Never> {
        if value.starts_with('*') {
            return None;
        }
        let begins = |issuer: &str, text: &str| {
            text.strip_prefix(issuer).is_some_and(|rest| rest.starts_with('/'))
        };
        if let Some(start) = value.strip_suffix('*') {
            let may = |it: &str| format!("{it}/").starts_with(start) || begins(it, start);
            return self.unless(self.issuers().any(may), NO_ISSUER);
        }
        // An issuer may have slashes of its own.
        let is_issuer = self.issuers().any(|it| it == value);
        let reason = if value.contains('/') && !is_issuer { NO_ISSUER } else { NO_SUBJECT };
        self.unless(self.issuers().any(|it| begins(it, value)), reason)
    }

    /// Where nothing checks tokens, that is told of the rule.
    fn unless(&self, is_possible: bool, reason: &'static str) -> Option<Never> {
        (!is_possible && !self.are_none()).then_some(Never { reason, instead: None })
    }
}
