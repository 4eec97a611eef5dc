//! `secret-without-certificate`: a server shows a Secret in which there is no certificate, or no key to it, or no authority where
//! clients are known by one.
//!
//! A Secret without any keys is filled by somebody else. Sources: Istio, `ExtractCertInfo`: `tls.crt` and `tls.key`, or `cert`
//! and `key`; `ExtractRoot`: `ca.crt` or `cacert`, there or in the Secret beside it that is called `…-cacert`.

use crate::api::Resource;
use crate::api::kubernetes::Secret;
use crate::check::credential::{self, Credential, Purpose};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "secret-without-certificate",
    Severity::Error,
    include_str!("secret_without_certificate.md"),
);

/// Of the authorities by which clients are known.
const AUTHORITIES: [&str; 2] = ["ca.crt", "cacert"];

/// Of a certificate and its key.
const PAIRS: [(&str, &str); 2] = [("tls.crt", "tls.key"), ("cert", "key")];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for it in credential::servers(mesh).flat_map(|server| server.credentials) {
        if it.purpose == Purpose::Shown
            && let Some(secret) = it.secret(mesh)
            // What makes a Secret, or fills it, may put in more than is written.
            && !mesh.source.promised.has_secret(&secret.namespace, secret.name())
        {
            out.extend(check(&it.place, secret).or_else(|| check_authorities(mesh, &it, secret)));
        }
    }
}

fn check(place: &Place, secret: &Resource<Secret>) -> Option<Diagnostic> {
    let keys = &secret.spec.keys;
    if keys.is_empty() || PAIRS.iter().any(|(a, b)| keys.contains(*a) && keys.contains(*b)) {
        return None;
    }
    let lacking = PAIRS.iter().find_map(|(a, b)| match (keys.contains(*a), keys.contains(*b)) {
        (true, false) => Some(*b),
        (false, true) => Some(*a),
        _ => None,
    });
    let message = match lacking {
        Some(key) => format!("the Secret `{}` has no `{key}`", secret.name()),
        None => format!("the Secret `{}` has no certificate", secret.name()),
    };
    Some(
        Diagnostic::new(&CHECK, Place::resource(secret.id), message)
            .label("needs `tls.crt` and `tls.key`")
            .also(place.clone(), "this server shows it")
            .consequence("the server is not opened: connections to it are refused"),
    )
}

/// Where the Secret is to hold the authorities, too.
fn check_authorities(
    mesh: &Mesh<'_>,
    it: &Credential<'_>,
    secret: &Resource<Secret>,
) -> Option<Diagnostic> {
    let keys = &secret.spec.keys;
    let name = secret.name();
    let beside = format!("{name}-cacert");
    let may_be_there = !it.has_authorities
        || keys.is_empty()
        || AUTHORITIES.iter().any(|key| keys.contains(*key))
        || !it.namespaces.iter().all(|of| mesh.holdings.misses_secret(of, &beside));
    if may_be_there {
        return None;
    }
    let message = format!("the Secret `{name}` has no `ca.crt`");
    let mut found = Diagnostic::new(&CHECK, Place::resource(secret.id), message)
        .label(format!("needs `ca.crt`, or a Secret `{beside}` beside it that has it"))
        .also(it.place.clone(), "this server knows its clients by it")
        .consequence("no client's certificate is believed: connections to the server are refused")
        .help("name the Secret with the authorities of the clients in `caCertCredentialName`");
    // Many programs may make the one beside it.
    found.severity = Severity::Warning;
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// What is said of the page's server in another mode, with these keys of its Secret.
    fn said(tls: &str, keys: &str, others: &str) -> Vec<String> {
        let page = CHECK.docs.split("```yaml fixed\n").nth(1).unwrap();
        let text = page.split("```").next().unwrap();
        let folder = Folder::new();
        let own = ("mode: SIMPLE, credentialName: shop", "tls.crt: ..., tls.key: ...");
        assert!(text.contains(own.0) && text.contains(own.1));
        folder.write("a.yaml", text.replace(own.0, tls).replace(own.1, keys));
        folder.write("b.yaml", others);
        let found = findings(folder.path()).into_iter().filter(|it| it.check == &CHECK);
        found.map(|it| it.message).collect()
    }

    #[test]
    fn who_asks_for_certificates_needs_an_authority() {
        let pair = "tls.crt: ..., tls.key: ...";
        let lacks = ["the Secret `shop` has no `ca.crt`"];
        for mode in ["MUTUAL", "OPTIONAL_MUTUAL"] {
            let tls = format!("mode: {mode}, credentialName: shop");
            assert_eq!(said(&tls, pair, ""), lacks);
            assert_eq!(said(&tls, "cert: ..., key: ...", ""), lacks);
            assert!(said(&tls, &format!("{pair}, ca.crt: ..."), "").is_empty());
            assert!(said(&tls, "cert: ..., key: ..., cacert: ...", "").is_empty());
            assert!(said(&tls, "", "").is_empty(), "somebody else fills it");
            let beside = "apiVersion: v1\nkind: Secret\nmetadata: {name: shop-cacert, namespace: edge}\nstringData: {ca.crt: ...}\n";
            assert!(said(&tls, pair, beside).is_empty());
            let elsewhere = beside.replace("namespace: edge", "namespace: shop");
            assert_eq!(said(&tls, pair, &elsewhere), lacks);
            let made = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: shop, namespace: edge}\nspec: {secretName: shop}\n";
            assert!(said(&tls, pair, made).is_empty());
            assert!(said(&format!("{tls}, caCertCredentialName: ca"), pair, "").is_empty());
            assert_eq!(said(&tls, "tls.crt: ...", ""), ["the Secret `shop` has no `tls.key`"]);
        }
        assert!(said("mode: SIMPLE, credentialName: shop", pair, "").is_empty());
    }
}
