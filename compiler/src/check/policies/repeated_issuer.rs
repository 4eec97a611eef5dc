//! `repeated-issuer`: two rules for one workload take tokens of one issuer.
//!
//! A token is taken when some rule takes it, so that what one rule asks of its audience, or by which keys it must be signed, the
//! other one need not ask. Source: Istio, `RequestAuthentication`: rules of all resources for a workload are alternatives.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use mesh_snapshot::Applies;

use crate::api::istio::RequestAuthentication;
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::policy::{Policy, Scope};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("repeated-issuer", Severity::Warning, include_str!("repeated_issuer.md"));

type Tokens<'a> = Policy<'a, RequestAuthentication>;

/// A policy, and the place of a rule in it.
type Rule<'m, 'a> = (&'m Tokens<'a>, usize);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_issuer: BTreeMap<&str, OfIssuer<'_, '_>> = BTreeMap::new();
    for policy in &mesh.policies.request_authentications {
        let mut own: BTreeMap<&str, usize> = BTreeMap::new();
        let workloads = OnceCell::new();
        for (index, rule) in policy.resource.spec.jwt_rules.iter().enumerate() {
            if rule.issuer.is_empty() {
                continue;
            }
            if let Some(first) = own.get(&*rule.issuer) {
                out.push(report(&rule.issuer, (policy, *first), (policy, index)));
                continue;
            }
            own.insert(&rule.issuer, index);
            let Ok(scope) = &policy.scope else { continue };
            let selected =
                || -> &[_] { workloads.get_or_init(|| selection::of_policy(mesh, scope)) };
            let known = by_issuer.entry(&rule.issuer).or_default();
            let first = known.meet(scope, (policy, index), selected);
            out.extend(first.map(|first| report(&rule.issuer, first, (policy, index))));
        }
    }
}

/// The first rules that take tokens of an issuer, by whom they are for; a rule with its number among them.
#[derive(Default)]
struct OfIssuer<'m, 'a> {
    /// Each with the first one before it for some of the same workloads.
    by_scope: BTreeMap<(Option<&'a str>, &'m Applies), First<'m, 'a>>,
    any: Option<First<'m, 'a>>,
    /// By namespace, as its own scope has it.
    of_namespace: HashMap<Option<&'a str>, First<'m, 'a>>,
    /// Those for all workloads, by namespace.
    for_all: HashMap<Option<&'a str>, First<'m, 'a>>,
    /// Those for some workloads.
    by_workload: HashMap<DocumentId, First<'m, 'a>>,
    /// Those for some workloads of every namespace, by the namespaces of these.
    reaching: HashMap<&'m str, First<'m, 'a>>,
}

type First<'m, 'a> = (usize, Rule<'m, 'a>);

impl<'m, 'a> OfIssuer<'m, 'a> {
    /// The first rule that some workload has beside this one. Where no workload is known, it can be told only of policies for all.
    fn meet<'w>(
        &mut self,
        scope: &'m Scope<'a>,
        rule: Rule<'m, 'a>,
        selected: impl Fn() -> &'w [&'m Workload<'a>],
    ) -> Option<Rule<'m, 'a>>
    where
        'm: 'w,
    {
        let key = (scope.namespace, &scope.applies);
        if let Some((_, first)) = self.by_scope.get(&key) {
            return Some(*first);
        }
        let workloads = if scope.applies == Applies::All { &[] } else { selected() };
        let before = self.before(scope, workloads);
        let own = (self.by_scope.len(), rule);
        // What is said of the scope again meets the same one.
        self.by_scope.insert(key, before.unwrap_or(own));
        self.any.get_or_insert(own);
        self.of_namespace.entry(scope.namespace).or_insert(own);
        if scope.applies == Applies::All {
            self.for_all.entry(scope.namespace).or_insert(own);
        }
        for workload in workloads {
            self.by_workload.entry(workload.id).or_insert(own);
            if scope.namespace.is_none() {
                self.reaching.entry(workload.namespace()).or_insert(own);
            }
        }
        before.map(|(_, first)| first)
    }

    fn before(&self, scope: &Scope<'_>, workloads: &[&Workload<'_>]) -> Option<First<'m, 'a>> {
        let mut found: Vec<First<'m, 'a>> = Vec::new();
        found.extend(self.for_all.get(&None));
        match (&scope.applies, scope.namespace) {
            (Applies::All, None) => found.extend(self.any),
            (Applies::All, Some(namespace)) => {
                found.extend(self.of_namespace.get(&Some(namespace)));
                found.extend(self.reaching.get(namespace));
            }
            (_, namespace) => {
                found.extend(namespace.and_then(|it| self.for_all.get(&Some(it))));
                for workload in workloads {
                    found.extend(self.by_workload.get(&workload.id));
                    found.extend(self.for_all.get(&Some(workload.namespace())));
                }
            }
        }
        found.into_iter().min_by_key(|(number, _)| *number)
    }
}

