//! Whatever compiles also loads: of repositories in which a text is one that nobody meant, nothing is made, or programs that
//! proxies can serve.
//!
//! The repositories are the cases in which every field is set ([`crate::silence`]) and the examples of all checks. Each text,
//! each number, and each key of a map is replaced in turn. Nothing is random. All of it takes minutes: one of [`STRIDE`]
//! replacements is tried, or one of as many as `MESH_HOSTILE` says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ptr;

use mesh_engine::{GATEWAY_ADDRESS, Limits, Program};
use mesh_snapshot::container::Bundle;
use mesh_snapshot::feature::SERVED;
use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;
use mesh_snapshot::object::{Labels, Role, Workload};
use mesh_snapshot::{Applies, Digest, Manifest, ReadObjects, Section, Snapshot, canonical};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::MEMORY_BYTES_MAX;
use crate::api::field::FieldTable;
use crate::examples;
use crate::silence::{case, outcome, table_of};

/// One of so many replacements is tried on each run.
const STRIDE: usize = 211;
/// In so many places a field is tried.
const PLACES_MAX: u32 = 3;

/// Texts that are wrong in many fields, each in its own way.
const TEXTS: &[&str] = &[
    "",
    " ",
    "é",
    "\0",
    "a\nb",
    "\t",
    "a b",
    " a",
    "a ",
    "a:b",
    ":path",
    ":method",
    ":authority",
    ":nope",
    "*",
    "**",
    "*a",
    "a*",
    "a*b",
    "{",
    "{*}",
    "{**}",
    "/{*}/{**}/{*}",
    "/{a}",
    "%",
    "%%",
    "%00",
    "%61",
    "%REQ(:path)%",
    "%NOPE%",
    "(",
    "[",
    "a[",
    "[a]",
    "a]",
    "(?P<x>a",
    "(?=a)",
    "a{1001}",
    "((a{100}){100}){10}",
    r"\",
    r"\1",
    r"\9",
    r"\x{110000}",
    "-1",
    "0",
    "1",
    "65536",
    "99999999999999999999",
    "1e400",
    "0x10",
    "0s",
    "-1s",
    "1ns",
    "1000000h",
    "..",
    "/",
    "//",
    "/..",
    "/a?b",
    "/a#b",
    "a/b",
    "a/b/c",
    "/a/",
    "a,b",
    "a=b",
    "a;b",
    "\"",
    "'",
    "null",
    "true",
    "~",
    "1.2.3.4",
    "1.2.3.4/33",
    "::1",
    "::/129",
    "[::1]:80",
    "10.0.0.0/8",
    "https://a b",
    "https://a:99999",
    "http://",
    "unix:///a",
    "unix://@a",
    "host",
    "host:80",
    "connection",
    "te",
    "content-length",
    "transfer-encoding",
    "-",
    "_",
    ".",
    "a.",
    ".a",
    "a..b",
    "*.*",
    "*.a.b",
    "A",
    "GET",
    "get",
    "outbound|80||a.b",
    "spiffe://",
    "spiffe://a/b",
    "cluster.local/ns/a/sa/b",
    "*/a",
    "./*",
    "~/*",
    "\u{feff}",
    "\u{202e}",
    "\u{7f}",
    "{}",
    "[]",
    "request.headers[",
    "request.headers[]",
    "request.headers[a][b]",
    "request.auth.claims[a]",
    "request.headersfoo[x]",
    "request.headers.x[y]",
    "mesh",
    "5xx,nope",
    "503",
    "200-",
    "100",
    "999",
];

/// What values are replaced by.
fn hostile() -> Vec<Value> {
    let long = "x".repeat(300);
    let host = format!("{}.example.com", "x".repeat(70));
    let texts = TEXTS.iter().copied().chain([long.as_str(), host.as_str()]).map(|it| json!(it));
    let numbers = [
        json!(-1),
        json!(0),
        json!(1),
        json!(99),
        json!(65536),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
        json!(0.5),
        json!(1e300),
    ];
    texts.chain(numbers).collect()
}

/// What a program is made of: a slice, and the ports and labels of a workload.
type Loaded = (Digest, BTreeMap<String, u16>, Labels);

/// Documents, and what has loaded of them as they stand.
struct Repository {
    name: String,
    documents: Vec<Value>,
    loaded: BTreeSet<Loaded>,
}

