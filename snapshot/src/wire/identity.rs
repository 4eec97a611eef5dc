//! How a proxy comes by its certificate.

/// Sign this. Over a connection with a client certificate, that is the identity it is for; else the token says.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SignRequest {
    /// PKCS #10, in DER. Only its public key is used.
    #[prost(bytes = "vec", tag = "1")]
    pub csr: Vec<u8>,
    /// For bootstrap: valid once, for one workload.
    #[prost(string, tag = "2")]
    pub token: String,
    /// What the proxy would like; the CA decides. Zero: the CA's default.
    #[prost(uint64, tag = "3")]
    pub lifetime_seconds: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SignResponse {
    /// PEM: the SVID, then its issuers without the root.
    #[prost(bytes = "vec", tag = "1")]
    pub certificate_chain: Vec<u8>,
    /// PEM.
    #[prost(bytes = "vec", tag = "2")]
    pub roots: Vec<u8>,
    #[prost(string, tag = "3")]
    pub trust_domain: String,
}
