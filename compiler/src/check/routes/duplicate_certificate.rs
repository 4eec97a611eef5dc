//! `duplicate-certificate`: two Gateways of the same proxies show one certificate.
//!
//! A client that has a connection for one host reuses it for every other that the certificate names (RFC 9113 §9.1.1), and
//! meets the servers of the first. Source: Istio, `gateway.CertificateAnalyzer`: the selector of one Gateway is a part of
//! the other's.

use std::collections::BTreeMap;

use crate::api::istio::ServerTlsSettings;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::IstioGateway;

pub(super) static CHECK: Check = Check::lint(
    "duplicate-certificate",
    Severity::Warning,
    include_str!("duplicate_certificate.md"),
)
.alias(&["IST0138"]);

/// What a server shows: a Secret by its name, or a certificate and its key by their files.
type Shown<'m> = (&'m str, &'m str, &'m str);

/// A Gateway, and its first server that shows something.
type At<'m, 'a> = (&'m IstioGateway<'a>, usize);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_certificate: BTreeMap<Shown<'_>, Vec<At<'_, '_>>> = BTreeMap::new();
    for gateway in mesh.gateways.iter() {
        for server in &gateway.servers {
            let Some(shown) = server.spec.tls.as_ref().and_then(shown) else { continue };
            let all = by_certificate.entry(shown).or_default();
            let is_own = |it: &At<'_, '_>| it.0.resource.id == gateway.resource.id;
            if !all.last().is_some_and(is_own) {
                all.push((gateway, server.index));
            }
        }
    }
    for ((credential, ..), all) in by_certificate {
        let field = if credential.is_empty() { "serverCertificate" } else { "credentialName" };
        for (position, wide) in all.iter().enumerate() {
            // Of two for the same proxies the later one is spoken of.
            let is_shared = |(other, narrow): &(usize, &At<'_, '_>)| {
                *other != position
                    && is_part(wide.0, narrow.0)
                    && (*other < position || !is_part(narrow.0, wide.0))
            };
            let narrow = all.iter().enumerate().find(is_shared);
            out.extend(narrow.map(|(_, narrow)| report(*wide, *narrow, field)));
        }
    }
}

fn shown(tls: &ServerTlsSettings) -> Option<Shown<'_>> {
    if !tls.credential_name.is_empty() {
        return Some((&tls.credential_name, "", ""));
    }
    let files = ("", tls.server_certificate.as_str(), tls.private_key.as_str());
    (!files.1.is_empty() && !files.2.is_empty()).then_some(files)
}

fn is_part(of: &IstioGateway<'_>, other: &IstioGateway<'_>) -> bool {
    let (own, other) = (&of.resource.spec.selector, &other.resource.spec.selector);
    own.iter().all(|(name, value)| other.get(name) == Some(value))
}

fn report(wide: At<'_, '_>, narrow: At<'_, '_>, field: &'static str) -> Diagnostic {
    let place = |(gateway, server): At<'_, '_>| {
        let path = FieldPath::default().field("spec").field("servers").index(server);
        Place::value(gateway.resource.id, path.field("tls").field(field))
    };
    let message = format!("the Gateway `{}` shows the same certificate", narrow.0.full_name);
    Diagnostic::new(&CHECK, place(wide), message)
        .label("shown here")
        .also(place(narrow), "and here")
        .consequence(
            "browsers that have a connection for a host of the one send requests for the other's on it, and are answered with 404",
        )
        .help("put the servers into one Gateway, or give each its own certificate")
}
