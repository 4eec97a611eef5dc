//! Istio's `Gateway`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use mesh_snapshot::object::{Role, ServerProtocol, Workload as Inventory};

use crate::api::istio::{self, ServerTlsMode};
use crate::api::{Mesh, Resource};
use crate::resolve::host::{Host, lower};
use crate::resolve::service::protocol;
use crate::resolve::{Age, Meeting, Viewer, Workload, Workloads};

#[derive(Clone, Debug)]
pub struct IstioGateway<'a> {
    pub resource: &'a Resource<istio::Gateway>,
    pub age: Age<'a>,
    /// `namespace/name`
    pub full_name: Arc<str>,
    /// By place in `spec.servers`.
    pub servers: Vec<Server<'a>>,
    /// The hosts of its servers: places in `servers`, and in their hosts.
    by_host: Meeting<(usize, usize)>,
    /// The namespaces of the known proxies that open them.
    pub proxies_in: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Server<'a> {
    pub index: usize,
    pub spec: &'a istio::Server,
    /// Zero where it is out of range.
    pub port: u16,
    /// Absent where it is not one that a gateway knows.
    pub protocol: Option<ServerProtocol>,
    /// By place in `hosts`.
    pub hosts: Vec<ServerHost<'a>>,
}

/// A host, and who may bind routes to it.
#[derive(Clone, Debug)]
pub struct ServerHost<'a> {
    /// Absent: any namespace.
    pub namespace: Option<&'a str>,
    pub host: Host,
}

impl ServerHost<'_> {
    #[must_use]
    pub fn admits(&self, namespace: &str) -> bool {
        self.namespace.is_none_or(|own| own == namespace)
    }
}

impl Server<'_> {
    /// Whether TLS goes on to the upstream as it came.
    #[must_use]
    pub fn passes_through(&self) -> bool {
        self.spec.tls.as_ref().is_some_and(|tls| tls.mode == ServerTlsMode::Passthrough)
            && self.protocol != Some(ServerProtocol::Http)
    }

    /// Whether requests are read here.
    #[must_use]
    pub fn is_http(&self) -> bool {
        match self.protocol {
            Some(ServerProtocol::Http) => true,
            Some(ServerProtocol::Https) => !self.passes_through(),
            Some(ServerProtocol::Tls | ServerProtocol::Tcp) | None => false,
        }
    }

    /// Whether requests of strangers are read here that come by HTTPS. The mesh's own TLS is for the mesh: the proxies of clients
    /// make it, whose applications ask in plain text.
    #[must_use]
    pub fn is_https_for_strangers(&self) -> bool {
        let mode = self.spec.tls.as_ref().map(|tls| tls.mode);
        self.protocol == Some(ServerProtocol::Https)
            && self.is_served()
            && self.is_http()
            && mode.is_some_and(|mode| mode != ServerTlsMode::IstioMutual)
    }

    /// Whether it is opened at all.
    #[must_use]
    pub fn is_served(&self) -> bool {
        let mode = self.spec.tls.as_ref().map(|tls| tls.mode);
        self.protocol.is_some() && self.port != 0 && mode != Some(ServerTlsMode::AutoPassthrough)
    }
}

impl<'a> IstioGateway<'a> {
    /// The hosts of its servers that have names in common with `host`, by their places, whoever is let in.
    pub(crate) fn meeting(&self, host: &str) -> Vec<(&Server<'a>, usize)> {
        let mut places: Vec<_> = self.by_host.with(host).map(|(_, place)| *place).collect();
        places.sort_unstable();
        let server = |(server, host)| Some((self.servers.get(server)?, host));
        places.into_iter().filter_map(server).collect()
    }

    /// Those of them that let routes of `namespace` in.
    pub(crate) fn serving(&self, host: &str, namespace: &str) -> Vec<(&Server<'a>, usize)> {
        let mut serving = self.meeting(host);
        serving.retain(|(server, host)| {
            server.hosts.get(*host).is_some_and(|own| own.admits(namespace))
        });
        serving
    }

