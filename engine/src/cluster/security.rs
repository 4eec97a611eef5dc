//! How a connection to an endpoint is secured. Source: Istio, “Auto mutual TLS”; `pilot/pkg/networking/core`,
//! `cluster_tls.go`.

use std::collections::BTreeSet;

use mesh_snapshot::object::{ClientTls, Credential, Labels, PlaintextEndpoints, Role};

use super::Cluster;

/// What is known of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint<'a> {
    pub labels: &'a Labels,
    /// The workload's own, whatever port leads to it.
    pub workload_port: u16,
    /// Whether its proxy takes mutual TLS of the mesh, as [`takes_mutual_tls`] says.
    pub meshed: bool,
}

/// Whether the proxy of a workload takes mutual TLS of the mesh on every port that no policy keeps from it. A gateway's ports are
/// what its servers make of them: whoever knows that they end the mesh's TLS says so to clients with a `DestinationRule`, or
/// here with a label. Source: Istio, `PodTLSMode`; its templates of injection, of which a sidecar's alone writes the label.
#[must_use]
pub fn takes_mutual_tls(role: Role, labels: &Labels) -> bool {
    match labels.get("security.istio.io/tlsMode") {
        Some(mode) => mode == "istio",
        None => role == Role::Sidecar,
    }
}

/// What the proxy does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Security<'p> {
    Plaintext,
    /// Mutual TLS between identities of the mesh.
    Mutual {
        sni: &'p str,
        server: Names<'p>,
    },
    /// TLS towards a server outside the mesh.
    Originate {
        /// `None`: the host of the request.
        sni: Option<&'p str>,
        /// What its certificate must be for; `None`: the server name.
        server: Option<&'p BTreeSet<String>>,
        /// A secret with the certificate and key to show.
        credential: Option<&'p Credential>,
        /// Secrets with the CAs that alone may vouch for the server; `None`: the CA of `ca_file`.
        authorities: Option<&'p BTreeSet<Credential>>,
        /// Files at the proxy; `None` for the CA: the system's.
        ca_file: Option<&'p str>,
        certificate_file: Option<&'p str>,
        key_file: Option<&'p str>,
        skip_verify: bool,
    },
}

/// Whom the server must prove to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Names<'p> {
    /// The endpoint's own identity, or one of these.
    EndpointOr(&'p BTreeSet<String>),
    /// One of these, of which there is at least one.
    OneOf(&'p BTreeSet<String>),
}

/// What security hangs on, beside the endpoint. A proxy has it of clusters that no program knows, too.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'p> {
    pub tls: &'p ClientTls,
    /// Whether the mesh uses mutual TLS where nobody says how to secure connections.
    pub auto_mtls: bool,
    /// Whether the service is outside the mesh.
    pub external: bool,
    /// Endpoints that refuse mutual TLS.
    pub plaintext: &'p [PlaintextEndpoints],
    /// The mesh's own server name, as in [`super::server_name`].
    pub server_name: &'p str,
    /// Of the service.
    pub subject_alt_names: &'p BTreeSet<String>,
}

impl Cluster {
    /// How to secure a connection to `endpoint`.
    #[must_use]
    pub fn security(&self, endpoint: &Endpoint<'_>) -> Security<'_> {
        self.terms().security(endpoint)
    }

    fn terms(&self) -> Terms<'_> {
        Terms {
            tls: &self.policy.tls,
            auto_mtls: self.auto_mtls,
            external: self.service.external,
            plaintext: &self.plaintext,
            server_name: &self.server_name,
            subject_alt_names: &self.service.subject_alt_names,
        }
    }
}

impl<'p> Terms<'p> {
    /// How to secure a connection to `endpoint`.
    #[must_use]
    pub fn security(&self, endpoint: &Endpoint<'_>) -> Security<'p> {
        match self.tls {
            ClientTls::Auto if self.is_auto_mutual(endpoint) => self.mutual(None),
            ClientTls::Auto | ClientTls::Disable => Security::Plaintext,
            ClientTls::IstioMutual { subject_alt_names, .. } => {
                self.mutual(some(subject_alt_names))
            }
            ClientTls::Originate {
                sni,
                subject_alt_names,
                credential,
                authorities,
                ca_file,
                certificate_file,
                key_file,
                skip_verify,
            } => Security::Originate {
                sni: unless_empty(sni),
                server: some(subject_alt_names),
                credential: credential.as_ref(),
                authorities: authorities.as_ref(),
                ca_file: unless_empty(ca_file),
                certificate_file: unless_empty(certificate_file),
                key_file: unless_empty(key_file),
                skip_verify: *skip_verify,
            },
        }
    }

    fn is_auto_mutual(&self, endpoint: &Endpoint<'_>) -> bool {
        self.auto_mtls && !self.external && endpoint.meshed && !self.speaks_plain(endpoint)
    }

    /// The first entry that has the endpoint's labels decides.
    fn speaks_plain(&self, endpoint: &Endpoint<'_>) -> bool {
        let has = |labels: &Labels| {
            labels.iter().all(|(name, value)| endpoint.labels.get(name) == Some(value))
        };
        let entry = self.plaintext.iter().find(|entry| has(&entry.labels));
        entry.is_some_and(|entry| {
            *entry.ports.get(&endpoint.workload_port).unwrap_or(&entry.other_ports)
        })
    }

    fn mutual(&self, names: Option<&'p BTreeSet<String>>) -> Security<'p> {
        let server = names.map_or(Names::EndpointOr(self.subject_alt_names), Names::OneOf);
        Security::Mutual { sni: self.sni(), server }
    }

    /// What servers of the mesh are asked for.
    #[must_use]
    pub fn sni(&self) -> &'p str {
        match self.tls {
            ClientTls::IstioMutual { sni, .. } if !sni.is_empty() => sni,
            _ => self.server_name,
        }
    }
}

fn some(names: &BTreeSet<String>) -> Option<&BTreeSet<String>> {
    (!names.is_empty()).then_some(names)
}

fn unless_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use mesh_snapshot::object::{
        ClientPolicy, ClientTls, Credential, Labels, PlaintextEndpoints, Role, Service,
    };

