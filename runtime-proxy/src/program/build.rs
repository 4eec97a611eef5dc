//! Builds programs for the agent.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use mesh_engine::gateway::{Chain, Gateway, Handler, Listener};
use mesh_engine::{BuildError, Limits};
use mesh_snapshot::object::{
    ClientCertificate, Discovery, Server, ServerProtocol, ServerTls, Termination,
};
use mesh_snapshot::wire::Refusal;
use mesh_snapshot::wire::name::Name;

use super::clusters::{self, Known};
use super::{Keys, Program};
use crate::agent::prepare::{Build, Material, Product};
use crate::agent::trial::Refused;
use crate::cluster::{Directory, Lookup, Surroundings};
use crate::limit::Buckets;
use crate::live::Current;
use crate::observe::{Logged, Metrics};
use crate::tls;
use crate::world::{Watched, World};

/// The features that this proxy serves, of those of [`mesh_engine::FEATURES`]. An object that needs another is refused by name.
pub const FEATURES: &[&str] = mesh_snapshot::feature::SERVED;

/// What programs are built with.
pub struct Builder {
    pub world: World,
    /// What is in force: the clusters that a new program shares with it keep their endpoints and connections.
    pub live: Current<Program>,
    pub identity: Arc<Watched<tls::Identity>>,
    pub lookup: Lookup,
    pub metrics: Arc<Metrics>,
    /// Where a gateway's servers listen that name no address.
    pub gateway_address: IpAddr,
}

impl Build for Builder {
    type Program = Program;

    fn build(&self, material: &Material<'_>) -> Result<Product<Program>, Refused> {
        let memory_bytes_max = usize::try_from(material.memory_bytes_max).unwrap_or(usize::MAX);
        let limits =
            Limits { memory_bytes_max, features: FEATURES, gateway_address: self.gateway_address };
        let engine = mesh_engine::Program::build(
            material.workload,
            material.slice,
            material.objects,
            &limits,
        )
        .map_err(|error| refused(&error))?;
        warn_of_skipped(&engine);
        let namespace = &material.workload.namespace;
        let preload = preload(&engine, namespace);
        let memory_bytes = engine.memory_bytes() as u64;
        Ok(Product { program: self.program(engine, namespace), memory_bytes, preload })
    }
}

impl Builder {
    fn program(&self, engine: mesh_engine::Program, namespace: &str) -> Program {
        let surroundings = Surroundings {
            world: self.world.clone(),
            namespace: namespace.to_owned(),
            lookup: Arc::clone(&self.lookup),
        };
        let before = self.live.load();
        let before = before.as_ref().map(|live| &*live.program);
        let buckets = Buckets::of(engine.filters().limits(), before.map(Program::buckets));
        let before = before.map(|program| &**program.directory());
        let others = clusters::others(&engine);
        let directory = Arc::new(Directory::of(&engine, others, &surroundings, before));
        let clusters = Known::of(&engine, &directory, &self.metrics);
        let listeners = engine.gateway().map(Gateway::listeners).unwrap_or_default();
        let edges = listeners.iter().map(|listener| self.edge(listener, namespace)).collect();
        let own_tls = self.own_tls(&engine, namespace);
        let keys = Keys::new(engine.policy().remote_keys(), &self.world);
        let logged = Logged::by(engine.access_log());
        Program { engine, directory, clusters, own_tls, edges, keys, buckets, logged }
    }

    /// Whatever name a client asks for, there is one server.
    fn own_tls(
        &self,
        engine: &mesh_engine::Program,
        namespace: &str,
    ) -> HashMap<u16, tls::Gateway> {
        let ending = engine.inbound().ports().into_iter().filter_map(|number| {
            let port = engine.inbound().port(number);
            let server = Server {
                port: number,
                name: String::new(),
                protocol: if port.protocol.is_http() {
                    ServerProtocol::Https
                } else {
                    ServerProtocol::Tls
                },
                bind: None,
                hosts: vec!["*".to_owned()],
                tls: ServerTls::Terminate(Box::new(port.tls?.clone())),
                virtual_hosts: Vec::new(),
                stream_routes: None,
            };
            let identity = Arc::clone(&self.identity);
            Some((number, tls::Gateway::new(&[server], namespace, &self.world, identity)))
        });
        ending.collect()
    }

