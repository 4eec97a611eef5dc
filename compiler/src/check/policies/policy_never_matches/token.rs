//! Tokens that nothing takes for the workloads of a policy.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::rc::Rc;

use crate::api::istio::{AuthorizationPolicy, RequestAuthentication};
use crate::check::inventory;
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
        let are_all = !inventory::has_incomplete(mesh, "RequestAuthentication");
        if workloads.is_empty() {
            let mut known = self.by_namespace.borrow_mut();
            let issuers = Rc::clone(known.entry(own).or_insert_with(near));
            return Tokens { issuers, are_all };
        }
        // Most workloads of a policy take the same tokens.
        let mut each: Vec<_> = workloads.iter().map(of_workload).collect();
        each.dedup();
        let issuers = match each.as_slice() {
            [all] => Rc::clone(all),
            _ => Rc::new(each.iter().flat_map(|it| it.iter().copied()).collect()),
        };
        Tokens { issuers, are_all }
    }
}

/// Whose tokens count for the workloads of a policy.
pub(super) struct Tokens<'m> {
    /// Of one workload or another.
    issuers: Names<'m>,
    /// Whether every `RequestAuthentication` could be read.
    are_all: bool,
}

impl Tokens<'_> {
    /// Whether nothing checks tokens.
    pub(super) fn are_none(&self) -> bool {
        self.are_all && self.issuers.is_empty()
    }

    /// Why no token is of the issuer `value`.
    pub(super) fn issuer(&self, value: &str) -> Option<Never> {
        let is_there = match (value.strip_prefix('*'), value.strip_suffix('*')) {
            (Some(end), _) => self.issuers.iter().any(|it| it.ends_with(end)),
            (None, Some(start)) => self.has_beginning(start),
            (None, None) => self.issuers.contains(value),
        };
        self.unless(is_there, NO_ISSUER)
    }

    /// Why no token is `value`, which is an issuer and a subject. Source: Istio, `requestPrincipalGenerator`.
    pub(super) fn principal(&self, value: &str) -> Option<Never> {
        if value.starts_with('*') {
            return None;
        }
        // An issuer may have slashes of its own: the last one is that between.
        let issuer = |text: &str| text.rsplit_once('/').map(|(issuer, _)| issuer.to_owned());
        if let Some(start) = value.strip_suffix('*') {
            let is_there = match issuer(start) {
                Some(issuer) => self.issuers.contains(issuer.as_str()),
                None => self.has_beginning(start),
            };
            let found = self.unless(is_there, NO_ISSUER)?;
            // The star of a subject stands behind a slash of its own.
            let instead = self.issuers.contains(start).then(|| format!("{start}/*"));
            return Some(Never { instead, ..found });
        }
        let of = issuer(value).filter(|_| !self.issuers.contains(value));
        let reason = if of.is_some() { NO_ISSUER } else { NO_SUBJECT };
        self.unless(of.is_some_and(|it| self.issuers.contains(it.as_str())), reason)
    }

    fn has_beginning(&self, start: &str) -> bool {
        let from = (Bound::Included(start), Bound::Unbounded);
        self.issuers.range::<str, _>(from).next().is_some_and(|first| first.starts_with(start))
    }

    /// Where nothing checks tokens, that is told of the rule.
    fn unless(&self, is_possible: bool, reason: &'static str) -> Option<Never> {
        (!is_possible && self.are_all && !self.issuers.is_empty())
            .then_some(Never { reason, instead: None })
    }
}
