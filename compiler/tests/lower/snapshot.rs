//! What a snapshot depends on, and what it does not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mesh_snapshot::container::{self, Bundle};
use mesh_snapshot::{Digest, slice};
use proptest::prelude::*;

use crate::support::{Repository, bookinfo, workload};

/// Every file of the shop but `mesh.yaml`, as its documents.
fn documents() -> Vec<String> {
    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.file_name().is_some_and(|name| name != "mesh.yaml") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    files(Path::new("../policies/bookinfo"), &mut found);
    found.sort();
    let texts = found.iter().map(|path| std::fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.split("\n---\n").map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The digest of the slice of every workload.
fn slices(bundle: &Bundle) -> BTreeMap<String, Digest> {
    let snapshot = &bundle.snapshot;
    let of = |workload| slice(snapshot.digest(), workload, snapshot).unwrap().digest();
    let name = |it: &mesh_snapshot::object::Workload| format!("{}/{}", it.namespace, it.name);
    bundle.inventory.iter().map(|workload| (name(workload), of(workload))).collect()
}

/// A document in another form: as JSON, with comments, or with other line breaks.
fn reformatted(document: &str, form: usize) -> String {
    match form % 3 {
        0 => document.to_owned(),
        1 => format!("# {form}\n{}\n", document.replace('\n', "\r\n")),
        _ => format!("\n\n{}\n# the end\n", document.replace(": ", ":   ")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn order_form_and_folders_do_not_matter(
        order in Just(documents()).prop_shuffle(),
        files in prop::collection::vec(0usize..5, 64),
        forms in prop::collection::vec(0usize..3, 64),
    ) {
        let mut texts: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for ((document, file), form) in order.iter().zip(&files).zip(&forms) {
            texts.entry(*file).or_default().push(reformatted(document, *form));
        }
        let config = std::fs::read_to_string("../policies/bookinfo/mesh.yaml").unwrap();
        let repository = Repository::new(&[("mesh.yaml", &config)]);
        for (file, documents) in texts {
            let folder = ["", "a/", "z/b/", "m/", "shop/"][file];
            repository.write(&format!("{folder}{file}.yaml"), &documents.join("\n---\n"));
        }
        let (bundle, expected) = (repository.bundle(), bookinfo());
        prop_assert_eq!(bundle.snapshot.digest(), expected.snapshot.digest());
        prop_assert_eq!(bundle.inventory, expected.inventory);
    }
}

#[test]
fn the_same_repository_gives_the_same_bytes() {
    let bytes = || container::to_bytes(&bookinfo());
    assert_eq!(bytes(), bytes());
}

/// Three namespaces; `policy` is one of the first.
fn three(policy: &str) -> Repository {
    let text = ["a", "b", "c"].map(|namespace| workload(namespace, "api")).concat();
    Repository::of(&(text + policy))
}

/// The workloads whose slices differ between a mesh without and one with a policy.
fn changed_by(policy: &str) -> Vec<String> {
    let (before, after) = (slices(&three("").bundle()), slices(&three(policy).bundle()));
    after.into_iter().filter(|(name, it)| before[name] != *it).map(|(name, _)| name).collect()
}

#[test]
fn what_a_namespace_keeps_to_itself_changes_nobody_elses_slice() {
    let head = "apiVersion: networking.istio.io/v1\nmetadata: {name: p, namespace: a}\n";
    let security = "apiVersion: security.istio.io/v1\nmetadata: {name: p, namespace: a}\n";
    for policy in [
        format!(
            "{head}kind: VirtualService\nspec: {{hosts: [api], exportTo: [\".\"], http: [{{timeout: 1s, route: [{{destination: {{host: api}}}}]}}]}}\n"
        ),
        format!(
            "{head}kind: DestinationRule\nspec: {{host: api.b.svc.cluster.local, trafficPolicy: {{loadBalancer: {{simple: RANDOM}}}}}}\n"
        ),
        format!(
            "{head}kind: ServiceEntry\nspec: {{hosts: [x.test], exportTo: [\".\"], resolution: DNS, ports: [{{number: 80, name: http, protocol: HTTP}}]}}\n"
        ),
        format!("{security}kind: AuthorizationPolicy\nspec: {{rules: [{{}}]}}\n"),
        format!(
            "{security}kind: RequestAuthentication\nspec: {{jwtRules: [{{issuer: i, jwksUri: \"https://i.test/keys\"}}]}}\n"
        ),
        format!("{security}kind: PeerAuthentication\nspec: {{mtls: {{mode: STRICT}}}}\n"),
    ] {
        assert_eq!(changed_by(&policy), ["a/api"], "{policy}");
    }
}

#[test]
fn what_all_see_changes_all() {
    let policy = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: p, namespace: a}\nspec: {hosts: [api], http: [{timeout: 1s, route: [{destination: {host: api}}]}]}\n";
    assert_eq!(changed_by(policy), ["a/api", "b/api", "c/api"]);
    let pair = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: p, namespace: a}\nspec: {hosts: [api], exportTo: [\".\", c], http: [{timeout: 1s, route: [{destination: {host: api}}]}]}\n";
    assert_eq!(changed_by(pair), ["a/api", "c/api"]);
}

#[test]
fn views_that_see_the_same_share_their_sets() {
    let many: String = (0..200).map(|index| workload("many", &format!("s{index}"))).collect();
    let own = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: p, namespace: a}\nspec: {hosts: [s7.many.svc.cluster.local], exportTo: [\".\"], http: [{timeout: 1s, route: [{destination: {host: s7.many.svc.cluster.local}}]}]}\n";
    let repository = three(own);
    repository.write("many.yaml", &many);
    let bundle = repository.bundle();
    let egress = |namespace: &str| {
        let workload = bundle.inventory.iter().find(|it| it.namespace == namespace).unwrap();
        let snapshot = &bundle.snapshot;
        let slice = slice(snapshot.digest(), workload, snapshot).unwrap();
        let object = snapshot.object(&slice.egress.unwrap().digest).unwrap();
        let mesh_snapshot::Object::Egress(egress) = object else { panic!() };
        egress.hosts
    };
    let (a, b) = (egress("a"), egress("b"));
    assert_eq!(a.len(), b.len());
    assert!(a.len() > 4, "the large namespace is in parts");
    assert_eq!(a.iter().filter(|set| !b.contains(set)).count(), 1);
}

#[test]
fn an_error_means_no_snapshot() {
    let compiled = three("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: p}\nspec: {hots: []}\n").compile();
    assert!(compiled.bundle.is_none() && compiled.has_errors());
}

#[test]
fn provenance_names_the_files_and_places_are_relative_to_the_folder() {
    let bundle = bookinfo();
    assert!(bundle.provenance.inputs.contains_key("shop/reviews.yaml"));
    assert!(bundle.provenance.compiler.starts_with("mesh "));
}

#[test]
fn every_object_is_somebodys() {
    let bundle = bookinfo();
    for key in bundle.snapshot.names().keys() {
        let is_view =
            matches!(key.kind, mesh_snapshot::Kind::HostSet | mesh_snapshot::Kind::Egress);
        assert!(is_view || bundle.source_map.get(key, "").is_some(), "{key}");
    }
}
