//! The clusters of a program.

use std::collections::{BTreeMap, BTreeSet};

use mesh_engine::{FEATURES, Limits, Program};
use mesh_proxy::cluster::{Pick, Spec};
use mesh_proxy::http::Version::Http1;
use mesh_snapshot::object::{
    ClientPolicy, Discovery, Egress, Host, HostSet, Object, Protocol, Service, ServicePort, Subset,
    TargetPort, Workload,
};
use mesh_snapshot::{Applies, Builder, Key, Kind, slice};

use super::bench::{Caller, Server, at, defaults, set};
use crate::wire::{get, text};

const HOST: &str = "reviews.shop.svc.cluster.local";

/// Of a workload that is certain to call [`HOST`], which has these ports and a subset `v1`.
fn program(ports: &[u16]) -> Program {
    let port = |&number| ServicePort {
        number,
        name: String::new(),
        protocol: Protocol::Http,
        target: TargetPort::Number(8080),
    };
    let service = Service {
        host: HOST.to_owned(),
        namespace: "shop".to_owned(),
        name: "reviews".to_owned(),
        external: false,
        addresses: BTreeSet::new(),
        ports: ports.iter().map(port).collect(),
        discovery: Discovery::World { set: set(), headless: false },
        subject_alt_names: BTreeSet::new(),
    };
    let labels = [("version".to_owned(), "v1".to_owned())].into();
    let subsets = [("v1".to_owned(), Subset { labels, ..Subset::default() })].into();
    let policy = ClientPolicy { subsets, ..ClientPolicy::default() };
    let mut builder = Builder::default();
    let mut add = |kind, namespace: &str, name: &str, object| {
        builder.add(Key::new(kind, namespace, name), &object)
    };
    let host = Host {
        service: Some(add(Kind::Service, "shop", HOST, Object::Service(service))),
        policy: Some(add(Kind::ClientPolicy, "shop", HOST, Object::ClientPolicy(policy))),
        ..Host::default()
    };
    let hosts = BTreeMap::from([(HOST.to_owned(), host)]);
    let hosts = Object::HostSet(HostSet { hosts, ..HostSet::default() });
    let hosts = vec![add(Kind::HostSet, "shop", "shop", hosts)];
    let preload = [HOST.to_owned()].into();
    let egress = Object::Egress(Egress { hosts, preload, ..Egress::default() });
    let egress = add(Kind::Egress, "shop", "default", egress);
    let mesh = add(Kind::MeshDefaults, "", "mesh", Object::MeshDefaults(defaults()));
    builder.list("shop", egress, Applies::All, 0);
    builder.list("", mesh, Applies::All, 0);
    let snapshot = builder.build().unwrap();
    let workload = Workload { namespace: "shop".to_owned(), ..Workload::default() };
    let slice = slice(snapshot.digest(), &workload, &snapshot).unwrap();
    let limits = Limits {
        memory_bytes_max: 1 << 20,
        features: FEATURES,
        gateway_address: mesh_engine::GATEWAY_ADDRESS,
    };
    Program::build(&workload, &slice, &snapshot, &limits).unwrap()
}

#[tokio::test(flavor = "local")]
async fn ids_are_those_of_the_program() {
    let caller = Caller::new();
    let program = program(&[80, 81]);
    caller.load_program(&program);
    assert_eq!(program.clusters().len(), 4);
    for cluster in program.clusters() {
        let made = caller.clusters.get(&caller.directory(), cluster.id.into()).unwrap();
        assert_eq!(**made.spec(), Spec::of(cluster, program.defaults()));
        assert_eq!(&*made.spec().name, cluster.name());
    }
}

#[tokio::test(flavor = "local")]
async fn what_is_certain_to_be_called_is_asked_for_at_once() {
    let caller = Caller::new();
    caller.load_program(&program(&[80]));
    assert_eq!(caller.world.names().len(), 1);
}

#[tokio::test(flavor = "local")]
async fn a_cluster_keeps_its_connections_where_its_id_changes() {
    let server = Server::telling(Http1).await;
    let caller = Caller::new();
    for ports in [&[80][..], &[70, 80], &[80, 90]] {
        caller.load_program(&program(ports));
        caller.endpoints(vec![at(server.address)]);
        let cluster = caller.cluster(&format!("outbound|80||{HOST}"));
        let picked = cluster.pick(&Pick::default()).unwrap();
        text(picked.send(get("/"), http::Version::HTTP_11).await.unwrap()).await;
    }
    assert_eq!(server.accepted.get(), 1);
}
