//! The world: what changes all the time and is no policy. Each message replaces the one before it for the
//! same name; none can name anything into being that the snapshot does not know.

use std::collections::BTreeMap;

/// All endpoints of one host.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Endpoints {
    #[prost(string, tag = "1")]
    pub host: String,
    #[prost(message, repeated, tag = "2")]
    pub endpoints: Vec<Endpoint>,
}

/// One instance of a workload that backs a host.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Endpoint {
    /// An IP address.
    #[prost(string, tag = "1")]
    pub address: String,
    /// Service port number → port at `address`.
    #[prost(btree_map = "uint32, uint32", tag = "2")]
    pub ports: BTreeMap<u32, u32>,
    /// What subsets select by.
    #[prost(btree_map = "string, string", tag = "3")]
    pub labels: BTreeMap<String, String>,
    /// `region/zone/subzone`.
    #[prost(string, tag = "4")]
    pub locality: String,
    /// Zero is the same as one.
    #[prost(uint32, tag = "5")]
    pub weight: u32,
    /// The SPIFFE ID that it proves; empty: it has no proxy and speaks plain text.
    #[prost(string, tag = "6")]
    pub identity: String,
    #[prost(string, tag = "7")]
    pub workload: String,
    #[prost(string, tag = "8")]
    pub namespace: String,
    #[prost(string, tag = "9")]
    pub cluster: String,
    /// Not to be used unless too few others are left.
    #[prost(bool, tag = "10")]
    pub unhealthy: bool,
    /// Service port number → the workload's own port, where `ports` leads to another (a proxy's listener).
    #[prost(btree_map = "uint32, uint32", tag = "11")]
    pub workload_ports: BTreeMap<u32, u32>,
}

/// The virtual addresses that a cluster assigned to a host.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Addresses {
    #[prost(string, tag = "1")]
    pub host: String,
    #[prost(string, repeated, tag = "2")]
    pub addresses: Vec<String>,
}

/// A credential, for the gateways of its namespace that refer to it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Secret {
    #[prost(string, tag = "1")]
    pub namespace: String,
    #[prost(string, tag = "2")]
    pub name: String,
    /// PEM; the three empty: the secret is gone.
    #[prost(bytes = "vec", tag = "3")]
    pub certificate_chain: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub private_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub ca: Vec<u8>,
}

/// Whose identities are believed.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TrustBundle {
    #[prost(string, tag = "1")]
    pub trust_domain: String,
    /// PEM: the roots, more than one while they change.
    #[prost(bytes = "vec", tag = "2")]
    pub roots: Vec<u8>,
}

/// The JSON Web Key Set behind an address that policy names.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Jwks {
    #[prost(string, tag = "1")]
    pub uri: String,
    /// Empty: it could not be fetched, and nothing is known of before.
    #[prost(string, tag = "2")]
    pub keys: String,
}
