//! TLS towards the control runtime: who it must be, and who the proxy is.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use crate::tls::provider::provider;
use crate::tls::verifier::{ServerRule, ServerVerifier, Shown};
use crate::world::Identity;

/// A configuration for one connection to whoever proves `control`, a SPIFFE ID, to one of `roots`. With an identity, the proxy
/// proves its own.
///
/// # Errors
///
/// When the roots or the identity are no good.
pub(crate) fn config(
    control: &str,
    roots: &[CertificateDer<'static>],
    identity: Option<&Identity>,
) -> Result<ClientConfig, Error> {
    let verifier = Arc::new(ServerVerifier::new(Control::new(control, roots)?));
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(identity) => {
            builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A session that is resumed keeps the identity it began with.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Believes one SPIFFE ID. Names in DNS prove nothing here. Source: SPIFFE X509-SVID §5.2.
#[derive(Debug)]
struct Control {
    id: String,
    roots: RootCertStore,
}

impl Control {
    fn new(id: &str, roots: &[CertificateDer<'static>]) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root.clone())?;
        }
        Ok(Self { id: id.to_owned(), roots: store })
    }
}

impl ServerRule for Control {
    fn judge(&self, server: &Shown<'_>) -> Result<(), Error> {
        server.vouched_for(&self.roots)?;
        if spiffe_id(server.certificate).as_deref() == Some(self.id.as_str()) {
            Ok(())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }
}

/// The one URI that the certificate is for; none where it has several, or none.
pub(crate) fn spiffe_id(certificate: &CertificateDer<'_>) -> Option<String> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    let mut uris = parsed.valid_uri_names();
    let id = uris.next()?;
    uris.next().is_none().then(|| id.to_owned())
}
