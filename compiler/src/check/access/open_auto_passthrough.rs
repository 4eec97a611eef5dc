//! `open-auto-passthrough`: a gateway leads whoever names a service of the mesh to it, whatever the service.
//!
//! Source: Istio, CVE-2021-31921: with `AUTO_PASSTHROUGH` no authorization of the gateway is between.

use crate::api::istio::ServerTlsMode;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "open-auto-passthrough",
    Severity::Warning,
    include_str!("open_auto_passthrough.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for gateway in &mesh.source.gateways {
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            let is_auto =
                server.tls.as_ref().is_some_and(|tls| tls.mode == ServerTlsMode::AutoPassthrough);
            let is_open = |host: &str| {
                let name = host.rsplit_once('/').map_or(host, |(_, name)| name);
                name == "*"
            };
            let Some(host) = server.hosts.iter().position(|host| is_open(host)) else { continue };
            if !is_auto {
                continue;
            }
            let at = FieldPath::default().field("spec").field("servers").index(index);
            let mode = Place::value(gateway.id, at.clone().field("tls").field("mode"));
            out.push(
                Diagnostic::new(&CHECK, mode, "every service of the mesh can be named here")
                    .label("leads to whatever the server name says")
                    .also(Place::value(gateway.id, at.field("hosts").index(host)), "any name")
                    .consequence("who reaches the gateway reaches all services, and no policy of the gateway is asked")
                    .help("name the hosts that are meant: `\"*.local\"` for those of this mesh, and keep others from the port"),
            );
        }
    }
}
