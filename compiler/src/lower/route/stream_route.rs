//! `TLSRoute`s and `TCPRoute`s at a gateway. Source: Gateway API, `TLSRoute`, `TCPRoute`; Istio, `buildTCPDestination`.

use mesh_snapshot::object::{
    Backend as ObjectBackend, HeaderOperations, RouteTable, StreamMatch, StreamRoute, Target,
};

use super::Routing;
use super::http_route::{INVALID_BACKEND, destination};
use crate::api::gateway_api::{StreamBackendRef, StreamRouteKind};
use crate::diagnostic::{FieldPath, Part, Place};
use crate::lower::Written;
use crate::parse::DocumentId;
use crate::resolve::gateway::Listener;
use crate::resolve::route::{self, Backend};

impl Routing<'_, '_, '_> {
    /// The routes of connections that attach to a listener, the oldest first.
    pub(super) fn streams_at_listener(
        &self,
        gateway: DocumentId,
        listener: &Listener<'_>,
    ) -> Written<RouteTable> {
        let mut table = Written::default();
        for route in self.mesh.stream_routes.of_listener(gateway, listener.index) {
            rules(route, listener, &mut table);
        }
        table
    }
}

/// What leads nowhere closes its connections. Source: Gateway API, `TCPRouteRule.backendRefs`.
fn rules(route: &route::StreamRoute<'_>, listener: &Listener<'_>, table: &mut Written<RouteTable>) {
    let spec = &route.resource.spec;
    let test = StreamMatch {
        sni: route.hosts_at(listener).iter().map(ToString::to_string).collect(),
        ..StreamMatch::default()
    };
    let asks_for_names = spec.kind == StreamRouteKind::Tls && !test.sni.iter().any(|it| it == "*");
    let matches = if asks_for_names { vec![test] } else { Vec::new() };
    for (index, (rule, found)) in spec.rules.iter().zip(&route.rules).enumerate() {
        let backends: Vec<_> = rule
            .backend_refs
            .iter()
            .zip(found)
            .filter_map(|(of, found)| backend(of, found))
            .collect();
        if backends.is_empty() {
            continue;
        }
        if table.places.is_empty() {
            table.places.push((String::new(), Place::resource(route.resource.id)));
        }
        let (list, name) = if listener.passes_through() {
            (&mut table.object.tls, "tls")
        } else {
            (&mut table.object.tcp, "tcp")
        };
        let path = FieldPath::default().field("spec").field("rules").index(index);
        let place = Place::Field { document: route.resource.id, path, part: Part::Value };
        table.places.push((format!("{name}[{}]", list.len()), place));
        list.push(StreamRoute { matches: matches.clone(), backends });
    }
}

fn backend(of: &StreamBackendRef, found: &Backend) -> Option<ObjectBackend> {
    let weight = of.weight.map_or(1, |it| u32::try_from(it).unwrap_or(0));
    let target = if found.fault.is_some() || found.lacks_grant {
        Target::Status(INVALID_BACKEND)
    } else {
        Target::Cluster(destination(found))
    };
    let headers = HeaderOperations::default();
    (weight > 0).then_some(ObjectBackend { target, weight, headers })
}
