//! `duplicate-certificate`: two Gateways of the same proxies show one certificate.
//!
//! A client that has a connection for one host reuses it for every other that the certificate names (RFC 9113 §9.1.1), and
//! meets the servers of the first. Source: Istio, `gateway.CertificateAnalyzer`: the selector of one Gateway is a part of
//! the other's.

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

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let gateways: Vec<_> = mesh.gateways.iter().collect();
    for (position, later) in gateways.iter().enumerate() {
        for earlier in gateways.iter().take(position) {
            // The wider of the two stands first, so that what is said is about it.
            let pair = if is_part(later, earlier) {
                (later, earlier)
            } else if is_part(earlier, later) {
                (earlier, later)
            } else {
                continue;
            };
            out.extend(shared(pair.0, pair.1));
        }
    }
}

fn is_part(of: &IstioGateway<'_>, other: &IstioGateway<'_>) -> bool {
    let (own, other) = (&of.resource.spec.selector, &other.resource.spec.selector);
    own.iter().all(|(name, value)| other.get(name) == Some(value))
}

/// The first certificate that both show.
fn shared(gateway: &IstioGateway<'_>, other: &IstioGateway<'_>) -> Option<Diagnostic> {
    for own in &gateway.servers {
        let Some(tls) = &own.spec.tls else { continue };
        let same = other.servers.iter().find_map(|server| {
            Some((server.index, field_of_same(tls, server.spec.tls.as_ref()?)?))
        });
        let Some((index, field)) = same else { continue };
        let place = |gateway: &IstioGateway<'_>, index| {
            let path = FieldPath::default().field("spec").field("servers").index(index);
            Place::value(gateway.resource.id, path.field("tls").field(field))
        };
        let message = format!("the Gateway `{}` shows the same certificate", other.full_name);
        let found = Diagnostic::new(&CHECK, place(gateway, own.index), message)
            .label("shown here")
            .also(place(other, index), "and here")
            .consequence(
                "browsers that have a connection for a host of the one send requests for the other's on it, and are answered with 404",
            )
            .help("put the servers into one Gateway, or give each its own certificate");
        return Some(found);
    }
    None
}

/// The field by which two servers show the same.
fn field_of_same(a: &ServerTlsSettings, b: &ServerTlsSettings) -> Option<&'static str> {
    if !a.credential_name.is_empty() || !b.credential_name.is_empty() {
        return (a.credential_name == b.credential_name).then_some("credentialName");
    }
    let is_same = |a: &str, b: &str| !a.is_empty() && a == b;
    let both = is_same(&a.server_certificate, &b.server_certificate)
        && is_same(&a.private_key, &b.private_key);
    both.then_some("serverCertificate")
}
