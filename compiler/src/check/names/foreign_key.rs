//! `foreign-key`: the private key that a Secret holds is not that of its certificate.

use crate::check::credential::{self, Purpose};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("foreign-key", Severity::Error, include_str!("foreign_key.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for used in credential::used(mesh).filter(|it| it.purpose == Purpose::Shown) {
        let (Some(entry), Some(key)) = (used.certificate(), &used.secret.spec.key) else {
            continue;
        };
        let Ok(certificate) = &entry.value else { continue };
        if key.value == certificate.key {
            continue;
        }
        let name = used.secret.name();
        let message = format!("the key in the Secret `{name}` is not that of its certificate");
        out.push(
            used.report(&CHECK, key, message)
                .label("another certificate's key")
                .also(Place::key(used.secret.id, entry.path()), "the certificate")
                .consequence("the server is not opened: connections to it are refused")
                .help("renew both at once; of a chain, the server's own certificate comes first"),
        );
    }
}
