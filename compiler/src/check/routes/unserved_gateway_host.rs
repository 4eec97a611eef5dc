//! `unserved-gateway-host`: a gateway answers for a host that no route is for.
//!
//! A server that only redirects to `https` needs no route. Sources: Istio, `Gateway.servers.hosts`; Gateway API, listeners.

use std::cell::LazyCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use super::host_not_on_gateway;
use crate::api::istio;
use crate::check::sight::{gateway_sees, servers};
use crate::check::suggestion;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::{Class, IstioGateway, Server};
use crate::resolve::host::{Host, lower, overlap};
use crate::resolve::route::{GatewayName, Parent, RefusedParent, VirtualService, gateway_name};

pub(in crate::check) static CHECK: Check = Check::lint(
    "unserved-gateway-host",
    Severity::Warning,
    include_str!("unserved_gateway_host.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let misspelt = LazyCell::new(|| misspelt(mesh));
    let promised = Promised::of(mesh);
    for gateway in mesh.gateways.iter() {
        let promised = promised.of_gateway(&gateway.full_name);
        if promised.is_empty() && mesh.virtual_services.of_gateway(&gateway.full_name).is_empty() {
            let own = (gateway.resource.namespace.as_str(), gateway.resource.name());
            if !misspelt.contains(&own) {
                out.extend(nobody(gateway));
            }
            continue;
        }
        let misspelt = LazyCell::new(|| host_not_on_gateway::misspelt(mesh, gateway));
        for server in gateway.servers.iter().filter(|it| it.is_served() && !redirects(it)) {
            check_server(mesh, (gateway, promised, &misspelt), server, out);
        }
    }
    check_listeners(mesh, &promised, out);
}

/// The routes that other programs make of what is here.
struct Promised<'m> {
    /// The full name of a Gateway of Istio's → hosts.
    hosts: HashMap<Arc<str>, Vec<Host>>,
    /// The Gateway API's, by namespace and name.
    parents: BTreeSet<(&'m str, &'m str)>,
}

impl<'m> Promised<'m> {
    fn of(mesh: &Mesh<'m>) -> Self {
        let (mut hosts, mut parents) = (HashMap::<_, Vec<_>>::new(), BTreeSet::new());
        for route in mesh.source.promised.exposed().routes() {
            for gateway in &route.gateways {
                if let GatewayName::Named(name) = gateway_name(gateway, &route.namespace) {
                    hosts.entry(name).or_default().extend(route.hosts.iter().map(|it| lower(it)));
                }
            }
            parents.extend(route.parents.iter().map(|(of, name)| (of.as_str(), name.as_str())));
        }
        Self { hosts, parents }
    }

    fn of_gateway(&self, full_name: &str) -> &[Host] {
        self.hosts.get(full_name).map_or(&[], Vec::as_slice)
    }
}

/// The Gateways that somebody means who names one that there is not, which is what is said then.
fn misspelt<'m>(mesh: &'m Mesh<'_>) -> BTreeSet<(&'m str, &'m str)> {
    let named = mesh.virtual_services.gateways().into_iter();
    let unknown = named.filter(|name| mesh.gateways.find(name).is_none());
    let unknown = unknown.filter_map(|name| name.split_once('/'));
    unknown.filter_map(|(namespace, name)| suggestion::gateway(mesh, namespace, name)).collect()
}

fn redirects(server: &Server<'_>) -> bool {
    server.spec.tls.as_ref().is_some_and(|tls: &istio::ServerTlsSettings| tls.https_redirect)
}

fn nobody(gateway: &IstioGateway<'_>) -> Option<Diagnostic> {
    gateway.servers.iter().find(|it| it.is_served() && !redirects(it))?;
    let message = format!("no route is bound to the Gateway `{}`", gateway.full_name);
    Some(
        Diagnostic::new(&CHECK, Place::resource(gateway.resource.id), message)
            .label("nobody serves its hosts")
            .consequence(
                "unless routes are made in the cluster, every request to it is answered with 404",
            )
            .help(format!("a VirtualService binds to it with `gateways: [{}]`", gateway.full_name)),
    )
}

