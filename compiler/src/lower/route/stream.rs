//! Routes for bytes. Source: Istio, `buildSidecarOutboundTCPFilterChainOpts`, `buildGatewayNetworkFiltersFromTCPRoutes`.

use mesh_snapshot::object::{
    Backend, HeaderOperations, Labels, RouteTable, StreamMatch, StreamRoute, Target,
};

use super::Routing;
use super::action::{UnsaidPort, weight};
use super::matching::port;
use super::virtual_service::is_for;
use crate::api::istio::{L4Match, RouteDestination, TlsMatch};
use crate::lower::Written;
use crate::resolve::gateway::Server;
use crate::resolve::route::{GatewayName, VirtualServiceId};

impl Routing<'_, '_, '_> {
    /// Adds those of a `VirtualService` for sidecars.
    pub(super) fn streams(&mut self, id: VirtualServiceId, table: &mut Written<RouteTable>) {
        self.tls(id, &GatewayName::Mesh, table);
        self.tcp(id, &GatewayName::Mesh, table);
    }

    /// Those at a server of a gateway: of every `VirtualService` that shares a host with it, in order.
    pub(super) fn streams_at(
        &mut self,
        server: &Server<'_>,
        gateway: &str,
        ids: &[VirtualServiceId],
    ) -> Written<RouteTable> {
        let gateway = GatewayName::Named(gateway.into());
        let mut table = Written::default();
        for id in ids {
            if server.passes_through() {
                self.tls(*id, &gateway, &mut table);
            } else {
                self.tcp(*id, &gateway, &mut table);
            }
        }
        table
    }

    fn tls(
        &mut self,
        id: VirtualServiceId,
        gateway: &GatewayName,
        table: &mut Written<RouteTable>,
    ) {
        let it = self.mesh.virtual_services.get(id);
        let namespace = it.namespace();
        for (index, route) in it.resource.spec.tls.iter().enumerate() {
            let applies = |test: &&TlsMatch| is_for(&test.gateways, namespace, gateway);
            let matches: Vec<_> = route.r#match.iter().filter(applies).map(tls_match).collect();
            // One without a server name to match is none.
            if matches.is_empty() || route.route.is_empty() {
                continue;
            }
            let backends = self.backends(&route.route, namespace);
            self.place(id, "tls", index, table.object.tls.len(), table);
            table.object.tls.push(StreamRoute { matches, backends });
        }
    }

    fn tcp(
        &mut self,
        id: VirtualServiceId,
        gateway: &GatewayName,
        table: &mut Written<RouteTable>,
    ) {
        let it = self.mesh.virtual_services.get(id);
        let namespace = it.namespace();
        for (index, route) in it.resource.spec.tcp.iter().enumerate() {
            let applies = |test: &&L4Match| is_for(&test.gateways, namespace, gateway);
            let matches: Vec<_> = route.r#match.iter().filter(applies).map(l4_match).collect();
            let is_elsewhere = matches.is_empty() && !route.r#match.is_empty();
            if is_elsewhere || route.route.is_empty() {
                continue;
            }
            let backends = self.backends(&route.route, namespace);
            self.place(id, "tcp", index, table.object.tcp.len(), table);
            table.object.tcp.push(StreamRoute { matches, backends });
        }
    }

    fn place(
        &self,
        id: VirtualServiceId,
        list: &str,
        index: usize,
        item: usize,
        table: &mut Written<RouteTable>,
    ) {
        let resource = self.mesh.virtual_services.get(id).resource;
        if table.places.is_empty() {
            let place = crate::diagnostic::Place::resource(resource.id);
            table.places.push((String::new(), place));
        }
        let root = resource.at();
        let (spec, item) = (root.field("spec"), format!("{list}[{item}]"));
        let routes = spec.field(list);
        table.places.push((item, routes.index(index).value()));
    }

    fn backends(&self, routes: &[RouteDestination], namespace: &str) -> Vec<Backend> {
        let backend = |of: &RouteDestination| Backend {
            target: Target::Cluster(self.destination(
                &of.destination,
                namespace,
                UnsaidPort::OnlyOne,
            )),
            weight: weight(of.weight, routes.len()),
            headers: HeaderOperations::default(),
        };
        routes.iter().map(backend).collect()
    }
}

/// What names gateways says nothing of who sends, as in Istio (`matchTLS`, `matchTCP`).
fn tls_match(test: &TlsMatch) -> StreamMatch {
    let names_gateways = !test.gateways.is_empty();
    StreamMatch {
        sni: test.sni_hosts.iter().map(|name| name.to_ascii_lowercase()).collect(),
        destination_subnets: test.destination_subnets.clone(),
        port: port(test.port),
        source_labels: if names_gateways { Labels::new() } else { test.source_labels.clone() },
        source_namespace: if names_gateways {
            String::new()
        } else {
            test.source_namespace.clone()
        },
    }
}

fn l4_match(test: &L4Match) -> StreamMatch {
    let names_gateways = !test.gateways.is_empty();
    StreamMatch {
        sni: Vec::new(),
        destination_subnets: test.destination_subnets.clone(),
        port: port(test.port),
        source_labels: if names_gateways { Labels::new() } else { test.source_labels.clone() },
        source_namespace: if names_gateways {
            String::new()
        } else {
            test.source_namespace.clone()
        },
    }
}
