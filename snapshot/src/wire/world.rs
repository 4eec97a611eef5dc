//! The world: what changes all the time and is no policy. Each message replaces the one before it for the
//! same name; none can name anything into being that the snapshot does not know.

use std::collections::BTreeMap;

use crate::object;

/// Something of the world that a proxy can subscribe to.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd, prost::Message)]
pub struct Name {
    #[prost(oneof = "name::Name", tags = "1, 2, 3, 4, 5")]
    pub name: Option<name::Name>,
}

pub mod name {
    /// What is wanted, and what answers it.
    #[derive(Clone, Eq, Ord, PartialEq, PartialOrd, prost::Oneof)]
    pub enum Name {
        /// [`super::Endpoints`].
        #[prost(message, tag = "1")]
        Endpoints(super::EndpointSet),
        /// [`super::Addresses`] of this host.
        #[prost(string, tag = "2")]
        Addresses(String),
        /// [`super::AddressOwner`] of this IP address: for a connection to a virtual address not met before.
        #[prost(string, tag = "3")]
        Owner(String),
        /// [`super::Secret`].
        #[prost(message, tag = "4")]
        Secret(super::CredentialName),
        /// [`super::Jwks`] at this address, or, behind `issuer:`, of this issuer.
        #[prost(string, tag = "5")]
        Jwks(String),
    }
}

/// [`object::EndpointSet`] on the wire.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd, prost::Message)]
pub struct EndpointSet {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(btree_map = "string, string", tag = "2")]
    pub labels: BTreeMap<String, String>,
    /// A Service without a selector; empty: `labels` select.
    #[prost(string, tag = "3")]
    pub service: String,
}

impl From<&object::EndpointSet> for EndpointSet {
    fn from(set: &object::EndpointSet) -> Self {
        match set.clone() {
            object::EndpointSet::Selected { namespace, labels } => {
                Self { namespace, labels, service: String::new() }
            }
            object::EndpointSet::Listed { namespace, service } => {
                Self { namespace, labels: BTreeMap::new(), service }
            }
        }
    }
}

impl From<EndpointSet> for object::EndpointSet {
    fn from(EndpointSet { namespace, labels, service }: EndpointSet) -> Self {
        if service.is_empty() {
            Self::Selected { namespace, labels }
        } else {
            Self::Listed { namespace, service }
        }
    }
}

/// All members of a set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Endpoints {
    #[prost(message, optional, tag = "1")]
    pub set: Option<EndpointSet>,
    #[prost(message, repeated, tag = "2")]
    pub endpoints: Vec<Endpoint>,
}

/// One running instance of a workload. Which of its ports a service leads to is policy.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Endpoint {
    /// An IP address.
    #[prost(string, tag = "1")]
    pub address: String,
    /// The numbers of the workload's named ports.
    #[prost(btree_map = "string, uint32", tag = "2")]
    pub named_ports: BTreeMap<String, u32>,
    /// Workload port → port at `address`, where that is another: instances that share an address are told apart by it.
    #[prost(btree_map = "uint32, uint32", tag = "3")]
    pub reached_at: BTreeMap<u32, u32>,
    /// What subsets select by.
    #[prost(btree_map = "string, string", tag = "4")]
    pub labels: BTreeMap<String, String>,
    /// `region/zone/subzone`.
    #[prost(string, tag = "5")]
    pub locality: String,
    /// Zero is the same as one.
    #[prost(uint32, tag = "6")]
    pub weight: u32,
    /// The SPIFFE ID that it proves; empty: it has no proxy and speaks plain text. One whose namespace is not that of the
    /// set is not believed: see the proxy's verification.
    #[prost(string, tag = "7")]
    pub identity: String,
    #[prost(string, tag = "8")]
    pub workload: String,
    #[prost(string, tag = "9")]
    pub namespace: String,
    #[prost(string, tag = "10")]
    pub cluster: String,
    /// Not to be used unless too few others are left.
    #[prost(bool, tag = "11")]
    pub unhealthy: bool,
    /// Its proxy is a gateway, whose ports are what its servers make of them.
    #[prost(bool, tag = "12")]
    pub gateway: bool,
}

/// The virtual addresses that a cluster assigned to a host.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Addresses {
    #[prost(string, tag = "1")]
    pub host: String,
    #[prost(string, repeated, tag = "2")]
    pub addresses: Vec<String>,
}

/// The host that a virtual address, or a headless endpoint's own, belongs to.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AddressOwner {
    #[prost(string, tag = "1")]
    pub address: String,
    /// Empty: none that is known.
    #[prost(string, tag = "2")]
    pub host: String,
}

/// A credential's name, as in [`object::Credential`], its namespace always written.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd, prost::Message)]
pub struct CredentialName {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub name: String,
}

impl From<object::Credential> for CredentialName {
    fn from(object::Credential { namespace, name }: object::Credential) -> Self {
        Self { namespace, name }
    }
}

impl From<CredentialName> for object::Credential {
    fn from(CredentialName { namespace, name }: CredentialName) -> Self {
        Self { namespace, name }
    }
}

/// A credential, for those whose slices name it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Secret {
    #[prost(message, optional, tag = "1")]
    pub name: Option<CredentialName>,
    /// PEM, like the next two; all empty: there is no such secret.
    #[prost(bytes = "vec", tag = "2")]
    pub certificate_chain: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub private_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub ca: Vec<u8>,
}

/// The JSON Web Key Set behind a name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Jwks {
    /// As it was subscribed to.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Empty: it could not be fetched, and nothing is known of before.
    #[prost(string, tag = "2")]
    pub keys: String,
}

/// Whose identities are believed. Sent unasked.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TrustBundle {
    #[prost(string, tag = "1")]
    pub trust_domain: String,
    /// PEM: the roots, more than one while they change.
    #[prost(bytes = "vec", tag = "2")]
    pub roots: Vec<u8>,
}

/// Where the policies that judge this proxy's requests stand, for its logs. Sent unasked, with a snapshot and
/// whenever lines move: a place in a file is no part of policy.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sources {
    /// Which places these are about.
    #[prost(bytes = "vec", tag = "1")]
    pub snapshot: Vec<u8>,
    /// The canonical bytes of a [`crate::SourceMap`] of the slice's authentication and authorization policies.
    #[prost(bytes = "vec", tag = "2")]
    pub source_map: Vec<u8>,
}
