//! What `BackendTLSPolicy`s add to a host's `ClientPolicy`: TLS wherever no `DestinationRule` says how connections are
//! secured.

use mesh_snapshot::object::{ClientPolicy, ClientTls, PortPolicies};

use crate::api::gateway_api::{BackendTlsPolicy, SubjectAltName};
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
        set(&mut policy.tls, tls.get(&Some(*port)).or(others).map(|it| &it.spec));
    }
    set(&mut ports.others.tls, others.map(|it| &it.spec));
}

fn set(tls: &mut ClientTls, policy: Option<&BackendTlsPolicy>) {
    if let (ClientTls::Auto, Some(policy)) = (&*tls, policy) {
        *tls = originate(policy);
    }
}

/// The server is asked for by the policy's host name, and is known by that or by one of the names that are listed.
fn originate(policy: &BackendTlsPolicy) -> ClientTls {
    let name = |it: &SubjectAltName| it.hostname.clone().or_else(|| it.uri.clone());
    ClientTls::Originate {
        sni: policy.validation.hostname.clone(),
        subject_alt_names: policy.validation.subject_alt_names.iter().filter_map(name).collect(),
        credential: None,
        // The system's authorities.
        ca_file: String::new(),
        certificate_file: String::new(),
        key_file: String::new(),
        skip_verify: false,
    }
}
