//! `alias-port-without-protocol`: a port of an `ExternalName` Service is for TCP, or does not say what it speaks.
//!
//! Source: Istio, `service.PortNameAnalyzer`.

use mesh_snapshot::object::Protocol;

use super::undeclared_protocol;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::service::Origin;

pub(super) static CHECK: Check = Check::lint(
    "alias-port-without-protocol",
    Severity::Warning,
    include_str!("alias_port_without_protocol.md"),
)
.alias(&["IST0150"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, service) in mesh.services.iter().filter(|(_, it)| it.alias.is_some()) {
        let Origin::Kubernetes(resource) = service.origin else { continue };
        if undeclared_protocol::is_of_istio(&resource.metadata) {
            continue;
        }
        for (index, port) in resource.spec.ports.iter().enumerate() {
            let mut resolved = service.object.ports.iter();
            let own = resolved.find(|it| i32::from(it.number) == port.port);
            let is_detected = own.is_some_and(|it| it.protocol == Protocol::Detect);
            if !is_detected && port.name != "tcp" {
                continue;
            }
            let path = FieldPath::default().field("spec").field("ports").index(index);
            let message = format!(
                "port {} of an alias has no protocol by which hosts are told apart",
                port.port
            );
            out.push(
                Diagnostic::new(&CHECK, Place::value(resource.id, path.field("name")), message)
                    .label("names no protocol with host names")
                    .consequence(format!(
                        "the alias has no address of its own: connections to port {} of any unknown host are taken for this one's",
                        port.port
                    ))
                    .help("begin the name with `http`, `grpc` or `tls`"),
            );
        }
    }
}
