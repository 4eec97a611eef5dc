//! How one server of a gateway ends its clients' TLS.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use mesh_snapshot::object::{ClientCertificate, ClientIssuer, Termination, TlsVersion};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoClientAuth, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, Error, ServerConfig, SupportedProtocolVersion};

use super::handshake::HandshakeError;
use super::material::{self, Material, Stamp};
use super::provider::provider;
use super::verifier::{ClientRule, ClientVerifier};
use super::{alpn, cipher, names, ticket};
use crate::world::World;

/// A server's configuration, made anew when a certificate or a CA changes. Without a certificate that can be used it
/// refuses handshakes, and says why.
pub(super) struct Terminating {
    certificates: Vec<Material>,
    client: Client,
    versions: &'static [&'static SupportedProtocolVersion],
    provider: Arc<CryptoProvider>,
    protocols: &'static [&'static [u8]],
    built: ArcSwapOption<Built>,
}

/// What a client has to show.
enum Client {
    Nothing,
    Certificate { is_required: bool, ca: Material, names: BTreeSet<String> },
}

struct Built {
    stamps: Option<Vec<Stamp>>,
    config: Result<Arc<ServerConfig>, Arc<str>>,
}

/// HTTP, in the gateway's order of preference.
const HTTP: &[&[u8]] = &[alpn::H2, alpn::HTTP11];

impl Terminating {
    /// None where the mesh's own identity is shown ([`ClientCertificate::Mesh`]).
    pub(super) fn new(
        termination: &Termination,
        is_http: bool,
        namespace: &str,
        world: &World,
    ) -> Option<Self> {
        let mut certificates: Vec<Material> = termination
            .credentials
            .iter()
            .map(|credential| Material::secret(credential, namespace, world))
            .collect();
        certificates.extend(termination.files.iter().map(|files| Material::Files {
            chain: PathBuf::from(&files.chain),
            key: PathBuf::from(&files.key),
        }));
        let asks = |issuer: &ClientIssuer, is_required| {
            let ca = client_ca(issuer, certificates.first(), namespace, world);
            Client::Certificate { is_required, ca, names: issuer.subject_alt_names.clone() }
        };
        let client = match &termination.client {
            ClientCertificate::Mesh => return None,
            ClientCertificate::Unasked => Client::Nothing,
            ClientCertificate::Required(issuer) => asks(issuer, true),
            ClientCertificate::Optional(issuer) => asks(issuer, false),
        };
        Some(Self {
            certificates,
            client,
            versions: versions(termination.version_min, termination.version_max),
            provider: with_suites(&termination.cipher_suites),
            protocols: if is_http { HTTP } else { &[] },
            built: ArcSwapOption::empty(),
        })
    }

    /// What to go on with now.
    pub(super) fn config(&self) -> Result<Arc<ServerConfig>, HandshakeError> {
        let stamps = self.stamps();
        let built = match self.built.load_full() {
            Some(built) if stamps.is_some() && built.stamps == stamps => built,
            _ => {
                let config = self.build().map(Arc::new).map_err(Arc::from);
                if let Err(reason) = &config {
                    tracing::warn!(%reason, "a server of the gateway refuses handshakes");
                }
                let built = Arc::new(Built { stamps, config });
                self.built.store(Some(Arc::clone(&built)));
                built
            }
        };
        built.config.clone().map_err(HandshakeError::NoCertificate)
    }

    fn stamps(&self) -> Option<Vec<Stamp>> {
        let ca = match &self.client {
            Client::Nothing => None,
            Client::Certificate { ca, .. } => Some(ca),
        };
        material::stamps(self.certificates.iter().chain(ca))
    }

    fn build(&self) -> Result<ServerConfig, String> {
        let certificates = self
            .certificates
            .iter()
            .map(|material| material.certified().map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        if certificates.is_empty() {
            return Err("no certificate is named".to_owned());
        }
        let text = |error: Error| error.to_string();
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.versions)
            .map_err(text)?
            .with_client_cert_verifier(self.client.verifier()?)
            .with_cert_resolver(Arc::new(BySignature(certificates)));
        config.alpn_protocols = alpn::owned(self.protocols);
        config.ticketer = ticket::short_lived().map_err(text)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }
}

/// Absent: the CA in the server's own credential. Source: Istio, `ServerTLSSettings.credentialName`.
fn client_ca(
    issuer: &ClientIssuer,
    own: Option<&Material>,
    namespace: &str,
    world: &World,
) -> Material {
    match (&issuer.ca, own) {
        (Some(ca), _) => Material::secret(ca, namespace, world),
        (None, Some(own)) if issuer.ca_file.is_empty() => own.clone(),
        (None, _) => Material::File((&issuer.ca_file).into()),
    }
}

fn versions(min: TlsVersion, max: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static V12: &[&SupportedProtocolVersion] = &[&TLS12];
    static BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    static V13: &[&SupportedProtocolVersion] = &[&TLS13];
    match (min, max) {
        (TlsVersion::V12, TlsVersion::V12) => V12,
        (TlsVersion::V12, TlsVersion::V13) => BOTH,
        (TlsVersion::V13, TlsVersion::V13) => V13,
        (TlsVersion::V13, TlsVersion::V12) => &[], // no handshake can satisfy it
    }
}

/// The provider with only the named suites for TLS 1.2; those of TLS 1.3 are not to be chosen from.
fn with_suites(names: &[String]) -> Arc<CryptoProvider> {
    if names.is_empty() {
        return provider();
    }
    let (suites, unknown) = cipher::named(names);
    if !unknown.is_empty() {
        tracing::warn!(?unknown, "cipher suites that are not served");
    }
    let mut provider = CryptoProvider::clone(&provider());
    provider.cipher_suites.retain(|suite| suite.tls13().is_some());
    provider.cipher_suites.extend(suites);
    Arc::new(provider)
}

/// The first certificate whose key can sign as the client asks: of an ECDSA and an RSA one, each client gets what it knows.
#[derive(Debug)]
struct BySignature(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for BySignature {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        self.0.iter().find(|certified| certified.key.choose_scheme(schemes).is_some()).cloned()
    }
}

impl Client {
    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let Self::Certificate { is_required, ca, names } = self else {
            return Ok(Arc::new(NoClientAuth));
        };
        let roots = Arc::new(ca.roots()?);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
        let builder = if *is_required { builder } else { builder.allow_unauthenticated() };
        let chain = builder.build().map_err(|error| error.to_string())?;
        if names.is_empty() {
            return Ok(chain);
        }
        Ok(Arc::new(ClientVerifier { chain, rule: Named(names.clone()) }))
    }
}

/// Clients that the CA has certified *and* that have one of these names.
#[derive(Debug)]
struct Named(BTreeSet<String>);

impl ClientRule for Named {
    fn judge(&self, certificate: &CertificateDer<'_>, _: UnixTime) -> Result<(), Error> {
        if names::proves_any(certificate, &self.0) {
            Ok(())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }
}
