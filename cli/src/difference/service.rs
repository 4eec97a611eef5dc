//! A service in the words of its author: of a Kubernetes Service (`selector`, `targetPort`), or of a `ServiceEntry` (`resolution`,
//! `location`). What follows from what he wrote has those of the mesh.

use mesh_snapshot::object::{
    DeclaredEndpoint, Discovery, EndpointSet, Protocol, Service, ServicePort, TargetPort,
};
use serde_json::{Map, Value, json};

use super::units::tree;

/// What a service says, field by field, but for its name. What is the default is not said.
pub(super) fn fields(service: &Service) -> Map<String, Value> {
    let mut said = if is_entry(service) { of_entry(service) } else { of_kubernetes(service) };
    let port = |it: &ServicePort| port(it, is_entry(service));
    said.insert("ports".to_owned(), service.ports.iter().map(port).collect());
    for (name, list) in
        [("addresses", &service.addresses), ("subjectAltNames", &service.subject_alt_names)]
    {
        if !list.is_empty() {
            said.insert(name.to_owned(), list.iter().map(String::as_str).collect());
        }
    }
    let endpoints = endpoints(&service.discovery);
    if !endpoints.is_empty() {
        let endpoint = |it| endpoint(it, &service.ports);
        said.insert("endpoints".to_owned(), endpoints.iter().map(endpoint).collect());
    }
    said
}

/// The same of one that is new or gone, in a few lines: `ports: 80 http to 8080, 443 tls`, `resolution: DNS`. What most services
/// are is not said.
pub(super) fn words(service: &Service) -> Value {
    let mut said = fields(service);
    let ports: Vec<_> = service.ports.iter().map(port_in_words).collect();
    said.insert("ports".to_owned(), ports.join(", ").into());
    for name in ["addresses", "subjectAltNames"] {
        if let Some(Value::Array(list)) = said.get(name) {
            let list: Vec<_> = list.iter().filter_map(Value::as_str).collect();
            let list = list.join(", ");
            said.insert(name.to_owned(), list.into());
        }
    }
    let listed: Vec<_> = endpoints(&service.discovery).iter().map(|it| &*it.address).collect();
    if !listed.is_empty() {
        said.insert("endpoints".to_owned(), listed.join(", ").into());
    } else if matches!(service.discovery, Discovery::World { set: EndpointSet::Listed { .. }, .. })
    {
        said.insert("endpoints".to_owned(), "what is listed".into());
    }
    if !service.external {
        said.remove("location");
    }
    Value::Object(said)
}

/// A Kubernetes Service has a short name, and a `ServiceEntry` that of its host.
pub(super) fn is_entry(service: &Service) -> bool {
    service.name == service.host
}

fn of_entry(service: &Service) -> Map<String, Value> {
    let location = if service.external { "MESH_EXTERNAL" } else { "MESH_INTERNAL" };
    let resolution = match service.discovery {
        // Whether their addresses are looked up as names makes no difference.
        Discovery::World { .. } => "workloads",
        Discovery::Declared { .. } => "STATIC",
        Discovery::Dns { round_robin: false, .. } => "DNS",
        Discovery::Dns { round_robin: true, .. } => "DNS_ROUND_ROBIN",
        Discovery::OriginalDestination => "NONE",
    };
    let mut said = Map::from_iter([
        ("location".to_owned(), location.into()),
        ("resolution".to_owned(), resolution.into()),
    ]);
    if let Discovery::World { set: EndpointSet::Selected { labels, .. }, .. } = &service.discovery {
        said.insert("workloadSelector".to_owned(), json!({ "labels": labels }));
    }
    said
}

fn of_kubernetes(service: &Service) -> Map<String, Value> {
    let mut said = Map::new();
    if let Discovery::World { set, headless } = &service.discovery {
        if let EndpointSet::Selected { labels, .. } = set {
            said.insert("selector".to_owned(), json!(labels));
        }
        if *headless {
            said.insert("clusterIP".to_owned(), "None".into());
        }
    }
    said
}

fn port(port: &ServicePort, is_of_entry: bool) -> Value {
    let mut said = Map::new();
    if !port.name.is_empty() {
        said.insert("name".to_owned(), port.name.as_str().into());
    }
    let number = if is_of_entry { "number" } else { "port" };
    said.insert(number.to_owned(), port.number.into());
    let protocol = if is_of_entry { written(port.protocol).into() } else { tree(&port.protocol) };
    said.insert("protocol".to_owned(), protocol);
    match &port.target {
        TargetPort::Number(target) if *target == port.number => {}
        TargetPort::Number(target) => drop(said.insert("targetPort".to_owned(), (*target).into())),
        TargetPort::Name(target) => {
            said.insert("targetPort".to_owned(), target.as_str().into());
        }
    }
    Value::Object(said)
}

/// A protocol as a `ServiceEntry` names it; a Service names none, but ports and `appProtocol`s from which it follows.
const fn written(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Detect => "detect",
        Protocol::Http => "HTTP",
        Protocol::Http2 => "HTTP2",
        Protocol::Grpc => "GRPC",
        Protocol::GrpcWeb => "GRPC-WEB",
        Protocol::Https => "HTTPS",
        Protocol::Tls => "TLS",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

/// Ports have the names that the author calls them by.
fn endpoint(endpoint: &DeclaredEndpoint, ports: &[ServicePort]) -> Value {
    let mut said = Map::from_iter([("address".to_owned(), endpoint.address.as_str().into())]);
    let name = |number: &u16| {
        let named = ports.iter().find(|it| it.number == *number && !it.name.is_empty());
        named.map_or_else(|| number.to_string(), |it| it.name.clone())
    };
    if !endpoint.ports.is_empty() {
        let own = endpoint.ports.iter().map(|(of, is)| (name(of), Value::from(*is)));
        said.insert("ports".to_owned(), Value::Object(own.collect()));
    }
    if !endpoint.labels.is_empty() {
        said.insert("labels".to_owned(), json!(endpoint.labels));
    }
    if endpoint.weight != 1 {
        said.insert("weight".to_owned(), endpoint.weight.into());
    }
    for (name, text) in
        [("locality", &endpoint.locality), ("serviceAccount", &endpoint.service_account)]
    {
        if !text.is_empty() {
            said.insert(name.to_owned(), text.as_str().into());
        }
    }
    Value::Object(said)
}

fn port_in_words(port: &ServicePort) -> String {
    let protocol = tree(&port.protocol);
    let said = format!("{} {}", port.number, protocol.as_str().unwrap_or_default());
    match &port.target {
        TargetPort::Number(target) if *target == port.number => said,
        TargetPort::Number(target) => format!("{said} to {target}"),
        TargetPort::Name(target) => format!("{said} to {target}"),
    }
}

fn endpoints(discovery: &Discovery) -> &[DeclaredEndpoint] {
    match discovery {
        Discovery::Declared { endpoints } | Discovery::Dns { endpoints, .. } => endpoints,
        Discovery::World { .. } | Discovery::OriginalDestination => &[],
    }
}
