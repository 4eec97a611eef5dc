//! How a client secures its connections.

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientTlsSettings {
    #[serde(default)]
    pub mode: ClientTlsMode,
    /// A file at the proxy.
    #[serde(default)]
    pub client_certificate: String,
    /// A file at the proxy.
    #[serde(default)]
    pub private_key: String,
    /// A file at the proxy. Empty: the system's authorities.
    #[serde(default)]
    pub ca_certificates: String,
    /// A Secret in the namespace of the workload, in place of files.
    #[serde(default)]
    pub credential_name: String,
    /// One of them must be the server's. Empty: the name that was asked for.
    #[serde(default)]
    pub subject_alt_names: Vec<String>,
    /// The server name that is asked for. Empty: the host of the request.
    #[serde(default)]
    pub sni: String,
    /// Whether any certificate will do.
    pub insecure_skip_verify: Option<bool>,
    /// A file with revoked certificates.
    #[serde(default)]
    pub ca_crl: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientTlsMode {
    /// Plain text.
    #[default]
    Disable,
    Simple,
    /// The client shows a certificate too.
    Mutual,
    /// The same, with the mesh's own certificates.
    IstioMutual,
}
