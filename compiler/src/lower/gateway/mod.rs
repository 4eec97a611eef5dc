//! `Gateway`: what the proxies at the edge open, and all that leads from there, as seen from the namespace they run in.
//!
//! An Istio `Gateway` stands in the mesh's section as gateways of its own namespace see it, and in the section of another
//! namespace where gateways run that it selects and that see it otherwise. One of the Gateway API is served only by
//! gateways of its own namespace, and stands in that section.

mod api;
mod ingress;
mod istio;
pub(super) mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::Reference;
use mesh_snapshot::object::{HttpAction, Labels, Object, RouteTable, Server, Target};
use rayon::prelude::*;

use super::host_set::{Hosts, by_namespace};
use super::{Lowering, Perspective};
use crate::resolve::Viewer;
use crate::resolve::gateway::IstioGateway;
use crate::resolve::host::{Host, lower};
use crate::resolve::ingress::Ingress;

/// What opens servers at the gateways of Istio's kind, by age.
enum Edge<'m, 'a> {
    Gateway(&'m IstioGateway<'a>),
    /// With its number.
    Ingress(usize, &'m Ingress<'a>),
}

/// A server, and the hosts that its routes lead to.
struct Opened {
    server: Server,
    leads_to: BTreeSet<Host>,
}

impl<'a> Lowering<'_, 'a> {
    pub(super) fn gateways(&self) {
        let mesh = self.mesh;
        let istios = mesh.gateways.iter().map(|it| (it.age, Edge::Gateway(it)));
        let ingresses = mesh.ingresses.served();
        let ingresses = ingresses.map(|(number, it)| (it.gateway_age(), Edge::Ingress(number, it)));
        let mut all: Vec<_> = istios.chain(ingresses).collect();
        all.sort_by_key(|(age, _)| *age);
        let count = all.len();
        all.into_par_iter().enumerate().for_each(|(rank, (_, edge))| match edge {
            Edge::Gateway(gateway) => self.istio_gateway(gateway, rank),
            Edge::Ingress(number, ingress) => self.ingress(number, ingress, rank),
        });
        // Behind the others, which may open the same ports.
        self.api_gateways(count);
    }

    /// Other namespaces than `own` in which a gateway is known to run that has these labels; where none is known at all,
    /// that of the installation, which is where Istio's own gateways run.
    fn foreign_proxies(&self, own: &str, selector: &Labels) -> BTreeSet<&'a str> {
        let selected =
            self.mesh.workloads.gateways().filter(|it| it.may_have(selector, Viewer::Istio));
        let mut names: BTreeSet<&str> = selected.map(crate::resolve::Workload::namespace).collect();
        let root = self.mesh.settings.root_namespace;
        if names.is_empty() && root != own {
            return BTreeSet::from([root]);
        }
        names.remove(own);
        names.into_iter().filter_map(|name| self.mesh.namespaces.known(name)).collect()
    }

    /// The hosts that a gateway's routes lead to, as its proxies see them: services and policies, since requests were
    /// routed when they get there.
    fn gateway_hosts(
        &self,
        opened: &[Opened],
        name: &str,
        perspective: &Perspective<'_, 'a>,
        home: &Perspective<'_, 'a>,
    ) -> Vec<Reference> {
        let names: BTreeSet<&Host> = opened.iter().flat_map(|it| &it.leads_to).collect();
        let seen = upstreams(by_namespace(&perspective.view, names.iter().copied()));
        let at_home = upstreams(by_namespace(&home.view, names));
        let set_of = |(namespace, hosts): (&str, Hosts<'a>)| {
            let set = self.host_set(namespace, &hosts, perspective);
            let is_home = perspective.is_same(home)
                || at_home
                    .get(namespace)
                    .is_some_and(|hosts| self.host_set(namespace, hosts, home) == set);
            let name = format!("gateway/{name}");
            let kind = mesh_snapshot::Kind::HostSet;
            let key = if is_home {
                mesh_snapshot::Key::new(kind, namespace, name)
            } else {
                perspective.key(kind, namespace, &name)
            };
            self.store.add(key, &Object::HostSet(set), &[])
        };
        seen.into_par_iter().map(set_of).collect()
    }
}

/// Hosts with a service, without their routes.
fn upstreams<'a>(all: BTreeMap<&'a str, Hosts<'a>>) -> BTreeMap<&'a str, Hosts<'a>> {
    let mut kept: BTreeMap<&str, Hosts<'_>> = BTreeMap::new();
    for (namespace, hosts) in all {
        for (name, mut seen) in hosts.into_iter().filter(|(_, seen)| seen.service.is_some()) {
            (seen.http, seen.streams) = (None, Vec::new());
            kept.entry(namespace).or_default().insert(Arc::clone(&name), seen);
        }
    }
    kept
}

/// The hosts that routes lead to.
fn destinations(table: &RouteTable) -> BTreeSet<Host> {
    let mut hosts = BTreeSet::new();
    for route in &table.http {
        if let HttpAction::Forward { backends, mirrors, .. } = &route.action {
            hosts.extend(backends.iter().filter_map(|it| host(&it.target)));
            hosts.extend(mirrors.iter().map(|it| lower(&it.destination.host)));
        }
    }
    let streams = table.tls.iter().chain(&table.tcp).flat_map(|route| &route.backends);
    hosts.extend(streams.filter_map(|it| host(&it.target)));
    hosts
}

fn host(target: &Target) -> Option<Host> {
    match target {
        Target::Cluster(destination) => Some(lower(&destination.host)),
        Target::Status(_) => None,
    }
}
