//! `http-route-on-tcp-port`: routes for HTTP are for a host that speaks no HTTP.
//!
//! Sources: Istio, `VirtualService.http`: it applies to ports whose protocol is HTTP, or is to be found out; Gateway API, GAMMA, whose
//! routes Istio makes such ones of.

use crate::check::kept::apart;
use crate::check::matching::route_place::place;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::is_wildcard;
use crate::resolve::route::Parent;
use crate::resolve::service::Service;

pub(super) static CHECK: Check = Check::lint(
    "http-route-on-tcp-port",
    Severity::Warning,
    include_str!("http_route_on_tcp_port.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::virtual_services(mesh, out, |it, out| {
        let Some(route) = it.http.first().filter(|_| it.is_for_mesh()) else { return };
        for host in it.hosts.iter().filter(|host| !is_wildcard(host)) {
            let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
            let services: Vec<_> = services.collect();
            let Some(service) = services.first() else { continue };
            if services
                .iter()
                .any(|it| it.alias.is_some() || it.reads_http(None) || !has_ports(it, None))
            {
                continue;
            }
            let message = format!("`{host}` has no port for HTTP");
            out.push(
                Diagnostic::new(&CHECK, place(route), message)
                    .label("routes for HTTP")
                    .also(service.origin.place(), "none of its ports is read as HTTP")
                    .consequence("the routes are never used: bytes go to the host as they are")
                    .help("let the port's name begin with `http`, or write `tcp` routes"),
            );
        }
    });
    check_routes(mesh, out);
}

/// Of the Gateway API: routes that are attached to a Service, or to one port of it.
fn check_routes(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, route) in mesh.http_routes.iter() {
        for (index, parent) in route.parents.iter().enumerate() {
            let Parent::Mesh(parent) = parent else { continue };
            let services = parent.hosts.iter().flat_map(|host| mesh.services.of_host(host));
            let services: Vec<_> = services.map(|id| mesh.services.get(*id)).collect();
            let Some(service) = services.first() else { continue };
            let is_read = |it: &&Service<'_>| {
                it.alias.is_some() || it.reads_http(parent.port) || !has_ports(it, parent.port)
            };
            if services.iter().any(is_read) {
                continue;
            }
            let host = &service.host;
            let message = match parent.port {
                Some(port) => format!("port {port} of `{host}` is not for HTTP"),
                None => format!("`{host}` has no port for HTTP"),
            };
            let path = FieldPath::default().field("spec").field("parentRefs").index(index);
            let place = Place::value(route.resource.id, path.field("name"));
            out.push(
                Diagnostic::new(&CHECK, place, message)
                    .label("routes for HTTP")
                    .also(service.origin.place(), "read as bytes, not as HTTP")
                    .consequence("the routes are never used: bytes go to the host as they are")
                    .help("let the port's name begin with `http`, or write a TCPRoute"),
            );
        }
    }
}

/// Of a port that it has not, others speak.
fn has_ports(service: &Service<'_>, port: Option<u16>) -> bool {
    service.object.ports.iter().any(|it| port.is_none_or(|port| port == it.number))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How often it is told of an HTTPRoute that is attached so to a Service with a port for HTTP and one for bytes.
    fn count(ports: &str, parent: &str) -> usize {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop}}\nspec: {{ports: [{ports}]}}\n---\n\
             apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r, namespace: shop}}\nspec:\n  parentRefs: [{{group: '', kind: Service, name: db{parent}}}]\n  rules: [{{backendRefs: [{{name: db, port: 5432}}]}}]\n"
        );
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn routes_of_the_gateway_api_are_for_http_too() {
        let (tcp, http) = ("{name: tcp-pg, port: 5432}", "{name: http, port: 80}");
        let both = format!("{tcp}, {http}");
        assert_eq!(count(tcp, ""), 1);
        assert_eq!(count(&both, ""), 0);
        assert_eq!(count(&both, ", port: 5432"), 1);
        assert_eq!(count(&both, ", port: 80"), 0);
        assert_eq!(count("{name: pg, port: 5432}", ""), 0);
    }
}
