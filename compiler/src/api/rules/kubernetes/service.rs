//! A Service has ports that can be told apart.

use std::net::IpAddr;

use crate::api::kubernetes::{Service, ServicePort};
use crate::api::rules::checks::{DUPLICATE_PORT, INVALID_SERVICE, REPEATED_PORT_NAME};
use crate::api::rules::port;
use crate::api::scalar::IntOrString;
use crate::api::{Resource, nearest};
use crate::diagnostic::{At, Diagnostic};

/// Ports have numbers, and names where there are several. Nothing is looked up by a name that two ports share, so that
/// such a Service has a meaning, which Istio serves. Source: Kubernetes, "Multi-port Services".
pub(super) fn check_ports(resource: &Resource<Service>, root: &At<'_>, out: &mut Vec<Diagnostic>) {
    let ports = &resource.spec.ports;
    let at = root.field("spec");
    let at = at.field("ports");
    for (index, service_port) in ports.iter().enumerate() {
        let at_port = at.index(index);
        port::check_number(service_port.port, &at_port.field("port"), out);
        if !service_port.name.is_empty() {
            port::check_name(&service_port.name, &at_port.field("name"), out);
        }
        if let Some(IntOrString::String(name)) = &service_port.target_port
            && !name.is_empty()
            && name.bytes().all(|it| it.is_ascii_digit())
        {
            let place = at_port.field("targetPort").value();
            let message = format!("in quotes `{name}` is the name of a port, which has a letter");
            let found = Diagnostic::new(&INVALID_SERVICE, place, message);
            out.push(
                found
                    .label("in quotes")
                    .consequence("Kubernetes refuses the Service; here no pod has such a port")
                    .help(format!("write {name} without quotes")),
            );
        }
        let is_same = |other: &ServicePort| {
            let protocol =
                |port: &ServicePort| port.protocol.clone().unwrap_or_else(|| "TCP".into());
            other.port == service_port.port && protocol(other) == protocol(service_port)
        };
        let is_same_name =
            |other: &ServicePort| !other.name.is_empty() && other.name == service_port.name;
        let before = || ports.iter().take(index);
        if let Some(first) = before().position(is_same) {
            let message = "two ports of the Service have the same number";
            let found = Diagnostic::new(&DUPLICATE_PORT, at_port.field("port").value(), message);
            let first = at.index(first).field("port").value();
            out.push(found.label("again").also(first, "first here"));
        } else if let Some(first) = before().position(is_same_name) {
            let message = "two ports of the Service have the same name";
            let place = at_port.field("name").value();
            let found = Diagnostic::new(&REPEATED_PORT_NAME, place, message);
            out.push(
                found
                    .label("again")
                    .also(at.index(first).field("name").value(), "first here")
                    .consequence(
                        "Kubernetes refuses the Service; here both ports are served, by number",
                    )
                    .help("give each port a name of its own"),
            );
        }
    }
}

/// Kubernetes refuses the Service; here it is one of its pods, whatever was meant. Source: Kubernetes, `ServiceSpec`.
pub(super) fn check_kind(resource: &Resource<Service>, root: &At<'_>, out: &mut Vec<Diagnostic>) {
    const TYPES: &[&str] = &["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
    let (at, spec) = (root.field("spec"), &resource.spec);
    let fault = |place, message: String| {
        Diagnostic::new(&INVALID_SERVICE, place, message)
            .consequence("Kubernetes refuses the Service; here requests go to its pods")
    };
    if let Some(name) = spec.r#type.as_deref().filter(|it| !it.is_empty() && !TYPES.contains(it)) {
        let message = format!("there is no type of Service `{name}`");
        let near = nearest(name, TYPES.iter().copied());
        out.push(fault(at.field("type").value(), message).meant(near, "unknown type"));
    }
    let is_address = |it: &&str| it.is_empty() || *it == "None" || it.parse::<IpAddr>().is_ok();
    if let Some(address) = spec.cluster_ip.as_deref().filter(|it| !is_address(it)) {
        let message = format!("`{address}` is no IP address");
        let found = fault(at.field("clusterIP").value(), message);
        out.push(found.label("an address, or `None`"));
    }
}
