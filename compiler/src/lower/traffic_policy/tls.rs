//! How a client secures its connections. Source: Istio, `ClientTLSSettings`.

use mesh_snapshot::object::{ClientTls, Credential};

use crate::api::istio::{ClientTlsMode, ClientTlsSettings};

pub(super) fn lower(settings: Option<&ClientTlsSettings>) -> ClientTls {
    let Some(settings) = settings else { return ClientTls::Auto };
    let sni = settings.sni.clone();
    let subject_alt_names = settings.subject_alt_names.iter().cloned().collect();
    match settings.mode {
        ClientTlsMode::Disable => ClientTls::Disable,
        ClientTlsMode::IstioMutual => ClientTls::IstioMutual { sni, subject_alt_names },
        ClientTlsMode::Simple | ClientTlsMode::Mutual => ClientTls::Originate {
            sni,
            subject_alt_names,
            credential: credential(&settings.credential_name),
            ca_file: settings.ca_certificates.clone(),
            certificate_file: settings.client_certificate.clone(),
            key_file: settings.private_key.clone(),
            skip_verify: settings.insecure_skip_verify == Some(true),
        },
    }
}

/// Of the client's own namespace.
fn credential(name: &str) -> Option<Credential> {
    (!name.is_empty()).then(|| Credential { namespace: String::new(), name: name.to_owned() })
}
