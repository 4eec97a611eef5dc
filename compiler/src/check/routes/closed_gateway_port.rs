//! `closed-gateway-port`: a Gateway opens a port that no Service of its pods leads to.
//!
//! Either number is right: a Service's own port, or the pods' port behind it. Source: Istio,
//! `gateway.IngressGatewayPortAnalyzer`.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Resource;
use crate::api::kubernetes::{Service, ServicePort};
use crate::api::scalar::IntOrString;
use crate::check::inventory;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::gateway::IstioGateway;
use crate::resolve::service::Origin;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("closed-gateway-port", Severity::Warning, include_str!("closed_gateway_port.md"))
        .alias(&["IST0162"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !inventory::lists_services(mesh) {
        return;
    }
    for gateway in mesh.gateways.iter() {
        let pods = mesh.workloads.selected(None, &gateway.resource.spec.selector);
        if pods.is_empty() {
            continue;
        }
        let services: Vec<_> = pods.iter().flat_map(|pod| services(mesh, pod)).collect();
        let open: BTreeSet<u32> = services
            .iter()
            .flat_map(|service| &service.spec.ports)
            .filter(|port| port.protocol.as_deref().is_none_or(|it| it == "TCP"))
            .flat_map(|port| numbers(port, &pods))
            .chain(pods.iter().flat_map(|pod| node_ports(pod)))
            .collect();
        out.extend(report(gateway, &pods, &services, &open));
    }
}

fn services<'m>(mesh: &'m Mesh<'_>, pod: &Workload<'_>) -> Vec<&'m Resource<Service>> {
    let services = mesh.services.served_by(pod).into_iter();
    let written = services.filter_map(|it| match it.origin {
        Origin::Kubernetes(resource) => Some(resource),
        Origin::Entry(..) => None,
    });
    written.collect()
}

/// The Service's own, and the pods' behind it.
fn numbers(port: &ServicePort, pods: &[&Workload<'_>]) -> Vec<u32> {
    let target = match &port.target_port {
        Some(IntOrString::Int(number)) => u32::try_from(*number).ok(),
        Some(IntOrString::String(name)) => {
            let named = pods.iter().find_map(|pod| pod.inventory.ports.get(name));
            name.parse().ok().or(named.map(|number| u32::from(*number)))
        }
        None => None,
    };
    u32::try_from(port.port).ok().into_iter().chain(target).collect()
}

/// Ports that are open on the pods' nodes, without a Service.
fn node_ports(pod: &Workload<'_>) -> Vec<u32> {
    if !pod.pod.host_network {
        return Vec::new();
    }
    pod.inventory.ports.values().map(|number| u32::from(*number)).collect()
}

/// One finding for each port; where there is no Service, one for all.
fn report(
    gateway: &IstioGateway<'_>,
    pods: &[&Workload<'_>],
    services: &[&Resource<Service>],
    open: &BTreeSet<u32>,
) -> Vec<Diagnostic> {
    let mut closed: BTreeMap<u32, Vec<Place>> = BTreeMap::new();
    for server in &gateway.servers {
        let number = server.spec.port.number;
        // Zero where none is written.
        if number != 0 && !open.contains(&number) {
            let path = FieldPath::default().field("spec").field("servers").index(server.index);
            let place = Place::value(gateway.resource.id, path.field("port").field("number"));
            closed.entry(number).or_default().push(place);
        }
    }
    let Some(service) = services.first() else {
        return without_service(closed, pods).into_iter().collect();
    };
    let found = |(number, places): (u32, Vec<Place>)| {
        let mut places = places.into_iter();
        let message = format!("no Service leads to port {number} of these proxies");
        let ports = FieldPath::default().field("spec").field("ports");
        let found = closed_port(places.next()?, message)
            .help(format!("add a port with `targetPort: {number}` to the Service"))
            .also(Place::key(service.id, ports), "it is not among these");
        Some(found.and_here(places))
    };
    closed.into_iter().filter_map(found).collect()
}

/// Of all ports of proxies that no Service selects.
fn without_service(
    closed: BTreeMap<u32, Vec<Place>>,
    pods: &[&Workload<'_>],
) -> Option<Diagnostic> {
    let numbers: Vec<_> = closed.keys().map(u32::to_string).collect();
    let ports = match numbers.as_slice() {
        [] => return None,
        [only] => format!("port {only}"),
        [others @ .., last] => format!("ports {} and {last}", others.join(", ")),
    };
    let help = format!("make a Service that selects them, with {ports}");
    let mut places = closed.into_values().flatten();
    let message = "no Service leads to these proxies".to_owned();
    let found = closed_port(places.next()?, message).help(help);
    let found = match pods.first() {
        Some(pod) => found.also(Place::resource(pod.id), "no Service selects it"),
        None => found,
    };
    Some(found.and_here(places))
}

fn closed_port(place: Place, message: String) -> Diagnostic {
    Diagnostic::new(&CHECK, place, message)
        .label("not reached by a Service")
        .consequence("clients outside of the pods' network cannot connect to it")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// The ports of a Gateway that are said to be closed; `port` is that of the Service.
    fn closed(port: &str, numbers: &[u32]) -> usize {
        let folder = Folder::new();
        let servers: Vec<_> = numbers
            .iter()
            .map(|number| {
                format!("{{port: {{number: {number}, name: p{number}, protocol: HTTP}}, hosts: [a.test]}}")
            })
            .collect();
        folder.write("a.yaml", format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: edge, namespace: edge}}\nspec: {{selector: {{app: edge}}, ports: [{port}]}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: edge, namespace: edge, labels: {{app: edge}}}}\nspec: {{containers: [{{name: istio-proxy, image: proxy, ports: [{{name: web, containerPort: 8080}}]}}]}}\n---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: edge, namespace: edge}}\nspec: {{selector: {{app: edge}}, servers: [{}]}}\n",
            servers.join(", ")
        ));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn either_port_of_a_service_is_open() {
        assert_eq!(closed("{name: http, port: 80, targetPort: 8080}", &[80, 8080, 81]), 1);
        assert_eq!(closed("{name: http, port: 80, targetPort: web}", &[80, 8080]), 0);
        assert_eq!(closed("{name: http, port: 80}", &[80, 8080]), 1);
        assert_eq!(closed("{name: http, port: 80, protocol: UDP}", &[80]), 1);
        assert_eq!(closed("{name: http, port: 80}", &[443, 443, 8080]), 2, "once of each port");
    }

    #[test]
    fn proxies_without_a_service_are_told_once() {
        let folder = Folder::new();
        folder.write("a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: edge}\nspec: {selector: {app: web}, ports: [{name: http, port: 80}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: edge, namespace: edge, labels: {app: edge}}\nspec: {containers: [{name: istio-proxy, image: proxy}]}\n---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: edge}\nspec: {selector: {app: edge}, servers: [{port: {number: 8443, name: b, protocol: HTTP}, hosts: [a.test]}, {port: {number: 80, name: a, protocol: HTTP}, hosts: [a.test]}]}\n");
        let found = findings(folder.path());
        let said: Vec<_> = found.iter().filter(|it| it.check == &CHECK).collect();
        let [found] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!(found.message, "no Service leads to these proxies");
        let help = found.help.as_deref();
        assert_eq!(help, Some("make a Service that selects them, with ports 80 and 8443"));
    }
}
