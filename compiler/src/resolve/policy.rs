//! Which workloads a policy is for: of the mesh, of a namespace, those that a selector selects, or the gateways that it
//! targets. Source: Istio, `WorkloadPolicyMatcher.ShouldAttachPolicy`; `PeerAuthentication`.

use std::collections::BTreeSet;

use mesh_snapshot::Applies;
use mesh_snapshot::object::Labels;

use super::{Age, Settings};
use crate::api::istio::{
    AuthorizationPolicy, PeerAuthentication, RequestAuthentication, TargetReference,
    WorkloadSelector,
};
use crate::api::{Mesh, Resource};

/// The workloads that a policy is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scope<'a> {
    /// Whose workloads; absent: those of every namespace.
    pub namespace: Option<&'a str>,
    pub applies: Applies,
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

/// All policies, each kind from the oldest to the youngest.
#[derive(Clone, Debug, Default)]
pub struct Policies<'a> {
    pub peer_authentications: Vec<Policy<'a, PeerAuthentication>>,
    pub request_authentications: Vec<Policy<'a, RequestAuthentication>>,
    pub authorization_policies: Vec<Policy<'a, AuthorizationPolicy>>,
}

impl<'a> Policies<'a> {
    pub(super) fn of(mesh: &'a Mesh, settings: &Settings<'a>) -> Self {
        let root = settings.root_namespace;
        Self {
            peer_authentications: sorted(&mesh.peer_authentications, |it| {
                let selector = labels(it.spec.selector.as_ref());
                if it.namespace == root && selector.is_some() {
                    return Err(NoScope::SelectorInRoot);
                }
                Ok(by_selector(selector, &it.namespace, root))
            }),
            request_authentications: sorted(&mesh.request_authentications, |it| {
                let targets = targets(it.spec.target_ref.as_ref(), &it.spec.target_refs);
                scope(it.spec.selector.as_ref(), &targets, &it.namespace, root)
            }),
            authorization_policies: sorted(&mesh.authorization_policies, |it| {
                let targets = targets(it.spec.target_ref.as_ref(), &it.spec.target_refs);
                scope(it.spec.selector.as_ref(), &targets, &it.namespace, root)
            }),
        }
    }
}

fn sorted<'a, T>(
    resources: &'a [Resource<T>],
    scope: impl Fn(&'a Resource<T>) -> Result<Scope<'a>, NoScope>,
) -> Vec<Policy<'a, T>> {
    let policy = |resource| Policy { resource, age: Age::of(resource), scope: scope(resource) };
    let mut policies: Vec<_> = resources.iter().map(policy).collect();
    policies.sort_by_key(|policy| policy.age);
    policies
}

/// `targetRef` is an older way to say `targetRefs`, which wins.
fn targets<'a>(
    one: Option<&'a TargetReference>,
    several: &'a [TargetReference],
) -> Vec<&'a TargetReference> {
    if several.is_empty() { one.into_iter().collect() } else { several.iter().collect() }
}

fn scope<'a>(
    selector: Option<&'a WorkloadSelector>,
    targets: &[&'a TargetReference],
    namespace: &'a str,
    root: &str,
) -> Result<Scope<'a>, NoScope> {
    if targets.is_empty() {
        return Ok(by_selector(labels(selector), namespace, root));
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
