//! What is spoken at the ports of workloads.

use std::collections::BTreeSet;

use mesh_snapshot::Applies;
use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;
use mesh_snapshot::object::{Protocol, Role};

use crate::check::openers::{Openers, Opening};
use crate::check::{inventory, selection};
use crate::diagnostic::{FieldPath, Place};
use crate::resolve::policy::Scope;
use crate::resolve::service::Origin;
use crate::resolve::{Mesh, Workload};

/// The ports of some workloads, by what their Services say they speak; of gateways, by what their servers do.
#[derive(Default)]
pub(super) struct Ports {
    /// Each once, with the place that says so first.
    pub(super) tcp: Vec<(u16, Place)>,
    pub(super) has_http: bool,
}

impl Ports {
    /// Whether no request is ever read as one there.
    pub(super) fn are_for_tcp_alone(&self) -> bool {
        !self.tcp.is_empty() && !self.has_http
    }
}

/// Whether it is sure that whatever comes to those whom a policy is for is read as HTTP. At a port that nobody tells of a sidecar goes
/// by what comes, so all ports must be known; a gateway has no others than those of its servers.
pub(super) fn are_for_http_alone(
    (mesh, openers): Known<'_, '_>,
    scope: &Scope<'_>,
    workloads: &[&Workload<'_>],
) -> bool {
    let has_others = selection::may_be_for_machines(mesh, scope)
        || (scope.namespace.is_none() && scope.applies == Applies::All)
        || mesh.unread.has_any("Service");
    if has_others || workloads.is_empty() {
        return false;
    }
    let mut namespaces: Vec<_> = workloads.iter().map(|it| it.namespace()).collect();
    namespaces.dedup();
    (is_for_gateways_alone(scope)
        || namespaces.into_iter().all(|it| inventory::shows_workloads(mesh, it)))
        && workloads.iter().all(|it| match it.inventory.role {
            Role::Gateway => opens_http_alone(mesh, openers, it),
            Role::Sidecar => serves_http_alone(mesh, it),
        })
}

/// Whether a policy names the Gateways of the Gateway API that it is for, whose proxies are those that serve them.
fn is_for_gateways_alone(scope: &Scope<'_>) -> bool {
    match &scope.applies {
        Applies::Gateways(_) => true,
        Applies::Selected(all) => all.iter().all(|it| it.contains_key(GATEWAY_NAME_LABEL)),
        Applies::All | Applies::Addressed(_) => false,
    }
}

fn opens_http_alone(mesh: &Mesh<'_>, openers: &Openers<'_, '_>, gateway: &Workload<'_>) -> bool {
    let is_http = |it: &Opening<'_, '_>| match it {
        Opening::Server(_, it) => it.is_http(),
        Opening::Listener(it) => it.is_http(),
    };
    let mut servers = openers.servers(gateway).peekable();
    !inventory::may_have_gateways(mesh)
        && servers.peek().is_some()
        && servers.all(|it| is_http(&it))
}

fn serves_http_alone(mesh: &Mesh<'_>, workload: &Workload<'_>) -> bool {
    let sidecar = mesh.sidecars.of_workload(&workload.inventory, mesh.settings.root_namespace);
    if sidecar.is_some_and(|it| !it.resource.spec.ingress.is_empty()) {
        return false;
    }
    let services = mesh.services.served_by(workload);
    let ports = services.iter().flat_map(|it| &it.object.ports);
    let read: Option<BTreeSet<u16>> = ports
        .filter(|it| it.protocol != Protocol::Udp)
        .map(|it| selection::target(workload, &it.target).filter(|_| it.protocol.is_http()))
        .collect();
    read.is_some_and(|read| {
        !read.is_empty() && workload.inventory.ports.values().all(|it| read.contains(it))
    })
}

/// A mesh, and what its gateways open.
type Known<'m, 'a> = (&'m Mesh<'a>, &'m Openers<'m, 'a>);

pub(super) fn ports(known: Known<'_, '_>, workloads: &[&Workload<'_>]) -> Ports {
    let mut ports = Ports::default();
    for workload in workloads {
        if workload.inventory.role == Role::Gateway {
            opened(known, workload, &mut ports);
        } else {
            served(known.0, workload, &mut ports);
        }
    }
    // Many workloads have the same port.
    let mut met = BTreeSet::new();
    ports.tcp.retain(|(port, _)| met.insert(*port));
    ports
}

/// By the names of the Services' ports.
fn served(mesh: &Mesh<'_>, workload: &Workload<'_>, ports: &mut Ports) {
    for service in mesh.services.served_by(workload) {
        let Origin::Kubernetes(resource) = service.origin else { continue };
        for port in &service.object.ports {
            let Some(number) = selection::target(workload, &port.target) else { continue };
            match port.protocol {
                Protocol::Tcp | Protocol::Tls | Protocol::Https => {
                    let written = resource.spec.ports.iter();
                    let index =
                        written.into_iter().position(|it| it.port == i32::from(port.number));
                    let path = FieldPath::default().field("spec").field("ports");
                    let path = path.index(index.unwrap_or_default()).field("name");
                    ports.tcp.push((number, Place::value(resource.id, path)));
                }
                Protocol::Udp => {}
                _ => ports.has_http = true,
            }
        }
    }
}

/// By the servers of the Gateways that select it: TLS that ends at a server carries what is read as HTTP, whatever the
/// Service's port is called.
fn opened((mesh, openers): Known<'_, '_>, workload: &Workload<'_>, ports: &mut Ports) {
    for opening in openers.servers(workload) {
        let (is_served, is_http, port) = match opening {
            Opening::Server(_, it) => (it.is_served(), it.is_http(), it.port),
            Opening::Listener(it) => (it.is_served(), it.is_http(), it.port),
        };
        match (is_served, is_http) {
            (false, _) => {}
            (true, true) => ports.has_http = true,
            (true, false) => {
                ports.tcp.push((behind(mesh, workload, port), opening.protocol()));
            }
        }
    }
}

/// The port of a gateway's pods behind the port that a server is for: that of their Service, or their own.
pub(super) fn behind(mesh: &Mesh<'_>, workload: &Workload<'_>, number: u16) -> u16 {
    let targets = mesh.services.served_by(workload).into_iter().flat_map(|it| &it.object.ports);
    let mut targets = targets.filter(|port| port.number == number);
    targets.find_map(|port| selection::target(workload, &port.target)).unwrap_or(number)
}
