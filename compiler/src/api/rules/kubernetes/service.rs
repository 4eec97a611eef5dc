//! A Service has ports that can be told apart.

use crate::api::Resource;
use crate::api::kubernetes::{Service, ServicePort};
use crate::api::rules::checks::DUPLICATE_PORT;
use crate::api::rules::port;
use crate::diagnostic::{At, Diagnostic};

/// Ports have numbers, and names where there are several. Source: Kubernetes, "Multi-port Services".
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
        let is_same = |other: &ServicePort| {
            let protocol =
                |port: &ServicePort| port.protocol.clone().unwrap_or_else(|| "TCP".into());
            (other.port == service_port.port && protocol(other) == protocol(service_port))
                || is_same_name(other, service_port)
        };
        if let Some(first) = ports.iter().take(index).position(is_same) {
            let other = at.index(first);
            let by_name = ports.get(first).is_some_and(|first| is_same_name(first, service_port));
            let field = if by_name { "name" } else { "port" };
            let message = format!(
                "two ports of the Service have the same {}",
                if by_name { "name" } else { "number" }
            );
            let found = Diagnostic::new(&DUPLICATE_PORT, at_port.field(field).value(), message)
                .label("again");
            out.push(found.also(other.field(field).value(), "first here"));
        }
    }
}

fn is_same_name(a: &ServicePort, b: &ServicePort) -> bool {
    !a.name.is_empty() && a.name == b.name
}
