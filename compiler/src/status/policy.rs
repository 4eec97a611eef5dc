//! The status of a policy for backends: what became of each of its targets, and who leads to them. Source: Istio,
//! `BackendTLSPolicyCollection`, `BackendTrafficPolicyCollection`, `mergeAncestors`.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::address::joined;
use super::condition::{Condition, Fault, update};
use super::existing::{self, Existing};
use super::reference::Reference;
use super::{Facts, GATEWAY_CONTROLLER, GROUP, MESH_CONTROLLER, ResourceStatus, Status, material};
use crate::api::Resource;
use crate::api::gateway_api::{
    BackendTlsPolicy, BackendTrafficPolicy, ParentReference, PolicyTarget,
};
use crate::resolve::backend_tls::{AuthorityFault, TargetState, is_ignored};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyStatus {
    pub ancestors: Vec<AncestorStatus>,
}

/// What the policy is to somebody who heeds it: the mesh at a target, or a Gateway that leads there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AncestorStatus {
    pub ancestor_ref: Reference,
    pub conditions: Vec<Condition>,
    pub controller_name: String,
}

/// As many as the Gateway API lets a policy have.
const ANCESTORS_MAX: usize = 16;
const VALID: &str = "Configuration is valid";

impl Facts<'_, '_> {
    pub(super) fn policies(&self, all: &mut Vec<ResourceStatus>) {
        for (policy, states) in self.mesh.backend_tls.iter() {
            let status = self.tls_policy(policy, states);
            all.push(self.of(policy, "BackendTLSPolicy", Status::Policy(status)));
        }
        for policy in &self.mesh.source.backend_traffic_policies {
            let status = self.traffic_policy(policy);
            all.push(self.of(policy, "XBackendTrafficPolicy", Status::Policy(status)));
        }
    }

