//! Listeners at the mesh's edge. Source: Istio `Gateway`, Gateway API `Gateway`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::Reference;

/// The servers that one resource opens, and all that leads from them. A gateway's proxy serves every
/// `Gateway` that selects it, in the order of the section that lists them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gateway {
    pub namespace: String,
    pub name: String,
    pub servers: Vec<Server>,
    /// Every service that its routes may lead to.
    pub scope: Reference,
}

impl Gateway {
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        let routes = self.servers.iter().flat_map(|server| {
            server.stream_routes.iter().chain(server.virtual_hosts.iter().map(|host| &host.routes))
        });
        std::iter::once(&self.scope).chain(routes)
    }
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// As written; what clients connect to through the gateway's Service.
    pub port: u16,
    /// Where the proxy listens: the Service's target for `port`, or `port` itself.
    pub listen: u16,
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ServerTls {
    #[default]
    Off,
    /// A plain-text server that answers every request with a redirect to `https`.
    Redirect,
    Passthrough,
    Terminate {
        /// Secrets of the gateway's namespace, by name. Empty only for [`ClientCertificate::Mesh`] and files.
        #[serde(default, skip_serializing_if = "is_default")]
        credentials: Vec<String>,
        /// Certificate chain and key at the proxy, in place of `credentials`.
        #[serde(default, skip_serializing_if = "is_default")]
        certificate_file: String,
        #[serde(default, skip_serializing_if = "is_default")]
        key_file: String,
        client: ClientCertificate,
        version_min: TlsVersion,
        version_max: TlsVersion,
        /// IANA or OpenSSL names, for TLS 1.2; empty: the proxy's.
        #[serde(default, skip_serializing_if = "is_default")]
        cipher_suites: Vec<String>,
    },
}

/// What a server asks of its clients.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ClientCertificate {
    /// Nothing (`SIMPLE`).
    Unasked,
    /// A certificate that the CA of the credential, of another credential or of a file has issued.
    Required { ca_credential: String, ca_file: String, subject_alt_names: Vec<String> },
    /// The same, where the client has one (`OPTIONAL_MUTUAL`).
    Optional { ca_credential: String, ca_file: String, subject_alt_names: Vec<String> },
    /// An identity of the mesh, and the gateway shows its own (`ISTIO_MUTUAL`).
    Mesh,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum TlsVersion {
    #[serde(rename = "1.2")]
    V12,
    #[serde(rename = "1.3")]
    V13,
}
