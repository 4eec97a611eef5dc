//! What an object has in common with the others of its resource: a `ServiceEntry` is a service for each of its hosts, and a
//! `VirtualService` a table of routes for each of its gateways.
//!
//! Where a destination names no port, the routes of a gateway have the only one of its service, and those of the mesh none; where a
//! parent names one, the routes of the mesh match it. Neither is written at the routes.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use mesh_snapshot::object::{Backend, Destination, HttpAction, HttpRoute, RouteTable, Target};
use mesh_snapshot::{Key, Kind, Object, Snapshot};

use super::authored::{Authored, Content};
use super::service::is_entry;

/// The ports of the services of a snapshot that have one alone. They are read when somebody asks, which few comparisons do.
pub(super) struct Ports<'b> {
    snapshot: &'b Snapshot,
    only: OnceCell<BTreeMap<String, Option<u16>>>,
}

/// The contents of an object, apart from what follows from which of its resource's objects it is.
pub(super) fn contents(key: &Key, side: &Authored<'_>) -> Vec<Content> {
    let is_of_mesh_parent = key.name.starts_with("httproutes/");
    let mut contents = side.contents(key);
    for content in &mut contents {
        match content {
            Content::Object(Object::Service(service)) => {
                // That of a Kubernetes Service is no host, and its alone.
                if is_entry(service) {
                    service.name.clear();
                }
                service.host.clear();
            }
            Content::Object(Object::RouteTable(table)) => {
                if is_of_mesh_parent {
                    forget_parent_ports(table);
                }
                destinations(table).for_each(|it| side.ports.fill(it));
            }
            _ => {}
        }
    }
    contents
}

fn forget_parent_ports(table: &mut RouteTable) {
    for test in table.http.iter_mut().flat_map(|route| &mut route.matches) {
        test.port = None;
    }
}

/// Where routes lead to.
fn destinations(table: &mut RouteTable) -> impl Iterator<Item = &mut Destination> {
    let RouteTable { http, tls, tcp } = table;
    let streams = tls.iter_mut().chain(tcp).flat_map(|route| &mut route.backends);
    http.iter_mut().flat_map(of_requests).chain(streams.filter_map(cluster))
}

fn of_requests(route: &mut HttpRoute) -> impl Iterator<Item = &mut Destination> {
    let (backends, mirrors) = match &mut route.action {
        HttpAction::Forward { backends, mirrors, .. } => (Some(backends), Some(mirrors)),
        HttpAction::Redirect(_) | HttpAction::Respond { .. } => (None, None),
    };
    let backends = backends.into_iter().flatten().filter_map(cluster);
    backends.chain(mirrors.into_iter().flatten().map(|it| &mut it.destination))
}

fn cluster(backend: &mut Backend) -> Option<&mut Destination> {
    match &mut backend.target {
        Target::Cluster(destination) => Some(destination),
        Target::Status(_) => None,
    }
}

impl<'b> Ports<'b> {
    pub(super) const fn of(snapshot: &'b Snapshot) -> Self {
        Self { snapshot, only: OnceCell::new() }
    }

    /// Names the port that is meant where none is said.
    fn fill(&self, destination: &mut Destination) {
        if destination.port.is_none() {
            let only = self.only.get_or_init(|| only_ports(self.snapshot));
            destination.port = only.get(&destination.host).copied().flatten();
        }
    }
}

/// By host. Services of one host that have not the same port alone leave open which is meant.
fn only_ports(snapshot: &Snapshot) -> BTreeMap<String, Option<u16>> {
    let mut ports: BTreeMap<String, Option<u16>> = BTreeMap::new();
    let services = snapshot.names().iter().filter(|(key, _)| key.kind == Kind::Service);
    for digest in services.flat_map(|(_, contents)| contents) {
        let Some(Object::Service(service)) = snapshot.object(digest) else { continue };
        let only = match service.ports.as_slice() {
            [port] => Some(port.number),
            _ => None,
        };
        let known = ports.entry(service.host).or_insert(only);
        *known = known.filter(|known| Some(*known) == only);
    }
    ports
}
