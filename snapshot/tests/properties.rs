//! What always holds of a snapshot, for meshes made at random.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says by panicking that something is wrong"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use mesh_snapshot::container::{self, Bundle};
use mesh_snapshot::diff::{Served, diff};
use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;
use mesh_snapshot::object::{
    Action, AuthorizationPolicy, Backend, ClientPolicy, Destination, Discovery, Egress,
    EndpointSet, Fault, HeaderOperations, Host, HostSet, HttpAction, HttpMatch, HttpRoute, Labels,
    MeshDefaults, Microseconds, OutboundPolicy, PathNormalization, Protocol, RetryPolicy, Role,
    RouteTable, Rule, Service, ServicePort, StringMatch, Target, TargetPort, Workload,
};
use mesh_snapshot::provenance::Provenance;
use mesh_snapshot::signature::{PrivateKey, Statement};
use mesh_snapshot::slice::SliceError;
use mesh_snapshot::{
    Applies, Builder, Digest, Key, Kind, Location, Object, ReadObjects, Reference, Slice, Snapshot,
    SourceMap, slice,
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
        addresses: BTreeSet::new(),
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
    let set = EndpointSet::Selected {
        namespace: namespace.to_owned(),
        labels: labels(&format!("svc-{index}")),
    };
    Service {
        host: host(namespace, index),
        namespace: namespace.to_owned(),
        name: format!("svc-{index}"),
        external: false,
        addresses: BTreeSet::new(),
        ports: vec![port],
        discovery: Discovery::World { set, headless: false },
        subject_alt_names: BTreeSet::new(),
    }
}

fn routes(namespace: &str, index: usize, prefix: &str) -> RouteTable {
    let destination =
        Destination { host: host(namespace, index), port: None, subset: String::new() };
    let backend = Backend {
        target: Target::Cluster(destination),
        weight: 1,
        headers: HeaderOperations::default(),
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
            try_timeout: None,
            retry: None,
            mirrors: Vec::new(),
        },
        headers: HeaderOperations::default(),
        cors: None,
        fault: Fault::default(),
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

/// Who sees whom.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum View {
    /// Each namespace only itself.
    Own,
    /// Everybody everything, as Istio does unless told otherwise.
    All,
}

/// `rotate` changes the order in which everything is added, not what is added.
fn build(mesh: &Mesh, view: View, rotate: usize) -> Snapshot {
    let mut builder = Builder::default();
    let mut namespaces: Vec<_> = mesh.iter().collect();
    let middle = rotate % namespaces.len();
    namespaces.rotate_left(middle);
    let mut sets: Vec<Reference> = Vec::new();
    for (name, namespace) in &namespaces {
        sets.push(hosts(&mut builder, name, namespace, rotate));
    }
    sets.sort();
    let key = Key::new(Kind::MeshDefaults, "", "mesh");
    let reference = builder.add(key, &Object::MeshDefaults(defaults()));
    builder.list("", reference, Applies::All, 0);
    for (name, namespace) in namespaces {
        let seen = |set: &&Reference| view == View::All || *set.key.namespace == **name;
        let hosts = sets.iter().filter(seen).cloned().collect();
        let egress = Egress { outbound: OutboundPolicy::AllowAny, hosts, ..Egress::default() };
        let reference =
            builder.add(Key::new(Kind::Egress, name, "default"), &Object::Egress(egress));
        builder.list(name, reference, Applies::All, 0);
        policy(&mut builder, name, namespace);
    }
    builder.build().unwrap()
}

fn hosts(builder: &mut Builder, name: &str, namespace: &Namespace, rotate: usize) -> Reference {
    let mut order: Vec<_> = namespace.prefixes.iter().enumerate().collect();
    let middle = rotate % order.len();
    order.rotate_left(middle);
    let mut hosts = BTreeMap::new();
    for (index, prefix) in order {
        let host = host(name, index);
        let key = Key::new(Kind::RouteTable, name, &host);
        let routes = builder.add(key, &Object::RouteTable(routes(name, index, prefix)));
        let key = Key::new(Kind::ClientPolicy, name, &host);
        let policy = builder.add(key, &Object::ClientPolicy(ClientPolicy::default()));
        let key = Key::new(Kind::Service, name, &host);
        let service = builder.add(key, &Object::Service(service(name, index)));
        let applies = Applies::Selected(vec![labels(&format!("svc-{index}"))]);
        builder.list(name, service.clone(), applies, 0);
        let (service, policy, routes) = (Some(service), Some(policy), Some(routes));
        hosts.insert(host, Host { service, policy, routes, ports: Vec::new(), ..Host::default() });
    }
    let set = HostSet { hosts, plaintext: Vec::new() };
    builder.add(Key::new(Kind::HostSet, name, name), &Object::HostSet(set))
}

