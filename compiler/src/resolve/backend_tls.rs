//! Which `BackendTLSPolicy` applies to a host. Source: Gateway API, `BackendTLSPolicy`; Istio,
//! `DestinationRuleCollection`: a policy is for all clients of its Service, and of several the oldest counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::host::Host;
use super::service::{Service, Services};
use super::{Age, Held, Holdings};
use crate::api::gateway_api::{BackendTlsPolicy, LocalReference, PolicyTarget};
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

/// Why nobody is believed for whom a policy names.
#[derive(Clone, Debug)]
pub enum AuthorityFault<'a> {
    /// A well-known name that is known elsewhere.
    Unknown(&'a str),
    /// Neither a `ConfigMap` nor a Secret.
    Kind(&'a LocalReference),
    Missing(&'a LocalReference),
    /// It is there without a key that it needs.
    Keys(Held),
}

/// By which an author takes a policy away from Istio.
const IGNORE: &str = "istio.io/ignore-policy-attachment";

/// Whether a policy is for other programs. Source: Istio, `IgnorePolicyAttachment`.
#[must_use]
pub fn is_ignored<T>(policy: &Resource<T>) -> bool {
    policy.metadata.annotations.get(IGNORE).is_some_and(|it| it.eq_ignore_ascii_case("true"))
}

/// All policies, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub struct BackendTlsPolicies<'a> {
    by_host: BTreeMap<Host, ByPort<'a>>,
    /// Each policy, and the states of its targets by their places; the oldest first.
    states: Vec<(&'a Resource<BackendTlsPolicy>, Vec<TargetState<'a>>)>,
    holdings: Holdings<'a>,
}

impl<'a> BackendTlsPolicies<'a> {
    pub(super) fn of(mesh: &'a Mesh, services: &Services<'a>, holdings: &Holdings<'a>) -> Self {
        let mut sorted: Vec<_> = mesh.backend_tls_policies.iter().collect();
        sorted.sort_by_key(|policy| Age::of(policy).in_gateway_api());
        let mut policies = Self { holdings: holdings.clone(), ..Self::default() };
        for policy in sorted {
            if is_ignored(policy) {
                policies.states.push((policy, Vec::new()));
                continue;
            }
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

    /// Why nobody is believed for what a policy says. `None`: somebody is, as far as the repository tells.
    #[must_use]
    pub fn authority_fault(
        &self,
        policy: &'a Resource<BackendTlsPolicy>,
    ) -> Option<AuthorityFault<'a>> {
        let validation = &policy.spec.validation;
        if let Some(name) = validation.well_known_ca_certificates.as_deref() {
            return (name != "System").then_some(AuthorityFault::Unknown(name));
        }
        validation.ca_certificate_refs.iter().find_map(|it| {
            let held = match (it.group.as_str(), it.kind.as_str()) {
                ("", "ConfigMap") => self.holdings.config_map(&policy.namespace, &it.name),
                ("", "Secret") => self.holdings.secret(&policy.namespace, &it.name),
                _ => return Some(AuthorityFault::Kind(it)),
            };
            match &held {
                Held::Missing => Some(AuthorityFault::Missing(it)),
                Held::Keys(keys) if !keys.contains("ca.crt") && !keys.contains("cacert") => {
                    Some(AuthorityFault::Keys(held))
                }
                Held::Keys(_) | Held::Unsaid => None,
            }
        })
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
