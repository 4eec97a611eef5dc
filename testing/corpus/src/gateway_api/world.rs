//! What Istio's test had around a case, as far as its expectations tell.
//!
//! The registry of that test stands in no file. What a case leads to or shows is in it, unless a message of an expected
//! status says that it is not found; the Services in front of Gateways have the ports and addresses that the statuses name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::effective::{kubernetes, list, of_kind, text};
use crate::subject::Files;

/// What the corpus's mesh calls its cluster.
pub(super) const DOMAIN: &str = "domain.suffix";

/// Name and namespace.
type Name = (String, String);

/// The input, and what stands around it.
pub(super) fn files(
    folder: &Path,
    input: &[Value],
    statuses: &[Value],
    istio: &[Value],
) -> Result<Files, String> {
    let mut files = Files::default().lenient();
    files.read(folder, "input.yaml").map_err(|error| error.to_string())?;
    files.cluster_domain(DOMAIN);
    let said: Vec<_> = statuses.iter().flat_map(messages).collect();
    let is_missing = |what: &str| {
        let gone = |message: &&str| message.contains("not found") && message.contains(what);
        said.iter().any(gone)
    };
    let mut services = backends(istio);
    services.extend(fronts(&said));
    services.extend(targets(input));
    services.retain(|(name, namespace), _| {
        let is_gone = |what: String| is_missing(&what);
        !is_gone(format!("backend({name}.{namespace}.svc.{DOMAIN})"))
            && !is_gone(format!("reference {namespace}/{name} (of kind Service)"))
            && !is_gone(format!("parent service: \"{name}\""))
    });
    let known: BTreeSet<Name> = of_kind(input, "Service").map(named).collect();
    services.retain(|name, _| !known.contains(name));
    let addresses: BTreeSet<_> = statuses
        .iter()
        .flat_map(|it| list(it, "/status/addresses"))
        .map(|it| text(it, "/value").to_owned())
        .collect();
    let gateways: BTreeSet<_> = fronts(&said).into_keys().collect();
    let mut world: Vec<Value> = Vec::new();
    for (name, ports) in &services {
        let given = gateways.contains(name).then_some(&addresses);
        world.push(service(name, ports, given));
    }
    world.extend(materials(input, statuses, &said));
    world.extend(namespaces(input));
    let world: Vec<_> = world.iter().map(Value::to_string).collect();
    files.add("world.yaml", world.join("\n---\n"));
    Ok(files)
}

fn named(resource: &Value) -> Name {
    (text(resource, "/metadata/name").to_owned(), text(resource, "/metadata/namespace").to_owned())
}

/// Every message of a status.
fn messages(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(object) => {
            let own = object.get("message").and_then(Value::as_str);
            own.into_iter().chain(object.values().flat_map(messages)).collect()
        }
        Value::Array(all) => all.iter().flat_map(messages).collect(),
        _ => Vec::new(),
    }
}

/// The hosts of Services that a status says are not there.
pub(super) fn absent(statuses: &[Value]) -> BTreeSet<&str> {
    let said = statuses.iter().flat_map(messages);
    said.filter_map(|it| it.strip_prefix("backend(")?.strip_suffix(") not found")).collect()
}

/// The Services that Istio's routes lead to, or are for, and their ports.
fn backends(istio: &[Value]) -> BTreeMap<Name, BTreeSet<u64>> {
    let mut needed: BTreeMap<Name, BTreeSet<u64>> = BTreeMap::new();
    let own = |name: (&str, &str)| (name.0.to_owned(), name.1.to_owned());
    for service in of_kind(istio, "VirtualService") {
        let lists = ["/spec/http", "/spec/tcp", "/spec/tls"].into_iter();
        let routes = lists.flat_map(|kind| list(service, kind));
        for destination in routes.flat_map(|route| list(route, "/route")) {
            if let Some(name) = kubernetes(text(destination, "/destination/host")) {
                let port = destination.pointer("/destination/port/number").and_then(Value::as_u64);
                needed.entry(own(name)).or_default().extend(port);
            }
        }
        let is_for_mesh = list(service, "/spec/gateways").any(|gateway| gateway == "mesh");
        for host in list(service, "/spec/hosts").filter(|_| is_for_mesh).filter_map(Value::as_str) {
            if let Some(name) = kubernetes(host) {
                let ports = list(service, "/spec/http").flat_map(|route| list(route, "/match"));
                let ports = ports.filter_map(|it| it.get("port")?.as_u64());
                needed.entry(own(name)).or_default().extend(ports.chain([80]));
            }
        }
    }
    needed
}

/// The Services in front of Gateways: `assigned to service(s) HOST:80 and HOST:443`.
fn fronts(said: &[&str]) -> BTreeMap<Name, BTreeSet<u64>> {
    let mut found: BTreeMap<Name, BTreeSet<u64>> = BTreeMap::new();
    let assigned = said.iter().filter(|it| it.to_lowercase().contains("assigned to service(s)"));
    let words = assigned.flat_map(|it| it.split([' ', ',']));
    for word in words {
        let Some((host, port)) = word.rsplit_once(':') else { continue };
        let (Some((name, namespace)), Ok(port)) = (kubernetes(host), port.parse()) else {
            continue;
        };
        found.entry((name.to_owned(), namespace.to_owned())).or_default().insert(port);
    }
    found
}

