//! `Gateway`: the listeners of a proxy at the edge of the mesh.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gateway {
    #[serde(default)]
    pub servers: Vec<Server>,
    /// Labels of the proxies that open the servers, in any namespace.
    #[serde(default)]
    pub selector: BTreeMap<String, String>,
}

/// One listener, or a part of one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    pub port: Port,
    /// The address to listen at. Empty: all.
    #[serde(default)]
    pub bind: String,
    /// `namespace/host`, `./host`, `*/host` or a host: who may bind routes to it, and for which names.
    pub hosts: Vec<String>,
    pub tls: Option<ServerTlsSettings>,
    /// Never implemented for gateways.
    #[serde(default)]
    pub default_endpoint: String,
    /// For statistics.
    #[serde(default)]
    pub name: String,
}

/// A port of a gateway or of a `ServiceEntry`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Port {
    /// Zero only for a server at a Unix domain socket.
    #[serde(default)]
    pub number: u32,
    /// HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, TCP or TLS; case does not count.
    pub protocol: String,
    pub name: String,
    /// Not for gateways: their Service says it.
    #[serde(default)]
    pub target_port: u32,
}

/// What a server shows and asks for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerTlsSettings {
    /// Whether plain-text requests are sent to `https`.
    #[serde(default)]
    pub https_redirect: bool,
    #[serde(default)]
    pub mode: ServerTlsMode,
    /// A file at the proxy.
    #[serde(default)]
    pub server_certificate: String,
    /// A file at the proxy.
    #[serde(default)]
    pub private_key: String,
    /// A file at the proxy with the authorities of client certificates.
    #[serde(default)]
    pub ca_certificates: String,
    /// A file with revoked certificates.
    #[serde(default)]
    pub ca_crl: String,
    /// A Secret in the namespace of the proxy.
    #[serde(default)]
    pub credential_name: String,
    /// Two Secrets: one with an RSA key, one with an ECDSA key.
    #[serde(default)]
    pub credential_names: Vec<String>,
    /// A Secret with the authorities of client certificates.
    #[serde(default)]
    pub ca_cert_credential_name: String,
    /// Two pairs of files.
    #[serde(default)]
    pub tls_certificates: Vec<TlsCertificate>,
    /// One of them must be the client's.
    #[serde(default)]
    pub subject_alt_names: Vec<String>,
    /// SHA-256 of the keys that client certificates may have, in base64.
    #[serde(default)]
    pub verify_certificate_spki: Vec<String>,
    /// SHA-256 of client certificates, in hexadecimal.
    #[serde(default)]
    pub verify_certificate_hash: Vec<String>,
    #[serde(default)]
    pub min_protocol_version: TlsProtocol,
    #[serde(default)]
    pub max_protocol_version: TlsProtocol,
    /// Names of OpenSSL, for TLS 1.2.
    #[serde(default)]
    pub cipher_suites: Vec<String>,
    #[serde(default)]
    pub ecdh_curves: Vec<String>,
    pub insecure_skip_verify: Option<bool>,
}

/// A pair of files.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsCertificate {
    #[serde(default)]
    pub server_certificate: String,
    #[serde(default)]
    pub private_key: String,
    #[serde(default)]
    pub ca_certificates: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServerTlsMode {
    /// TLS is not terminated; routes go by server name.
    #[default]
    Passthrough,
    Simple,
    /// The client must show a certificate.
    Mutual,
    /// As `PASSTHROUGH`, to the service that the server name itself names.
    AutoPassthrough,
    /// The mesh's own certificates.
    IstioMutual,
    /// The client may show a certificate.
    OptionalMutual,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd)]
pub enum TlsProtocol {
    /// As the mesh says, which is 1.2 to 1.3.
    #[default]
    #[serde(rename = "TLS_AUTO")]
    Auto,
    #[serde(rename = "TLSV1_0")]
    V10,
    #[serde(rename = "TLSV1_1")]
    V11,
    #[serde(rename = "TLSV1_2")]
    V12,
    #[serde(rename = "TLSV1_3")]
    V13,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("gateway.fields")));

impl Read for Gateway {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.gateways
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway::check(resource, at, out);
    }
}
