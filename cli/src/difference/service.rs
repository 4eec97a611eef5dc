//! A service that is new or gone, in few words: its ports, and where its endpoints come from.

use mesh_snapshot::object::{
    DeclaredEndpoint, Discovery, EndpointSet, Service, ServicePort, TargetPort,
};
use serde_json::{Map, Value};

use super::units::tree;

/// `ports: 80 http to 8080, 443 tls`, `resolution: dns`. What most services are is not said, nor the host.
pub(super) fn words(service: &Service) -> Value {
    let ports: Vec<_> = service.ports.iter().map(port).collect();
    let mut said = Map::from_iter([("ports".to_owned(), ports.join(", ").into())]);
    let mut list = |name: &str, list: Vec<&str>| {
        if !list.is_empty() {
            said.insert(name.to_owned(), list.join(", ").into());
        }
    };
    list("addresses", service.addresses.iter().map(String::as_str).collect());
    list("subjectAltNames", service.subject_alt_names.iter().map(String::as_str).collect());
    list("endpoints", endpoints(&service.discovery).iter().map(|it| it.address.as_str()).collect());
    said.insert("resolution".to_owned(), resolution(&service.discovery).into());
    if service.external {
        said.insert("external".to_owned(), true.into());
    }
    Value::Object(said)
}

fn port(port: &ServicePort) -> String {
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

fn resolution(discovery: &Discovery) -> String {
    match discovery {
        Discovery::World { set: EndpointSet::Selected { labels, .. }, .. } => {
            let labels: Vec<_> = labels.iter().map(|(name, is)| format!("{name}: {is}")).collect();
            format!("workloads with {}", labels.join(", "))
        }
        Discovery::World { set: EndpointSet::Listed { .. }, .. } => "what is listed".to_owned(),
        Discovery::Declared { .. } => "static".to_owned(),
        Discovery::Dns { round_robin: false, .. } => "dns".to_owned(),
        Discovery::Dns { round_robin: true, .. } => "dns, one address a connection".to_owned(),
        Discovery::OriginalDestination => "none".to_owned(),
    }
}
