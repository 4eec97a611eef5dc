//! `unreadable-certificate`: what a Secret has in a certificate's place is none.

use crate::api::kubernetes::Unreadable;
use crate::check::credential::{self, Purpose};
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "unreadable-certificate",
    Severity::Warning,
    include_str!("unreadable_certificate.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for used in credential::used(mesh) {
        let Some(entry) = used.certificate() else { continue };
        if entry.value != Err(Unreadable) {
            continue;
        }
        let message =
            format!("`{}` of the Secret `{}` is no certificate", entry.name, used.secret.name());
        let consequence = match used.purpose {
            Purpose::Shown => "the server is not opened: connections to it are refused",
            Purpose::Authorities => "nobody's certificate is believed: connections are refused",
        };
        out.push(
            used.report(&CHECK, entry, message)
                .label("not a certificate in PEM")
                .consequence(consequence)
                .help("`stringData` takes the PEM text, `data` the base64 of it"),
        );
    }
}
