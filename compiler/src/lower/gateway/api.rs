//! The Gateway API's `Gateway`: each listener is a server.

use std::collections::BTreeSet;

use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;
use mesh_snapshot::object::{Gateway, Object, Server, VirtualHost};
use mesh_snapshot::{Key, Kind};

use super::{Opened, destinations, tls};
use crate::api::{Resource, gateway_api};
use crate::diagnostic::{FieldPath, Place};
use crate::lower::{Lowering, Perspective};
use crate::resolve::gateway::{ApiGateway, Class, Listener, front, front_service, served_by};

impl<'a> Lowering<'_, 'a> {
    /// `first` is the rank of the oldest.
    pub(super) fn api_gateways(&self, first: usize) {
        for (rank, gateway) in self.mesh.api_gateways.iter().enumerate() {
            if gateway.class == Class::Mesh {
                self.api_gateway(gateway, first + rank);
            }
        }
    }

    fn api_gateway(&self, gateway: &ApiGateway<'a>, rank: usize) {
        let (namespace, name) = (gateway.resource.namespace.as_str(), gateway.resource.name());
        let perspective = Perspective::of_gateways(self.mesh, namespace);
        let mut places = vec![(String::new(), Place::resource(gateway.resource.id))];
        let mut opened = Vec::new();
        for listener in gateway.listeners.iter().filter(|listener| listener.is_served()) {
            self.unknown_options(listener);
            let item = format!("servers[{}]", opened.len());
            places.push((item, Place::value(listener.document, listener.path())));
            opened.extend(self.listener(gateway, listener, &perspective));
        }
        // No resource has a `/` in its name: this is nobody else's.
        let full_name = format!("api/{namespace}/{name}");
        let hosts = self.gateway_hosts(&opened, &full_name, &perspective, &perspective);
        let object = Gateway {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            servers: opened.into_iter().map(|it| it.server).collect(),
            hosts,
        };
        let key = Key::new(Kind::Gateway, namespace, format!("api/{name}"));
        let reference = self.store.add(key, &Object::Gateway(object), &places);
        self.store.list(namespace, reference, served_by(self.mesh, gateway.resource), rank);
        self.addresses(gateway.resource);
    }

    /// Says which of a Gateway's addresses lead nowhere.
    fn addresses(&self, gateway: &Resource<gateway_api::Gateway>) {
        let settings = &self.mesh.settings;
        for (index, address) in gateway.spec.addresses.iter().enumerate() {
            let at = FieldPath::default().field("spec").field("addresses").index(index);
            let place = Place::value(gateway.id, at.field("value"));
            let host = front(address, &gateway.namespace, settings.cluster_domain);
            let Some(host) = host else {
                let effect = "the Gateway is served by its proxies at whatever address they have";
                self.unserved(place, "nobody is asked for this address".to_owned(), effect);
                continue;
            };
            let service = front_service(self.mesh, &gateway.namespace, &host);
            if service.is_none_or(|it| it.spec.selector.is_empty()) {
                let message = format!("no Service `{host}` here selects pods");
                let effect = format!(
                    "unless another address has pods, the Gateway is served by those with the label `{GATEWAY_NAME_LABEL}: {}`",
                    gateway.name()
                );
                self.unserved(place, message, &effect);
            }
        }
    }

    fn listener(
        &self,
        gateway: &ApiGateway<'a>,
        listener: &Listener<'a>,
        perspective: &Perspective<'_, 'a>,
    ) -> Option<Opened> {
        let protocol = listener.protocol?;
        let mut leads_to = BTreeSet::new();
        let mut virtual_hosts = Vec::new();
        for (host, routes) in self.mesh.http_routes.by_host_at(gateway, listener) {
            let (reference, table) =
                self.listener_table(gateway, listener, &host, &routes, perspective);
            leads_to.extend(destinations(&table));
            virtual_hosts.push(VirtualHost { host: host.to_string(), routes: reference });
        }
        let streams = self.listener_streams(gateway, listener, perspective);
        leads_to.extend(streams.iter().flat_map(|(_, table)| destinations(table)));
        let server = Server {
            port: listener.port,
            name: listener.full_name(),
            protocol,
            bind: None,
            hosts: vec![listener.hostname.to_string()],
            tls: tls::of_listener(listener),
            virtual_hosts,
            stream_routes: streams.map(|(routes, _)| routes),
        };
        Some(Opened { server, leads_to })
    }

    /// Says which of a listener's TLS options nobody reads.
    fn unknown_options(&self, listener: &Listener<'_>) {
        let options = listener.spec.tls.iter().flat_map(|tls| tls.options.iter());
        for (name, value) in options.filter(|(name, value)| !listener.knows_option(name, value)) {
            let path = listener.path().field("tls").field("options").field(name.clone());
            let message = format!("`{name}: {value}` has no effect");
            let effect = "the listener speaks TLS as it does without the option";
            self.unserved(Place::value(listener.document, path), message, effect);
        }
    }
}
