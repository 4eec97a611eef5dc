//! `secret-without-certificate`: a server shows a Secret in which there is no certificate, or no key to it.
//!
//! A Secret without any keys is filled by somebody else. Source: Istio, `ExtractCertInfo`: `tls.crt` and `tls.key`, or `cert`
//! and `key`.

use crate::api::Resource;
use crate::api::kubernetes::Secret;
use crate::check::credential::{self, Purpose};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "secret-without-certificate",
    Severity::Error,
    include_str!("secret_without_certificate.md"),
);

/// Of a certificate and its key.
const PAIRS: [(&str, &str); 2] = [("tls.crt", "tls.key"), ("cert", "key")];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for it in credential::servers(mesh).flat_map(|server| server.credentials) {
        if it.purpose == Purpose::Shown
            && let Some(secret) = it.secret(mesh)
        {
            out.extend(check(&it.place, secret));
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
