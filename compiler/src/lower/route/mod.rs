//! `RouteTable`: where requests go. On the mesh the routes of one `VirtualService`, or the `HTTPRoute`s of a namespace; at a
//! gateway those of each `VirtualService` that binds to it, or of a listener of the Gateway API.

mod headers;
mod matching;
mod retry;
mod unit;

mod action;
mod cors;
mod fault;
mod stream;
mod virtual_service;

mod filter;
mod http_route;
mod ingress;
mod precedence;
mod stream_route;

use std::cell::Cell;
use std::sync::Arc;

use mesh_snapshot::object::{Object, RouteTable};
use mesh_snapshot::snapshot::Encoded;
use mesh_snapshot::{Key, Kind, Reference};

use super::{Lowering, Perspective, Written};
use crate::diagnostic::Diagnostic;
use crate::resolve::gateway::{ApiGateway, Listener};
use crate::resolve::host::Host;
use crate::resolve::route::{GatewayName, HttpRouteId, VirtualServiceId};
use crate::resolve::{Mesh, Ruler, SeenHost, SeenService, View};

pub(super) use retry::retry_policy;
pub(super) use unit::micros;

/// What the routes of a host of the mesh are made of. Hosts with equal ones share a table.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct TableId<'a> {
    http: Option<HttpSource<'a>>,
    streams: Vec<VirtualServiceId>,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum HttpSource<'a> {
    VirtualService(VirtualServiceId),
    /// The routes of a namespace that are attached to the host.
    HttpRoutes(&'a str, Host),
}

impl<'a> TableId<'a> {
    /// `None` where nobody wrote a route.
    pub(super) fn of_host(name: &Host, seen: &SeenHost<'a>, mesh: &Mesh<'a>) -> Option<Self> {
        let http = seen.http.map(|ruler| match ruler {
            Ruler::VirtualService(id) => HttpSource::VirtualService(id),
            Ruler::HttpRoutes(namespace) => {
                HttpSource::HttpRoutes(namespace, attached_host(namespace, name, seen, mesh))
            }
        });
        (http.is_some() || !seen.streams.is_empty())
            .then(|| Self { http, streams: seen.streams.clone() })
    }

    /// Namespace and name, which nobody else has: no resource has a `/` in its name.
    fn name(&self, mesh: &Mesh<'a>) -> (&'a str, String) {
        let virtual_service = |id: &VirtualServiceId| {
            let it = mesh.virtual_services.get(*id);
            (it.namespace(), it.resource.name())
        };
        let streams: Vec<_> = self.streams.iter().map(virtual_service).collect();
        let (namespace, name) = match &self.http {
            Some(HttpSource::VirtualService(id)) => {
                let (namespace, name) = virtual_service(id);
                if streams.is_empty() || streams == [(namespace, name)] {
                    return (namespace, name.to_owned());
                }
                (namespace, name.to_owned())
            }
            Some(HttpSource::HttpRoutes(namespace, host)) => {
                (*namespace, format!("httproutes/{host}"))
            }
            None => (streams.first().map_or("", |(namespace, _)| namespace), String::new()),
        };
        if streams.is_empty() {
            return (namespace, name);
        }
        let streams: Vec<_> = streams.iter().map(|(of, name)| format!("{of}/{name}")).collect();
        (namespace, format!("{name}/streams/{}", streams.join("+")))
    }
}

/// The host that routes are attached to: an alias may have those of what it stands for.
fn attached_host(namespace: &str, name: &Host, seen: &SeenHost<'_>, mesh: &Mesh<'_>) -> Host {
    let is_attached =
        |host: &Host| mesh.http_routes.of_mesh_host(host).any(|(of, _)| of == namespace);
    let concrete = seen.service.as_ref().and_then(|it| it.concrete);
    match concrete {
        Some(id) if !is_attached(name) => mesh.services.get(id).host.clone(),
        _ => name.clone(),
    }
}

/// A table as everybody sees it.
pub(super) struct CommonTable {
    reference: Reference,
    /// Whether it may look otherwise from elsewhere.
    depends_on_view: bool,
}

/// What routes are lowered with.
pub(super) struct Routing<'s, 'm, 'a> {
    mesh: &'m Mesh<'a>,
    view: View<'m, 'a>,
    /// Whether it mattered so far with whose eyes they are seen.
    depends_on_view: Cell<bool>,
    out: &'s mut Vec<Diagnostic>,
}

impl<'s, 'm, 'a> Routing<'s, 'm, 'a> {
    fn new(mesh: &'m Mesh<'a>, view: View<'m, 'a>, out: &'s mut Vec<Diagnostic>) -> Self {
        Self { mesh, view, depends_on_view: Cell::new(false), out }
    }

    fn service(&self, host: &str) -> Option<SeenService> {
        self.depends_on_view.set(true);
        self.view.service(host)
    }
}

