//! Who an endpoint must be. Whether it is called with mutual TLS at all, the engine says.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_engine::cluster::{Endpoint, Names, Security as Decision, takes_mutual_tls};
use mesh_snapshot::object::{Labels, Role};

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
    /// Of its proxy, if it has one.
    pub(super) role: Role,
    /// The namespace that the endpoint's identity must be of.
    pub(super) namespace: &'a str,
}

/// Nobody can be believed to be this endpoint: its identity is not of the set's namespace, is no SPIFFE ID, or there is none to
/// expect. It is left out rather than called in plain text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct UnbelievableIdentity;

pub(super) fn security(
    spec: &Spec,
    candidate: &Candidate<'_>,
) -> Result<Security, UnbelievableIdentity> {
    let Candidate { labels, workload_port, identity, role, .. } = *candidate;
    let meshed = !identity.is_empty() && takes_mutual_tls(role, labels);
    let endpoint = Endpoint { labels, workload_port, meshed };
    match spec.terms().security(&endpoint) {
        Decision::Plaintext => Ok(Security::Plain),
        Decision::Originate { .. } => Ok(Security::Outside),
        Decision::Mutual { server, .. } => mutual(spec, candidate, server),
    }
}

fn mutual(
    spec: &Spec,
    candidate: &Candidate<'_>,
    names: Names<'_>,
) -> Result<Security, UnbelievableIdentity> {
    let (listed, admits_own) = match names {
        Names::EndpointOr(names) => (names, true),
        Names::OneOf(names) => (names, false),
    };
    let ids = listed.iter().filter_map(|name| SpiffeId::parse(name).ok());
    let mut expected: BTreeSet<SpiffeId> = ids.collect();
    if !candidate.identity.is_empty() {
        let id = SpiffeId::parse(candidate.identity).map_err(|_| UnbelievableIdentity)?;
        let is_listed = expected.contains(&id) || spec.subject_alt_names.contains(id.as_str());
        if id.namespace() != Some(candidate.namespace) && !is_listed {
            return Err(UnbelievableIdentity);
        }
        if admits_own {
            expected.insert(id);
        }
    }
    if expected.is_empty() {
        return Err(UnbelievableIdentity);
    }
    Ok(Security::Mesh(Arc::new(Expected(expected))))
}
