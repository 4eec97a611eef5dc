//! A proxy on threads of its own, told what to serve by the test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mesh_proxy::agent::clock::Clock;
use mesh_proxy::agent::health::HealthCounters;
use mesh_proxy::agent::prepare::{Build as _, Loaded, Material};
use mesh_proxy::agent::trial::Refused;
use mesh_proxy::cluster::system_lookup;
use mesh_proxy::config::{GatewayListeners, Inbound, Listeners};
use mesh_proxy::live::{Current, Live};
use mesh_proxy::observe::{AccessLogs, Destination, Local, Metrics};
use mesh_proxy::program::Builder;
use mesh_proxy::proxy::{DataPlane, Shared, builder};
use mesh_proxy::world::{Item, World};
use mesh_snapshot::object::{EndpointSet, Labels, Role, Workload};
use mesh_snapshot::wire::Attributes;
use mesh_snapshot::{ReadObjects as _, Snapshot, slice, wire};

use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::{Mesh, Reserved};
use crate::pki::{Authority, trust};

/// A proxy for one workload of the namespace `shop`, whose service account has its name. Its certificate says `NAME-v1`, of version `v1`.
pub(crate) struct Proxy {
    pub(crate) plane: DataPlane,
    pub(crate) shared: Shared,
    pub(crate) health: HealthCounters,
    build: Builder,
    workload: Workload,
    epoch: u64,
    folder: tempfile::TempDir,
}

impl Proxy {
    /// A sidecar that listens for the workload's `ports`, each with where the application listens.
    pub(crate) fn sidecar(name: &str, ports: &[(u16, SocketAddr)], authority: &Authority) -> Self {
        let inbound = ports.iter().map(|&(port, application)| {
            let at = "127.0.0.1:0".parse().unwrap();
            Inbound { at, port, application }
        });
        let listeners = Listeners {
            inbound: inbound.collect(),
            outbound: Some("127.0.0.1:0".parse().unwrap()),
            ..Listeners::default()
        };
        Self::start(name, Role::Sidecar, &listeners, authority)
    }

    /// `web`, which calls `reviews` at its port 9080; both with a sidecar.
    pub(crate) fn pair(mesh: Mesh, application: SocketAddr) -> (Self, Self) {
        let authority = Authority::root();
        let snapshot = mesh.snapshot();
        let mut reviews = Self::sidecar("reviews", &[(9080, application)], &authority);
        let mut web = Self::sidecar("web", &[], &authority);
        reviews.put(&snapshot).unwrap();
        web.put(&snapshot).unwrap();
        web.learn("reviews", vec![reviews.endpoint(9080)]);
        (web, reviews)
    }

    /// A gateway for which these ports of the snapshot are ports of the test.
    pub(crate) fn gateway(ports: &[(u16, &Reserved)], authority: &Authority) -> Self {
        let ports = ports.iter().map(|(port, reserved)| (*port, reserved.at.port())).collect();
        let address = "127.0.0.1".parse().unwrap();
        let gateway = Some(GatewayListeners { address, ports });
        let listeners = Listeners { gateway, ..Listeners::default() };
        Self::start("edge", Role::Gateway, &listeners, authority)
    }

    fn start(name: &str, role: Role, listeners: &Listeners, authority: &Authority) -> Self {
        let id = format!("spiffe://cluster.local/ns/shop/sa/{name}");
        let workload = Workload {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            labels: Labels::from([("app".to_owned(), name.to_owned())]),
            service_account: name.to_owned(),
            role,
            ..Workload::default()
        };
        let local = Local { workload: workload.clone(), principal: id.clone(), ..Local::default() };
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("access.log");
        let shared = Shared {
            world: World::default(),
            live: Current::default(),
            identity: Arc::default(),
            lookup: system_lookup(),
            metrics: Metrics::new(local),
            logs: AccessLogs::start(Destination::File(log)).unwrap(),
            clock: Clock::default(),
        };
        let told = Attributes {
            workload: format!("{name}-v1"),
            cluster: "Kubernetes".to_owned(),
            labels: [("app", name), ("version", "v1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..Attributes::default()
        };
        let svid = authority.telling_svid(&id, &told.encode());
        shared.identity.set(svid.identity(trust(authority)));
        let plane = DataPlane::start(listeners, 2, 1000, &shared).unwrap();
        let build = builder(&shared, listeners.gateway.as_ref());
        let health = HealthCounters::default();
        Self { plane, shared, health, build, workload, epoch: 0, folder }
    }

    /// Builds the workload's program and puts it in force.
    pub(crate) fn put(&mut self, snapshot: &Snapshot) -> Result<(), Refused> {
        let slice = slice(snapshot.digest(), &self.workload, snapshot).unwrap();
        let references = slice.objects(snapshot).unwrap();
        let objects: Loaded =
            references.iter().map(|one| snapshot.read(&one.digest).unwrap()).collect();
        let product = self.build.build(&Material {
            workload: &self.workload,
            slice: &slice,
            objects: &objects,
            memory_bytes_max: 64 << 20,
        })?;
        self.epoch += 1;
        self.shared.live.swap(Some(Live {
            epoch: self.epoch,
            generation: self.epoch,
            snapshot: snapshot.digest(),
            program: Arc::new(product.program),
            sources: Arc::default(),
            health: self.health.of(self.epoch),
        }));
        Ok(())
    }

    /// Says who backs a service.
    pub(crate) fn learn(&self, service: &str, endpoints: Vec<wire::Endpoint>) {
        let labels = Labels::from([("app".to_owned(), service.to_owned())]);
        let set = EndpointSet::Selected { namespace: "shop".to_owned(), labels };
        drop(self.shared.world.endpoints(&set)); // asked for, as by whoever calls it
        let set = Some((&set).into());
        self.shared.world.receive(Item::Endpoints(wire::Endpoints { set, endpoints }));
    }

    /// The access log so far.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default()
    }

    pub(crate) fn outbound(&self) -> SocketAddr {
        self.plane.bound().outbound.unwrap()
    }

    pub(crate) fn inbound(&self) -> SocketAddr {
        self.plane.bound().inbound[0]
    }

    /// This proxy's workload as the world knows it, by one of its ports.
    pub(crate) fn endpoint(&self, port: u16) -> wire::Endpoint {
        let name = &self.workload.name;
        wire::Endpoint {
            identity: format!("spiffe://cluster.local/ns/shop/sa/{name}"),
            ..endpoint(name, port, self.inbound())
        }
    }

    /// Begins the end; it has come when the answer is there.
    pub(crate) fn drain(self, within: Duration) -> JoinHandle<()> {
        tokio::task::spawn_blocking(move || self.plane.drain(within))
    }
}

/// A gateway opens its ports soon after it was told of them.
pub(crate) async fn opened(reserved: &Reserved) {
    while TcpStream::connect(reserved.at).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// Once this returns, a proxy that drains accepts nothing more there.
pub(crate) async fn closed(at: SocketAddr) {
    while TcpStream::connect(at).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

/// An instance of a workload without a proxy.
pub(crate) fn endpoint(name: &str, port: u16, at: SocketAddr) -> wire::Endpoint {
    wire::Endpoint {
        address: at.ip().to_string(),
        reached_at: [(port.into(), at.port().into())].into(),
        labels: [("app".to_owned(), name.to_owned())].into(),
        workload: name.to_owned(),
        namespace: "shop".to_owned(),
        ..wire::Endpoint::default()
    }
}