impl<'a> Lowering<'_, 'a> {
    /// The routes of a host of the mesh, as they are seen.
    pub(super) fn route_table(
        &self,
        id: &TableId<'a>,
        perspective: &Perspective<'_, 'a>,
    ) -> Reference {
        let common = self.tables.get(id).unwrap_or_else(|| {
            let common = Arc::new(self.common_table(id));
            self.tables.insert(id.clone(), Arc::clone(&common));
            common
        });
        if perspective.is_common() || !common.depends_on_view {
            return common.reference.clone();
        }
        // A route leads to where it says, whatever its client sees by itself.
        let seen = self.routing(perspective.view.whole(), |routing| routing.table(id));
        let encoded = Encoded::of(&Object::RouteTable(seen.object));
        if encoded.digest() == common.reference.digest {
            return common.reference.clone();
        }
        let (namespace, name) = id.name(self.mesh);
        let key = perspective.namespace_key(Kind::RouteTable, namespace, &name);
        self.store.add_encoded(key, encoded, &seen.places)
    }

    /// Lowers routes as they are seen from `view`, and says what is found.
    fn routing<T>(
        &self,
        view: View<'_, 'a>,
        lower: impl FnOnce(&mut Routing<'_, '_, 'a>) -> T,
    ) -> T {
        let mut out = Vec::new();
        let lowered = lower(&mut Routing::new(self.mesh, view, &mut out));
        if !out.is_empty() {
            self.say(out);
        }
        lowered
    }

    fn common_table(&self, id: &TableId<'a>) -> CommonTable {
        let (Written { object, places }, depends_on_view) = self
            .routing(View::common(self.mesh), |routing| {
                (routing.table(id), routing.depends_on_view.get())
            });
        let (namespace, name) = id.name(self.mesh);
        let key = Key::new(Kind::RouteTable, namespace, name);
        let reference = self.store.add(key, &Object::RouteTable(object), &places);
        CommonTable { reference, depends_on_view }
    }

    /// The routes of a `VirtualService` for HTTP at a gateway, as gateways of a namespace see it. `None` without any.
    pub(super) fn gateway_table(
        &self,
        gateway: &str,
        id: VirtualServiceId,
        perspective: &Perspective<'_, 'a>,
        home: &Perspective<'_, 'a>,
    ) -> Option<(Reference, RouteTable)> {
        let name = GatewayName::Named(gateway.into());
        let lower = |view| {
            self.routing(view, |routing| {
                let mut table = Written::<RouteTable>::default();
                routing.http(id, &name, &mut table);
                (table, routing.depends_on_view.get())
            })
        };
        let (table, depends_on_view) = lower(perspective.view);
        if table.object.http.is_empty() {
            return None;
        }
        let is_home = !depends_on_view
            || perspective.is_same(home)
            || lower(home.view).0.object == table.object;
        let it = self.mesh.virtual_services.get(id);
        let name = format!("{}/{gateway}", it.resource.name());
        Some(self.add_gateway_table(it.namespace(), &name, table, is_home, perspective))
    }

    /// The routes for bytes at a server of a gateway. `None` without any.
    pub(super) fn server_streams(
        &self,
        server: &crate::resolve::gateway::Server<'_>,
        (namespace, name): (&str, &str),
        ids: &[VirtualServiceId],
        perspective: &Perspective<'_, 'a>,
        home: &Perspective<'_, 'a>,
    ) -> Option<(Reference, RouteTable)> {
        let gateway = format!("{namespace}/{name}");
        let lower = |view| self.routing(view, |routing| routing.streams_at(server, &gateway, ids));
        let table = lower(perspective.view);
        if table.object == RouteTable::default() {
            return None;
        }
        let is_home = perspective.is_same(home) || lower(home.view).object == table.object;
        let name = format!("{name}/servers[{}]", server.index);
        Some(self.add_gateway_table(namespace, &name, table, is_home, perspective))
    }

    /// The routes of a host of a listener of the Gateway API.
    pub(super) fn listener_table(
        &self,
        gateway: &ApiGateway<'a>,
        listener: &Listener<'a>,
        host: &Host,
        routes: &[HttpRouteId],
        perspective: &Perspective<'_, 'a>,
    ) -> (Reference, RouteTable) {
        let view = perspective.view;
        let table = self.routing(view, |routing| routing.at_gateway(routes));
        let name = format!("api/{}/{}/{host}", gateway.resource.name(), listener.full_name());
        self.add_gateway_table(&gateway.resource.namespace, &name, table, true, perspective)
    }

    /// The routes for bytes at a listener of the Gateway API. `None` without any.
    pub(super) fn listener_streams(
        &self,
        gateway: &ApiGateway<'a>,
        listener: &Listener<'a>,
        perspective: &Perspective<'_, 'a>,
    ) -> Option<(Reference, RouteTable)> {
        let view = perspective.view;
        let table = self
            .routing(view, |routing| routing.streams_at_listener(gateway.resource.id, listener));
        if table.object == RouteTable::default() {
            return None;
        }
        let name = format!("api/{}/{}", gateway.resource.name(), listener.full_name());
        Some(self.add_gateway_table(&gateway.resource.namespace, &name, table, true, perspective))
    }

    fn add_gateway_table(
        &self,
        namespace: &str,
        name: &str,
        table: Written<RouteTable>,
        is_home: bool,
        perspective: &Perspective<'_, 'a>,
    ) -> (Reference, RouteTable) {
        let key = if is_home {
            Key::new(Kind::RouteTable, namespace, name)
        } else {
            perspective.key(Kind::RouteTable, namespace, name)
        };
        let any = Object::RouteTable(table.object);
        let reference = self.store.add(key, &any, &table.places);
        let Object::RouteTable(object) = any else { unreachable!("it is one") };
        (reference, object)
    }
}

impl<'a> Routing<'_, '_, 'a> {
    fn table(&mut self, id: &TableId<'a>) -> Written<RouteTable> {
        let mut table = Written::default();
        match &id.http {
            Some(HttpSource::VirtualService(id)) => self.http(*id, &GatewayName::Mesh, &mut table),
            Some(HttpSource::HttpRoutes(namespace, host)) => {
                self.on_mesh(namespace, host, &mut table);
            }
            None => {}
        }
        for id in &id.streams {
            self.streams(*id, &mut table);
        }
        table
    }
}
