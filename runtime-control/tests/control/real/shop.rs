//! The policy and the inventory of a small mesh: two namespaces, of which one has a gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use mesh_control::world::{Document, Instance};
use mesh_snapshot::container::{self, Bundle};
use mesh_snapshot::object::{
    AccessLog, Action, AuthorizationPolicy, ClientCertificate, Credential, Discovery, Egress,
    EndpointSet, Gateway, Host, HostSet, Labels, MeshDefaults, Microseconds, PathNormalization,
    Protocol, RetryPolicy, Role, Rule, Server, ServerProtocol, ServerTls, Service, ServicePort,
    TargetPort, Termination, TlsVersion, Workload,
};
use mesh_snapshot::provenance::Provenance;
use mesh_snapshot::signature::{PrivateKey, Statement, TrustedKeys};
use mesh_snapshot::{
    Applies, Builder, Digest, Key, Kind, Location, Object, Reference, Snapshot, SourceMap,
};

pub(crate) const MESH: &str = "test";

pub(crate) fn signing_key() -> PrivateKey {
    PrivateKey::from_seed(&[7; 32])
}

pub(crate) fn trusted_keys() -> TrustedKeys {
    [signing_key().public()].into_iter().collect()
}

fn labels(app: &str) -> Labels {
    Labels::from([("app".to_owned(), app.to_owned())])
}

pub(crate) fn workload(namespace: &str, name: &str) -> Workload {
    Workload {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        labels: labels(name),
        service_account: name.to_owned(),
        role: if name == "gateway" { Role::Gateway } else { Role::Sidecar },
        ports: BTreeMap::from([("http".to_owned(), 8080)]),
        ..Workload::default()
    }
}

/// Puts an instance into the registry.
pub(crate) fn register(registry: &Path, workload: &Workload, name: &str, port: u16) {
    let document = Document::Instance(Instance {
        name: name.to_owned(),
        workload: workload.clone(),
        address: IpAddr::from([127, 0, 0, 1]),
        reached_at: BTreeMap::from([(8080, port)]),
        meshed: true,
        locality: String::new(),
        weight: 0,
        healthy: true,
    });
    let file = registry.join(format!("{}-{name}.json", workload.namespace));
    let new = file.with_extension("new");
    std::fs::create_dir_all(registry).unwrap();
    std::fs::write(&new, serde_json::to_vec(&document).unwrap()).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// The object that every version of the shop's policy changes, and where it stands.
pub(crate) fn changing_key() -> Key {
    Key::new(Kind::AuthorizationPolicy, "shop", "allow")
}

pub(crate) const CHANGING_SOURCE: &str = "shop/policies.yaml:12";

/// A snapshot in which `version` concerns the namespace `shop` alone.
pub(crate) fn snapshot(version: &str) -> Snapshot {
    let mut builder = Builder::default();
    let defaults = Object::MeshDefaults(defaults());
    let defaults = builder.add(Key::new(Kind::MeshDefaults, "", "mesh"), &defaults);
    builder.list("", defaults, Applies::All, 0);
    for namespace in ["shop", "bank"] {
        let set = hosts(&mut builder, namespace);
        let egress = Object::Egress(Egress { hosts: vec![set.clone()], ..Egress::default() });
        let egress = builder.add(Key::new(Kind::Egress, namespace, "default"), &egress);
        builder.list(namespace, egress, Applies::All, 0);
        if namespace == "shop" {
            gateway(&mut builder, set);
        }
    }
    let policy = AuthorizationPolicy {
        namespace: "shop".to_owned(),
        name: format!("allow-{version}"),
        action: Action::Allow,
        dry_run: false,
        rules: vec![Rule::default()],
    };
    let policy = builder.add(changing_key(), &Object::AuthorizationPolicy(policy));
    builder.list("shop", policy, Applies::All, 0);
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
        access_log: AccessLog::Off,
    }
}

pub(crate) fn endpoint_set(namespace: &str, app: &str) -> EndpointSet {
    EndpointSet::Selected { namespace: namespace.to_owned(), labels: labels(app) }
}

fn hosts(builder: &mut Builder, namespace: &str) -> Reference {
    let host = format!("web.{namespace}.svc.cluster.local");
    let service = Object::Service(Service {
        host: host.clone(),
        namespace: namespace.to_owned(),
        name: "web".to_owned(),
        external: false,
        addresses: BTreeSet::new(),
        ports: vec![ServicePort {
            number: 80,
            name: "http".to_owned(),
            protocol: Protocol::Http,
            target: TargetPort::Name("http".to_owned()),
        }],
        discovery: Discovery::World { set: endpoint_set(namespace, "web"), headless: false },
        subject_alt_names: BTreeSet::new(),
    });
    let service = builder.add(Key::new(Kind::Service, namespace, &*host), &service);
    builder.list(namespace, service.clone(), Applies::Selected(vec![labels("web")]), 0);
    let host_entry = Host { service: Some(service), ..Host::default() };
    let hosts = BTreeMap::from([(host, host_entry)]);
    let set = Object::HostSet(HostSet { hosts, plaintext: Vec::new() });
    builder.add(Key::new(Kind::HostSet, namespace, namespace), &set)
}

fn gateway(builder: &mut Builder, hosts: Reference) {
    let credential = Credential { namespace: String::new(), name: "front".to_owned() };
    let tls = ServerTls::Terminate(Box::new(Termination {
        credentials: vec![credential],
        files: Vec::new(),
        client: ClientCertificate::Unasked,
        version_min: TlsVersion::V12,
        version_max: TlsVersion::V13,
        cipher_suites: Vec::new(),
    }));
    let gateway = Object::Gateway(Gateway {
        namespace: "shop".to_owned(),
        name: "front".to_owned(),
        servers: vec![Server {
            port: 443,
            name: String::new(),
            protocol: ServerProtocol::Https,
            bind: None,
            hosts: vec!["*".to_owned()],
            tls,
            virtual_hosts: Vec::new(),
            stream_routes: None,
        }],
        hosts: vec![hosts],
    });
    let gateway = builder.add(Key::new(Kind::Gateway, "shop", "front"), &gateway);
    builder.list("shop", gateway, Applies::Selected(vec![labels("gateway")]), 0);
}

/// Publishes a version as the `serial`-th, as a publisher does: by renaming a whole file.
pub(crate) fn publish(releases: &Path, version: &str, serial: u64) -> Digest {
    let snapshot = snapshot(version);
    let digest = snapshot.digest();
    let mut source_map = SourceMap::default();
    let location = Location {
        file: "shop/policies.yaml".into(),
        line: 12,
        column: 3,
        resource: "AuthorizationPolicy shop/allow".into(),
    };
    source_map.insert(&changing_key(), "rules[0]", location);
    let mesh = MESH.to_owned();
    let statement = Statement { snapshot: digest, serial, floor: 0, mesh, not_after: 0 };
    let bundle = Bundle {
        snapshot,
        inventory: Vec::new(),
        source_map,
        provenance: Provenance::default(),
        signatures: vec![signing_key().sign(&statement)],
    };
    std::fs::create_dir_all(releases).unwrap();
    container::write_file(&releases.join(format!("{version}.mesh")), &bundle).unwrap();
    digest
}
