//! What a server shows its clients, and asks of them.

use super::super::checks::{
    CONFLICTING_TLS_SETTINGS, INEFFECTIVE_TLS_SETTING, UNSERVED_CIPHER_SUITE,
};
use crate::api::istio::{ServerTlsMode, ServerTlsSettings, TlsProtocol};
use crate::diagnostic::{At, Diagnostic, Place};

/// OpenSSL's names of the suites that Envoy knows for TLS 1.2 and older.
const CIPHER_SUITES: &[&str] = &[
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA",
    "AES256-SHA",
    "DES-CBC3-SHA",
];

pub(in super::super) fn check(
    settings: Option<&ServerTlsSettings>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(tls) = settings else { return };
    check_versions(tls, at, out);
    check_suites(tls, at, out);
    out.extend(check_served(tls, at));
    match tls.mode {
        ServerTlsMode::IstioMutual => no_certificates(tls, at, out),
        ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough => {
            for name in sources(tls).into_iter().chain((!tls.ca_crl.is_empty()).then_some("caCrl"))
            {
                let found = Diagnostic::new(
                    &INEFFECTIVE_TLS_SETTING,
                    at.field(name).key(),
                    "TLS passes through, so no certificate is shown",
                );
                let found = found.label("has no effect");
                out.push(found.consequence("clients see the certificate of the server behind"));
            }
            one_source(tls, at, out);
        }
        ServerTlsMode::Simple | ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual => {
            one_source(tls, at, out);
            check_terminated(tls, at, out);
        }
    }
    if tls.credential_names.len() > 2 || tls.tls_certificates.len() > 2 {
        let field =
            if tls.credential_names.len() > 2 { "credentialNames" } else { "tlsCertificates" };
        let found = Diagnostic::new(
            &INEFFECTIVE_TLS_SETTING,
            at.field(field).key(),
            "a server shows at most two certificates",
        );
        out.push(
            found
                .label("one with an RSA key and one with an ECDSA key")
                .consequence("clients are shown none of the others"),
        );
    }
}

fn check_versions(tls: &ServerTlsSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let is_old = matches!(tls.min_protocol_version, TlsProtocol::V10 | TlsProtocol::V11);
    if is_old && tls.cipher_suites.is_empty() {
        let message = "TLS before 1.2 needs cipher suites that no proxy offers by itself";
        let found = Diagnostic::new(
            &INEFFECTIVE_TLS_SETTING,
            at.field("minProtocolVersion").value(),
            message,
        );
        out.push(
            found.label("needs `cipherSuites`").consequence("clients of that age cannot connect"),
        );
    }
    let max = tls.max_protocol_version;
    if max != TlsProtocol::Auto && max < tls.min_protocol_version {
        let found = Diagnostic::new(
            &CONFLICTING_TLS_SETTINGS,
            at.field("maxProtocolVersion").value(),
            "the newest version is older than the oldest",
        );
        let found = found.label("older").also(at.field("minProtocolVersion").value(), "than this");
        out.push(found.consequence("nobody can connect"));
    }
}

/// Source: RFC 8446, B.4; Envoy, `TlsParameters.cipher_suites`.
const SUITES_OF_1_3: [&str; 3] =
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// What begins with a sign is an expression of OpenSSL's, and left to it.
fn is_known_suite(name: &str) -> bool {
    let is_expression = !name.starts_with(char::is_alphanumeric);
    name == "ALL" || is_expression || CIPHER_SUITES.contains(&name)
}

fn check_suites(tls: &ServerTlsSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = at.field("cipherSuites");
    for (index, name) in tls.cipher_suites.iter().enumerate() {
        let place = at.index(index).value();
        if SUITES_OF_1_3.contains(&name.as_str()) {
            let message = "the suites of TLS 1.3 are not chosen from";
            out.push(
                Diagnostic::new(&INEFFECTIVE_TLS_SETTING, place, message)
                    .label("ignored")
                    .consequence("none: who speaks TLS 1.3 is offered all of its suites"),
            );
        } else if !is_known_suite(name) {
            let found = Diagnostic::new(
                &INEFFECTIVE_TLS_SETTING,
                place,
                format!("there is no cipher suite `{name}`"),
            );
            out.push(
                found.label("ignored").consequence("clients that offer it alone cannot connect"),
            );
        } else if let Some(first) =
            tls.cipher_suites.iter().take(index).position(|first| first == name)
        {
            let found = Diagnostic::new(
                &INEFFECTIVE_TLS_SETTING,
                place,
                format!("the cipher suite `{name}` stands here twice"),
            );
            let found = found.label("ignored").also(at.index(first).value(), "first here");
            out.push(found.consequence("none: it is offered once"));
        }
    }
}

/// Suites for TLS 1.2, where that is spoken.
fn check_served(tls: &ServerTlsSettings, at: &At<'_>) -> Option<Diagnostic> {
    let passes = matches!(tls.mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough);
    if passes || tls.min_protocol_version == TlsProtocol::V13 {
        return None;
    }
    let at = at.field("cipherSuites");
    let suites = tls.cipher_suites.iter().enumerate();
    let suites = suites.map(|(index, name)| (name.as_str(), at.index(index).value()));
    unserved_suites(&suites.collect::<Vec<_>>(), tls.max_protocol_version)
}

