//! Identities of connections that nobody proves.
//!
//! The mesh gives its workloads `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`, and takes no other of them. Where a gateway or a
//! `Sidecar` asks for certificates of an authority of its own, others may have any. Sources: SPIFFE ID §2; Istio,
//! `spiffe.Identity`, `ServerTLSSettings.mode`.

use mesh_snapshot::object::Role;

use crate::check::identity::has_shape;
use crate::check::matching::possible::Never;
use crate::check::outsiders;
use crate::resolve::{Mesh, Settings, Workload};

const FOREIGN: &str = "the trust domain is neither the mesh's own nor among `trustDomainAliases`";
const SHAPE: &str = "an identity is `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`";

/// Who may call the workloads of a policy.
pub(super) struct Callers<'p, 'a> {
    pub(super) mesh: &'p Mesh<'a>,
    /// None: they are not known.
    pub(super) workloads: &'p [&'p Workload<'a>],
}

impl<'a> Callers<'_, 'a> {
    pub(super) fn settings(&self) -> &Settings<'a> {
        &self.mesh.settings
    }

    /// Why nobody proves to be `value`. Istio puts `spiffe://` before what is written.
    pub(super) fn principal(&self, value: &str) -> Option<Never> {
        if let Some(rest) = value.strip_prefix("spiffe://") {
            let reason = "an identity is written without `spiffe://`";
            let is_right = !rest.is_empty() && self.fault(rest).is_none();
            return Some(Never { reason, instead: is_right.then(|| rest.to_owned()) });
        }
        let reason = self.fault(value)?;
        Some(Never { reason, instead: self.meant(value) })
    }

    /// Why nobody is of the trust domain `value`.
    pub(super) fn trust_domain(&self, value: &str) -> Option<Never> {
        let is_whole = !value.is_empty() && !value.contains(['*', '/']);
        let is_foreign = is_whole
            && self.settings().trust_domains().all(|it| it != value)
            && !self.have_others();
        is_foreign.then_some(Never { reason: FOREIGN, instead: None })
    }

    fn fault(&self, value: &str) -> Option<&'static str> {
        let is_shaped = has_shape(value);
        let reason = match (is_shaped, self.are_of(value)) {
            (true, true) => return None,
            (true, false) => FOREIGN,
            (false, _) => SHAPE,
        };
        // Others have other forms, but whoever is of a namespace is an account there.
        let is_of_others = is_shaped || (value.contains('/') && !value.contains("/ns/"));
        (!is_of_others || !self.have_others()).then_some(reason)
    }

    /// Whether the mesh's own workloads are of the trust domain that an identity begins with.
    fn are_of(&self, value: &str) -> bool {
        let settings = self.settings();
        let mut own = settings.trust_domains();
        match (value.split_once('/'), value.strip_suffix('*')) {
            _ if value.starts_with('*') => true,
            (Some((domain, _)), _) if domain.contains('*') => true,
            // What is written out is of the mesh by whatever stands for it.
            (Some((domain, _)), _) if value.matches('/').count() == 4 => settings.is_own(domain),
            (Some((domain, _)), _) => own.any(|it| it == domain),
            (None, Some(start)) => own.any(|it| it.starts_with(start)),
            (None, None) => false,
        }
    }

    /// The same account in the form that is compared: `NAMESPACE/ACCOUNT`, or what Kubernetes calls it.
    fn meant(&self, value: &str) -> Option<String> {
        let parts: Vec<_> = value.split(['/', ':']).collect();
        let ([namespace, account]
        | ["system", "serviceaccount", namespace, account]
        | [_, "ns", namespace, _, account]) = *parts.as_slice()
        else {
            return None;
        };
        let meant = format!("{}/ns/{namespace}/sa/{account}", self.settings().trust_domain);
        let is_known = self.mesh.namespaces.contains(namespace);
        (is_known && !account.is_empty() && self.fault(&meant).is_none()).then_some(meant)
    }

    /// Whether some may prove what another authority than the mesh's says.
    fn have_others(&self) -> bool {
        let is_gateway = |it: &&Workload<'_>| it.inventory.role == Role::Gateway;
        let may_be_gateway = self.workloads.is_empty() || self.workloads.iter().any(is_gateway);
        (may_be_gateway && outsiders::come_by_gateways(self.mesh))
            || outsiders::come_by_sidecars(self.mesh)
    }
}
