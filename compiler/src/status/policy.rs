//! The status of a policy for backends: what became of each of its targets, and who leads to them. Source: Istio,
//! `BackendTLSPolicyCollection`, `BackendTrafficPolicyCollection`, `mergeAncestors`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::address::joined;
use super::condition::{Condition, Fault};
use super::existing::Said;
use super::reference::Reference;
use super::route::GatewaysBefore;
use super::{Facts, GATEWAY_CONTROLLER, GROUP, MESH_CONTROLLER, ResourceStatus, Status, material};
use crate::api::Resource;
use crate::api::gateway_api::{BackendTlsPolicy, BackendTrafficPolicy, PolicyTarget};
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
        let before = GatewaysBefore::of(self.mesh);
        for (policy, states) in self.mesh.backend_tls.iter() {
            let status = self.tls_policy(policy, states, &before);
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
        before: &GatewaysBefore<'_>,
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
            new.push(Said::new(Reference::from(target), conditions(fault), MESH_CONTROLLER));
        }
        // A popular Service has thousands before it; of those that nobody has told of yet no more find room.
        let is_new = self.existing(policy.id).list("ancestors").next().is_none();
        let max = if is_new { ANCESTORS_MAX } else { usize::MAX };
        for name in gateways_before(policy, states, before, max) {
            let reference = Reference {
                group: Some(GROUP.to_owned()),
                kind: Some("Gateway".to_owned()),
                name,
                ..Reference::default()
            };
            new.push(Said::new(reference, conditions(last.clone()), GATEWAY_CONTROLLER));
        }
        self.merged(policy, new)
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
            Said::new(Reference::from(target), vec![accepted], MESH_CONTROLLER)
        });
        self.merged(policy, new.collect())
    }

    fn merged<T>(&self, policy: &Resource<T>, new: Vec<Said>) -> PolicyStatus {
        let merged = self.existing(policy.id).merged(
            ("ancestors", "ancestorRef"),
            new,
            |controller| [GATEWAY_CONTROLLER, MESH_CONTROLLER].contains(&controller),
            |a, b| a == b,
        );
        let ancestors = merged.into_iter().take(ANCESTORS_MAX).map(AncestorStatus::from);
        PolicyStatus { ancestors: ancestors.collect() }
    }
}

/// The names of Gateways that some route leads from to a target that is there: of each target the first `max`.
fn gateways_before<'m>(
    policy: &'m Resource<BackendTlsPolicy>,
    states: &[TargetState<'_>],
    before: &GatewaysBefore<'m>,
    max: usize,
) -> Vec<String> {
    let is_there =
        |state: &TargetState<'_>| matches!(state, TargetState::Applied | TargetState::Overruled(_));
    let targets = policy.spec.target_refs.iter().zip(states);
    let targets = targets.filter(|(_, state)| is_there(state)).map(|(target, _)| target);
    let gateways: BTreeSet<_> = targets
        .flat_map(|it| before.get((&it.group, &it.kind, &policy.namespace, &it.name)).take(max))
        .collect();
    gateways.into_iter().map(|(_, name)| name.to_owned()).collect()
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

impl From<Said> for AncestorStatus {
    fn from(Said { of, conditions, controller }: Said) -> Self {
        Self { ancestor_ref: of, conditions, controller_name: controller }
    }
}

fn ignored(targets: &[PolicyTarget]) -> Vec<Said> {
    let message = "Ignored by Istio due to annotation istio.io/ignore-policy-attachment=true";
    let fault = || Some(Fault::new("IgnoredByIstio", message));
    let say = |target| {
        let accepted = Condition::unless(fault(), "Accepted", "Accepted", VALID);
        Said::new(Reference::from(target), vec![accepted], MESH_CONTROLLER)
    };
    targets.iter().map(say).collect()
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
