//! What `BackendTLSPolicy`s add to a host's `ClientPolicy`: TLS wherever no `DestinationRule` says how connections are
//! secured.

use std::collections::BTreeSet;

use mesh_snapshot::object::{ClientPolicy, ClientTls, Credential, PortPolicies};

use super::Lowering;
use crate::api::Resource;
use crate::api::gateway_api::{
    BackendTlsPolicy, BackendTlsValidation, LocalReference, SubjectAltName,
};
use crate::resolve::backend_tls::ByPort;

/// Subsets are secured as the host is.
pub(super) fn secure(policy: &mut ClientPolicy, tls: &ByPort<'_>) {
    secure_ports(&mut policy.ports, tls);
    for subset in policy.subsets.values_mut() {
        secure_ports(&mut subset.ports, tls);
    }
}

fn secure_ports(ports: &mut PortPolicies, tls: &ByPort<'_>) {
    for port in tls.keys().flatten() {
        let others = ports.others.clone();
        ports.by_number.entry(*port).or_insert(others);
    }
    let others = tls.get(&None);
    for (port, policy) in &mut ports.by_number {
        set(&mut policy.tls, tls.get(&Some(*port)).or(others).copied());
    }
    set(&mut ports.others.tls, others.copied());
}

fn set(tls: &mut ClientTls, policy: Option<&Resource<BackendTlsPolicy>>) {
    if let (ClientTls::Auto, Some(policy)) = (&*tls, policy) {
        *tls = originate(policy);
    }
}

/// The server is asked for by the policy's host name, and is known by that or by one of the names that are listed.
fn originate(policy: &Resource<BackendTlsPolicy>) -> ClientTls {
    let authorities = authorities(policy);
    let policy = &policy.spec;
    let name = |it: &SubjectAltName| it.hostname.clone().or_else(|| it.uri.clone());
    ClientTls::Originate {
        sni: policy.validation.hostname.clone(),
        subject_alt_names: policy.validation.subject_alt_names.iter().filter_map(name).collect(),
        credential: None,
        authorities,
        ca_file: String::new(),
        certificate_file: String::new(),
        key_file: String::new(),
        skip_verify: false,
    }
}

/// Secrets of the registry, which stand for the resources that are named: nobody is believed as long as it has none of
/// them. `None`: the system's authorities. Other names that are well known are so elsewhere: here nobody has them.
fn authorities(policy: &Resource<BackendTlsPolicy>) -> Option<BTreeSet<Credential>> {
    let validation = &policy.spec.validation;
    let references = &validation.ca_certificate_refs;
    if references.is_empty() && foreign_authority(validation).is_none() {
        return None;
    }
    let secret = |it: &LocalReference| Credential {
        namespace: policy.namespace.clone(),
        name: it.name.clone(),
    };
    Some(references.iter().map(secret).collect())
}

fn foreign_authority(validation: &BackendTlsValidation) -> Option<&str> {
    validation.well_known_ca_certificates.as_deref().filter(|name| *name != "System")
}

impl Lowering<'_, '_> {
    /// Says which authorities of the policies are not believed.
    pub(super) fn unknown_authorities(&self) {
        let mesh = self.mesh;
        for (policy, _) in mesh.backend_tls.iter() {
            let root = policy.at();
            let spec = root.field("spec");
            let at = spec.field("validation");
            let validation = &policy.spec.validation;
            if let Some(name) = foreign_authority(validation) {
                let place = at.field("wellKnownCACertificates").value();
                let message = format!("nobody is known here by the name `{name}`");
                self.unserved(place, message, "connections to the backend fail: requests get 503");
            }
        }
    }
}