impl Repository {
    fn new((name, documents): (String, Vec<Value>)) -> Self {
        let loaded = compiled(&documents).and_then(|bundle| match bundle {
            Some(bundle) => load(&bundle.snapshot, &bundle.inventory, &BTreeSet::new()),
            None => Ok(BTreeSet::new()),
        });
        let loaded = loaded.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        Self { name, documents, loaded }
    }

    /// Why what comes of other documents does not load.
    fn fault(&self, documents: &[Value]) -> Option<String> {
        let load = |it: &Snapshot, inventory: &[Workload]| load(it, inventory, &self.loaded);
        // Most is refused for itself, or loads. Only the rest is looked at by every rule, which takes longer.
        if let Ok(lowered) = outcome::lowered(documents)?
            && load(&lowered.snapshot, &lowered.inventory).is_ok()
        {
            return None;
        }
        match compiled(documents) {
            Ok(bundle) => bundle.and_then(|it| load(&it.snapshot, &it.inventory).err()),
            Err(fault) => Some(fault),
        }
    }
}

fn repositories() -> Vec<Repository> {
    let cases = case::all("cases").into_iter().map(|it| (it.name, it.documents));
    let pages = crate::checks().flat_map(|check| {
        let pages = examples::plain(check.docs).into_iter();
        pages.filter_map(|text| Some((check.name.to_owned(), case::documents(&text)?)))
    });
    let all: Vec<_> = cases.chain(pages).collect();
    all.into_par_iter().map(Repository::new).collect()
}

/// Absent: it is refused.
fn compiled(documents: &[Value]) -> Result<Option<Bundle>, String> {
    let today = crate::Options::on("2026-01-01".parse().unwrap());
    let options = crate::Options { checks_only: true, ..today };
    let compiled = crate::compile(&outcome::inputs(documents), &options);
    compiled.fault.map_or(Ok(compiled.bundle), |fault| Err(fault.to_string()))
}

/// Builds a program for every workload that an object applies to, whether the inventory lists one or not: it may join at any time.
/// Those of slices that are `known` are not built again. The slices.
fn load(
    snapshot: &Snapshot,
    inventory: &[Workload],
    known: &BTreeSet<Loaded>,
) -> Result<BTreeSet<Loaded>, String> {
    let limits = Limits {
        memory_bytes_max: MEMORY_BYTES_MAX,
        features: SERVED,
        gateway_address: GATEWAY_ADDRESS,
    };
    let mut met = BTreeSet::new();
    let own = inventory.iter().cloned();
    for workload in own.chain(workloads(snapshot)) {
        let slice = snapshot.slice_of(&workload).map_err(|it| it.to_string())?;
        let digest = slice.digest();
        let key = (digest, workload.ports.clone(), workload.labels.clone());
        if !known.contains(&key) && met.insert(key) {
            Program::build(&workload, &slice, snapshot, &limits).map_err(|it| it.to_string())?;
        }
    }
    Ok(met)
}

/// For each object one that it applies to, and one for each namespace.
fn workloads(snapshot: &Snapshot) -> Vec<Workload> {
    let root = snapshot.read(&snapshot.digest()).unwrap();
    let manifest: Manifest = canonical::decode(&root).unwrap();
    let own =
        manifest.namespaces.keys().map(|name| (name.as_str(), snapshot.namespace(name).unwrap()));
    let sections = own.chain([("elsewhere", snapshot.mesh())]);
    sections.flat_map(|(namespace, section)| of_section(namespace, section)).collect()
}

fn of_section(namespace: &str, section: &Section) -> Vec<Workload> {
    let none = (Labels::new(), BTreeSet::new());
    let of_entry = |applies: &Applies| match applies {
        Applies::All => vec![none.clone()],
        Applies::Selected(sets) => sets.iter().map(|it| (it.clone(), BTreeSet::new())).collect(),
        Applies::Gateways(names) => {
            let label =
                |name: &String| Labels::from([(GATEWAY_NAME_LABEL.to_owned(), name.clone())]);
            names.iter().map(|name| (label(name), BTreeSet::new())).collect()
        }
        Applies::Addressed(addresses) => vec![(Labels::new(), addresses.clone())],
    };
    let met: BTreeSet<_> = section.entries.iter().flat_map(|it| of_entry(&it.applies)).collect();
    let workload = |(labels, addresses): (Labels, BTreeSet<IpAddr>), role| Workload {
        namespace: namespace.to_owned(),
        name: "x".to_owned(),
        labels,
        service_account: "x".to_owned(),
        role,
        ports: BTreeMap::new(),
        addresses,
    };
    let of_both = |it: (Labels, BTreeSet<IpAddr>)| {
        [workload(it.clone(), Role::Sidecar), workload(it, Role::Gateway)]
    };
    met.into_iter().chain([none.clone()]).flat_map(of_both).collect()
}

