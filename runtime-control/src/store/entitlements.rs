//! What of the world a proxy may ask for: what its slices name, and nothing else.

use std::collections::BTreeSet;

use mesh_snapshot::object::{
    ClientCertificate, ClientPolicy, ClientTls, Credential, Discovery, Gateway, JwtKeys, Object,
    PortPolicies, RequestAuthentication, ServerTls, Service, Termination,
};
use mesh_snapshot::wire::name::Name;

/// What of the world a proxy may ask for: what its slices name.
#[derive(Debug, Default)]
pub struct Entitlements {
    pub names: BTreeSet<Name>,
    /// Whose addresses it may know.
    pub hosts: BTreeSet<String>,
}

impl Entitlements {
    /// Whether they name it. Whose an address is, only the world knows: that is asked by host.
    #[must_use]
    pub fn cover(&self, name: &Name) -> bool {
        match name {
            Name::Addresses(host) => self.hosts.contains(host),
            _ => self.names.contains(name),
        }
    }

    /// Adds what one object of a slice names. `namespace` is the workload's: that of credentials which say none.
    pub(super) fn add(&mut self, object: &Object, namespace: &str) {
        match object {
            Object::Service(service) => self.add_service(service),
            Object::ClientPolicy(policy) => self.add_client_policy(policy, namespace),
            Object::Gateway(gateway) => self.add_gateway(gateway, namespace),
            Object::RequestAuthentication(policy) => self.add_key_sets(policy),
            Object::MeshDefaults(_)
            | Object::RouteTable(_)
            | Object::HostSet(_)
            | Object::HostSets(_)
            | Object::Egress(_)
            | Object::InboundPorts(_)
            | Object::RequestFilters(_)
            | Object::PeerAuthentication(_)
            | Object::AuthorizationPolicy(_) => {}
        }
    }

    fn add_service(&mut self, service: &Service) {
        self.hosts.insert(service.host.clone());
        if let Discovery::World { set, .. } = &service.discovery {
            self.names.insert(Name::Endpoints(set.into()));
        }
    }

    fn add_client_policy(&mut self, policy: &ClientPolicy, namespace: &str) {
        let subsets = policy.subsets.values().map(|subset| &subset.ports);
        let policies = std::iter::once(&policy.ports).chain(subsets).flat_map(PortPolicies::iter);
        for policy in policies {
            let ClientTls::Originate { credential, authorities, .. } = &policy.tls else {
                continue;
            };
            for credential in credential.iter().chain(authorities.iter().flatten()) {
                self.add_credential(credential, namespace);
            }
        }
    }

    fn add_gateway(&mut self, gateway: &Gateway, namespace: &str) {
        for server in &gateway.servers {
            let ServerTls::Terminate(termination) = &server.tls else { continue };
            let Termination { credentials, client, .. } = &**termination;
            let issuer = match client {
                ClientCertificate::Required(issuer) | ClientCertificate::Optional(issuer) => {
                    issuer.ca.as_ref()
                }
                ClientCertificate::Unasked | ClientCertificate::Mesh => None,
            };
            for credential in credentials.iter().chain(issuer) {
                self.add_credential(credential, namespace);
            }
        }
    }

    fn add_key_sets(&mut self, policy: &RequestAuthentication) {
        for rule in &policy.rules {
            match &rule.keys {
                JwtKeys::Inline(_) => {}
                JwtKeys::Remote(uri) => {
                    self.names.insert(Name::Jwks(uri.clone()));
                }
                JwtKeys::Discovered(issuer) => {
                    self.names.insert(Name::Jwks(format!("issuer:{issuer}")));
                }
            }
        }
    }

    fn add_credential(&mut self, credential: &Credential, namespace: &str) {
        let mut credential = credential.clone();
        if credential.namespace.is_empty() {
            namespace.clone_into(&mut credential.namespace);
        }
        self.names.insert(Name::Secret(credential.into()));
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::{
        ClientPolicy, ClientTls, Credential, Object, PortPolicies, TrafficPolicy,
    };
    use mesh_snapshot::wire::name::Name;

    use super::Entitlements;

    #[test]
    fn who_calls_a_server_may_know_what_it_shows_and_who_vouches() {
        let secret = |name: &str| Credential { namespace: String::new(), name: name.to_owned() };
        let tls = ClientTls::Originate {
            sni: String::new(),
            subject_alt_names: [].into(),
            credential: Some(secret("pair")),
            authorities: Some([secret("ours"), secret("theirs")].into()),
            ca_file: String::new(),
            certificate_file: String::new(),
            key_file: String::new(),
            skip_verify: false,
        };
        let others = TrafficPolicy { tls, ..TrafficPolicy::default() };
        let ports = PortPolicies { others, ..PortPolicies::default() };
        let mut entitled = Entitlements::default();
        let policy = ClientPolicy { ports, ..ClientPolicy::default() };
        entitled.add(&Object::ClientPolicy(policy), "shop");
        for name in ["pair", "ours", "theirs"] {
            let secret = Credential { namespace: "shop".to_owned(), name: name.to_owned() };
            assert!(entitled.cover(&Name::Secret(secret.into())), "{name}");
        }
    }
}
