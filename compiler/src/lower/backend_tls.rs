//! What `BackendTLSPolicy`s add to a host's `ClientPolicy`: TLS wherever no `DestinationRule` says how connections are
//! secured.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use mesh_snapshot::object::{ClientPolicy, ClientTls, Credential, PortPolicies};

use super::Lowering;
use crate::api::Resource;
use crate::api::gateway_api::{
    BackendTlsPolicy, BackendTlsValidation, LocalReference, SubjectAltName,
};
use crate::resolve::backend_tls::ByPort;

/// The items that a policy adds to a host's: `ports.others.tls`, `ports.byNumber.80` with all that it holds, and those of subsets.
type Items<'a> = Vec<(String, &'a Resource<BackendTlsPolicy>)>;

/// Subsets are secured as the host is.
pub(super) fn secure<'a>(policy: &mut ClientPolicy, tls: &ByPort<'a>) -> Items<'a> {
    let mut items = Items::new();
    secure_ports("", &mut policy.ports, tls, &mut items);
    for (name, subset) in &mut policy.subsets {
        secure_ports(&format!("subsets.{name}."), &mut subset.ports, tls, &mut items);
    }
    items
}

fn secure_ports<'a>(of: &str, ports: &mut PortPolicies, tls: &ByPort<'a>, items: &mut Items<'a>) {
    for (port, policy) in tls.iter().filter_map(|(port, policy)| Some(((*port)?, *policy))) {
        if let Entry::Vacant(entry) = ports.by_number.entry(port) {
            entry.insert(ports.others.clone());
            items.push((format!("{of}ports.byNumber.{port}"), policy));
        }
    }
    let others = tls.get(&None).copied();
    for (port, policy) in &mut ports.by_number {
        let own = tls.get(&Some(*port)).copied().or(others);
        let set = set(&mut policy.tls, own);
        items.extend(set.map(|own| (format!("{of}ports.byNumber.{port}.tls"), own)));
    }
    let set = set(&mut ports.others.tls, others);
    items.extend(set.map(|others| (format!("{of}ports.others.tls"), others)));
}

/// The policy, if what it says counts.
fn set<'a>(
    tls: &mut ClientTls,
    policy: Option<&'a Resource<BackendTlsPolicy>>,
) -> Option<&'a Resource<BackendTlsPolicy>> {
    let policy = policy.filter(|_| *tls == ClientTls::Auto)?;
    *tls = originate(policy);
    Some(policy)
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
