//! A request, and what became of it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

/// An element of `requests.json`
#[derive(Deserialize)]
pub(super) struct Asked {
    pub direction: Option<Direction>,
    pub method: String,
    pub authority: String,
    /// With the query.
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// `h2`: HTTP/2; absent: HTTP/1.1.
    pub protocol: Option<String>,
    pub from: Option<From>,
    pub to: To,
    pub tls: Option<ClientTls>,
    #[serde(default)]
    pub backend: Behaviour,
    pub expect: Expected,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    Outbound,
    Inbound,
}

#[derive(Deserialize)]
pub(super) struct From {
    ip: IpAddr,
}

#[derive(Deserialize)]
pub(super) struct To {
    pub ip: Option<IpAddr>,
    pub port: u16,
}

#[derive(Deserialize)]
pub(super) struct ClientTls {
    pub sni: Option<String>,
    #[serde(default)]
    pub alpn: Vec<String>,
    /// A SPIFFE ID.
    pub identity: Option<String>,
}

/// How the backend answers.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Behaviour {
    pub status: Option<u16>,
    #[serde(default)]
    pub fail_first: u32,
    pub fail_status: Option<u16>,
    #[serde(default)]
    pub reset_first: u32,
    #[serde(default)]
    pub delay_ms: u64,
    pub delay_first: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Expected {
    pub status: Option<u16>,
    #[serde(default)]
    pub response_headers: Vec<(String, String)>,
    pub body: Option<String>,
    pub error: Option<String>,
    pub backend: Option<String>,
    pub backend_one_of: Option<Vec<String>>,
    pub attempts: Option<u32>,
    pub subset: Option<String>,
    pub cluster: Option<String>,
    pub upstream: Option<Upstream>,
    pub mirrors: Option<Vec<Mirror>>,
    pub details: Option<String>,
    certificate: Option<serde_json::Value>,
    alpn: Option<serde_json::Value>,
    elapsed_ms: Option<serde_json::Value>,
}

/// The request as the backend saw it.
#[derive(Clone, Deserialize)]
pub(super) struct Upstream {
    pub method: String,
    pub path: String,
    pub authority: String,
    pub headers: Vec<(String, String)>,
    tls: Option<serde_json::Value>,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Mirror {
    pub backend: String,
    pub method: String,
    pub path: String,
    pub authority: String,
}

impl Asked {
    /// Who connects.
    pub(super) fn source(&self) -> IpAddr {
        self.from.as_ref().map_or(IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9)), |from| from.ip)
    }

    /// Whether the outcome is policy's, and not one of a handshake or a codec.
    pub(super) fn is_policys(&self) -> bool {
        let is_codecs = self.expect.details.as_deref() == Some("http1.codec_error");
        let is_handshakes = self.expect.error.as_deref() == Some("tls");
        !is_codecs && !is_handshakes && !self.is_sniffed()
    }

    /// Whether what a sidecar does hangs on the client's TLS: one of the mesh offers `istio-http/1.1` and has an identity.
    fn is_sniffed(&self) -> bool {
        self.direction == Some(Direction::Inbound)
            && self.tls.as_ref().is_some_and(|tls| {
                let is_mesh = tls.alpn.iter().any(|protocol| protocol.starts_with("istio-"));
                !is_mesh || tls.identity.is_none()
            })
    }

    /// What cannot be told without a wire.
    pub(super) fn needs_wire(&self) -> Vec<&'static str> {
        let Expected { certificate, alpn, elapsed_ms, upstream, .. } = &self.expect;
        let tls = upstream.as_ref().and_then(|upstream| upstream.tls.as_ref());
        let parts = [
            (!self.is_policys(), "the outcome"),
            (certificate.is_some(), "the server's certificate"),
            (alpn.is_some(), "the protocol agreed"),
            (tls.is_some(), "TLS to the backend"),
            (elapsed_ms.is_some(), "the time"),
        ];
        parts.into_iter().filter(|(holds, _)| *holds).map(|(_, part)| part).collect()
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.status, &self.error) {
            (Some(status), _) => write!(f, "{status}")?,
            (None, Some(error)) => write!(f, "{error}")?,
            (None, None) => {}
        }
        if let Some(backend) = &self.backend {
            write!(f, " by {backend}")?;
        }
        if let Some(details) = &self.details {
            write!(f, " ({details})")?;
        }
        Ok(())
    }
}
