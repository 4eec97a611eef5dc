//! Which workloads a policy is for: of the mesh, of a namespace, those that a selector selects, or the gateways that it
//! targets. Source: Istio, `WorkloadPolicyMatcher.ShouldAttachPolicy`; `PeerAuthentication`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use mesh_snapshot::Applies;
use mesh_snapshot::object::{Labels, Workload as Inventory};

use super::selectors::Selectors;
use super::{Age, Settings};
use crate::api::istio::{
    Attached, AuthorizationPolicy, PeerAuthentication, RequestAuthentication, TargetReference,
    WorkloadSelector,
};
use crate::api::{Mesh, Resource};
use crate::parts::Made;

/// The workloads that a policy is for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Scope<'a> {
    /// Whose workloads; absent: those of every namespace.
    pub namespace: Option<&'a str>,
    pub applies: Applies,
}

impl Scope<'_> {
    /// Whether it is for all whom another is for, as far as their words tell.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        (self.namespace.is_none() || self.namespace == other.namespace)
            && (self.applies == Applies::All || self.applies == other.applies)
    }
}

/// A policy, and whom it is for.
#[derive(Clone, Debug)]
pub struct Policy<'a, T> {
    pub resource: &'a Resource<T>,
    pub age: Age<'a>,
    /// Absent: nobody, for this reason.
    pub scope: Result<Scope<'a>, NoScope>,
}

/// Why a policy is for nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoScope {
    /// It targets what only a waypoint serves, and there are none.
    Waypoint,
    /// A `PeerAuthentication` of the root namespace is for the whole mesh or for nobody.
    SelectorInRoot,
}

/// The policies of one kind, from the oldest to the youngest.
#[derive(Clone, Debug)]
pub struct PolicyList<'a, T> {
    all: Vec<Policy<'a, T>>,
    /// Places in `all`, by whose workloads they are for; those for nobody are in none.
    by_namespace: BTreeMap<Option<&'a str>, Vec<usize>>,
    /// The same, by whom they select.
    selectors: Selectors<'a>,
}

impl<'a, T> PolicyList<'a, T> {
    fn new(all: Vec<Policy<'a, T>>) -> Self {
        let mut by_namespace: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, policy) in all.iter().enumerate() {
            if let Ok(scope) = &policy.scope {
                by_namespace.entry(scope.namespace).or_default().push(place);
            }
        }
        let scoped = all.iter().enumerate().filter_map(|(place, policy)| {
            let scope = policy.scope.as_ref().ok()?;
            let selectors = match &scope.applies {
                Applies::Selected(selectors) => selectors.as_slice(),
                Applies::All | Applies::Gateways(_) | Applies::Addressed(_) => &[],
            };
            Some((scope.namespace, place, selectors))
        });
        let selectors = Selectors::new(scoped);
        Self { all, by_namespace, selectors }
    }

    /// Those that are for a workload, the oldest first.
    #[must_use]
    pub fn for_workload(&self, workload: &Inventory) -> Vec<&Policy<'a, T>> {
        let of = |namespace| self.selectors.candidates(namespace, &workload.labels);
        let mut places = of(None);
        places.extend(of(Some(&workload.namespace)));
        places.sort_unstable();
        let applies = |policy: &&Policy<'_, T>| {
            policy.scope.as_ref().is_ok_and(|scope| scope.applies.to(workload))
        };
        places.into_iter().filter_map(|place| self.all.get(place)).filter(applies).collect()
    }

    /// Those for workloads of `namespace` and of no other; absent: those for workloads of every namespace.
    pub fn of_namespace<'p>(
        &'p self,
        namespace: Option<&'p str>,
    ) -> impl Iterator<Item = &'p Policy<'a, T>> {
        let places = self.by_namespace.get(&namespace).into_iter().flatten();
        places.filter_map(|place| self.all.get(*place))
    }
}

impl<'a, T> Deref for PolicyList<'a, T> {
    type Target = [Policy<'a, T>];

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl<'p, 'a, T> IntoIterator for &'p PolicyList<'a, T> {
    type Item = &'p Policy<'a, T>;
    type IntoIter = std::slice::Iter<'p, Policy<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

/// All policies.
#[derive(Clone, Debug)]
pub struct Policies<'a> {
    pub peer_authentications: Made<PolicyList<'a, PeerAuthentication>>,
    pub request_authentications: Made<PolicyList<'a, RequestAuthentication>>,
    pub authorization_policies: Made<PolicyList<'a, AuthorizationPolicy>>,
}

pub(super) fn peer_authentications<'a>(
    mesh: &'a Mesh,
    settings: &Settings<'a>,
) -> PolicyList<'a, PeerAuthentication> {
    let root = settings.root_namespace;
    sorted(&mesh.peer_authentications, |it| {
        let selector = labels(it.spec.selector.as_ref());
        if it.namespace == root && selector.is_some() {
            return Err(NoScope::SelectorInRoot);
        }
        Ok(by_selector(selector, &it.namespace, root))
    })
}

/// Policies that may target what workloads serve.
pub(super) fn attached<'a, T: Attached>(
    resources: &'a [Resource<T>],
    settings: &Settings<'a>,
) -> PolicyList<'a, T> {
    sorted(resources, |it| {
        let of = it.spec.attachment();
        let targets: Vec<_> = of.targeted().map(|(_, target)| target).collect();
        of_targets(labels(of.selector), &targets, &it.namespace, settings.root_namespace)
    })
}

fn sorted<'a, T>(
    resources: &'a [Resource<T>],
    scope: impl Fn(&'a Resource<T>) -> Result<Scope<'a>, NoScope>,
) -> PolicyList<'a, T> {
    let policy = |resource| Policy { resource, age: Age::of(resource), scope: scope(resource) };
    let mut policies: Vec<_> = resources.iter().map(policy).collect();
    policies.sort_by_key(|policy| policy.age);
    PolicyList::new(policies)
}

/// The workloads that an `EnvoyFilter` is for.
pub(super) fn of_workloads<'a>(
    labels: Option<&Labels>,
    targets: &'a [TargetReference],
    namespace: &'a str,
    root: &str,
) -> Result<Scope<'a>, NoScope> {
    let labels = labels.filter(|labels| !labels.is_empty());
    of_targets(labels, &targets.iter().collect::<Vec<_>>(), namespace, root)
}

fn of_targets<'a>(
    labels: Option<&Labels>,
    targets: &[&'a TargetReference],
    namespace: &'a str,
    root: &str,
) -> Result<Scope<'a>, NoScope> {
    if targets.is_empty() {
        return Ok(by_selector(labels, namespace, root));
    }
    let is_gateway = |it: &&&TargetReference| {
        it.group == "gateway.networking.k8s.io"
            && it.kind == "Gateway"
            && (it.namespace.is_empty() || it.namespace == namespace)
    };
    let gateways: BTreeSet<_> =
        targets.iter().filter(is_gateway).map(|it| it.name.clone()).collect();
    if gateways.is_empty() {
        return Err(NoScope::Waypoint);
    }
    // Gateways are of the policy's own namespace, even where that is the root.
    Ok(Scope { namespace: Some(namespace), applies: Applies::Gateways(gateways) })
}

fn labels(selector: Option<&WorkloadSelector>) -> Option<&Labels> {
    selector.map(|selector| &selector.match_labels).filter(|labels| !labels.is_empty())
}

fn by_selector<'a>(selector: Option<&Labels>, namespace: &'a str, root: &str) -> Scope<'a> {
    Scope {
        namespace: (namespace != root).then_some(namespace),
        applies: selector.map_or(Applies::All, |labels| Applies::Selected(vec![labels.clone()])),
    }
}
