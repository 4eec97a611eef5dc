//! What always holds of a snapshot, for meshes made at random.

use std::collections::BTreeMap;

use mesh_snapshot::container::{self, Bundle};
use mesh_snapshot::object::{
    Action, AuthorizationPolicy, Backend, Destination, Egress, Host, HttpAction, HttpMatch,
    HttpRoute, Labels, MeshDefaults, Microseconds, OutboundPolicy, PathNormalization, Protocol,
    RetryPolicy, Role, RouteTable, Rule, Scope, Service, ServicePort, StringMatch, TargetPort,
    Workload,
};
use mesh_snapshot::provenance::Provenance;
use mesh_snapshot::signature::{PrivateKey, Statement};
use mesh_snapshot::{
    Applies, Builder, Digest, Key, Kind, Location, Object, Snapshot, SourceMap, diff, slice,
};
use proptest::prelude::*;
use proptest::sample::Index;

/// A namespace: its services' routes as path prefixes, and the methods that its policy allows.
#[derive(Clone, Debug)]
struct Namespace {
    prefixes: Vec<String>,
    methods: Vec<String>,
}

type Mesh = BTreeMap<String, Namespace>;

fn mesh() -> impl Strategy<Value = Mesh> {
    let namespace = (
        proptest::collection::vec("/[a-z]{1,5}", 1..4),
        proptest::collection::vec("GET|PUT|POST", 1..3),
    )
        .prop_map(|(prefixes, methods)| Namespace { prefixes, methods });
    proptest::collection::btree_map("[a-z]{3,8}", namespace, 2..5)
}

fn labels(name: &str) -> Labels {
    Labels::from([("app".to_owned(), name.to_owned())])
}

fn workload(namespace: &str, service: usize) -> Workload {
    let name = format!("svc-{service}");
    Workload {
        namespace: namespace.to_owned(),
        labels: labels(&name),
        service_account: name.clone(),
        name,
        role: Role::Sidecar,
        ports: BTreeMap::new(),
    }
}

fn host(namespace: &str, service: usize) -> String {
    format!("svc-{service}.{namespace}.svc.cluster.local")
}

fn service(namespace: &str, index: usize) -> Service {
    let port = ServicePort {
        number: 80,
        name: "http".to_owned(),
        protocol: Protocol::Http,
        target: TargetPort::Number(8080),
    };
    Service {
        host: host(namespace, index),
        namespace: namespace.to_owned(),
        name: format!("svc-{index}"),
        external: false,
        addresses: Vec::new(),
        ports: vec![port],
        discovery: mesh_snapshot::object::Discovery::World,
        policy: mesh_snapshot::object::TrafficPolicy::default(),
        port_policies: BTreeMap::new(),
        subsets: BTreeMap::new(),
        plaintext: Vec::new(),
        subject_alt_names: Vec::new(),
    }
}

