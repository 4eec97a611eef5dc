//! Istio's `Gateway`. Source: Istio, `buildGatewayHTTPRouteConfig`, `pickMatchingGatewayHosts`.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{Gateway, Object, Server as ObjectServer, ServerTls, VirtualHost};
use mesh_snapshot::{Applies, Key, Kind, Reference};
use rayon::prelude::*;

use super::{Opened, destinations, tls};
use crate::lower::{Lowering, Perspective};
use crate::resolve::Visibility;
use crate::resolve::gateway::{IstioGateway, Server, ServerHost};
use crate::resolve::host::Host;
use crate::resolve::route::VirtualServiceId;

impl<'a> Lowering<'_, 'a> {
    pub(super) fn istio_gateway(&self, gateway: &IstioGateway<'a>, rank: usize) {
        let own = gateway.resource.namespace.as_str();
        let selector = &gateway.resource.spec.selector;
        let applies = if selector.is_empty() {
            Applies::All
        } else {
            Applies::Selected(vec![selector.clone()])
        };
        let home = Perspective::of_gateways(self.mesh, own);
        let at_home = self.istio_gateway_from(gateway, &home, &home);
        self.store.list("", at_home.clone(), applies.clone(), rank);
        for namespace in self.foreign_proxies(own, selector) {
            let there = Perspective::of_gateways(self.mesh, namespace);
            let seen = self.istio_gateway_from(gateway, &there, &home);
            if seen != at_home {
                self.store.list(namespace, seen, applies.clone(), rank);
            }
        }
    }

    /// As it is seen from `perspective`.
    fn istio_gateway_from(
        &self,
        gateway: &IstioGateway<'a>,
        perspective: &Perspective<'_, 'a>,
        home: &Perspective<'_, 'a>,
    ) -> Reference {
        let (namespace, name) = (gateway.resource.namespace.as_str(), gateway.resource.name());
        let root = gateway.resource.at();
        let spec = root.field("spec");
        let list = spec.field("servers");
        let mut places =
            vec![(String::new(), crate::diagnostic::Place::resource(gateway.resource.id))];
        let mut opened = Vec::new();
        for server in gateway.servers.iter().filter(|server| server.is_served()) {
            let item = format!("servers[{}]", opened.len());
            places.push((item, list.index(server.index).value()));
            opened.extend(self.istio_server(gateway, server, perspective, home));
        }
        let full_name = format!("{namespace}/{name}");
        let hosts = self.gateway_hosts(&opened, &full_name, perspective, home);
        let object = Gateway {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            servers: opened.into_iter().map(|it| it.server).collect(),
            hosts,
        };
        // A gateway is one thing to whoever serves it: its name is the same everywhere.
        let key = Key::new(Kind::Gateway, namespace, name);
        self.store.add(key, &Object::Gateway(object), &places)
    }

    fn istio_server(
        &self,
        gateway: &IstioGateway<'a>,
        server: &Server<'a>,
        perspective: &Perspective<'_, 'a>,
        home: &Perspective<'_, 'a>,
    ) -> Option<Opened> {
        let protocol = server.protocol?;
        let shared = self.shared_hosts(gateway, server);
        let ids = self.bound(&shared, perspective);
        let mut leads_to = BTreeSet::new();
        let mut virtual_hosts = Vec::new();
        let mut stream_routes = None;
        if server.is_http() {
            let tables = ids.par_iter().filter_map(|id| {
                let hosts = shared.get(id)?.clone();
                let (routes, table) =
                    self.gateway_table(&gateway.full_name, *id, perspective, home)?;
                Some((hosts, routes, destinations(&table)))
            });
            for (hosts, routes, destinations) in tables.collect::<Vec<_>>() {
                leads_to.extend(destinations);
                let host =
                    |host: Host| VirtualHost { host: host.to_string(), routes: routes.clone() };
                virtual_hosts.extend(hosts.into_iter().map(host));
            }
            // Of one host, what is tried first stays in front.
            virtual_hosts.sort_by(|a, b| a.host.cmp(&b.host));
        } else {
            let name = (gateway.resource.namespace.as_str(), gateway.resource.name());
            let streams = self.server_streams(server, name, &ids, perspective, home);
            if let Some((routes, table)) = streams {
                leads_to.extend(destinations(&table));
                stream_routes = Some(routes);
            }
        }
        let tls = tls::of_server(server).unwrap_or(ServerTls::Off);
        let object = ObjectServer {
            port: server.port,
            name: server.spec.name.clone(),
            protocol,
            bind: self.bind(gateway, server),
            hosts: hosts(server, &tls),
            tls,
            virtual_hosts,
            stream_routes,
        };
        Some(Opened { server: object, leads_to })
    }

    /// An address. A socket of the file system is not bound.
    fn bind(&self, gateway: &IstioGateway<'_>, server: &Server<'_>) -> Option<std::net::IpAddr> {
        let written = server.spec.bind.as_str();
        let parsed = written.parse().ok();
        if parsed.is_none() && !written.is_empty() {
            let root = gateway.resource.at();
            let spec = root.field("spec");
            let list = spec.field("servers");
            let place = list.index(server.index).field("bind").value();
            let message = format!("`{written}` is no address that a proxy can listen at");
            self.unserved(place, message, "the server is opened at all addresses");
        }
        parsed
    }

    /// Of the `VirtualService`s that bind to a server those that its proxies see: those for the proxies' own namespace alone
    /// first, then those exported to it, then public ones; each from the oldest to the youngest.
    fn bound(
        &self,
        shared: &BTreeMap<VirtualServiceId, BTreeSet<Host>>,
        perspective: &Perspective<'_, 'a>,
    ) -> Vec<VirtualServiceId> {
        let client = perspective.view.client();
        let rank = |id: VirtualServiceId| {
            let it = self.mesh.virtual_services.get(id);
            match &it.visibility {
                Visibility::Namespaces(_) if client == Some(it.namespace()) => 0,
                Visibility::Namespaces(_) | Visibility::Nobody => 1,
                Visibility::Public => 2,
            }
        };
        let sees =
            |id: &VirtualServiceId| self.mesh.virtual_services.get(*id).visibility.reaches(client);
        let mut ids: Vec<_> = shared.keys().copied().filter(sees).collect();
        ids.sort_by_key(|id| (rank(*id), *id));
        ids
    }

    /// The hosts that a server and each `VirtualService` have in common, where its namespace may bind to them.
    fn shared_hosts(
        &self,
        gateway: &IstioGateway<'_>,
        server: &Server<'_>,
    ) -> BTreeMap<VirtualServiceId, BTreeSet<Host>> {
        let mut shared: BTreeMap<_, BTreeSet<Host>> = BTreeMap::new();
        for own in &server.hosts {
            for (id, host) in self.mesh.virtual_services.of_server_host(&gateway.full_name, own) {
                shared.entry(id).or_default().insert(host);
            }
        }
        shared
    }
}

/// Without the namespaces that may bind to them. Where plain requests are redirected, one that has such a namespace is
/// answered only where a route is bound to it. Source: Istio, `buildGatewayHTTPRouteConfig`, whose virtual host for the
/// redirect keeps the namespace in its name.
fn hosts(server: &Server<'_>, tls: &ServerTls) -> Vec<String> {
    let is_answered =
        |host: &&ServerHost<'_>| *tls != ServerTls::Redirect || host.namespace.is_none();
    let hosts = server.hosts.iter().filter(is_answered);
    let hosts: BTreeSet<_> = hosts.map(|host| host.host.to_string()).collect();
    hosts.into_iter().collect()
}
