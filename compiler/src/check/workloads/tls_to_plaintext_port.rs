//! `tls-to-plaintext-port`: a route by server name leads TLS, which nobody has ended, to a port that is read as HTTP.
//!
//! Sources: Istio, `VirtualService.tls`, which is for TLS that passes; Gateway API, `TLSRoute` at a listener of mode `Passthrough`.

use std::collections::HashSet;

use crate::api::gateway_api::StreamRouteKind;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::Host;
use crate::resolve::route::Parent;
use crate::resolve::service::Service;

pub(super) static CHECK: Check = Check::lint(
    "tls-to-plaintext-port",
    Severity::Warning,
    include_str!("tls_to_plaintext_port.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, route) in mesh.virtual_services.iter() {
        for (to, at) in route.destinations().filter(|(_, at)| at.route().0 == "tls") {
            let place = Place::value(at.document, at.path().field("host"));
            out.extend(judge(mesh, &to.host, to.port, place));
        }
    }
    let passing: HashSet<_> = mesh
        .api_gateways
        .iter()
        .flat_map(|gateway| {
            let listeners = gateway.listeners.iter().filter(|it| it.passes_through());
            listeners.map(|it| (gateway.resource.id, it.index))
        })
        .collect();
    let are_passed = |parent: &Parent<'_>| match parent {
        Parent::Gateway { gateway, listeners } => {
            listeners.iter().any(|it| passing.contains(&(gateway.id, *it)))
        }
        _ => false,
    };
    for route in mesh.stream_routes.iter() {
        let is_tls = route.resource.spec.kind == StreamRouteKind::Tls;
        if !is_tls || !route.parents.iter().any(are_passed) {
            continue;
        }
        for (rule, backends) in route.rules.iter().enumerate() {
            for (index, backend) in backends.iter().enumerate().filter(|(_, it)| it.fault.is_none())
            {
                let rule = FieldPath::default().field("spec").field("rules").index(rule);
                let path = rule.field("backendRefs").index(index).field("name");
                let place = Place::value(route.resource.id, path);
                out.extend(judge(mesh, &backend.host, Some(backend.port), place));
            }
        }
    }
}

fn judge(mesh: &Mesh<'_>, host: &Host, port: Option<u16>, place: Place) -> Option<Diagnostic> {
    let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
    let services: Vec<_> = services.collect();
    let service = services.first()?;
    let ports = |of: &Service<'_>| {
        let ports = of.object.ports.iter();
        ports.filter(|it| port.is_none_or(|port| port == it.number)).cloned().collect::<Vec<_>>()
    };
    let [of] = &ports(service)[..] else { return None };
    let is_http =
        |it: &&Service<'_>| it.alias.is_none() && ports(it).iter().all(|it| it.protocol.is_http());
    if !services.iter().all(is_http) {
        return None;
    }
    let message = format!("TLS goes to port {} of `{host}`, which is for HTTP", of.number);
    Some(
        Diagnostic::new(&CHECK, place, message)
            .label("sent on as it came, encrypted")
            .also(service.origin.place(), format!("port {} is read as HTTP", of.number))
            .consequence("the server finds TLS where it expects a request, and closes the connection or answers with 400")
            .help("lead to a port for TLS; or let the gateway end it and route requests, with `http` or an HTTPRoute"),
    )
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn told(resources: &str) -> usize {
        let folder = Folder::new();
        folder.write("a.yaml", format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}, {{name: https, port: 443}}, {{name: any, port: 9}}]}}\n---\n{resources}"
        ));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn what_is_encrypted_goes_where_it_is_expected() {
        let route = |list: &str, test: &str, port: u16| {
            told(&format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: [web]\n  {list}: [{{match: [{{{test}}}], route: [{{destination: {{host: web, port: {{number: {port}}}}}}}]}}]\n"
            ))
        };
        let names = "port: 443, sniHosts: [web]";
        assert_eq!(route("tls", names, 80), 1);
        assert_eq!(route("tls", names, 443), 0);
        assert_eq!(route("tls", names, 9), 0);
        assert_eq!(route("tcp", "port: 443", 80), 0);
    }

    #[test]
    fn a_gateway_may_end_it_first() {
        let route = |mode: &str, port: u16| {
            told(&format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec:\n  gatewayClassName: istio\n  listeners: [{{name: a, port: 443, protocol: TLS, tls: {{mode: {mode}}}}}]\n---\n\
                 apiVersion: gateway.networking.k8s.io/v1\nkind: TLSRoute\nmetadata: {{name: r, namespace: shop}}\nspec:\n  parentRefs: [{{name: g}}]\n  hostnames: [a.example.com]\n  rules: [{{backendRefs: [{{name: web, port: {port}}}]}}]\n"
            ))
        };
        assert_eq!(route("Passthrough", 80), 1);
        assert_eq!(route("Passthrough", 443), 0);
        assert_eq!(route("Terminate", 80), 0);
    }
}
