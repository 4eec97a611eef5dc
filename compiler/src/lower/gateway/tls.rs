//! How a gateway ends its clients' TLS. Source: Istio, `ServerTLSSettings`.

use mesh_snapshot::object::{
    ClientCertificate, ClientIssuer, Credential, ServerProtocol, ServerTls, Termination, TlsVersion,
};

use crate::api::istio::{ServerTlsMode, ServerTlsSettings, TlsProtocol};
use crate::resolve::gateway::{Listener, Server};

/// `None` where the server is not opened.
pub(super) fn of_server(server: &Server<'_>) -> Option<ServerTls> {
    let Some(settings) = &server.spec.tls else { return Some(ServerTls::Off) };
    if matches!(server.protocol, Some(ServerProtocol::Http)) {
        return Some(if settings.https_redirect { ServerTls::Redirect } else { ServerTls::Off });
    }
    match settings.mode {
        ServerTlsMode::Passthrough => Some(ServerTls::Passthrough),
        _ => termination(settings).map(|it| ServerTls::Terminate(Box::new(it))),
    }
}

/// `None` where TLS does not end.
pub(in crate::lower) fn termination(settings: &ServerTlsSettings) -> Option<Termination> {
    let client = match settings.mode {
        ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough => return None,
        ServerTlsMode::Simple => ClientCertificate::Unasked,
        ServerTlsMode::Mutual => ClientCertificate::Required(issuer(settings)),
        ServerTlsMode::OptionalMutual => ClientCertificate::Optional(issuer(settings)),
        ServerTlsMode::IstioMutual => ClientCertificate::Mesh,
    };
    let names = Some(&settings.credential_name).filter(|name| !name.is_empty()).into_iter();
    Some(Termination {
        credentials: names.chain(&settings.credential_names).map(|name| credential(name)).collect(),
        certificate_file: settings.server_certificate.clone(),
        key_file: settings.private_key.clone(),
        client,
        version_min: version(settings.min_protocol_version).unwrap_or(TlsVersion::V12),
        version_max: version(settings.max_protocol_version).unwrap_or(TlsVersion::V13),
        cipher_suites: settings.cipher_suites.clone(),
    })
}

pub(super) fn of_listener(listener: &Listener<'_>) -> ServerTls {
    if listener.passes_through() {
        return ServerTls::Passthrough;
    }
    if !matches!(listener.protocol, Some(ServerProtocol::Https | ServerProtocol::Tls)) {
        return ServerTls::Off;
    }
    let usable = listener.certificates.iter().filter(|certificate| certificate.is_usable());
    ServerTls::Terminate(Box::new(Termination {
        credentials: usable.map(|certificate| certificate.credential.clone()).collect(),
        certificate_file: String::new(),
        key_file: String::new(),
        client: ClientCertificate::Unasked,
        version_min: TlsVersion::V12,
        version_max: TlsVersion::V13,
        cipher_suites: Vec::new(),
    }))
}

fn issuer(settings: &ServerTlsSettings) -> ClientIssuer {
    let ca = Some(&settings.ca_cert_credential_name).filter(|name| !name.is_empty());
    ClientIssuer {
        ca: ca.map(|name| credential(name)),
        ca_file: settings.ca_certificates.clone(),
        subject_alt_names: settings.subject_alt_names.iter().cloned().collect(),
    }
}

/// Of the proxy's own namespace.
fn credential(name: &str) -> Credential {
    Credential { namespace: String::new(), name: name.to_owned() }
}

/// `None` where nothing is said. Older versions are not spoken.
fn version(protocol: TlsProtocol) -> Option<TlsVersion> {
    match protocol {
        TlsProtocol::Auto => None,
        TlsProtocol::V10 | TlsProtocol::V11 | TlsProtocol::V12 => Some(TlsVersion::V12),
        TlsProtocol::V13 => Some(TlsVersion::V13),
    }
}
