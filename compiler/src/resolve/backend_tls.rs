//! Which `BackendTLSPolicy` applies to a host. Source: Gateway API, `BackendTLSPolicy`; Istio,
//! `DestinationRuleCollection`: a policy is for all clients of its Service, and of several the oldest counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Age;
use super::host::Host;
use super::service::{Service, Services};
use crate::api::gateway_api::{BackendTlsPolicy, PolicyTarget};
use crate::api::{Mesh, Resource};

/// The port that a policy is for, absent: those for which there is no other → the policy.
pub type ByPort<'a> = BTreeMap<Option<u16>, &'a Resource<BackendTlsPolicy>>;

/// What became of a target of a policy.
#[derive(Clone, Debug)]
pub enum TargetState<'a> {
    Applied,
    /// There is no such Service or `ServiceEntry`.
    Missing,
    /// It has no port of this name.
    NoPort,
    /// An older policy is for the same.
    Overruled(&'a Resource<BackendTlsPolicy>),
    /// Another program's business.
    Foreign,
}

/// All policies, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub struct BackendTlsPolicies<'a> {
    by_host: BTreeMap<Host, ByPort<'a>>,
    /// Each policy, and the states of its targets by their places; the oldest first.
    states: Vec<(&'a Resource<BackendTlsPolicy>, Vec<TargetState<'a>>)>,
}

impl<'a> BackendTlsPolicies<'a> {
    pub(super) fn of(mesh: &'a Mesh, services: &Services<'a>) -> Self {
        let mut sorted: Vec<_> = mesh.backend_tls_policies.iter().collect();
        sorted.sort_by_key(|policy| Age::of(policy).in_gateway_api());
        let mut policies = Self::default();
        for policy in sorted {
            let targets = policy.spec.target_refs.iter();
            let states = targets.map(|target| policies.apply(policy, target, services)).collect();
            policies.states.push((policy, states));
        }
        policies
    }

    /// The policies for a host, by port.
    #[must_use]
    pub fn of_host(&self, host: &str) -> Option<&ByPort<'a>> {
        self.by_host.get(host)
    }

    /// Every policy that is served, and what became of its targets.
    pub fn iter(
        &self,
    ) -> impl Iterator<Item = (&'a Resource<BackendTlsPolicy>, &[TargetState<'a>])> {
        self.states.iter().map(|(policy, states)| (*policy, states.as_slice()))
    }

    fn apply(
        &mut self,
        policy: &'a Resource<BackendTlsPolicy>,
        target: &PolicyTarget,
        services: &Services<'a>,
    ) -> TargetState<'a> {
        let namespace = policy.namespace.as_str();
        let found: Vec<&Service<'a>> = match (target.group.as_str(), target.kind.as_str()) {
            ("", "Service") => {
                let service = services.kubernetes(namespace, &target.name);
                service.into_iter().map(|(_, service)| service).collect()
            }
            ("networking.istio.io", "ServiceEntry") => {
                services.of_entry(namespace, &target.name).map(|id| services.get(id)).collect()
            }
            _ => return TargetState::Foreign,
        };
        if found.is_empty() {
            return TargetState::Missing;
        }
        let mut state = TargetState::Applied;
        for service in found {
            let port = match section(target) {
                None => None,
                Some(name) => match service.object.ports.iter().find(|port| port.name == name) {
                    Some(port) => Some(port.number),
                    None => return TargetState::NoPort,
                },
            };
            let by_port = self.by_host.entry(Arc::clone(&service.host)).or_default();
            let first = *by_port.entry(port).or_insert(policy);
            if first.id != policy.id {
                state = TargetState::Overruled(first);
            }
        }
        state
    }
}

fn section(target: &PolicyTarget) -> Option<&str> {
    target.section_name.as_deref().filter(|name| !name.is_empty())
}