fn check_server(
    mesh: &Mesh<'_>,
    (gateway, promised, misspelt): (&IstioGateway<'_>, &[Host], &impl Deref<Target = Vec<String>>),
    server: &Server<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for (index, host) in server.hosts.iter().enumerate() {
        if promised.iter().any(|it| overlap(it, &host.host)) {
            continue;
        }
        let bound = mesh.virtual_services.of_server_host(&gateway.full_name, host);
        let bound = bound.map(|(id, _)| mesh.virtual_services.get(id));
        let bound: Vec<_> = bound.filter(|it| !is_for_others(it, gateway, server)).collect();
        if bound.iter().any(|it| gateway_sees(gateway, it)) {
            continue;
        }
        let path = FieldPath::default().field("spec").field("servers").index(server.index);
        let place = Place::value(gateway.resource.id, path.field("hosts").index(index));
        let mut found =
            Diagnostic::new(&CHECK, place, format!("no route is for `{}` here", host.host))
                .label("nobody serves it")
                .consequence("requests for it are answered with 404");
        if let Some(unseen) = bound.first() {
            // What proxies elsewhere do not see `hidden-from-proxy` tells.
            if gateway.proxies_in.is_empty() {
                let export = FieldPath::default().field("spec").field("exportTo");
                let place = Place::key(unseen.resource.id, export);
                found = found.also(place, "no namespace sees this, the gateway's neither");
                out.push(found.help("remove `~` from its `exportTo`"));
            }
            continue;
        }
        let hidden = mesh.virtual_services.first_meeting(&gateway.full_name, &host.host);
        let hidden = hidden.map(|id| mesh.virtual_services.get(id));
        if hidden.is_some_and(|it| host_not_on_gateway::tells(mesh, it, gateway, &host.host))
            || misspelt.iter().any(|meant| overlap(meant, &host.host))
        {
            continue;
        }
        if let (Some(hidden), Some(namespace)) = (hidden, host.namespace) {
            let text = format!("this is not of namespace `{namespace}`, the only one let in");
            found = found.also(Place::resource(hidden.resource.id), text);
        }
        out.push(found.help("add a VirtualService for the host, or remove it here"));
    }
}

/// Whether routes are for other servers of the gateway, and not for what comes in by this one.
fn is_for_others(it: &VirtualService<'_>, gateway: &IstioGateway<'_>, server: &Server<'_>) -> bool {
    let spec = &it.resource.spec;
    let takes = |server: &Server<'_>| match (server.is_http(), server.passes_through()) {
        (true, _) => !spec.http.is_empty(),
        (false, true) => !spec.tls.is_empty() || !spec.tcp.is_empty(),
        (false, false) => !spec.tcp.is_empty(),
    };
    !takes(server) && servers(gateway, it).any(takes)
}

