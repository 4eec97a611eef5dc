//! Whether an endpoint is called with the mesh's mutual TLS, and who it must be then.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_snapshot::object::{ClientTls, Labels};

use super::endpoint::Security;
use super::spec::Spec;
use crate::tls::{Expected, SpiffeId};

/// What is known of an endpoint that its security hangs on.
pub(super) struct Candidate<'a> {
    pub(super) labels: &'a Labels,
    /// Of the workload, before it is mapped to where the instance is reached.
    pub(super) workload_port: u16,
    /// The SPIFFE ID that the world says it has; empty: it has no proxy.
    pub(super) identity: &'a str,
    /// The namespace that the endpoint's identity must be of.
    pub(super) namespace: &'a str,
}

/// Nobody can be believed to be this endpoint: its identity is not of the set's namespace, is no SPIFFE ID, or there is none to
/// expect. It is left out rather than called in plain text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct UnbelievableIdentity;

/// Source: Istio, `DestinationRule` `trafficPolicy.tls`, auto mTLS, and `ServiceEntry.subjectAltNames`.
pub(super) fn security(
    spec: &Spec,
    candidate: &Candidate<'_>,
) -> Result<Security, UnbelievableIdentity> {
    match &spec.policy.tls {
        ClientTls::Disable => Ok(Security::Plain),
        ClientTls::Originate { .. } => Ok(Security::Outside),
        ClientTls::Auto if !accepts_mtls(spec, candidate) => Ok(Security::Plain),
        ClientTls::Auto => mesh(spec, candidate, &BTreeSet::new()),
        ClientTls::IstioMutual { subject_alt_names, .. } => {
            mesh(spec, candidate, subject_alt_names)
        }
    }
}

fn accepts_mtls(spec: &Spec, candidate: &Candidate<'_>) -> bool {
    let is_selected = |labels: &Labels| {
        labels.iter().all(|(name, value)| candidate.labels.get(name) == Some(value))
    };
    let exception = spec.plaintext.iter().find(|exception| is_selected(&exception.labels));
    let is_plain = exception.is_some_and(|exception| {
        let port = exception.ports.get(&candidate.workload_port);
        port.copied().unwrap_or(exception.other_ports)
    });
    spec.auto_mtls && !spec.external && !candidate.identity.is_empty() && !is_plain
}

/// `named` are the policy's own names for the servers, in place of all others where there are any.
fn mesh(
    spec: &Spec,
    candidate: &Candidate<'_>,
    named: &BTreeSet<String>,
) -> Result<Security, UnbelievableIdentity> {
    let names = if named.is_empty() { &spec.subject_alt_names } else { named };
    let mut expected: BTreeSet<SpiffeId> =
        names.iter().filter_map(|name| SpiffeId::parse(name).ok()).collect();
    if !candidate.identity.is_empty() {
        let id = SpiffeId::parse(candidate.identity).map_err(|_| UnbelievableIdentity)?;
        let is_listed = expected.contains(&id) || spec.subject_alt_names.contains(id.as_str());
        if id.namespace() != Some(candidate.namespace) && !is_listed {
            return Err(UnbelievableIdentity);
        }
        if named.is_empty() {
            expected.insert(id);
        }
    }
    if expected.is_empty() {
        return Err(UnbelievableIdentity);
    }
    Ok(Security::Mesh(Arc::new(Expected(expected))))
}
