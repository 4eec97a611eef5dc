//! TLS towards servers outside the mesh (origination).

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use mesh_snapshot::object::{ClientTls, Credential};
use rustls::client::{Resumption, verify_server_name};
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use super::alpn::{self, Offer};
use super::handshake::{self, HandshakeError, Secured};
use super::material::{self, Material, Stamp, system_roots};
use super::names;
use super::provider::provider;
use super::verifier::{ServerRule, ServerVerifier, Shown};
use crate::stream::Stream;
use crate::world::World;

/// How one cluster's servers are called. Shared by the threads of a process.
pub struct OutsideClient {
    /// Empty: the host of the request.
    sni: String,
    names: BTreeSet<String>,
    is_verifying: bool,
    certificate: Option<Material>,
    /// Each of which may vouch. `None`: the system's.
    authorities: Option<Vec<Material>>,
    built: ArcSwapOption<Built>,
}

struct Built {
    stamps: Option<Vec<Stamp>>,
    config: Result<ClientConfig, Arc<str>>,
}

const SESSIONS_MAX: usize = 64;

impl OutsideClient {
    /// `None` where `tls` says something else than [`ClientTls::Originate`].
    #[must_use]
    pub fn new(tls: &ClientTls, namespace: &str, world: &World) -> Option<Self> {
        let ClientTls::Originate {
            sni,
            subject_alt_names,
            credential,
            authorities,
            ca_file,
            certificate_file,
            key_file,
            skip_verify,
        } = tls
        else {
            return None;
        };
        let secret = |name: &Credential| Material::secret(name, namespace, world);
        let files = (!certificate_file.is_empty()).then(|| Material::Files {
            chain: PathBuf::from(certificate_file),
            key: PathBuf::from(key_file),
        });
        let ca = || (!ca_file.is_empty()).then(|| vec![Material::File(PathBuf::from(ca_file))]);
        Some(Self {
            sni: sni.clone(),
            names: subject_alt_names.clone(),
            is_verifying: !skip_verify,
            certificate: files.or_else(|| credential.as_ref().map(secret)),
            authorities: match authorities {
                Some(secrets) => Some(secrets.iter().map(secret).collect()),
                None => ca(),
            },
            built: ArcSwapOption::empty(),
        })
    }

    /// Whether connections for different hosts must be kept apart, since each proves its own.
    #[must_use]
    pub fn is_by_host(&self) -> bool {
        self.sni.is_empty()
    }

    /// Makes the handshake. `host` is that of the request, without a port.
    ///
    /// # Errors
    ///
    /// When the handshake fails, the server is somebody else, or a certificate or CA is lacking.
    pub async fn connect(
        &self,
        stream: Stream,
        host: &str,
        offer: Offer,
    ) -> Result<Secured, HandshakeError> {
        let name = if self.sni.is_empty() { host } else { &self.sni };
        let name = ServerName::try_from(name)
            .map_err(|_| HandshakeError::UnknownName(Some(name.to_owned())))?
            .to_owned();
        let mut config = self.config().map_err(HandshakeError::NoCertificate)?;
        config.alpn_protocols = alpn::owned(offer.to_outside());
        handshake::connect(stream, name, Arc::new(config)).await
    }

    /// Cheap to copy: its parts are shared.
    fn config(&self) -> Result<ClientConfig, Arc<str>> {
        let materials = self.certificate.iter().chain(self.authorities.iter().flatten());
        let stamps = material::stamps(materials);
        if let Some(built) = self.built.load_full()
            && stamps.is_some()
            && built.stamps == stamps
        {
            return built.config.clone();
        }
        let config = self.build().map_err(Arc::from);
        if let Err(reason) = &config {
            tracing::warn!(%reason, "servers outside the mesh cannot be called");
        }
        self.built.store(Some(Arc::new(Built { stamps, config: config.clone() })));
        config
    }

    fn build(&self) -> Result<ClientConfig, String> {
        let verifier = self.verifier()?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous() // rustls' word for a verifier that is not its own
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.certificate {
            Some(material) => {
                let certified = Arc::new(material.certified()?);
                config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
            }
            None => config.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        Ok(config)
    }

    fn verifier(&self) -> Result<ServerVerifier<Outsider>, String> {
        let trust = if self.is_verifying {
            Some(match &self.authorities {
                Some(authorities) => Arc::new(roots(authorities)?),
                None => system_roots()?,
            })
        } else {
            None
        };
        Ok(ServerVerifier::new(Outsider { trust, names: self.names.clone() }))
    }
}

/// Of all who are there: of several authorities one may be lacking, but not all. Source: Gateway API,
/// `BackendTLSPolicyValidation.caCertificateRefs`.
fn roots(authorities: &[Material]) -> Result<RootCertStore, String> {
    let mut all = RootCertStore::empty();
    let mut lacking = Vec::new();
    for authority in authorities {
        match authority.roots() {
            Ok(found) => all.extend(found.roots),
            Err(reason) => lacking.push(reason),
        }
    }
    let reason = lacking.join("; ");
    if all.is_empty() {
        return Err(if reason.is_empty() {
            "nobody may vouch for them".to_owned()
        } else {
            reason
        });
    }
    if !lacking.is_empty() {
        tracing::warn!(%reason, "not all who may vouch for servers outside the mesh are known");
    }
    Ok(all)
}

impl fmt::Debug for OutsideClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutsideClient").field("sni", &self.sni).finish_non_exhaustive()
    }
}

/// Who a server must be: vouched for by a CA, and known by one of the `names`, or by the name it is called by where
/// there are none.
#[derive(Debug)]
struct Outsider {
    /// `None`: anybody.
    trust: Option<Arc<RootCertStore>>,
    names: BTreeSet<String>,
}

impl ServerRule for Outsider {
    fn judge(&self, server: &Shown<'_>) -> Result<(), Error> {
        let Some(roots) = &self.trust else { return Ok(()) };
        let parsed = server.vouched_for(roots)?;
        if self.names.is_empty() {
            verify_server_name(&parsed, server.name)
        } else if names::proves_any(server.certificate, &self.names) {
            Ok(())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }
}