/// The Services that routes lead to, and that policies and routes are for.
fn targets(input: &[Value]) -> BTreeMap<Name, BTreeSet<u64>> {
    let mut found: BTreeMap<Name, BTreeSet<u64>> = BTreeMap::new();
    for resource in input {
        let own = text(resource, "/metadata/namespace");
        let rules = list(resource, "/spec/rules").flat_map(|rule| list(rule, "/backendRefs"));
        let parents =
            list(resource, "/spec/parentRefs").filter(|it| text(it, "/kind") == "Service");
        let of = list(resource, "/spec/targetRefs").filter(|it| text(it, "/kind") == "Service");
        let services = rules.filter(|it| matches!(text(it, "/kind"), "" | "Service"));
        for reference in services.chain(parents).chain(of) {
            let namespace = Some(text(reference, "/namespace")).filter(|it| !it.is_empty());
            let name = (text(reference, "/name").to_owned(), namespace.unwrap_or(own).to_owned());
            let port = reference.get("port").and_then(Value::as_u64).unwrap_or(80);
            found.entry(name).or_default().insert(port);
        }
    }
    found
}

fn service(
    (name, namespace): &Name,
    ports: &BTreeSet<u64>,
    addresses: Option<&BTreeSet<String>>,
) -> Value {
    let port = |number: &u64| json!({ "name": format!("http-{number}"), "port": number });
    let ports: Vec<_> = ports.iter().map(port).collect();
    let metadata = json!({ "name": name, "namespace": namespace });
    let addresses: Vec<_> = addresses.into_iter().flatten().collect();
    let spec = json!({ "selector": { "app": name }, "ports": ports, "externalIPs": addresses });
    json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec })
}

/// Secrets and `ConfigMap`s that the input names and that are not said to be missing. Every namespace has a `ConfigMap`.
fn materials(input: &[Value], statuses: &[Value], said: &[&str]) -> Vec<Value> {
    let mut references = Vec::new();
    for resource in input {
        let own = (text(resource, "/metadata/namespace"), keys(resource, statuses));
        let tls = list(resource, "/spec/listeners").filter_map(|it| it.get("tls"));
        references.extend(tls.flat_map(|tls| list(tls, "/certificateRefs")).map(|it| (own, it)));
        let backend = resource.pointer("/spec/tls/backend/clientCertificateRef");
        references.extend(backend.map(|it| (own, it)));
        let frontend = "/spec/tls/frontend/default/validation/caCertificateRefs";
        references.extend(list(resource, frontend).map(|it| (own, it)));
        let ports = list(resource, "/spec/tls/frontend/perPort");
        let ports = ports.flat_map(|it| list(it, "/tls/validation/caCertificateRefs"));
        references.extend(ports.map(|it| (own, it)));
        let policy = list(resource, "/spec/validation/caCertificateRefs");
        references.extend(policy.map(|it| (own, it)));
    }
    let mut all: BTreeMap<(&str, String, String), Value> = BTreeMap::new();
    let namespaces = input.iter().map(|it| text(it, "/metadata/namespace"));
    for namespace in namespaces.filter(|it| !it.is_empty()) {
        let name = ("ConfigMap", namespace.to_owned(), "kube-root-ca.crt".to_owned());
        all.insert(name, json!({ "ca.crt": "x" }));
    }
    for ((own, keys), reference) in references {
        let kind = match text(reference, "/kind") {
            "" | "Secret" => "Secret",
            "ConfigMap" => "ConfigMap",
            _ => continue,
        };
        let namespace = Some(text(reference, "/namespace")).filter(|it| !it.is_empty());
        let (namespace, name) = (namespace.unwrap_or(own), text(reference, "/name"));
        let full = format!("{namespace}/{name} ");
        if said.iter().any(|it| it.contains("not found") && it.contains(&full)) {
            continue;
        }
        let data = match (keys, kind) {
            (Some(key), _) => json!({ key: "eA==" }),
            (None, "Secret") => json!({ "tls.crt": "eA==", "tls.key": "eA==", "ca.crt": "eA==" }),
            (None, _) => json!({ "ca.crt": "x" }),
        };
        all.insert((kind, namespace.to_owned(), name.to_owned()), data);
    }
    let written = all.into_iter().map(|((kind, namespace, name), data)| {
        let metadata = json!({ "name": name, "namespace": namespace });
        json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data })
    });
    written.collect()
}

/// The key that is found in place of those which a resource needs, as its status tells.
fn keys<'v>(resource: &Value, statuses: &'v [Value]) -> Option<&'v str> {
    let is_its = |it: &&Value| it["kind"] == resource["kind"] && named(it) == named(resource);
    let said = statuses.iter().find(is_its).map(messages)?;
    let said = said.into_iter().find_map(|it| it.split_once("found secret, "))?;
    said.1.split_once("found: ").map(|(_, key)| key)
}

/// The namespaces of Istio's test are labelled by the first part of their names.
fn namespaces(input: &[Value]) -> Vec<Value> {
    let labelled: BTreeSet<_> =
        of_kind(input, "Namespace").map(|it| text(it, "/metadata/name")).collect();
    let named: BTreeSet<_> = input.iter().map(|it| text(it, "/metadata/namespace")).collect();
    let namespaces = named.into_iter().filter(|it| !it.is_empty() && !labelled.contains(it));
    let namespace = |name: &str| {
        let part = name.split('-').next().unwrap_or_default();
        let metadata = json!({ "name": name, "labels": { "istio.io/test-name-part": part } });
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })
    };
    namespaces.map(namespace).collect()
}