/// A place in a repository: a value, or the key above it.
struct Site {
    document: usize,
    pointer: String,
    /// Of a map whose keys the author chooses.
    key: Option<String>,
    /// Of which kind, and its path there: the same for all elements of a list.
    field: String,
}

impl Site {
    /// Absent: it is that already.
    fn with(&self, documents: &[Value], other: &Value) -> Option<Vec<Value>> {
        let mut documents = documents.to_vec();
        let place = documents.get_mut(self.document)?.pointer_mut(&self.pointer)?;
        match &self.key {
            None if place == other => return None,
            None => *place = other.clone(),
            Some(key) => {
                let (map, other) = (place.as_object_mut()?, other.as_str()?);
                let value = map.remove(key)?;
                map.insert(other.to_owned(), value);
            }
        }
        Some(documents)
    }
}

fn sites(documents: &[Value]) -> Vec<Site> {
    let mut found = Vec::new();
    for (document, value) in documents.iter().enumerate() {
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or("project");
        let at = Site { document, pointer: String::new(), key: None, field: kind.to_owned() };
        walk(value, table_of(value), at, &mut found);
    }
    found
}

fn walk(value: &Value, table: Option<&FieldTable>, at: Site, found: &mut Vec<Site>) {
    let below = |step: &str, name: &str| {
        let pointer = format!("{}/{}", at.pointer, step.replace('~', "~0").replace('/', "~1"));
        Site { pointer, field: format!("{} {name}", at.field), key: None, ..at }
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let child = table.and_then(|it| it.child(key));
                let any = table.and_then(|it| it.child("*"));
                let is_any = any.is_some() && child.map(ptr::from_ref) == any.map(ptr::from_ref);
                let name = if is_any { "*" } else { key };
                if is_any {
                    let (pointer, field) = (at.pointer.clone(), format!("{} (key)", at.field));
                    found.push(Site { pointer, field, key: Some(key.clone()), ..at });
                }
                walk(value, child, below(key, name), found);
            }
        }
        Value::Array(elements) => {
            for (index, value) in elements.iter().enumerate() {
                let table = table.and_then(|it| it.child("[]"));
                walk(value, table, below(&index.to_string(), "[]"), found);
            }
        }
        Value::String(_) | Value::Number(_) => found.push(at),
        Value::Null | Value::Bool(_) => {}
    }
}

#[test]
fn whatever_compiles_loads() {
    let stride = std::env::var("MESH_HOSTILE").ok().and_then(|it| it.parse::<NonZeroUsize>().ok());
    let stride = stride.map_or(STRIDE, NonZeroUsize::get);
    let (repositories, texts) = (repositories(), hostile());
    let mut met = BTreeMap::new();
    let sites = repositories
        .iter()
        .flat_map(|it| sites(&it.documents).into_iter().map(move |site| (it, site)));
    let sites: Vec<_> = sites
        .filter(|(_, site)| {
            let seen = met.entry(site.field.clone()).or_insert(0);
            *seen += 1;
            *seen <= PLACES_MAX
        })
        .collect();
    let trials = (0..sites.len() * texts.len()).into_par_iter().filter(|it| it % stride == 0);
    let faults: BTreeMap<String, String> = trials
        .filter_map(|it| {
            let (repository, site) = sites.get(it / texts.len())?;
            let text = texts.get(it % texts.len())?;
            let fault = repository.fault(&site.with(&repository.documents, text)?)?;
            Some((format!("{}, {fault}", site.field), format!("{}: {text}", repository.name)))
        })
        .collect();
    assert!(faults.is_empty(), "{} of {} places: {faults:#?}", faults.len(), sites.len());
}