    fn edge(&self, listener: &Listener, namespace: &str) -> Option<tls::Gateway> {
        let servers: Vec<Server> =
            listener.chains().iter().map(|chain| server(chain, listener.port)).collect();
        listener.tls.then(|| {
            tls::Gateway::new(&servers, namespace, &self.world, Arc::clone(&self.identity))
        })
    }
}

/// A chain as the server that it was made from, so that its place is that of the server's.
fn server(chain: &Chain, port: u16) -> Server {
    let protocol = match chain.handler {
        Handler::Http(_) => ServerProtocol::Https,
        Handler::Stream(_) => ServerProtocol::Tls,
    };
    Server {
        port,
        name: String::new(),
        protocol,
        bind: None,
        hosts: chain.names().iter().map(ToString::to_string).collect(),
        tls: chain.tls.clone(),
        virtual_hosts: Vec::new(),
        stream_routes: None,
    }
}

/// What an author wants and does not get is said, if only here.
fn warn_of_skipped(engine: &mesh_engine::Program) {
    let skipped = engine.gateway().map(Gateway::skipped).unwrap_or_default();
    for server in skipped {
        let (gateway, item) = (&server.key, &*server.item);
        tracing::warn!(%gateway, item, reason = %server.conflict, "a server of the gateway is not served");
    }
}

fn refused(error: &BuildError) -> Refused {
    let reason = match error {
        BuildError::Missing { .. } | BuildError::Malformed { .. } => Refusal::Corrupt,
        BuildError::Unsupported { .. } => Refusal::Feature,
        BuildError::Invalid { .. } => Refusal::Program,
        BuildError::Memory { .. } => Refusal::Memory,
    };
    let (key, item) = error.place();
    Refused::new(reason, error.to_string()).about(key.clone(), item)
}

/// What the workload is certain to need. A gateway is there for all that its routes lead to; of a sidecar, policy says it, and what
/// it does not say is waited for by the first request.
fn preload(engine: &mesh_engine::Program, namespace: &str) -> Vec<Name> {
    let is_wanted = |host: &str| match engine.outbound() {
        Some(outbound) => outbound.preload().contains(host),
        None => true,
    };
    let wanted = engine.clusters().iter().filter(|cluster| is_wanted(cluster.host()));
    let mut names: Vec<Name> = wanted
        .filter_map(|cluster| match cluster.discovery() {
            Discovery::World { set, .. } => Some(Name::Endpoints(set.into())),
            _ => None,
        })
        .collect();
    names.extend(engine.policy().remote_keys().map(|name| Name::Jwks(name.to_owned())));
    let listeners = engine.gateway().map(Gateway::listeners).unwrap_or_default();
    for chain in listeners.iter().flat_map(Listener::chains) {
        if let ServerTls::Terminate(termination) = &chain.tls {
            names.extend(secrets(termination, namespace));
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn secrets<'a>(
    termination: &'a Termination,
    namespace: &'a str,
) -> impl Iterator<Item = Name> + 'a {
    let ca = match &termination.client {
        ClientCertificate::Required(issuer) | ClientCertificate::Optional(issuer) => {
            issuer.ca.as_ref()
        }
        ClientCertificate::Unasked | ClientCertificate::Mesh => None,
    };
    termination.credentials.iter().chain(ca).map(move |credential| {
        let mut credential = credential.clone();
        if credential.namespace.is_empty() {
            namespace.clone_into(&mut credential.namespace);
        }
        Name::Secret(credential.into())
    })
}