fn policy(builder: &mut Builder, name: &str, namespace: &Namespace) {
    let policy = AuthorizationPolicy {
        namespace: name.to_owned(),
        name: namespace.methods.concat(),
        action: Action::Allow,
        dry_run: false,
        rules: namespace.methods.iter().map(|_| Rule::default()).collect(),
    };
    let key = Key::new(Kind::AuthorizationPolicy, name, "allow");
    let reference = builder.add(key, &Object::AuthorizationPolicy(policy));
    builder.list(name, reference, Applies::All, 0);
}

fn inventory(mesh: &Mesh) -> Vec<Workload> {
    let of = |(name, namespace): (&String, &Namespace)| {
        (0..namespace.prefixes.len()).map(|index| workload(name, index)).collect::<Vec<_>>()
    };
    mesh.iter().flat_map(of).collect()
}

fn some_labels() -> impl Strategy<Value = Labels> {
    let name = prop_oneof![Just("app"), Just("tier"), Just(GATEWAY_NAME_LABEL)];
    proptest::collection::btree_map(name.prop_map(str::to_owned), "[ab]", 0..3)
}

fn some_addresses() -> impl Strategy<Value = BTreeSet<IpAddr>> {
    let address = (1_u8..4).prop_map(|last| IpAddr::from([10, 0, 0, last]));
    proptest::collection::btree_set(address, 0..3)
}

fn applies() -> impl Strategy<Value = Applies> {
    prop_oneof![
        Just(Applies::All),
        proptest::collection::vec(some_labels(), 0..3).prop_map(Applies::Selected),
        proptest::collection::btree_set("[ab]", 0..3).prop_map(Applies::Gateways),
        some_addresses().prop_map(Applies::Addressed),
    ]
}

fn anybody() -> impl Strategy<Value = Workload> {
    let role = prop_oneof![Just(Role::Sidecar), Just(Role::Gateway)];
    (some_labels(), some_addresses(), role).prop_map(|(labels, addresses, role)| Workload {
        namespace: "own".to_owned(),
        labels,
        addresses,
        role,
        ..Workload::default()
    })
}

/// One policy for each, of a namespace and of the mesh.
fn listing(own: &[Applies], of_mesh: &[Applies]) -> Snapshot {
    let mut builder = Builder::default();
    for (kind, object) in [
        (Kind::MeshDefaults, Object::MeshDefaults(defaults())),
        (Kind::Egress, Object::Egress(Egress::default())),
    ] {
        let reference = builder.add(Key::new(kind, "", "mesh"), &object);
        builder.list("", reference, Applies::All, 0);
    }
    for (namespace, all) in [("own", own), ("", of_mesh)] {
        for (number, applies) in all.iter().enumerate() {
            let name = format!("{number:02}");
            let key = Key::new(Kind::AuthorizationPolicy, namespace, &name);
            let policy = AuthorizationPolicy {
                namespace: namespace.to_owned(),
                name,
                action: Action::Deny,
                dry_run: false,
                rules: Vec::new(),
            };
            let reference = builder.add(key, &Object::AuthorizationPolicy(policy));
            builder.list(namespace, reference, applies.clone(), 0);
        }
    }
    builder.build().unwrap()
}

fn slice_of(snapshot: &Snapshot, workload: &Workload) -> Slice {
    slice(snapshot.digest(), workload, snapshot).unwrap()
}

/// The mesh with another route in one namespace, and that namespace's name.
fn changed(mesh: &Mesh, which: Index, prefix: String) -> (Mesh, String) {
    let name = which.get(&mesh.keys().cloned().collect::<Vec<_>>()).clone();
    let mut changed = mesh.clone();
    if let Some(namespace) = changed.get_mut(&name) {
        namespace.prefixes[0] = prefix;
    }
    (changed, name)
}

