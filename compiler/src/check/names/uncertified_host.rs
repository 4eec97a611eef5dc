//! `uncertified-host`: a server shows a certificate that is for none of its names. Source: RFC 9525 §6.

use crate::api::kubernetes::Certificate;
use crate::check::credential::{self, Purpose, Server};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("uncertified-host", Severity::Warning, include_str!("uncertified_host.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for server in credential::servers(mesh) {
        out.extend(check(mesh, &server));
    }
}

/// Of a server all of whose certificates are known: any of them will do.
fn check(mesh: &Mesh<'_>, server: &Server<'_>) -> Option<Diagnostic> {
    let shown = server.credentials.iter().filter(|it| it.purpose == Purpose::Shown);
    let shown: Vec<(&Place, &Certificate)> = shown
        .map(|it| {
            let held = it.secret(mesh)?.spec.certificate.as_ref()?;
            Some((&it.place, held.value.as_ref().ok()?))
        })
        .collect::<Option<_>>()?;
    let (place, first) = *shown.first()?;
    let is_lacking = |host: &str| {
        let is_name = host != "*" && host.parse::<std::net::IpAddr>().is_err();
        is_name && !shown.iter().any(|(_, it)| it.is_for(host))
    };
    let (host_place, host) = server.hosts.iter().find(|(_, host)| is_lacking(host))?;
    let message = format!("the certificate is not for `{host}`");
    Some(
        Diagnostic::new(&CHECK, host_place.clone(), message)
            .label("no client takes the certificate for this host")
            .also(place.clone(), names(first))
            .consequence(format!("clients that ask for `{host}` break off the handshake"))
            .help("a star in a certificate stands for one label: `*.example.com` is not for `a.b.example.com` nor for `example.com`"),
    )
}

/// How many names are told.
const NAMED_MAX: usize = 3;

fn names(certificate: &Certificate) -> String {
    let all = &certificate.hosts;
    if all.is_empty() {
        return "it has no alternative names, and its common name counts for nobody".into();
    }
    let named: Vec<_> = all.iter().take(NAMED_MAX).map(|it| format!("`{it}`")).collect();
    let rest = all.len().saturating_sub(NAMED_MAX);
    let more = if rest == 0 { String::new() } else { format!(", and {rest} more") };
    format!("it is for {}{more}", named.join(", "))
}
