//! A caller with a world and a directory of its own, and servers that count.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response};
use mesh_engine::Program;
use mesh_proxy::cluster::{
    Cluster, Clusters, Directory, Endpoint, Lookup, Pick, PickError, Picked, SendError, Spec,
    Surroundings, system_lookup,
};
use mesh_proxy::drain::Drain;
use mesh_proxy::http::{Abort, Body, HttpLimits, Version, serve};
use mesh_proxy::stream::Stream;
use mesh_proxy::tls::{Identity, MeshClient};
use mesh_proxy::world::{Item, Watched, World};
use mesh_snapshot::object::{
    AccessLog, Discovery, EndpointSet, Labels, MeshDefaults, Microseconds, PathNormalization,
    Protocol, RetryPolicy, TargetPort,
};
use mesh_snapshot::wire;
use tokio::net::TcpListener;

/// A proxy that calls.
pub(crate) struct Caller {
    pub(crate) world: World,
    pub(crate) identity: Arc<Watched<Identity>>,
    pub(crate) clusters: Rc<Clusters>,
    lookup: Lookup,
    directory: RefCell<Option<Arc<Directory>>>,
}

impl Caller {
    pub(crate) fn new() -> Self {
        Self::resolving(system_lookup())
    }

    pub(crate) fn resolving(lookup: Lookup) -> Self {
        let identity = Arc::new(Watched::default());
        let mesh = MeshClient::new(Arc::clone(&identity));
        Self {
            world: World::default(),
            identity,
            clusters: Clusters::new(Rc::new(mesh)),
            lookup,
            directory: RefCell::default(),
        }
    }

    /// With one cluster, of these endpoints.
    pub(crate) fn of(spec: Spec, endpoints: Vec<wire::Endpoint>) -> Self {
        let caller = Self::new();
        caller.load(vec![spec]);
        caller.cluster("shop");
        caller.endpoints(endpoints);
        caller
    }

    /// Swaps the directory for one of these clusters.
    pub(crate) fn load(&self, specs: Vec<Spec>) {
        self.swap(|surroundings, before| Directory::new(specs, surroundings, before));
    }

    /// Swaps the directory for that of a program.
    pub(crate) fn load_program(&self, program: &Program) {
        self.swap(|surroundings, before| Directory::of(program, None, surroundings, before));
    }

    fn swap(&self, make: impl FnOnce(&Surroundings, Option<&Directory>) -> Directory) {
        let surroundings = Surroundings {
            world: self.world.clone(),
            namespace: "shop".to_owned(),
            lookup: Arc::clone(&self.lookup),
        };
        let before = self.directory.take();
        let directory = make(&surroundings, before.as_deref());
        *self.directory.borrow_mut() = Some(Arc::new(directory));
    }

    pub(crate) fn directory(&self) -> Arc<Directory> {
        Arc::clone(self.directory.borrow().as_ref().unwrap())
    }

    pub(crate) fn cluster(&self, name: &str) -> Rc<Cluster> {
        let directory = self.directory();
        self.clusters.get(&directory, directory.id(name).unwrap()).unwrap()
    }

    pub(crate) fn shop(&self) -> Rc<Cluster> {
        self.cluster("shop")
    }

    /// What the world says of the set that [`shop`] leads to.
    pub(crate) fn endpoints(&self, endpoints: Vec<wire::Endpoint>) {
        let set = Some((&set()).into());
        self.world.receive(Item::Endpoints(wire::Endpoints { set, endpoints }));
    }

    pub(crate) fn pick(&self) -> Result<Picked, PickError> {
        self.shop().pick(&Pick::default())
    }

    pub(crate) fn pick_avoiding(&self, avoid: &[Arc<Endpoint>]) -> Picked {
        self.shop().pick(&Pick { avoid, ..Pick::default() }).unwrap()
    }

