//! Listeners at the mesh's edge. Source: Istio `Gateway`, Gateway API `Gateway`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::Reference;

/// The servers that one resource opens, and all that leads from them, as seen from the namespace of the
/// proxies that serve it: they are what visibility and `DestinationRule` lookup start from. A proxy
/// serves every `Gateway` that selects it; how those merge is the engine's to say.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gateway {
    pub namespace: String,
    pub name: String,
    pub servers: Vec<Server>,
    /// [`super::HostSet`]s: every host that its routes may lead to.
    pub hosts: Vec<Reference>,
}

impl Gateway {
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        let routes = self.servers.iter().flat_map(|server| {
            server.stream_routes.iter().chain(server.virtual_hosts.iter().map(|host| &host.routes))
        });
        self.hosts.iter().chain(routes)
    }
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// As written: what clients connect to. The proxy listens on what a Service that selects it
    /// makes of this port, or on this port itself.
    pub port: u16,
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: String,
    pub protocol: ServerProtocol,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind: Option<IpAddr>,
    /// Host patterns, without the namespace part that limits who may bind to them.
    pub hosts: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: ServerTls,
    /// For HTTP: sorted by host.
    #[serde(default, skip_serializing_if = "is_default")]
    pub virtual_hosts: Vec<VirtualHost>,
    /// For TLS that passes through and for TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_routes: Option<Reference>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualHost {
    /// A host or a wildcard, in lower case.
    pub host: String,
    pub routes: Reference,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ServerProtocol {
    /// Plain text, HTTP/1.1 and HTTP/2 alike.
    Http,
    /// HTTP inside TLS that the gateway terminates.
    Https,
    /// TLS: passed through by SNI, or terminated to a stream of bytes.
    Tls,
    Tcp,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ServerTls {
    #[default]
    Off,
    /// Plain text: a request for one of its hosts that did not come over `https`, by the word of a trusted proxy,
    /// is redirected there.
    Redirect,
    Passthrough,
    Terminate(Box<Termination>),
}

/// How a gateway ends its clients' TLS.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Termination {
    /// Certificates with their keys. Empty only for [`ClientCertificate::Mesh`] and `files`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub credentials: Vec<Credential>,
    /// Certificates with their keys as files at the proxy, in place of `credentials`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub files: Vec<CertificateFiles>,
    pub client: ClientCertificate,
    pub version_min: TlsVersion,
    pub version_max: TlsVersion,
    /// IANA or OpenSSL names, for TLS 1.2; empty: the proxy's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cipher_suites: Vec<String>,
}

/// Paths at the proxy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateFiles {
    /// The certificate with what certifies it.
    pub chain: String,
    pub key: String,
}

/// What a server asks of its clients.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientCertificate {
    /// Nothing (`SIMPLE`).
    Unasked,
    /// A certificate by one of these issuers (`MUTUAL`).
    Required(ClientIssuer),
    /// The same, where the client has one (`OPTIONAL_MUTUAL`).
    Optional(ClientIssuer),
    /// An identity of the mesh, and the gateway shows its own (`ISTIO_MUTUAL`).
    Mesh,
}

/// Whose clients a server believes.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientIssuer {
    /// Absent, and no file: the CA in the server's own credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Credential>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub ca_file: String,
    /// Any of them; empty: whoever the CA has certified.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subject_alt_names: BTreeSet<String>,
}

/// A secret, by name: its content is world. That a gateway names one of another namespace in a signed
/// snapshot is what entitles it to it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credential {
    /// Empty: that of the proxy.
    #[serde(default, skip_serializing_if = "is_default")]
    pub namespace: String,
    pub name: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum TlsVersion {
    #[serde(rename = "1.2")]
    V12,
    #[serde(rename = "1.3")]
    V13,
}
