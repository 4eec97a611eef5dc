//! Which servers of Gateways the proxies of gateways open.
//!
//! Sources: Istio, `Gateway.selector`, `extractGatewayServices`.

use std::collections::HashMap;

use crate::diagnostic::{FieldPath, Place};
use crate::parse::DocumentId;
use crate::resolve::gateway::{ApiGateway, IstioGateway, Listener, Server, proxies};
use crate::resolve::{Mesh, Workload};

/// All Gateways by the proxies that they are for. It is made of the mesh alone.
pub(super) struct Openers<'m, 'a> {
    istio: HashMap<DocumentId, Vec<&'m IstioGateway<'a>>>,
    api: HashMap<DocumentId, Vec<&'m ApiGateway<'a>>>,
}

/// One that a proxy is told to open.
pub(super) enum Opening<'m, 'a> {
    Server(&'m IstioGateway<'a>, &'m Server<'a>),
    Listener(&'m Listener<'a>),
}

impl Opening<'_, '_> {
    /// Where it says what is spoken there.
    pub(super) fn protocol(&self) -> Place {
        match self {
            Self::Server(gateway, server) => Place::value(
                gateway.resource.id,
                server_path(server).field("port").field("protocol"),
            ),
            Self::Listener(it) => Place::value(it.document, it.path().field("protocol")),
        }
    }
}

pub(super) fn server_path(server: &Server<'_>) -> FieldPath {
    FieldPath::default().field("spec").field("servers").index(server.index)
}

impl<'m, 'a> Openers<'m, 'a> {
    pub(super) fn of(mesh: &'m Mesh<'a>) -> Self {
        let mut all = Self { istio: HashMap::new(), api: HashMap::new() };
        for gateway in mesh.gateways.iter() {
            for proxy in gateway.proxies(&mesh.workloads) {
                all.istio.entry(proxy.id).or_default().push(gateway);
            }
        }
        for gateway in mesh.api_gateways.iter() {
            for proxy in proxies(mesh, gateway.resource) {
                all.api.entry(proxy.id).or_default().push(gateway);
            }
        }
        all
    }

    /// Istio's own that a proxy serves.
    pub(super) fn istio(&self, proxy: &Workload<'_>) -> &[&'m IstioGateway<'a>] {
        self.istio.get(&proxy.id).map_or(&[], Vec::as_slice)
    }

    /// Those of the Gateway API.
    pub(super) fn api(&self, proxy: &Workload<'_>) -> &[&'m ApiGateway<'a>] {
        self.api.get(&proxy.id).map_or(&[], Vec::as_slice)
    }

    /// All servers of a proxy, those too that are not served.
    pub(super) fn servers(&self, proxy: &Workload<'_>) -> impl Iterator<Item = Opening<'m, 'a>> {
        let servers = self.istio(proxy).iter().flat_map(|gateway| {
            gateway.servers.iter().map(|server| Opening::Server(gateway, server))
        });
        let listeners = self.api(proxy).iter().flat_map(|it| &it.listeners).map(Opening::Listener);
        servers.chain(listeners)
    }
}