/// One finding for the names of suites, each with its place, that proxies do not speak up to version `max`. Names that are none are
/// told otherwise.
pub(in super::super) fn unserved_suites(
    suites: &[(&str, Place)],
    max: TlsProtocol,
) -> Option<Diagnostic> {
    let unserved = suites.iter().filter_map(|(name, place)| Some((name, place, reason(name)?)));
    let mut unserved = unserved.peekable();
    let (name, place, reason) = unserved.next()?;
    let is_any_left = suites.iter().any(|(name, _)| is_served(name));
    let effect = match (is_any_left, max) {
        (true, _) => "clients that know no other of the suites cannot connect by TLS 1.2",
        (false, TlsProtocol::V10 | TlsProtocol::V11 | TlsProtocol::V12) => "nobody can connect",
        (false, _) => "none is left for TLS 1.2: clients without TLS 1.3 cannot connect",
    };
    let mut others: Vec<_> = unserved.map(|(_, place, _)| place.clone()).collect();
    others.dedup();
    others.retain(|other| other != place);
    let found = Diagnostic::new(
        &UNSERVED_CIPHER_SUITE,
        place.clone(),
        format!("no proxy speaks `{name}`: {reason}"),
    );
    let help = "name suites such as `ECDHE-RSA-AES128-GCM-SHA256`, or none: all that are safe are spoken then";
    Some(found.label("not spoken").consequence(effect).help(help).and_here(others))
}

/// Keys that are nobody's afterwards, and encryption that nobody can change on the way.
fn is_served(name: &str) -> bool {
    CIPHER_SUITES.contains(&name) && has_forward_secrecy(name) && has_aead(name)
}

fn has_forward_secrecy(name: &str) -> bool {
    name.starts_with("ECDHE-")
}

fn has_aead(name: &str) -> bool {
    name.contains("-GCM-") || name.contains("-CHACHA20-")
}

/// Why a suite is not spoken.
fn reason(name: &str) -> Option<&'static str> {
    if !CIPHER_SUITES.contains(&name) {
        return is_known_suite(name).then_some("an expression is no suite's name");
    }
    match (has_forward_secrecy(name), has_aead(name)) {
        (true, true) => None,
        (false, true) => Some("it has no forward secrecy"),
        (true, false) => Some("it is no AEAD"),
        (false, false) => Some("it has no forward secrecy, and is no AEAD"),
    }
}

/// The fields from which certificates come.
fn sources(tls: &ServerTlsSettings) -> Vec<&'static str> {
    let fields = [
        ("serverCertificate", !tls.server_certificate.is_empty()),
        ("privateKey", !tls.private_key.is_empty()),
        ("caCertificates", !tls.ca_certificates.is_empty()),
        ("tlsCertificates", !tls.tls_certificates.is_empty()),
        ("credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", !tls.credential_names.is_empty()),
    ];
    fields.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}

fn no_certificates(tls: &ServerTlsSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for name in sources(tls) {
        let message =
            format!("`ISTIO_MUTUAL` uses the mesh's own certificates, so `{name}` has no meaning");
        let found = Diagnostic::new(&CONFLICTING_TLS_SETTINGS, at.field(name).key(), message);
        out.push(found.label("remove this").also(at.field("mode").value(), "the mesh's own"));
    }
}

/// A certificate comes from one place: a pair of files, a Secret, two Secrets, or two pairs of files.
fn one_source(tls: &ServerTlsSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let pair = !tls.server_certificate.is_empty() && !tls.private_key.is_empty();
    let set = [
        ("serverCertificate", pair),
        ("credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", !tls.credential_names.is_empty()),
        ("tlsCertificates", !tls.tls_certificates.is_empty()),
    ];
    let names: Vec<_> = set.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect();
    if let [first, second, ..] = names.as_slice() {
        let message = format!("`{first}` and `{second}` both say where the certificate is");
        let found = Diagnostic::new(&CONFLICTING_TLS_SETTINGS, at.field(second).key(), message)
            .label("one of them");
        let help = "give one of `credentialName`, `credentialNames`, `tlsCertificates`, or the pair `serverCertificate` and `privateKey`";
        out.push(found.also(at.field(first).key(), "or this").help(help));
    }
}

/// By which a server may name its certificates.
const CREDENTIALS: &[&str] = &[
    "credentialName",
    "credentialNames",
    "caCertificates",
    "serverCertificate",
    "privateKey",
    "tlsCertificates",
];

