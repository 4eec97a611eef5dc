//! How clients secure their connections.

use super::super::checks::CONFLICTING_TLS_SETTINGS;
use crate::api::istio::{ClientTlsMode, ClientTlsSettings};
use crate::diagnostic::{At, Diagnostic};

pub(super) fn check(settings: Option<&ClientTlsSettings>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(tls) = settings else { return };
    if tls.insecure_skip_verify == Some(true) {
        check_unverified(tls, at, out);
    }
    let speaks_tls = matches!(tls.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual);
    if speaks_tls && !tls.credential_name.is_empty() {
        let files = [
            ("clientCertificate", &tls.client_certificate),
            ("privateKey", &tls.private_key),
            ("caCertificates", &tls.ca_certificates),
            ("caCrl", &tls.ca_crl),
        ];
        for (name, _) in files.iter().filter(|(_, file)| !file.is_empty()) {
            let message = format!("`credentialName` and the file `{name}` are both set");
            let found = Diagnostic::new(&CONFLICTING_TLS_SETTINGS, at.field(name).key(), message)
                .label("a file");
            out.push(found.also(at.field("credentialName").key(), "or a Secret"));
        }
    } else if tls.mode == ClientTlsMode::Mutual {
        for (name, file) in
            [("clientCertificate", &tls.client_certificate), ("privateKey", &tls.private_key)]
        {
            if file.is_empty() {
                let message = format!("mutual TLS needs a `{name}`, or a `credentialName`");
                out.push(
                    Diagnostic::new(&CONFLICTING_TLS_SETTINGS, at.key(), message)
                        .label(format!("needs `{name}`")),
                );
            }
        }
    }
}

/// What would verify a server has no meaning where none is verified.
fn check_unverified(tls: &ClientTlsSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let verifiers = [
        ("caCertificates", !tls.ca_certificates.is_empty(), tls.mode != ClientTlsMode::Disable),
        ("subjectAltNames", !tls.subject_alt_names.is_empty(), tls.mode != ClientTlsMode::Disable),
        ("credentialName", !tls.credential_name.is_empty(), tls.mode == ClientTlsMode::Simple),
    ];
    let applies = matches!(tls.mode, ClientTlsMode::Simple | ClientTlsMode::Mutual);
    for (name, _, _) in verifiers.iter().filter(|(_, is_set, counts)| applies && *is_set && *counts)
    {
        let message = format!("servers are not verified, so `{name}` has no meaning");
        let found = Diagnostic::new(&CONFLICTING_TLS_SETTINGS, at.field(name).key(), message)
            .label("verifies nothing");
        out.push(found.also(at.field("insecureSkipVerify").key(), "switched off here"));
    }
}