fn report(issuer: &str, first: Rule<'_, '_>, again: Rule<'_, '_>) -> Diagnostic {
    let place = |(policy, index): Rule<'_, '_>| {
        let rules = FieldPath::default().field("spec").field("jwtRules");
        Place::value(policy.resource.id, rules.index(index).field("issuer"))
    };
    Diagnostic::new(&CHECK, place(again), format!("two rules take tokens of `{issuer}`"))
        .label("again")
        .also(place(first), "first here")
        .consequence(
            "a token that one of them takes is taken: what the other asks for, it need not have",
        )
        .help("put all that is asked of the issuer's tokens into one rule")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{Compiled, policies};

    /// Each rule with all before it.
    fn pairwise(mesh: &Mesh<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut known: Vec<(&str, Rule<'_, '_>)> = Vec::new();
        for policy in &mesh.policies.request_authentications {
            for (index, rule) in policy.resource.spec.jwt_rules.iter().enumerate() {
                let same = || known.iter().filter(|(issuer, _)| *issuer == rule.issuer);
                let own = same().find(|(_, (it, _))| std::ptr::eq(*it, policy));
                let first = own.or_else(|| same().find(|(_, (it, _))| share(mesh, it, policy)));
                found.extend(first.map(|(issuer, first)| report(issuer, *first, (policy, index))));
                known.push((&rule.issuer, (policy, index)));
            }
        }
        found
    }

    fn share(mesh: &Mesh<'_>, a: &Tokens<'_>, b: &Tokens<'_>) -> bool {
        let (Ok(a), Ok(b)) = (&a.scope, &b.scope) else { return false };
        if a.namespace.zip(b.namespace).is_some_and(|(a, b)| a != b) {
            return false;
        }
        let is_wider = |a: &Scope<'_>, b: &Scope<'_>| {
            a.applies == Applies::All && (a.namespace.is_none() || a.namespace == b.namespace)
        };
        let shared = || {
            let of_a = selection::of_policy(mesh, a);
            selection::of_policy(mesh, b).iter().any(|it| of_a.iter().any(|own| own.id == it.id))
        };
        a == b || is_wider(a, b) || is_wider(b, a) || shared()
    }

    const RULES: &[&str] = &[
        "jwtRules: [{issuer: one, jwksUri: 'https://one.example.com/'}]",
        "jwtRules: [{issuer: two, jwksUri: 'https://two.example.com/'}]",
        "jwtRules: [{issuer: two, jwksUri: 'https://a.example.com/'}, {issuer: one, jwksUri: 'https://b.example.com/'}, {issuer: two, jwksUri: 'https://c.example.com/'}]",
    ];

    proptest! {
        #[test]
        fn what_is_found_by_index_is_what_is_found_by_pairs(
            text in policies("RequestAuthentication", RULES)
        ) {
            let compiled = Compiled::text(&text);
            let mesh = crate::resolve::resolve(&compiled.mesh);
            let mut found = Vec::new();
            run(&mesh, &mut found);
            prop_assert_eq!(found, pairwise(&mesh));
        }
    }
}