    /// Whether a workload's proxy opens these servers.
    #[must_use]
    pub fn selects(&self, workload: &Inventory) -> bool {
        workload.role == Role::Gateway && workload.has(&self.resource.spec.selector)
    }

    /// The workloads whose proxies open these servers.
    #[must_use]
    pub fn proxies<'w>(&self, workloads: &'w Workloads<'a>) -> Vec<&'w Workload<'a>> {
        let selector = &self.resource.spec.selector;
        if selector.is_empty() {
            return workloads.gateways().collect();
        }
        let mut proxies = workloads.possible(None, selector, Viewer::Istio);
        proxies.retain(|it| it.inventory.role == Role::Gateway);
        proxies
    }
}

/// All of them, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct IstioGateways<'a> {
    all: Vec<IstioGateway<'a>>,
    by_name: HashMap<Arc<str>, usize>,
}

impl<'a> IstioGateways<'a> {
    pub(in crate::resolve) fn of(mesh: &'a Mesh, workloads: &Workloads<'a>) -> Self {
        let mut all: Vec<_> = mesh.gateways.iter().map(resolve).collect();
        for gateway in &mut all {
            let proxies = gateway.proxies(workloads);
            gateway.proxies_in = proxies.iter().map(|it| it.namespace().to_owned()).collect();
        }
        all.sort_by_key(|gateway| gateway.age);
        let names = all.iter().enumerate();
        let by_name = names.map(|(index, it)| (Arc::clone(&it.full_name), index)).collect();
        Self { all, by_name }
    }

    pub fn iter(&self) -> impl Iterator<Item = &IstioGateway<'a>> {
        self.all.iter()
    }

    /// By `namespace/name`.
    #[must_use]
    pub fn find(&self, full_name: &str) -> Option<&IstioGateway<'a>> {
        self.by_name.get(full_name).and_then(|index| self.all.get(*index))
    }

    /// The `namespace/name`s of all, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.by_name.keys().map(|name| &**name).collect();
        names.sort_unstable();
        names
    }
}

fn resolve(resource: &Resource<istio::Gateway>) -> IstioGateway<'_> {
    let servers = resource.spec.servers.iter().enumerate();
    let servers: Vec<_> =
        servers.map(|(index, it)| server(index, it, &resource.namespace)).collect();
    let mut by_host = Meeting::default();
    for (place, server) in servers.iter().enumerate() {
        for (index, own) in server.hosts.iter().enumerate() {
            by_host.add(&own.host, (place, index));
        }
    }
    IstioGateway {
        resource,
        age: Age::of(resource),
        full_name: format!("{}/{}", resource.namespace, resource.name()).into(),
        servers,
        by_host,
        proxies_in: BTreeSet::new(),
    }
}

fn server<'a>(index: usize, spec: &'a istio::Server, own: &'a str) -> Server<'a> {
    let hosts = spec.hosts.iter().map(|written| {
        let (namespace, host) = match written.split_once('/') {
            Some(("*", host)) => (None, host),
            Some((".", host)) => (Some(own), host),
            Some((namespace, host)) => (Some(namespace), host),
            None => (None, written.as_str()),
        };
        ServerHost { namespace, host: lower(host) }
    });
    Server {
        index,
        spec,
        port: u16::try_from(spec.port.number).unwrap_or(0),
        protocol: server_protocol(&spec.port.protocol),
        hosts: hosts.collect(),
    }
}

fn server_protocol(word: &str) -> Option<ServerProtocol> {
    use mesh_snapshot::object::Protocol;
    Some(match protocol(word)? {
        Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::GrpcWeb => {
            ServerProtocol::Http
        }
        Protocol::Https => ServerProtocol::Https,
        Protocol::Tls => ServerProtocol::Tls,
        Protocol::Tcp => ServerProtocol::Tcp,
        Protocol::Udp | Protocol::Detect => return None,
    })
}
