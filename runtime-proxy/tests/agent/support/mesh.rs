//! A small mesh: the fewest objects that a workload needs, and a service whose name tells versions apart.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{
    Discovery, Egress, EndpointSet, Fault, HeaderOperations, Host, HostSet, HttpAction, HttpRoute,
    Labels, MeshDefaults, Microseconds, PathNormalization, Protocol, Redirect, RetryPolicy,
    RouteTable, Service, ServicePort, TargetPort, Workload,
};
use mesh_snapshot::signature::{PrivateKey, Signature, Statement, TrustedKeys};
use mesh_snapshot::wire::{self, to_proxy};
use mesh_snapshot::{
    Applies, Builder, Digest, Entry, Key, Kind, Location, Manifest, Object, ReadObjects as _,
    Reference, Section, Snapshot, SourceMap, canonical,
};

pub const MESH: &str = "test";

/// Whose proxy is tested.
pub fn workload() -> Workload {
    Workload {
        namespace: "shop".to_owned(),
        name: "web".to_owned(),
        labels: Labels::from([("app".to_owned(), "web".to_owned())]),
        service_account: "web".to_owned(),
        ..Workload::default()
    }
}

/// The set that the workload of every version is certain to call.
pub fn endpoints() -> EndpointSet {
    let labels = Labels::from([("app".to_owned(), "reviews".to_owned())]);
    EndpointSet::Selected { namespace: "shop".to_owned(), labels }
}

/// A mesh with one service; `version` is the name of its port, so that each has another slice.
pub fn snapshot(version: &str) -> Snapshot {
    let mut builder = Builder::default();
    let (host, service) = service(&mut builder, version);
    let hosts =
        BTreeMap::from([(host.clone(), Host { service: Some(service), ..Host::default() })]);
    finish(builder, hosts)
}

/// The same for the tested workload; another namespace has a policy of its own.
pub fn snapshot_beside(version: &str, other: &str) -> Snapshot {
    let mut builder = Builder::default();
    let (host, service) = service(&mut builder, version);
    let egress = Object::Egress(Egress::default());
    let egress = builder.add(Key::new(Kind::Egress, other, "default"), &egress);
    builder.list(other, egress, Applies::All, 0);
    finish(builder, BTreeMap::from([(host, Host { service: Some(service), ..Host::default() })]))
}

/// The same, and a route that needs the feature `fault-injection`.
pub fn snapshot_with_fault(version: &str) -> Snapshot {
    let mut builder = Builder::default();
    let (host, service) = service(&mut builder, version);
    let fault = Fault {
        delay: Some(mesh_snapshot::object::Delay {
            share: mesh_snapshot::object::PartsPerMillion::ALL,
            duration: Microseconds::from_millis(1),
        }),
        ..Fault::default()
    };
    let redirect = Redirect { status: 301, scheme: None, authority: None, port: None, path: None };
    let route = HttpRoute {
        name: String::new(),
        matches: Vec::new(),
        action: HttpAction::Redirect(redirect),
        headers: HeaderOperations::default(),
        cors: None,
        fault,
    };
    let table = RouteTable { http: vec![route], ..RouteTable::default() };
    let key = Key::new(Kind::RouteTable, "shop", "reviews");
    let routes = Some(builder.add(key, &Object::RouteTable(table)));
    let host_of = Host { service: Some(service), routes, ..Host::default() };
    finish(builder, BTreeMap::from([(host, host_of)]))
}

fn service(builder: &mut Builder, version: &str) -> (String, Reference) {
    let host = "reviews.shop.svc.cluster.local".to_owned();
    let port = ServicePort {
        number: 80,
        name: version.to_owned(),
        protocol: Protocol::Http,
        target: TargetPort::Number(8080),
    };
    let service = Service {
        host: host.clone(),
        namespace: "shop".to_owned(),
        name: "reviews".to_owned(),
        external: false,
        addresses: BTreeSet::new(),
        ports: vec![port],
        discovery: Discovery::World { set: endpoints(), headless: false },
        subject_alt_names: BTreeSet::new(),
    };
    let key = Key::new(Kind::Service, "shop", host.as_str());
    (host, builder.add(key, &Object::Service(service)))
}