    fn tls_policy(
        &self,
        policy: &Resource<BackendTlsPolicy>,
        states: &[TargetState<'_>],
    ) -> PolicyStatus {
        let authority = self.mesh.backend_tls.authority_fault(policy);
        let (unaccepted, unresolved) = match authority {
            Some(fault) => faults_of(policy, &fault),
            None => (None, None),
        };
        let conditions = |fault: Option<Fault>| {
            vec![
                Condition::unless(
                    fault.or_else(|| unaccepted.clone()),
                    "Accepted",
                    "Accepted",
                    VALID,
                ),
                Condition::unless(unresolved.clone(), "ResolvedRefs", "ResolvedRefs", VALID),
            ]
        };
        let targets = &policy.spec.target_refs;
        if is_ignored(policy) {
            return self.merged(policy, ignored(targets));
        }
        let (mut new, mut last) = (Vec::new(), None);
        for (target, state) in targets.iter().zip(states) {
            let fault = target_fault(policy, target, state);
            last = fault.clone().or(last);
            new.push((Reference::from(target), conditions(fault), MESH_CONTROLLER));
        }
        for name in self.gateways_before(policy, states) {
            let reference = Reference {
                group: Some(GROUP.to_owned()),
                kind: Some("Gateway".to_owned()),
                name,
                ..Reference::default()
            };
            new.push((reference, conditions(last.clone()), GATEWAY_CONTROLLER));
        }
        self.merged(policy, new)
    }

    /// The names of Gateways that some route leads from to a target that is there.
    fn gateways_before(
        &self,
        policy: &Resource<BackendTlsPolicy>,
        states: &[TargetState<'_>],
    ) -> Vec<String> {
        let is_there = |state: &TargetState<'_>| {
            matches!(state, TargetState::Applied | TargetState::Overruled(_))
        };
        let targets = policy.spec.target_refs.iter().zip(states);
        let targets: Vec<_> =
            targets.filter(|(_, state)| is_there(state)).map(|(target, _)| target).collect();
        let leads = |group: Option<&str>, kind: Option<&str>, name: &str, namespace: &str| {
            let (group, kind) = (group.unwrap_or_default(), kind.unwrap_or("Service"));
            let is_it =
                |it: &&PolicyTarget| it.group == group && it.kind == kind && it.name == name;
            namespace == policy.namespace && targets.iter().copied().any(|it| is_it(&it))
        };
        let mut gateways = BTreeSet::new();
        for (_, route) in self.mesh.http_routes.iter() {
            let own = route.resource.namespace.as_str();
            let backends = route.resource.spec.rules.iter().flat_map(|rule| &rule.backend_refs);
            if backends.into_iter().any(|it| {
                let namespace = it.namespace.as_deref().unwrap_or(own);
                leads(it.group.as_deref(), it.kind.as_deref(), &it.name, namespace)
            }) {
                gateways.extend(parents(&route.resource.spec.parent_refs, own));
            }
        }
        for route in self.mesh.stream_routes.iter() {
            let own = route.resource.namespace.as_str();
            let backends = route.resource.spec.rules.iter().flat_map(|rule| &rule.backend_refs);
            if backends.into_iter().any(|it| {
                let namespace = it.namespace.as_deref().unwrap_or(own);
                leads(it.group.as_deref(), it.kind.as_deref(), &it.name, namespace)
            }) {
                gateways.extend(parents(&route.resource.spec.parent_refs, own));
            }
        }
        gateways.into_iter().map(|(_, name)| name).collect()
    }

    /// Nothing of it is served, and it says so.
    fn traffic_policy(&self, policy: &Resource<BackendTrafficPolicy>) -> PolicyStatus {
        let targets = &policy.spec.target_refs;
        if is_ignored(policy) {
            return self.merged(policy, ignored(targets));
        }
        let spec = &policy.spec;
        let parts = [
            ("retryConstraint", spec.retry_constraint.is_some()),
            ("sessionPersistence", spec.session_persistence.is_some()),
        ];
        let parts: Vec<_> = parts.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        let message = match parts.as_slice() {
            [] => VALID.to_owned(),
            parts => {
                let parts = joined(parts);
                format!("{VALID}, but the following fields are not supported here: {parts}")
            }
        };
        let new = targets.iter().map(|target| {
            let (kind, name) = (&target.kind, &target.name);
            let is_service = target.group.is_empty() && kind == "Service";
            let fault = if !is_service {
                Some(format!("unsupported reference kind: {kind}"))
            } else if self.mesh.services.kubernetes(&policy.namespace, name).is_none() {
                let namespace = &policy.namespace;
                Some(format!("reference {namespace}/{name} (of kind {kind}) not found"))
            } else {
                None
            };
            let fault = fault
                .map(|rest| Fault::new("TargetNotFound", format!("targetRefs invalid: {rest}")));
            let accepted = Condition::unless(fault, "Accepted", "Accepted", message.clone());
            (Reference::from(target), vec![accepted], MESH_CONTROLLER)
        });
        self.merged(policy, new.collect())
    }

    /// What others have written stays; what is ours is written anew in its place, or at the end.
    fn merged<T>(&self, policy: &Resource<T>, mut new: Vec<New>) -> PolicyStatus {
        let existing = self.existing(policy.id);
        let mut ancestors = Vec::new();
        for before in existing.list("ancestors") {
            let Some(kept) = kept(before) else { continue };
            if ![GATEWAY_CONTROLLER, MESH_CONTROLLER].contains(&kept.controller_name.as_str()) {
                ancestors.push(kept);
                continue;
            }
            let at = new.iter().position(|(reference, ..)| *reference == kept.ancestor_ref);
            let Some(at) = at else { continue };
            ancestors.push(written(new.remove(at), kept.conditions, &existing));
        }
        ancestors.extend(new.into_iter().map(|it| written(it, Vec::new(), &existing)));
        ancestors.truncate(ANCESTORS_MAX);
        PolicyStatus { ancestors }
    }
}

/// What became of a target.
fn target_fault(
    policy: &Resource<BackendTlsPolicy>,
    target: &PolicyTarget,
    state: &TargetState<'_>,
) -> Option<Fault> {
    let (namespace, kind, name) = (&policy.namespace, &target.kind, &target.name);
    let lost =
        |rest: String| Some(Fault::new("TargetNotFound", format!("targetRefs invalid: {rest}")));
    match state {
        TargetState::Applied => None,
        TargetState::Missing => {
            lost(format!("reference {namespace}/{name} (of kind {kind}) not found"))
        }
        TargetState::NoPort => {
            let section = target.section_name.as_deref().unwrap_or_default();
            lost(format!("sectionName {section:?} does not exist in {kind} {namespace}/{name}"))
        }
        TargetState::Foreign => lost(format!("unsupported kind {kind}")),
        TargetState::Overruled(first) => Some(Fault::new(
            "Conflicted",
            format!(
                "Conflicts with BackendTLSPolicy {:?} targeting the same backend",
                first.name()
            ),
        )),
    }
}

/// An ancestor, what is to be said of it, and by whom.
type New = (Reference, Vec<Condition>, &'static str);

fn written(
    (ancestor_ref, conditions, controller): New,
    before: Vec<Condition>,
    existing: &Existing,
) -> AncestorStatus {
    let conditions = update(before, conditions, existing.generation);
    AncestorStatus { ancestor_ref, conditions, controller_name: controller.to_owned() }
}

fn ignored(targets: &[PolicyTarget]) -> Vec<New> {
    let message = "Ignored by Istio due to annotation istio.io/ignore-policy-attachment=true";
    let fault = || Some(Fault::new("IgnoredByIstio", message));
    let say = |target| {
        let accepted = Condition::unless(fault(), "Accepted", "Accepted", VALID);
        (Reference::from(target), vec![accepted], MESH_CONTROLLER)
    };
    targets.iter().map(say).collect()
}

/// The Gateways among them, as namespace and name.
fn parents(references: &[ParentReference], own: &str) -> BTreeSet<(String, String)> {
    let is_gateway = |it: &&ParentReference| {
        it.group.as_deref().is_none_or(|group| group == GROUP)
            && it.kind.as_deref().is_none_or(|kind| kind == "Gateway")
    };
    let name = |it: &ParentReference| {
        (it.namespace.clone().unwrap_or_else(|| own.to_owned()), it.name.clone())
    };
    references.iter().filter(is_gateway).map(name).collect()
}

/// What keeps the policy from being accepted, and its references from being resolved.
fn faults_of(
    policy: &Resource<BackendTlsPolicy>,
    fault: &AuthorityFault<'_>,
) -> (Option<Fault>, Option<Fault>) {
    let (reason, prefix, rest) = match fault {
        AuthorityFault::Unknown(name) => {
            let message = format!("Unknown wellKnownCACertificates: {name}");
            return (Some(Fault::new("Invalid", message)), None);
        }
        AuthorityFault::Kind(it) => {
            let rest = format!("unsupported kind {}", it.kind);
            ("InvalidKind", "Certificate reference not supported", rest)
        }
        AuthorityFault::Missing(it) => {
            let rest = format!(
                "reference {}/{} (of kind {}) not found",
                policy.namespace, it.name, it.kind
            );
            ("InvalidCACertificateRef", "Certificate reference not found", rest)
        }
        AuthorityFault::Keys(held) => {
            let rest = material::without_keys("cacert or ca.crt", held);
            ("InvalidCACertificateRef", "Certificate invalid", rest)
        }
    };
    let accepted = format!("Certificate reference invalid: {rest}");
    (
        Some(Fault::new("NoValidCACertificate", accepted)),
        Some(Fault::new(reason, format!("{prefix}: {rest}"))),
    )
}

/// With those of its conditions that are some.
fn kept(ancestor: &Value) -> Option<AncestorStatus> {
    let controller = ancestor.get("controllerName")?.as_str()?.to_owned();
    Some(AncestorStatus {
        ancestor_ref: serde_json::from_value(ancestor.get("ancestorRef")?.clone()).ok()?,
        conditions: existing::conditions(ancestor),
        controller_name: controller,
    })
}
