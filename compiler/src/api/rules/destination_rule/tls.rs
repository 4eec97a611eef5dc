//! How clients secure their connections.

use super::super::checks::{CONFLICTING_TLS_SETTINGS, INEFFECTIVE_TLS_SETTING};
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
    check_effect(tls, at, out);
}

/// What is set and not looked at in this mode. What contradicts the mode was refused before. Source: Istio,
/// `ClientTLSSettings`.
fn check_effect(tls: &ClientTlsSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    use ClientTlsMode::{Disable, IstioMutual, Mutual, Simple};
    let originates: &[_] = &[Simple, Mutual];
    let fields = [
        ("clientCertificate", !tls.client_certificate.is_empty(), &[Mutual][..]),
        ("privateKey", !tls.private_key.is_empty(), &[Mutual]),
        ("caCertificates", !tls.ca_certificates.is_empty(), originates),
        ("credentialName", !tls.credential_name.is_empty(), originates),
        ("caCrl", !tls.ca_crl.is_empty(), originates),
        ("insecureSkipVerify", tls.insecure_skip_verify == Some(true), originates),
        ("subjectAltNames", !tls.subject_alt_names.is_empty(), &[Simple, Mutual, IstioMutual]),
        ("sni", !tls.sni.is_empty(), &[Simple, Mutual, IstioMutual]),
    ];
    let (mode, reason) = match tls.mode {
        Disable => ("DISABLE", "there is no TLS"),
        IstioMutual => ("ISTIO_MUTUAL", "the mesh's own certificates are used"),
        Simple => ("SIMPLE", "the client shows no certificate"),
        Mutual => return,
    };
    // With a Secret, files are an error that says so.
    let is_refused = tls.mode == Simple && !tls.credential_name.is_empty();
    let idle = fields.iter().filter(|(_, is_set, modes)| *is_set && !modes.contains(&tls.mode));
    for (name, ..) in idle.filter(|_| !is_refused) {
        let message = format!("`{name}` has no effect in mode {mode}");
        let found = Diagnostic::new(&INEFFECTIVE_TLS_SETTING, at.field(name).key(), message)
            .label(reason)
            .consequence("connections are made as if it were not there")
            .supposing(at.field("mode").value());
        out.push(found.help("remove it, or set the mode that it is for"));
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

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    /// The fields without effect, of `tls` in a policy of the host, of a port, and of a subset.
    fn idle(tls: &str) -> [Vec<String>; 3] {
        let port = format!("portLevelSettings: [{{port: {{number: 80}}, tls: {tls}}}]");
        let host = format!("trafficPolicy: {{tls: {tls}}}");
        let places = [
            host.clone(),
            format!("trafficPolicy: {{{port}}}"),
            format!("subsets: [{{name: a, labels: {{a: b}}, {host}}}]"),
        ];
        places.map(|place| {
            let text = format!(
                "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: a}}\nspec: {{host: a, {place}}}\n"
            );
            let compiled = Compiled::text(&text);
            let idle = compiled.findings.iter().filter(|it| it.check.name == "ineffective-tls-setting");
            idle.filter_map(|it| Some(it.message.split('`').nth(1)?.to_owned())).collect()
        })
    }

    #[test]
    fn what_a_mode_does_not_look_at_is_named() {
        const FILES: &str = "clientCertificate: /c, privateKey: /k, caCertificates: /a";
        const NAMES: &str = "sni: a.example.com, subjectAltNames: [a]";
        let rest = "credentialName: x, insecureSkipVerify: true, caCrl: /r";
        let own = ["clientCertificate", "privateKey"];
        let all =
            [own[0], own[1], "caCertificates", "credentialName", "insecureSkipVerify", "caCrl"];
        let cases = [
            (format!("{{mode: ISTIO_MUTUAL, {FILES}, {rest}, {NAMES}}}"), all.to_vec()),
            (
                format!("{{mode: DISABLE, {FILES}, {rest}, {NAMES}}}"),
                [&all[..], &["sni", "subjectAltNames"]].concat(),
            ),
            (format!("{{mode: SIMPLE, {FILES}, {NAMES}}}"), own.to_vec()),
            (format!("{{mode: MUTUAL, {FILES}, {NAMES}}}"), vec![]),
            (format!("{{mode: ISTIO_MUTUAL, {NAMES}, insecureSkipVerify: false}}"), vec![]),
            // An error of another check says it.
            ("{mode: SIMPLE, clientCertificate: /c, credentialName: x}".to_owned(), vec![]),
        ];
        for (tls, expected) in cases {
            for mut found in idle(&tls) {
                let mut expected = expected.clone();
                expected.sort_unstable();
                found.sort_unstable();
                assert_eq!(found, expected, "{tls}");
            }
        }
    }
}