fn finish(mut builder: Builder, hosts: BTreeMap<String, Host>) -> Snapshot {
    let preload = hosts.keys().cloned().collect();
    let set = HostSet { hosts, ..HostSet::default() };
    let set = builder.add(Key::new(Kind::HostSet, "shop", "shop"), &Object::HostSet(set));
    let egress = Egress { hosts: vec![set], preload, ..Egress::default() };
    let egress = builder.add(Key::new(Kind::Egress, "shop", "default"), &Object::Egress(egress));
    builder.list("shop", egress, Applies::All, 0);
    let defaults = Object::MeshDefaults(defaults());
    let defaults = builder.add(Key::new(Kind::MeshDefaults, "", "mesh"), &defaults);
    builder.list("", defaults, Applies::All, 0);
    builder.build().unwrap()
}

fn defaults() -> MeshDefaults {
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
        access_log: mesh_snapshot::object::AccessLog::Off,
    }
}

/// A part of a snapshot, by its digest's bytes.
pub fn object(snapshot: &Snapshot, digest: &[u8]) -> bytes::Bytes {
    let digest = Digest::from_bytes(digest.try_into().unwrap());
    snapshot.read(&digest).unwrap().to_vec().into()
}

/// What is said of a policy's place.
pub fn sources(snapshot: &Snapshot, line: u32) -> to_proxy::Message {
    let (file, resource) = ("shop/web.yaml".into(), "AuthorizationPolicy shop/web".into());
    let mut map = SourceMap::default();
    map.insert(&policy(), "", Location { file, line, column: 1, resource });
    to_proxy::Message::Sources(wire::Sources {
        snapshot: snapshot.digest().as_bytes().to_vec(),
        source_map: canonical::encode(&map),
    })
}

pub fn policy() -> Key {
    Key::new(Kind::AuthorizationPolicy, "shop", "web")
}

/// What is said of the set that every version calls.
pub fn endpoint(address: &str) -> to_proxy::Message {
    let endpoint = wire::Endpoint { address: address.to_owned(), ..wire::Endpoint::default() };
    let set = Some((&endpoints()).into());
    to_proxy::Message::Endpoints(wire::Endpoints { set, endpoints: vec![endpoint] })
}

/// What is said of a credential.
pub fn secret(private_key: &str) -> to_proxy::Message {
    let (namespace, name) = ("shop".to_owned(), "certificate".to_owned());
    to_proxy::Message::Secret(wire::Secret {
        name: Some(wire::CredentialName { namespace, name }),
        private_key: private_key.as_bytes().to_vec(),
        ..wire::Secret::default()
    })
}

/// A root that leads to an `Egress` which is `bytes`, and claims to need `features`.
pub fn broken(bytes: &[u8], features: &[&str]) -> (Digest, Vec<bytes::Bytes>) {
    let whole = snapshot("whole");
    let key = Key::new(Kind::Egress, "shop", "default");
    let reference = Reference { key, digest: Digest::of(bytes) };
    let entry = Entry { reference, applies: Applies::All, rank: 0 };
    let section = canonical::encode(&Section { entries: vec![entry] });
    let manifest = canonical::encode(&Manifest {
        features: features.iter().map(|&name| name.to_owned()).collect(),
        namespaces: BTreeMap::from([("shop".to_owned(), Digest::of(&section))]),
        ..whole.manifest().clone()
    });
    let parts = whole.parts().map(|(_, bytes)| bytes.to_vec().into());
    let more = [bytes.to_vec().into(), section.into(), manifest.clone().into()];
    (Digest::of(&manifest), parts.chain(more).collect())
}

fn signing_key() -> PrivateKey {
    PrivateKey::from_seed(&[7; 32])
}

pub fn trusted_keys() -> TrustedKeys {
    TrustedKeys::from_iter([signing_key().public()])
}

pub fn sign(snapshot: Digest, serial: u64, floor: u64) -> Signature {
    let mesh = MESH.to_owned();
    signing_key().sign(&Statement { snapshot, serial, floor, mesh, not_after: 0 })
}
