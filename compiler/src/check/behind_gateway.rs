//! Which workloads are reached through which gateways, by the routes that are bound there: of `VirtualService`s, and of the
//! Gateway API.

use std::collections::{HashMap, HashSet};

use crate::check::selection;
use crate::check::sight;
use crate::diagnostic::{FieldPath, Place};
use crate::parse::DocumentId;
use crate::resolve::gateway::proxies;
use crate::resolve::route::{Backend, DestinationAt, Parent};
use crate::resolve::{Mesh, Workload};

/// A workload that a gateway leads to.
pub(super) struct Behind<'m, 'a> {
    pub(super) gateway: &'m Workload<'a>,
    pub(super) workload: &'m Workload<'a>,
    /// The destination of a route that leads there.
    pub(super) route: Route,
}

/// Where a route says where it leads.
#[derive(Clone, Copy)]
pub(super) enum Route {
    VirtualService(DestinationAt),
    /// Of the Gateway API: places in `spec.rules` and in the rule's `backendRefs`.
    Rule {
        document: DocumentId,
        rule: usize,
        backend: usize,
    },
}

impl Route {
    pub(super) fn place(self) -> Place {
        match self {
            Self::VirtualService(at) => Place::value(at.document, at.path().field("host")),
            Self::Rule { document, rule, backend } => {
                let at = FieldPath::default().field("spec").field("rules").index(rule);
                Place::value(document, at.field("backendRefs").index(backend).field("name"))
            }
        }
    }
}

/// The workloads that open any `Gateway`, whatever leads there; one may be there several times.
pub(super) fn gateways<'m, 'a>(mesh: &'m Mesh<'a>) -> Vec<&'m Workload<'a>> {
    let istio = mesh.gateways.iter().flat_map(|it| it.proxies(&mesh.workloads));
    let api = mesh.api_gateways.iter().flat_map(|it| proxies(mesh, it.resource));
    istio.chain(api).collect()
}

/// Each pair of gateway and workload once.
pub(super) fn all<'m, 'a>(mesh: &'m Mesh<'a>) -> Vec<Behind<'m, 'a>> {
    let mut proxies: HashMap<&str, Vec<&Workload<'_>>> = HashMap::new();
    let mut all = Pairs { mesh, met: HashSet::new(), found: Vec::new() };
    for (_, it) in mesh.virtual_services.iter() {
        let mut gateways: Vec<&Workload<'_>> = Vec::new();
        for gateway in sight::gateways(mesh, it) {
            let known = proxies.entry(&gateway.full_name);
            gateways.extend(&*known.or_insert_with(|| gateway.proxies(&mesh.workloads)));
        }
        if gateways.is_empty() {
            continue;
        }
        let mut hosts = HashSet::new();
        for (destination, at) in it.destinations() {
            if !hosts.insert(destination.host.clone()) {
                continue;
            }
            all.add(&gateways, &destination.host, Route::VirtualService(at));
        }
    }
    for (_, route) in mesh.http_routes.iter() {
        let rules = route.rules.iter().map(|rule| rule.backends.as_slice());
        all.add_rules(&route.parents, route.resource.id, rules);
    }
    for route in mesh.stream_routes.iter() {
        let rules = route.rules.iter().map(Vec::as_slice);
        all.add_rules(&route.parents, route.resource.id, rules);
    }
    all.found
}

struct Pairs<'m, 'a> {
    mesh: &'m Mesh<'a>,
    /// Gateway and workload.
    met: HashSet<(DocumentId, DocumentId)>,
    found: Vec<Behind<'m, 'a>>,
}

impl<'m, 'a> Pairs<'m, 'a> {
    /// What stands behind `host`, which `gateways` lead to.
    fn add(&mut self, gateways: &[&'m Workload<'a>], host: &str, route: Route) {
        let mesh = self.mesh;
        let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
        for workload in services.flat_map(|service| selection::of_service(mesh, service)) {
            for gateway in gateways {
                if self.met.insert((gateway.id, workload.id)) {
                    self.found.push(Behind { gateway, workload, route });
                }
            }
        }
    }

    /// A route of the Gateway API: by its place in `spec.rules`, what each leads to.
    fn add_rules<'r>(
        &mut self,
        parents: &[Parent<'_>],
        document: DocumentId,
        rules: impl Iterator<Item = &'r [Backend]>,
    ) {
        let gateways = parents.iter().filter_map(|parent| match parent {
            Parent::Gateway { gateway, .. } => Some(*gateway),
            _ => None,
        });
        let gateways: Vec<_> = gateways.flat_map(|gateway| proxies(self.mesh, gateway)).collect();
        if gateways.is_empty() {
            return;
        }
        for (rule, backends) in rules.enumerate() {
            let usable = backends.iter().enumerate().filter(|(_, it)| it.fault.is_none());
            for (place, backend) in usable {
                let route = Route::Rule { document, rule, backend: place };
                self.add(&gateways, &backend.host, route);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    const MESH: &str = "
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}, {name: tcp, port: 90}]}
---
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart}}
spec: {containers: [{name: main, image: main}]}
---
apiVersion: v1
kind: Pod
metadata: {name: edge, namespace: edge, labels: {gateway.networking.k8s.io/gateway-name: public}}
spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
  - {name: tcp, port: 90, protocol: TCP, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: cart, namespace: shop}
spec: {rules: [{from: [{source: {namespaces: [shop]}}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
metadata: {name: cart, namespace: shop}
";

    #[test]
    fn routes_of_the_gateway_api_lead_to_workloads_too() {
        for (kind, port) in [("HTTPRoute", 80), ("GRPCRoute", 80), ("TCPRoute", 90)] {
            for (parent, count) in [("public", 1), ("other", 0)] {
                let spec = format!(
                    "kind: {kind}\nspec:\n  parentRefs: [{{name: {parent}, namespace: edge}}]\n  rules: [{{backendRefs: [{{name: cart, port: {port}}}]}}]\n"
                );
                let folder = Folder::new();
                folder.write("a.yaml", format!("{MESH}{spec}"));
                let found = findings(folder.path());
                let found = found.iter().filter(|it| it.check.name == "unlisted-gateway");
                assert_eq!(found.count(), count, "{kind} at {parent}");
            }
        }
    }

    #[test]
    fn a_gateway_that_istio_deploys_leads_there_as_well() {
        let (before, rest) =
            MESH.split_once("---\napiVersion: v1\nkind: Pod\nmetadata: {name: edge").unwrap();
        let (_, after) = rest.split_once("---\n").unwrap();
        let told = |sources: &str| {
            let folder = Folder::new();
            let route = "kind: HTTPRoute\nspec:\n  parentRefs: [{name: public, namespace: edge}]\n  rules: [{backendRefs: [{name: cart, port: 80}]}]\n";
            let mesh = format!("{before}---\n{after}{route}");
            folder.write("a.yaml", mesh.replace("{namespaces: [shop]}", sources));
            let found = findings(folder.path()).into_iter();
            let found = found.filter(|it| it.check.name == "unlisted-gateway");
            found.map(|it| it.message).collect::<Vec<_>>()
        };
        let unlisted = "no rule lets the gateway `edge/public-istio` in at `cart`";
        assert_eq!(told("{namespaces: [shop]}"), [unlisted]);
        assert!(told("{principals: [cluster.local/ns/edge/sa/public-istio]}").is_empty());
    }
}