fn routes(namespace: &str, index: usize, prefix: &str) -> RouteTable {
    let destination =
        Destination { host: host(namespace, index), port: None, subset: String::new() };
    let backend = Backend {
        destination,
        weight: 1,
        headers: mesh_snapshot::object::HeaderOperations::default(),
    };
    let path = Some(StringMatch::Prefix(prefix.to_owned()));
    let route = HttpRoute {
        name: String::new(),
        matches: vec![HttpMatch { path, ..HttpMatch::default() }],
        action: HttpAction::Forward {
            backends: vec![backend],
            path_rewrite: None,
            authority_rewrite: None,
            timeout: Some(Microseconds::from_secs(1)),
            retry: None,
            mirrors: Vec::new(),
        },
        headers: mesh_snapshot::object::HeaderOperations::default(),
        cors: None,
        fault: mesh_snapshot::object::Fault::default(),
    };
    RouteTable { http: vec![route], ..RouteTable::default() }
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

/// Namespaces that see only themselves, so that each is its own world. `rotate` changes the order in which
/// everything is added, not what is added.
fn build(mesh: &Mesh, rotate: usize) -> Snapshot {
    let mut builder = Builder::default();
    let mut namespaces: Vec<_> = mesh.iter().collect();
    let middle = rotate % namespaces.len();
    namespaces.rotate_left(middle);
    let (first, rest) = namespaces.split_at(1);
    for (name, namespace) in first {
        add(&mut builder, name, namespace, rotate);
    }
    let key = Key::new(Kind::MeshDefaults, "", "mesh");
    builder.add_for("", key, &Object::MeshDefaults(defaults()), Applies::All, 0);
    for (name, namespace) in rest {
        add(&mut builder, name, namespace, rotate);
    }
    builder.build()
}

fn add(builder: &mut Builder, name: &str, namespace: &Namespace, rotate: usize) {
    let mut order: Vec<_> = namespace.prefixes.iter().enumerate().collect();
    let middle = rotate % order.len();
    order.rotate_left(middle);
    let mut hosts: Vec<_> = order
        .into_iter()
        .map(|(index, prefix)| {
            let key = Key::new(Kind::RouteTable, name, host(name, index));
            let routes = builder.add(key, &Object::RouteTable(routes(name, index, prefix)));
            let key = Key::new(Kind::Service, name, host(name, index));
            let applies = Applies::Selected(labels(&format!("svc-{index}")));
            let service = Object::Service(service(name, index));
            let service = builder.add_for(name, key, &service, applies, 0);
            let key = Key::new(Kind::Workload, name, format!("svc-{index}"));
            builder.add(key, &Object::Workload(workload(name, index)));
            Host {
                name: host(name, index),
                service: Some(service),
                routes: Some(routes),
                hidden: false,
            }
        })
        .collect();
    hosts.sort_by(|left, right| left.name.cmp(&right.name));
    let key = Key::new(Kind::Scope, name, name);
    let scope = builder.add(key, &Object::Scope(Scope { hosts }));
    let egress = Egress {
        outbound: OutboundPolicy::AllowAny,
        scopes: vec![scope],
        overlays: Vec::new(),
        certain: Vec::new(),
    };
    let key = Key::new(Kind::Egress, name, "default");
    builder.add_for(name, key, &Object::Egress(egress), Applies::All, 0);
    let rules = namespace.methods.iter().map(|_| Rule::default()).collect();
    let policy = AuthorizationPolicy {
        namespace: name.to_owned(),
        name: namespace.methods.concat(),
        action: Action::Allow,
        dry_run: false,
        rules,
    };
    let key = Key::new(Kind::AuthorizationPolicy, name, "allow");
    builder.add_for(name, key, &Object::AuthorizationPolicy(policy), Applies::All, 0);
}

fn bundle(mesh: &Mesh) -> Bundle {
    let snapshot = build(mesh, 0);
    let mut source_map = SourceMap::default();
    for key in snapshot.entries().keys() {
        let resource = key.to_string();
        let location = Location { file: "policy.yaml".to_owned(), line: 1, column: 1, resource };
        source_map.insert(key, "", location);
    }
    let statement =
        Statement { snapshot: snapshot.digest(), serial: 1, mesh: String::new(), not_after: 0 };
    let signatures = vec![PrivateKey::from_seed(&[7; 32]).sign(&statement)];
    let compiler = "mesh test".to_owned();
    Bundle {
        snapshot,
        source_map,
        provenance: Provenance { compiler, ..Provenance::default() },
        signatures,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_additions_does_not_matter(mesh in mesh(), rotate in 0_usize..7) {
        prop_assert_eq!(build(&mesh, 0).digest(), build(&mesh, rotate).digest());
    }

    /// What a namespace keeps to itself concerns nobody else: the others' slices stay what they were, to the byte.
    #[test]
    fn a_change_in_one_namespace_leaves_the_slices_of_others(mesh in mesh(), which: Index, prefix in "/[A-Z]{3}") {
        let changed_name = which.get(&mesh.keys().cloned().collect::<Vec<_>>()).clone();
        let mut changed = mesh.clone();
        if let Some(namespace) = changed.get_mut(&changed_name) {
            namespace.prefixes[0] = prefix;
        }
        let (before, after) = (build(&mesh, 0), build(&changed, 0));
        prop_assert_ne!(before.digest(), after.digest());
        for (name, namespace) in &mesh {
            for index in 0..namespace.prefixes.len() {
                let of = |snapshot: &Snapshot| slice(snapshot.digest(), &workload(name, index), snapshot).unwrap();
                let same = of(&before).digest() == of(&after).digest();
                prop_assert_eq!(same, *name != changed_name);
                prop_assert_eq!(of(&before).objects(&before).unwrap() == of(&after).objects(&after).unwrap(), same);
            }
        }
        let diff = diff::diff(&before, &after);
        prop_assert!(diff.workloads.changed.iter().all(|key| key.namespace == changed_name));
        prop_assert!(diff.workloads.unchanged.iter().all(|key| key.namespace != changed_name));
    }

    #[test]
    fn a_file_gives_back_what_was_written(mesh in mesh()) {
        let bundle = bundle(&mesh);
        let read = container::from_bytes(&container::to_bytes(&bundle)).unwrap();
        prop_assert_eq!(read.snapshot.digest(), bundle.snapshot.digest());
        prop_assert!(read.snapshot.parts().eq(bundle.snapshot.parts()));
        prop_assert_eq!(read.source_map, bundle.source_map);
        prop_assert_eq!(read.provenance, bundle.provenance);
        prop_assert_eq!(read.signatures, bundle.signatures);
    }

    /// A proxy that starts with nothing and fetches what it is told is missing ends with the whole slice.
    #[test]
    fn a_slice_can_be_fetched_step_by_step(mesh in mesh()) {
        let snapshot = build(&mesh, 0);
        let name = mesh.keys().next().unwrap();
        let whole = slice(snapshot.digest(), &workload(name, 0), &snapshot).unwrap();
        let mut store = Store::default();
        let fetched = loop {
            let missing = match slice(snapshot.digest(), &workload(name, 0), &store) {
                Ok(slice) => match slice.objects(&store) {
                    Ok(_) => break slice,
                    Err(mesh_snapshot::slice::SliceError::Missing(missing)) => missing,
                    Err(error) => panic!("{error}"),
                },
                Err(mesh_snapshot::slice::SliceError::Missing(missing)) => missing,
                Err(error) => panic!("{error}"),
            };
            prop_assert!(!missing.is_empty());
            store.fetch(&snapshot, &missing);
        };
        prop_assert_eq!(fetched, whole);
        prop_assert!(store.0.len() < snapshot.parts().count());
    }
}

#[derive(Default)]
struct Store(BTreeMap<Digest, std::sync::Arc<[u8]>>);

impl Store {
    fn fetch(&mut self, from: &Snapshot, digests: &std::collections::BTreeSet<Digest>) {
        use mesh_snapshot::ReadObjects as _;
        self.0.extend(digests.iter().filter_map(|digest| Some((*digest, from.read(digest)?))));
    }
}

impl mesh_snapshot::ReadObjects for Store {
    fn read(&self, digest: &Digest) -> Option<std::sync::Arc<[u8]>> {
        self.0.get(digest).cloned()
    }
}

fn small() -> Bundle {
    let namespace = Namespace { prefixes: vec!["/a".to_owned()], methods: vec!["GET".to_owned()] };
    bundle(&Mesh::from([("shop".to_owned(), namespace)]))
}

#[test]
fn every_cut_and_every_flipped_bit_of_a_file_is_refused() {
    let bytes = container::to_bytes(&small());
    container::from_bytes(&bytes).unwrap();
    for end in 0..bytes.len() {
        assert!(container::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
        assert!(container::from_bytes(&bytes[end + 1..]).is_err(), "cut before {end}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(container::from_bytes(&damaged).is_err(), "bit {bit} of byte {at}");
        }
        let mut longer = bytes.clone();
        longer.insert(at, 0);
        assert!(container::from_bytes(&longer).is_err(), "a byte more at {at}");
    }
    assert!(container::from_bytes(&[bytes, vec![0]].concat()).is_err(), "a byte more at the end");
}

#[test]
fn every_cut_and_every_flipped_bit_of_a_layout_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = small();
    container::write_layout(folder.path(), &bundle).unwrap();
    let read = container::read_layout(folder.path()).unwrap();
    assert_eq!(read.snapshot.digest(), bundle.snapshot.digest());
    assert_eq!(read.signatures, bundle.signatures);

    let blobs = std::fs::read_dir(folder.path().join("blobs/sha256")).unwrap();
    let mut files: Vec<_> = blobs.map(|entry| entry.unwrap().path()).collect();
    files.extend(["index.json", "oci-layout"].map(|name| folder.path().join(name)));
    assert_eq!(files.len(), 8, "config, four layers, OCI manifest, index, oci-layout");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let refused = |content: &[u8], what: &str| {
            std::fs::write(&file, content).unwrap();
            assert!(container::read_layout(folder.path()).is_err(), "{}: {what}", file.display());
        };
        for at in 0..bytes.len() {
            refused(&bytes[..at], &format!("cut at {at}"));
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            refused(&damaged, &format!("flip in byte {at}"));
        }
        std::fs::write(&file, &bytes).unwrap();
    }
    container::read_layout(folder.path()).unwrap();
}

#[test]
fn a_part_of_another_snapshot_is_refused() {
    let one = small();
    let mut other = small();
    let namespace = Namespace { prefixes: vec!["/b".to_owned()], methods: vec!["PUT".to_owned()] };
    other.snapshot = build(&Mesh::from([("shop".to_owned(), namespace)]), 0);
    let mut store = Store::default();
    let all = other.snapshot.parts().map(|(digest, _)| *digest).collect();
    store.fetch(&other.snapshot, &all);
    assert!(Snapshot::open(one.snapshot.digest(), &store).is_err());
    assert!(Snapshot::open(other.snapshot.digest(), &store).is_ok());
}
