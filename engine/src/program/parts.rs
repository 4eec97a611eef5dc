//! The parts of a program that route: what a sidecar sends, what a gateway serves.

use std::net::IpAddr;
use std::sync::Arc;

use mesh_snapshot::object::{Egress, Gateway as GatewayObject, Workload};
use mesh_snapshot::{Key, ReadObjects, Reference};

use super::objects::Objects;
use super::view::{Loader, SeenHost};
use super::{BuildError, Ledger};
use crate::cluster::Registry;
use crate::gateway::{self, Gateway};
use crate::inbound::Inbound;
use crate::outbound::{self, Outbound};
use crate::route::Retry;

/// What they are built from.
pub(super) struct Parts<'a, 'o, R> {
    pub(super) workload: &'a Workload,
    pub(super) default_retry: &'a Arc<Retry>,
    pub(super) clusters: Registry,
    pub(super) loader: Loader<'o, R>,
    pub(super) ledger: &'a Ledger,
    pub(super) gateway_address: IpAddr,
}

impl<R: ReadObjects> Parts<'_, '_, R> {
    pub(super) fn outbound(&mut self, egress: &Egress, key: &Key) -> Result<Outbound, BuildError> {
        let view = self.loader.egress(egress, self.workload)?;
        self.add_clusters(view.values(), key)?;
        let mut builder = outbound::Builder {
            workload: self.workload,
            clusters: &self.clusters,
            default_retry: self.default_retry,
            ledger: self.ledger,
        };
        builder.build(&view, egress, key)
    }

    pub(super) fn gateway(
        &mut self,
        objects: &Objects<'_, R>,
        references: &[Reference],
        inbound: &Inbound,
    ) -> Result<Gateway, BuildError> {
        let gateways = objects.load_all::<GatewayObject>(references)?;
        let mut tables = gateway::Tables::new();
        for (key, gateway) in &gateways {
            for set in &gateway.hosts {
                let hosts = self.loader.host_set(set)?;
                self.add_clusters(&hosts, key)?;
            }
            for server in &gateway.servers {
                let hosts = server.virtual_hosts.iter().map(|host| &host.routes);
                for reference in server.stream_routes.iter().chain(hosts) {
                    tables.insert(reference.key.clone(), self.loader.table(reference)?);
                }
            }
        }
        let mut builder = gateway::Builder {
            workload: self.workload,
            inbound,
            clusters: &self.clusters,
            default_retry: self.default_retry,
            tables: &tables,
            address: self.gateway_address,
            ledger: self.ledger,
        };
        builder.build(&gateways)
    }

    fn add_clusters<'h>(
        &mut self,
        hosts: impl IntoIterator<Item = &'h SeenHost>,
        key: &Key,
    ) -> Result<(), BuildError> {
        let upstreams = hosts.into_iter().filter_map(|host| host.upstream.as_ref());
        for (_, upstream) in upstreams {
            let added = self.clusters.add(upstream, self.ledger);
            added.map_err(|fault| BuildError::at(key, "", fault))?;
        }
        Ok(())
    }
}