    use super::{Endpoint, Names, Security, takes_mutual_tls};
    use crate::cluster::Cluster;
    use crate::cluster::tests::{only, reviews, upstream};

    fn labels(version: &str) -> Labels {
        Labels::from([("version".to_owned(), version.to_owned())])
    }

    fn endpoint(labels: &Labels) -> Endpoint<'_> {
        Endpoint { labels, workload_port: 8080, meshed: true }
    }

    fn with(service: Service, tls: ClientTls) -> Cluster {
        let mut policy = ClientPolicy::default();
        policy.ports.others.tls = tls;
        only(upstream(service, policy))
    }

    static NOBODY: BTreeSet<String> = BTreeSet::new();

    const MUTUAL: Security<'_> = Security::Mutual {
        sni: "outbound_.9080_._.reviews.shop.svc.cluster.local",
        server: Names::EndpointOr(&NOBODY),
    };

    #[test]
    fn a_label_says_it_and_a_sidecar_by_itself() {
        let of = |mode: &str| {
            Labels::from_iter([("security.istio.io/tlsMode".to_owned(), mode.to_owned())])
        };
        let none = Labels::new();
        assert!(takes_mutual_tls(Role::Sidecar, &none) && !takes_mutual_tls(Role::Gateway, &none));
        for role in [Role::Sidecar, Role::Gateway] {
            assert!(
                takes_mutual_tls(role, &of("istio")) && !takes_mutual_tls(role, &of("disabled"))
            );
        }
    }

    #[test]
    fn auto_is_mutual_towards_meshed_endpoints_of_the_mesh() {
        let v1 = labels("v1");
        let cluster = with(reviews(), ClientTls::Auto);
        assert_eq!(cluster.security(&endpoint(&v1)), MUTUAL);
        let naked = Endpoint { meshed: false, ..endpoint(&v1) };
        assert_eq!(cluster.security(&naked), Security::Plaintext);
        let external = with(Service { external: true, ..reviews() }, ClientTls::Auto);
        assert_eq!(external.security(&endpoint(&v1)), Security::Plaintext);
    }

    #[test]
    fn endpoints_that_refuse_mutual_tls_get_none() {
        let mut upstream = upstream(reviews(), ClientPolicy::default());
        upstream.plaintext = [
            PlaintextEndpoints {
                labels: labels("v1"),
                ports: BTreeMap::from([(8080, false)]),
                other_ports: true,
            },
            PlaintextEndpoints { labels: Labels::new(), ports: BTreeMap::new(), other_ports: true },
        ]
        .into();
        let cluster = only(upstream);
        let (v1, v2) = (labels("v1"), labels("v2"));
        assert_eq!(cluster.security(&endpoint(&v1)), MUTUAL);
        let other_port = Endpoint { workload_port: 9090, ..endpoint(&v1) };
        assert_eq!(cluster.security(&other_port), Security::Plaintext);
        assert_eq!(cluster.security(&endpoint(&v2)), Security::Plaintext);
    }

    #[test]
    fn a_destination_rule_has_the_last_word() {
        let v1 = labels("v1");
        let plain = with(reviews(), ClientTls::Disable);
        assert_eq!(plain.security(&endpoint(&v1)), Security::Plaintext);
        let names = BTreeSet::from(["spiffe://td/ns/a/sa/b".to_owned()]);
        let tls =
            ClientTls::IstioMutual { sni: "own.test".to_owned(), subject_alt_names: names.clone() };
        let naked = Endpoint { meshed: false, ..endpoint(&v1) };
        let expected = Security::Mutual { sni: "own.test", server: Names::OneOf(&names) };
        assert_eq!(with(reviews(), tls).security(&naked), expected);
    }

    #[test]
    fn an_empty_field_of_origination_is_none() {
        let client = Credential { namespace: String::new(), name: "client".to_owned() };
        let cluster = with(
            reviews(),
            ClientTls::Originate {
                sni: String::new(),
                subject_alt_names: BTreeSet::new(),
                credential: Some(client.clone()),
                authorities: None,
                ca_file: String::new(),
                certificate_file: String::new(),
                key_file: String::new(),
                skip_verify: false,
            },
        );
        let v1 = labels("v1");
        let expected = Security::Originate {
            sni: None,
            server: None,
            credential: Some(&client),
            authorities: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            skip_verify: false,
        };
        assert_eq!(cluster.security(&endpoint(&v1)), expected);
    }
}