fn bundle(mesh: &Mesh) -> Bundle {
    let snapshot = build(mesh, View::Own, 0);
    let mut source_map = SourceMap::default();
    for key in snapshot.names().keys() {
        let resource = key.to_string().into();
        let location = Location { file: "policy.yaml".into(), line: 1, column: 1, resource };
        source_map.insert(key, "", location);
    }
    let snapshot_digest = snapshot.digest();
    let statement = Statement {
        snapshot: snapshot_digest,
        serial: 1,
        floor: 0,
        mesh: String::new(),
        not_after: 0,
    };
    let compiler = "mesh test".to_owned();
    Bundle {
        snapshot,
        inventory: inventory(mesh),
        source_map,
        provenance: Provenance { compiler, ..Provenance::default() },
        signatures: vec![PrivateKey::from_seed(&[7; 32]).sign(&statement)],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_additions_does_not_matter(mesh in mesh(), rotate in 0_usize..7) {
        let of = |rotate| build(&mesh, View::All, rotate).digest();
        prop_assert_eq!(of(0), of(rotate));
    }

    /// What a namespace keeps to itself concerns nobody else: the others' slices stay what they were, to the byte.
    #[test]
    fn a_change_in_one_namespace_leaves_the_slices_of_others(mesh in mesh(), which: Index, prefix in "/[A-Z]{3}") {
        let (other, name) = changed(&mesh, which, prefix);
        let (before, after) = (build(&mesh, View::Own, 0), build(&other, View::Own, 0));
        prop_assert_ne!(before.digest(), after.digest());
        let inventory = inventory(&mesh);
        for workload in &inventory {
            let (old, new) = (slice_of(&before, workload), slice_of(&after, workload));
            let same = workload.namespace != name;
            prop_assert_eq!(old.digest() == new.digest(), same);
            prop_assert_eq!(old.objects(&before).unwrap() == new.objects(&after).unwrap(), same);
        }
        let diff = diff(
            Served { snapshot: &before, inventory: &inventory },
            Served { snapshot: &after, inventory: &inventory },
        );
        let of_changed = |workload: &String| workload.starts_with(&format!("{name}/"));
        prop_assert!(diff.workloads.changed.iter().all(of_changed));
        prop_assert!(!diff.workloads.unchanged.iter().any(of_changed));
    }

    /// Where everybody sees everything, a changed route costs everybody what changed and no more: the route,
    /// the set of hosts that it is in, the view.
    #[test]
    fn a_change_that_all_can_see_costs_what_changed(mesh in mesh(), which: Index, prefix in "/[A-Z]{3}") {
        let (other, name) = changed(&mesh, which, prefix);
        let (before, after) = (build(&mesh, View::All, 0), build(&other, View::All, 0));
        for workload in inventory(&mesh) {
            let held: BTreeSet<_> = slice_of(&before, &workload)
                .objects(&before).unwrap().into_iter().map(|reference| reference.digest).collect();
            let slice = slice_of(&after, &workload);
            let fetched = slice.objects_beyond(&after, |digest| held.contains(digest)).unwrap();
            let kinds: Vec<_> = fetched.iter().map(|reference| reference.key.kind).collect();
            prop_assert_eq!(kinds, [Kind::Egress, Kind::HostSet, Kind::RouteTable]);
            prop_assert!(fetched.iter().skip(1).all(|reference| *reference.key.namespace == *name));
            let all = slice.objects(&after).unwrap();
            prop_assert!(all.iter().all(|it| held.contains(&it.digest) || fetched.contains(it)));
        }
    }

    #[test]
    fn a_file_gives_back_what_was_written(mesh in mesh()) {
        let bundle = bundle(&mesh);
        let read = container::from_bytes(&container::to_bytes(&bundle)).unwrap();
        prop_assert_eq!(read.snapshot.digest(), bundle.snapshot.digest());
        prop_assert!(read.snapshot.parts().eq(bundle.snapshot.parts()));
        prop_assert_eq!(read.snapshot.names(), bundle.snapshot.names());
        prop_assert_eq!(read.inventory, bundle.inventory);
        prop_assert_eq!(read.source_map, bundle.source_map);
        prop_assert_eq!(read.provenance, bundle.provenance);
        prop_assert_eq!(read.signatures, bundle.signatures);
    }

    /// A snapshot looks its entries up, and a proxy asks each.
    #[test]
    fn a_slice_is_the_same_whoever_cuts_it(
        own in proptest::collection::vec(applies(), 0..12),
        of_mesh in proptest::collection::vec(applies(), 0..6),
        workloads in proptest::collection::vec(anybody(), 1..6),
    ) {
        let snapshot = listing(&own, &of_mesh);
        for workload in workloads {
            let found = snapshot.slice_of(&workload).unwrap();
            let all = own.iter().chain(&of_mesh).filter(|it| it.to(&workload)).count();
            prop_assert_eq!(found.authorization_policies.len(), all);
            prop_assert_eq!(found, slice_of(&snapshot, &workload));
        }
    }

    /// A proxy that starts with nothing and fetches what it is told is missing ends with the whole slice.
    #[test]
    fn a_slice_can_be_fetched_step_by_step(mesh in mesh()) {
        let snapshot = build(&mesh, View::Own, 0);
        let workload = workload(mesh.keys().next().unwrap(), 0);
        let mut store = Store::default();
        let fetched = loop {
            let missing = match slice(snapshot.digest(), &workload, &store) {
                Ok(slice) => match slice.objects(&store) {
                    Ok(_) => break slice,
                    Err(error) => missing(error),
                },
                Err(error) => missing(error),
            };
            prop_assert!(!missing.is_empty());
            store.fetch(&snapshot, &missing);
        };
        prop_assert_eq!(fetched, slice_of(&snapshot, &workload));
        prop_assert!(store.0.len() < snapshot.parts().count());
    }
}

fn missing(error: SliceError) -> BTreeSet<Digest> {
    match error {
        SliceError::Missing(missing) => missing,
        error => panic!("{error}"),
    }
}

#[derive(Default)]
struct Store(BTreeMap<Digest, Arc<[u8]>>);

impl Store {
    fn fetch(&mut self, from: &Snapshot, digests: &BTreeSet<Digest>) {
        self.0.extend(digests.iter().filter_map(|digest| Some((*digest, from.read(digest)?))));
    }
}

impl ReadObjects for Store {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>> {
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
    assert_eq!(files.len(), 9, "config, five layers, OCI manifest, index, oci-layout");
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
    other.snapshot = build(&Mesh::from([("shop".to_owned(), namespace)]), View::Own, 0);
    let mut store = Store::default();
    let all = other.snapshot.parts().map(|(digest, _)| *digest).collect();
    store.fetch(&other.snapshot, &all);
    assert!(Snapshot::open(one.snapshot.digest(), &store).is_err());
    assert!(Snapshot::open(other.snapshot.digest(), &store).is_ok());
}

/// Whoever writes a file by hand could chain objects that must not hold each other, millions deep.
#[test]
fn an_object_that_holds_what_it_may_not_is_refused() {
    let mut builder = Builder::default();
    let inner =
        builder.add(Key::new(Kind::HostSet, "shop", "inner"), &Object::HostSet(HostSet::default()));
    let host = Host { service: Some(inner), ..Host::default() };
    let hosts = BTreeMap::from([("a".to_owned(), host)]);
    let outer = HostSet { hosts, plaintext: Vec::new() };
    let outer = builder.add(Key::new(Kind::HostSet, "shop", "outer"), &Object::HostSet(outer));
    builder.list("shop", outer, Applies::All, 0);
    let snapshot = builder.build().unwrap();
    let error = Snapshot::open(snapshot.digest(), &snapshot).unwrap_err();
    assert_eq!(
        error.to_string(),
        "HostSet shop/outer is not valid: a HostSet may not hold a HostSet"
    );
}

#[test]
fn two_objects_with_one_name_in_a_section_are_refused() {
    let mut builder = Builder::default();
    let key = || Key::new(Kind::Egress, "shop", "default");
    let one = builder.add(key(), &Object::Egress(Egress::default()));
    let preload = BTreeSet::from(["a".to_owned()]);
    let two = builder.add(key(), &Object::Egress(Egress { preload, ..Egress::default() }));
    builder.list("shop", one.clone(), Applies::All, 0);
    builder.list("shop", one, Applies::All, 0);
    builder.list("shop", two, Applies::All, 0);
    assert_eq!(builder.build().unwrap_err().key, key());
}
