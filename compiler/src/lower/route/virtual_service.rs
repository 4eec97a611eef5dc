//! The routes of a `VirtualService` for HTTP, with those of its delegates in place.

use mesh_snapshot::object::{HttpRoute, RouteTable};

use super::{Routing, cors, fault, headers, matching};
use crate::api::istio;
use crate::lower::Written;
use crate::resolve::route::{GatewayName, MergedHttp, VirtualServiceId, gateway_name};

impl Routing<'_, '_, '_> {
    /// Adds the routes that apply at `gateway`.
    pub(super) fn http(
        &mut self,
        id: VirtualServiceId,
        gateway: &GatewayName,
        table: &mut Written<RouteTable>,
    ) {
        let it = self.mesh.virtual_services.get(id);
        table.places.push((String::new(), crate::diagnostic::Place::resource(it.resource.id)));
        for http in it.http.iter().filter(|http| http.is_for(gateway)) {
            let Some(action) = self.action(http, it.namespace(), gateway) else { continue };
            let root = http.resource.at();
            let (spec, item) = (root.field("spec"), format!("http[{}]", table.object.http.len()));
            let list = spec.field("http");
            table.places.push((item, list.index(http.index).value()));
            table.object.http.push(HttpRoute {
                name: http.spec.name.clone(),
                matches: matches(http, gateway),
                action,
                headers: headers::of_route(&http.spec),
                cors: http.spec.cors_policy.as_ref().map(cors::lower),
                fault: fault::lower(http.spec.fault.as_ref()),
            });
        }
    }
}

/// Those of a route that apply at `gateway`.
fn matches(http: &MergedHttp<'_>, gateway: &GatewayName) -> Vec<mesh_snapshot::object::HttpMatch> {
    let namespace = &http.resource.namespace;
    let applies = |test: &&istio::HttpMatch| is_for(&test.gateways, namespace, gateway);
    http.spec.r#match.iter().filter(applies).map(matching::lower).collect()
}

/// Whether a match that names `gateways` in a resource of `namespace` applies; one that names none always does.
pub(super) fn is_for(gateways: &[String], namespace: &str, gateway: &GatewayName) -> bool {
    gateways.is_empty() || gateways.iter().any(|name| gateway_name(name, namespace) == *gateway)
}