fn check_listeners(mesh: &Mesh<'_>, promised: &Promised<'_>, out: &mut Vec<Diagnostic>) {
    let refused: BTreeSet<_> = mesh
        .http_routes
        .iter()
        .flat_map(|(_, route)| &route.parents)
        .filter_map(|parent| match parent {
            Parent::Refused(
                RefusedParent::NoListener(gateway, _)
                | RefusedParent::NoHostname(gateway, _)
                | RefusedParent::NotAllowed(gateway, _)
                | RefusedParent::NotOpened(gateway),
            ) => Some(gateway.id),
            _ => None,
        })
        .collect();
    for gateway in mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh) {
        let id = gateway.resource.id;
        // Some route is for it, and why it is not attached is said there.
        let own = (gateway.resource.namespace.as_str(), gateway.resource.name());
        if refused.contains(&id) || promised.parents.contains(&own) {
            continue;
        }
        for listener in gateway.listeners.iter().filter(|it| it.is_http()) {
            if !mesh.http_routes.of_listener(id, listener.index).is_empty() {
                continue;
            }
            let (id, path) = (listener.document, listener.path());
            let message = format!("no route is attached to listener `{}`", listener.spec.name);
            out.push(
                Diagnostic::new(&CHECK, Place::value(id, path.field("name")), message)
                    .label("nobody serves it")
                    .consequence("every request to it is answered with 404")
                    .help("attach an HTTPRoute with `parentRefs`, or remove the listener"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    const GATEWAY: &str = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: istio-system}\nspec: {selector: {istio: ingress}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [HOST]}]}\n---\n";
    const LISTENER: &str = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: istio-system}\nspec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}\n---\n";

    #[test]
    fn a_canary_is_a_route_of_its_gateways() {
        let told = |gateway: &str, service: &str| {
            let text = format!(
                "{gateway}apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {{name: web, namespace: shop}}\nspec: {{targetRef: {{kind: Deployment, name: web}}, service: {{port: 80, {service}}}}}\n"
            );
            let folder = Folder::new();
            folder.write("a.yaml", text);
            findings(folder.path()).iter().filter(|it| it.check.name == CHECK.name).count()
        };
        let of = |host: &str, service: &str| told(&GATEWAY.replace("HOST", host), service);
        let named = |gateway: &str| format!("hosts: [A.example.com], gateways: [{gateway}]");
        for name in ["istio-system/g", "g.istio-system.svc.cluster.local"] {
            assert_eq!(of("a.example.com", &named(name)), 0, "{name}");
            assert_eq!(of("'*.example.com'", &named(name)), 0, "{name}");
            assert_eq!(of("b.example.com", &named(name)), 1, "{name}");
        }
        assert_eq!(of("a.example.com", &named("g")), 1, "it is of another namespace");
        assert_eq!(of("a.example.com", "hosts: [a.example.com]"), 1);
        assert_eq!(told(LISTENER, "gatewayRefs: [{name: g, namespace: istio-system}]"), 0);
        assert_eq!(told(LISTENER, "gatewayRefs: [{name: g}]"), 1);
    }

    /// What is told of a gateway in `istio-system`, where its pods run if they are `shown`, and of who sees its routes.
    fn told(export_to: &str, shown: bool) -> Vec<&'static str> {
        let folder = Folder::new();
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: istio-system, labels: {istio: ingress}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n---\n";
        let text = format!(
            "{}apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: istio-system}}\nspec: {{selector: {{istio: ingress}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [a.example.com]}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec:\n  hosts: [a.example.com]\n  gateways: [istio-system/g]\n  exportTo: [{export_to}]\n  http: [{{route: [{{destination: {{host: reviews}}}}]}}]\n",
            if shown { pod } else { "" }
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path()).into_iter().map(|it| it.check.name);
        found.filter(|it| [CHECK.name, "hidden-from-proxy"].contains(it)).collect()
    }

    #[test]
    fn a_misspelt_host_of_a_route_is_told_once() {
        let told = |hosts: &str, route: &str| {
            let folder = Folder::new();
            folder.write("a.yaml", format!(
                "{}apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: istio-system}}\nspec: {{hosts: [{route}], gateways: [g], http: [{{route: [{{destination: {{host: web}}}}]}}]}}\n",
                GATEWAY.replace("HOST", hosts)
            ));
            let found = findings(folder.path()).into_iter();
            let about = [CHECK.name, "host-not-on-gateway"];
            let found = found.filter(|it| about.contains(&it.check.name));
            found.map(|it| (it.check.name, it.primary.text.clone())).collect::<Vec<_>>()
        };
        let (name, near) = ("host-not-on-gateway", "did you mean `shop.example.com`?");
        let both = "'*.example.com', shop.example.com";
        assert_eq!(told(both, "shop.example.org"), [(name, near.into())]);
        assert_eq!(told("shop.example.com", "shop.exmaple.com"), [(name, near.into())]);
        let names: Vec<_> = told(both, "other.test").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [CHECK.name, CHECK.name, name]);
    }

    #[test]
    fn routes_for_bytes_serve_no_requests() {
        let told = |bytes: &str| {
            let gateway = GATEWAY.replace("HOST", "a.example.com").replace(
                "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example.com]}]}\n---\n",
                &format!("servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [a.example.com]}}{bytes}]}}\n---\n"),
            );
            let folder = Folder::new();
            folder.write("a.yaml", format!(
                "{gateway}apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: db, namespace: istio-system}}\nspec: {{hosts: ['*'], gateways: [g], tcp: [{{match: [{{port: 5432}}], route: [{{destination: {{host: db}}}}]}}]}}\n"
            ));
            findings(folder.path()).iter().filter(|it| it.check.name == CHECK.name).count()
        };
        assert_eq!(told(", {port: {number: 5432, name: tcp, protocol: TCP}, hosts: ['*']}"), 1);
        // That they are for nothing at all `unused-stream-route` tells.
        assert_eq!(told(""), 0);
    }

    #[test]
    fn routes_serve_where_the_gateway_sees_them() {
        // Of who does not see them another rule speaks.
        assert_eq!(told("'.'", true), ["hidden-from-proxy"]);
        assert_eq!(told("'~'", false), [CHECK.name]);
        assert_eq!(told("'.', istio-system", true), [""; 0]);
        assert_eq!(told("'*'", true), [""; 0]);
        // It may run in the namespace of the routes.
        assert_eq!(told("'.'", false), [""; 0]);
    }
}
