//! How a client secures its connections. Source: Istio, `ClientTLSSettings`.

use std::collections::BTreeSet;

use mesh_snapshot::object::{ClientTls, Credential};

use crate::api::istio::{ClientTlsMode, ClientTlsSettings};

pub(super) fn lower(settings: Option<&ClientTlsSettings>) -> ClientTls {
    let Some(settings) = settings else { return ClientTls::Auto };
    match settings.mode {
        ClientTlsMode::Disable => ClientTls::Disable,
        ClientTlsMode::IstioMutual => ClientTls::IstioMutual {
            sni: settings.sni.clone(),
            subject_alt_names: settings.subject_alt_names.iter().cloned().collect(),
        },
        ClientTlsMode::Simple => originate(settings, Shown::default()),
        ClientTlsMode::Mutual => {
            let shown = Shown {
                credential: credential(&settings.credential_name),
                certificate_file: settings.client_certificate.clone(),
                key_file: settings.private_key.clone(),
            };
            originate(settings, shown)
        }
    }
}

/// What the client proves itself by.
#[derive(Default)]
struct Shown {
    credential: Option<Credential>,
    certificate_file: String,
    key_file: String,
}

/// Where a secret is named, it has the CA, too: the system's authorities are for those who name nothing. Source: Istio,
/// `ApplyCustomSDSToClientCommonTLSContext`.
fn originate(settings: &ClientTlsSettings, shown: Shown) -> ClientTls {
    let Shown { credential: pair, certificate_file, key_file } = shown;
    ClientTls::Originate {
        sni: settings.sni.clone(),
        subject_alt_names: settings.subject_alt_names.iter().cloned().collect(),
        credential: pair,
        authorities: credential(&settings.credential_name).map(|secret| BTreeSet::from([secret])),
        ca_file: settings.ca_certificates.clone(),
        certificate_file,
        key_file,
        skip_verify: settings.insecure_skip_verify == Some(true),
    }
}

/// Of the client's own namespace.
fn credential(name: &str) -> Option<Credential> {
    (!name.is_empty()).then(|| Credential { namespace: String::new(), name: name.to_owned() })
}
