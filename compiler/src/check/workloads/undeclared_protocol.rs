//! `undeclared-protocol`: a port of a Service does not say what it speaks.
//!
//! Source: Istio, "Protocol Selection": `appProtocol`, else what the name begins with, else detection.

use mesh_snapshot::object::Protocol;

use crate::api::Metadata;
use crate::diagnostic::{Applicability, Check, Diagnostic, FieldPath, Fix, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::service::Origin;

pub(super) static CHECK: Check =
    Check::lint("undeclared-protocol", Severity::Info, include_str!("undeclared_protocol.md"))
        .alias(&["IST0118", "KIA0601"]);

/// What people write most often before the name that they want.
const PREFIXES: &[&str] =
    &["http", "https", "http2", "grpc", "tcp", "tls", "mongo", "mysql", "redis"];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, service) in mesh.services.iter() {
        let Origin::Kubernetes(resource) = service.origin else { continue };
        if is_of_istio(&resource.metadata) {
            continue;
        }
        for (index, port) in resource.spec.ports.iter().enumerate() {
            let is_own =
                |it: &&mesh_snapshot::object::ServicePort| i32::from(it.number) == port.port;
            let resolved = service.object.ports.iter().find(is_own);
            let is_detected = resolved.is_some_and(|it| it.protocol == Protocol::Detect);
            if !is_detected || service.alias.is_some() {
                continue;
            }
            let at = FieldPath::default().field("spec").field("ports").index(index);
            out.push(match port.app_protocol.as_deref() {
                Some(word) => {
                    let place = Place::value(resource.id, at.field("appProtocol"));
                    describe(place, port.port, "no protocol that a proxy knows", word)
                }
                None => report(resource.id, at, &port.name, port.port),
            });
        }
    }
}

/// Services of Istio's own, and those that it makes for Gateways: no author could mend them.
pub(super) fn is_of_istio(metadata: &Metadata) -> bool {
    let label = |name: &str| metadata.labels.get(name).map_or("", String::as_str);
    metadata.labels.contains_key("istio")
        || label("release") == "istio"
        || label("gateway.istio.io/managed").starts_with("istio.io-")
}

fn report(
    document: crate::parse::DocumentId,
    at: FieldPath,
    name: &str,
    number: i32,
) -> Diagnostic {
    let (place, label) = if name.is_empty() {
        (Place::value(document, at.field("port")), "no name and no `appProtocol`")
    } else {
        (Place::value(document, at.field("name")), "begins with no protocol")
    };
    describe(place, number, label, name)
}

/// `word` is what stands at the place.
fn describe(place: Place, number: i32, label: &str, word: &str) -> Diagnostic {
    let message = format!("port {number} does not say what it speaks");
    let found = Diagnostic::new(&CHECK, place.clone(), message)
        .label(label)
        .consequence("the proxy finds out from the first bytes of each connection, and waits for them where the server would speak first")
        .help("begin the name with the protocol (`http-…`, `grpc-…`, `tcp-…`), or set `appProtocol`");
    let head = word.split('-').next().unwrap_or_default();
    match crate::api::nearest(head, PREFIXES.iter().copied()).filter(|_| head.len() > 2) {
        Some(near) => {
            let fixed = format!("{near}{}", word.get(head.len()..).unwrap_or_default());
            found.fix(Fix::write(Applicability::Unsafe, place, fixed))
        }
        None => found,
    }
}
