//! `expired-certificate`: a certificate that servers show, or by which clients are known, is good no more, or not yet.
//!
//! A warning: what compiles today compiles tomorrow.

use crate::check::credential::{self, Used};
use crate::diagnostic::{Check, Date, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check =
    Check::lint("expired-certificate", Severity::Warning, include_str!("expired_certificate.md"));

pub(in crate::check) fn run(mesh: &Mesh<'_>, today: Date, out: &mut Vec<Diagnostic>) {
    out.extend(credential::used(mesh).filter_map(|used| check(today, &used)));
}

fn check(today: Date, used: &Used<'_>) -> Option<Diagnostic> {
    let entry = used.certificate()?;
    let certificate = entry.value.as_ref().ok()?;
    let (what, label) = if certificate.not_after < today {
        (format!("expired on {}", certificate.not_after), "good no more")
    } else if certificate.not_before > today {
        (format!("is not good before {}", certificate.not_before), "not good yet")
    } else {
        return None;
    };
    let message = format!("the certificate in the Secret `{}` {what}", used.secret.name());
    Some(
        used.report(&CHECK, entry, message)
            .label(label)
            .consequence("the other side breaks off the handshake")
            .help("renew it, or leave the Secret to what renews it in the cluster"),
    )
}