    /// Over HTTP/1.1.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        self.pick().unwrap().send(request, http::Version::HTTP_11).await
    }

    /// Connections that were opened, from the first on.
    pub(crate) fn connections(&self) -> u64 {
        let counters = self.shop();
        counters.counters().connections.load(std::sync::atomic::Ordering::Relaxed)
    }
}

pub(crate) fn set() -> EndpointSet {
    let labels = Labels::from([("app".to_owned(), "shop".to_owned())]);
    EndpointSet::Selected { namespace: "shop".to_owned(), labels }
}

/// A cluster `shop` of [`set`], changed by `change`.
pub(crate) fn shop(change: impl FnOnce(&mut Spec)) -> Spec {
    let mut spec = Spec {
        host: "shop.shop.svc.cluster.local".to_owned(),
        namespace: "shop".to_owned(),
        port: 80,
        protocol: Protocol::Http,
        target: TargetPort::Number(8080),
        discovery: Discovery::World { set: set(), headless: false },
        external: false,
        auto_mtls: true,
        server_name: "outbound_.80_._.shop.shop.svc.cluster.local".into(),
        ..Spec::passthrough("shop", &defaults())
    };
    change(&mut spec);
    spec
}

pub(crate) fn defaults() -> MeshDefaults {
    MeshDefaults {
        trust_domain: "cluster.local".to_owned(),
        trust_domain_aliases: Vec::new(),
        root_namespace: "istio-system".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
        auto_mtls: true,
        path_normalization: PathNormalization::Base,
        default_retry: RetryPolicy::default(),
        connect_timeout: Microseconds::from_secs(10),
        protocol_detection_timeout: Microseconds(0),
        trusted_proxies: 0,
        access_log: AccessLog::Off,
    }
}

/// An instance without a proxy.
pub(crate) fn at(address: SocketAddr) -> wire::Endpoint {
    wire::Endpoint {
        address: address.ip().to_string(),
        reached_at: [(8080, address.port().into())].into(),
        ..wire::Endpoint::default()
    }
}

/// A server that counts.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Connections that were accepted.
    pub(crate) accepted: Rc<Cell<usize>>,
    /// Those of them that are open.
    pub(crate) open: Rc<Cell<usize>>,
    pub(crate) drain: Drain,
}

impl Server {
    pub(crate) async fn start<H, A>(version: Version, handle: H) -> Self
    where
        H: Fn(Request<Body>) -> A + 'static,
        A: Future<Output = Result<Response<Body>, Abort>> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, open) = (Rc::default(), Rc::default());
        let server = Self { address, accepted, open, drain: Drain::default() };
        tokio::task::spawn_local(server.clone().run(listener, version, Rc::new(handle)));
        server
    }

    async fn run<H, A>(self, listener: TcpListener, version: Version, handle: Rc<H>)
    where
        H: Fn(Request<Body>) -> A + 'static,
        A: Future<Output = Result<Response<Body>, Abort>> + 'static,
    {
        while let Ok((stream, _)) = listener.accept().await {
            let (handle, server) = (Rc::clone(&handle), self.clone());
            server.accepted.set(server.accepted.get() + 1);
            server.open.set(server.open.get() + 1);
            tokio::task::spawn_local(async move {
                let handle = move |request| handle(request);
                let (stream, limits) = (Stream::from(stream), HttpLimits::default());
                let _ = serve(stream, version, &limits, &server.drain, handle).await;
                server.open.set(server.open.get() - 1);
            });
        }
    }

    /// Answers everything at once with its own address.
    pub(crate) async fn telling(version: Version) -> Self {
        let name = Rc::new(RefCell::new(String::new()));
        let told = Rc::clone(&name);
        let server = Self::start(version, move |_| {
            let name = told.borrow().clone();
            async move { Ok(Response::new(Body::from(bytes::Bytes::from(name)))) }
        })
        .await;
        *name.borrow_mut() = server.address.to_string();
        server
    }
}

/// Lets other tasks go on until `is`.
pub(crate) async fn until(is: impl Fn() -> bool) {
    while !is() {
        tokio::task::yield_now().await;
    }
}
