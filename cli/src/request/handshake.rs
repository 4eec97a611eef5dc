//! How the proxies of a client and of a server come to speak: what the one says, and what the other asks for.

use mesh_engine::cluster::{Cluster, Endpoint, Security};
use mesh_engine::host::without_port;
use mesh_engine::{Program, Request};
use mesh_snapshot::object::{
    ClientCertificate, MtlsMode, Object, PeerAuthentication, Protocol, ServerTls, Termination,
    Workload,
};
use rustls::pki_types::ServerName;

use super::answer::{Mark, Step, place};
use super::sender::Sender;
use super::spoken::Spoken;

impl Spoken {
    /// Who has no proxy speaks as its application does.
    pub(super) fn of(sender: &Sender<'_>, cluster: &Cluster, endpoint: &Endpoint<'_>) -> Self {
        match cluster.security(endpoint) {
            _ if sender.identity.is_none() => Self::Plain,
            Security::Plaintext => Self::Plain,
            Security::Mutual { .. } => Self::Mutual,
            Security::Originate { credential: None, certificate_file: None, .. } => Self::Tls,
            Security::Originate { .. } => Self::TlsWithCertificate,
        }
    }
}

/// How a client begins.
pub(super) struct Hello {
    pub spoken: Spoken,
    /// The name that it asks for (SNI), in lower case as servers read it.
    pub server_name: Option<String>,
}

impl Hello {
    pub(super) fn of(
        sender: &Sender<'_>,
        cluster: &Cluster,
        endpoint: &Endpoint<'_>,
        request: &Request<'_>,
    ) -> Self {
        let spoken = Spoken::of(sender, cluster, endpoint);
        let name = match cluster.security(endpoint) {
            _ if spoken == Spoken::Plain => None,
            Security::Plaintext => None,
            Security::Mutual { sni, .. } => Some(sni),
            Security::Originate { sni, .. } => {
                sni.or_else(|| Some(without_port(request.authority)))
            }
        };
        Self { spoken, server_name: name.and_then(said) }
    }
}

/// Of a name that cannot stand in a handshake, as a wildcard's, the proxy says none.
fn said(name: &str) -> Option<String> {
    match ServerName::try_from(name).ok()? {
        ServerName::DnsName(name) => Some(name.to_lowercase_owned().as_ref().to_owned()),
        _ => None,
    }
}

/// A port of a workload, of which a proxy takes what arrives.
pub(super) struct Server<'a> {
    pub sender: &'a Sender<'a>,
    /// Of the workload.
    pub program: &'a Program,
    pub workload: &'a Workload,
    pub port: u16,
}

/// What the server's proxy sees of a connection.
pub(super) enum Carries {
    Requests,
    /// And why.
    Bytes(&'static str),
}

impl Server<'_> {
    /// What becomes of a connection, or why there is none. As the proxy, it asks first whether the port ends TLS of its own.
    pub(super) fn hear(&self, hello: &Hello, step: &mut Step) -> Result<Carries, String> {
        let inbound = self.program.inbound().port(self.port);
        let spoken = hello.spoken;
        let (fits, wants) = match (inbound.tls, inbound.mtls) {
            (Some(tls), _) => (ends(tls, spoken), own_tls(tls)),
            (None, MtlsMode::Strict) => (spoken == Spoken::Mutual, "STRICT"),
            (None, MtlsMode::Permissive) => (true, "PERMISSIVE"),
            (None, MtlsMode::Disable) => (spoken != Spoken::Mutual, "DISABLE"),
        };
        let text =
            format!("port {}: client speaks {}, server wants {wants}", self.port, spoken.words());
        step.push(if fits { Mark::Yes } else { Mark::No }, &text, self.peer_authentication());
        if !fits {
            return Err(text);
        }
        let is_own = matches!(spoken, Spoken::Tls | Spoken::TlsWithCertificate);
        Ok(match inbound.protocol {
            _ if is_own && inbound.tls.is_none() => Carries::Bytes(
                "its proxy passes TLS on as bytes: no rule sees a request, and the application ends the TLS",
            ),
            protocol if protocol.is_http() || protocol == Protocol::Detect => Carries::Requests,
            _ => Carries::Bytes("the port carries bytes: no rule sees a request"),
        })
    }

    /// Where the narrowest word on the port stands.
    fn peer_authentication(&self) -> Option<String> {
        let bundle = &self.sender.inquiry.policy.bundle;
        let snapshot = &bundle.snapshot;
        let slice = mesh_snapshot::slice(snapshot.digest(), self.workload, snapshot).ok()?;
        slice.peer_authentications.iter().find_map(|reference| {
            let Object::PeerAuthentication(PeerAuthentication { mode, ports }) =
                snapshot.object(&reference.digest)?
            else {
                return None;
            };
            let speaks = ports.contains_key(&self.port) || mode.is_some();
            speaks.then(|| place(&bundle.source_map, &reference.key, ""))?
        })
    }
}

/// Whether a port that ends TLS itself takes what a client says. Whom its authority vouches for, policy does not tell.
pub(super) fn ends(tls: &Termination, spoken: Spoken) -> bool {
    match spoken {
        // Who insists on the mesh's identity is shown another certificate.
        Spoken::Plain | Spoken::Mutual => false,
        Spoken::Tls => !matches!(tls.client, ClientCertificate::Required(_)),
        Spoken::TlsWithCertificate => true,
    }
}

/// What a server asks of a client from elsewhere beside its TLS. Whether that has it, a question does not tell.
pub(super) fn certificate(tls: &ServerTls) -> Option<&'static str> {
    let ServerTls::Terminate(tls) = tls else { return None };
    match tls.client {
        ClientCertificate::Unasked => None,
        ClientCertificate::Optional(_) => Some("the client may show a certificate"),
        ClientCertificate::Required(_) => Some(
            "the client must show a certificate that the server accepts: it is taken to have one",
        ),
        ClientCertificate::Mesh => Some(
            "the client must show an identity of the mesh: it is taken to have one, and whose is not known",
        ),
    }
}

pub(super) fn own_tls(tls: &Termination) -> &'static str {
    match tls.client {
        ClientCertificate::Unasked => "TLS of its own",
        ClientCertificate::Optional(_) => "TLS of its own, and may ask for a certificate",
        ClientCertificate::Required(_) | ClientCertificate::Mesh => {
            "TLS of its own, with a certificate"
        }
    }
}