/// What is said of clients' certificates where no client is asked for one.
fn nobody_verified(tls: &ServerTlsSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let fields = [
        ("caCertificates", !tls.ca_certificates.is_empty()),
        ("caCertCredentialName", !tls.ca_cert_credential_name.is_empty()),
        ("subjectAltNames", !tls.subject_alt_names.is_empty()),
    ];
    for (name, _) in fields.into_iter().filter(|(_, is_set)| *is_set) {
        let message =
            format!("`SIMPLE` asks no client for a certificate, so `{name}` verifies nobody");
        out.push(
            Diagnostic::new(&INEFFECTIVE_TLS_SETTING, at.field(name).key(), message)
                .label("has no effect")
                // Where the field cannot be at all, that is said.
                .supposing(at.field(name).value())
                .also(at.field("mode").value(), "clients stay unknown")
                .consequence("everybody is let in, with a certificate or without")
                .help("set `mode: MUTUAL`, or remove it"),
        );
    }
}

fn check_terminated(tls: &ServerTlsSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let is_mutual = tls.mode != ServerTlsMode::Simple;
    if !is_mutual {
        nobody_verified(tls, at, out);
    }
    let mut fault = |message: &str, label: &str| {
        let found = Diagnostic::new(&CONFLICTING_TLS_SETTINGS, at.key(), message).label(label);
        out.push(found.lacking(at, CREDENTIALS));
    };
    let has_secret = !tls.credential_name.is_empty() || !tls.credential_names.is_empty();
    if !has_secret {
        if is_mutual && tls.ca_certificates.is_empty() {
            fault(
                "mutual TLS needs to know whom to believe",
                "needs `caCertificates`, or `credentialName`",
            );
        }
        let pairs: Vec<_> = if tls.tls_certificates.is_empty() {
            vec![(&tls.server_certificate, &tls.private_key)]
        } else {
            tls.tls_certificates
                .iter()
                .map(|pair| (&pair.server_certificate, &pair.private_key))
                .collect()
        };
        for (certificate, key) in pairs {
            if certificate.is_empty() && key.is_empty() {
                fault(
                    "the server has no certificate to show, and no private key",
                    "needs `credentialName`",
                );
                continue;
            }
            if certificate.is_empty() {
                fault(
                    "the server has no certificate to show",
                    "needs `credentialName`, or `serverCertificate`",
                );
            }
            if key.is_empty() {
                fault("the server has no private key", "needs `credentialName`, or `privateKey`");
            }
        }
        if !tls.ca_crl.is_empty() && !is_mutual {
            fault(
                "nobody shows a certificate that could have been revoked",
                "`caCrl` needs mutual TLS",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    fn said(resource: &str) -> Vec<(String, String)> {
        let folder = Folder::new();
        folder.write("a.yaml", resource);
        let found = findings(folder.path()).into_iter();
        let found = found.filter(|it| it.check.name == "unserved-cipher-suite");
        found.map(|it| (it.message, it.consequence.unwrap_or_default())).collect()
    }

    fn of_server(tls: &str) -> Vec<(String, String)> {
        said(&format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: a}}\nspec: {{selector: {{istio: a}}, servers: [{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [a.test], tls: {{credentialName: c, {tls}}}}}]}}\n"
        ))
    }

    #[test]
    fn suites_that_are_not_safe_are_not_spoken() {
        let good = "ECDHE-RSA-AES128-GCM-SHA256";
        for (name, reason) in [
            ("AES128-SHA", "it has no forward secrecy, and is no AEAD"),
            ("AES256-GCM-SHA384", "it has no forward secrecy"),
            ("ECDHE-RSA-AES128-SHA", "it is no AEAD"),
            ("ALL", "an expression is no suite's name"),
        ] {
            let found = of_server(&format!("mode: SIMPLE, cipherSuites: [{good}, {name}]"));
            let effect = "clients that know no other of the suites cannot connect by TLS 1.2";
            let message = format!("no proxy speaks `{name}`: {reason}");
            assert_eq!(found, [(message, effect.to_owned())]);
        }
        let left = |tls: &str| of_server(tls).into_iter().map(|it| it.1).collect::<Vec<_>>();
        let none = "mode: SIMPLE, cipherSuites: [AES128-SHA, AES256-SHA]";
        let only_new = "none is left for TLS 1.2: clients without TLS 1.3 cannot connect";
        assert_eq!(left(none), [only_new]);
        assert_eq!(left(&format!("{none}, maxProtocolVersion: TLSV1_2")), ["nobody can connect"]);
        for tls in [
            format!("{none}, minProtocolVersion: TLSV1_3"),
            none.replace("SIMPLE", "PASSTHROUGH"),
            format!("mode: SIMPLE, cipherSuites: [{good}]"),
            format!("mode: SIMPLE, cipherSuites: [{good}, RSA-FAST]"),
        ] {
            assert_eq!(left(&tls), [""; 0], "{tls}");
        }
    }

    #[test]
    fn a_listener_names_them_by_commas() {
        let of_listener = |suites: &str| {
            said(&format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: a}}\nspec: {{gatewayClassName: istio, listeners: [{{name: https, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: c}}], options: {{gateway.istio.io/tls-cipher-suites: '{suites}'}}}}}}]}}\n"
            ))
        };
        assert_eq!(of_listener("AES128-SHA, ECDHE-RSA-AES128-SHA").len(), 1);
        assert!(of_listener("ECDHE-RSA-AES128-GCM-SHA256,ECDHE-RSA-CHACHA20-POLY1305").is_empty());
    }
}
