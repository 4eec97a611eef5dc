//! Rules of `ServiceEntry`.

use super::checks::{
    DUPLICATE_PORT, INEFFECTIVE_SERVICE_ENTRY, INVALID_ENDPOINT, INVALID_HOST, INVALID_RESOLUTION,
    MISSING_HOSTS,
};
use super::port::{self, Protocol};
use super::{address, annotation, export_to, host, label, selector};
use crate::api::Resource;
use crate::api::istio::{Location, Resolution, ServiceEntry, WorkloadEntry};
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<ServiceEntry>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    selector::check_workloads(spec.workload_selector.as_ref(), &at.field("workloadSelector"), out);
    check_hosts(spec, &at.field("hosts"), out);
    address::check_all(&spec.addresses, &at.field("addresses"), out);
    check_ports(resource, &at, out);
    check_resolution(resource, &at, out);
    for (index, endpoint) in spec.endpoints.iter().enumerate() {
        let endpoints = at.field("endpoints");
        check_endpoint(endpoint, spec, &endpoints.index(index), out);
    }
    check_many_hosts(spec, &at, out);
    let extent = export_to::Extent::OrNobody;
    export_to::check(&spec.export_to, &resource.namespace, extent, &at.field("exportTo"), out);
}

fn check_hosts(spec: &ServiceEntry, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if spec.hosts.is_empty() {
        out.push(
            Diagnostic::new(&MISSING_HOSTS, at.value(), "a ServiceEntry without hosts")
                .label("needs a host"),
        );
    }
    for (index, name) in spec.hosts.iter().enumerate() {
        let at = at.index(index);
        if name == "*" {
            let found = Diagnostic::new(
                &INVALID_HOST,
                at.value(),
                "a ServiceEntry cannot be for every host",
            );
            out.push(
                found.label("every host").help(
                    "set `outboundTrafficPolicy` to `ALLOW_ANY` where all hosts may be called",
                ),
            );
        } else if let Err(fault) = host::wildcard(name) {
            host::report(name, &fault, &at, out);
        } else if host::is_partial_wildcard(name) && spec.resolution != Resolution::DynamicDns {
            let message =
                format!("`{name}` is a part of a label, which no client's name is matched with");
            let found = Diagnostic::new(&INEFFECTIVE_SERVICE_ENTRY, at.value(), message);
            out.push(found.label("a `*` stands for whole labels: `*.example.com`"));
        }
    }
}

fn check_ports(resource: &Resource<ServiceEntry>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let spec = &resource.spec;
    let at = at.field("ports");
    for (index, service_port) in spec.ports.iter().enumerate() {
        let at_port = at.index(index);
        port::check_number(service_port.number, &at_port.field("number"), out);
        port::check_name(&service_port.name, &at_port.field("name"), out);
        if !service_port.protocol.is_empty() {
            port::check_protocol(&service_port.protocol, &at_port.field("protocol"), out);
        }
        if let Some(target) = service_port.target_port {
            port::check_number(target, &at_port.field("targetPort"), out);
        }
        for field in ["name", "number"] {
            let is_same = |other: &crate::api::istio::ServicePort| match field {
                "name" => other.name == service_port.name,
                _ => other.number == service_port.number,
            };
            let place = |index: usize| at.index(index).field(field).value();
            if let Some(first) = spec.ports.iter().take(index).position(is_same) {
                let found = Diagnostic::new(
                    &DUPLICATE_PORT,
                    place(index),
                    format!("two ports have the same {field}"),
                );
                out.push(found.label("again").also(place(first), "first here"));
            }
        }
        let is_opaque = service_port.protocol.is_empty() || service_port.protocol == "TCP";
        if is_opaque && spec.addresses.is_empty() && !gets_address(resource) {
            let message =
                "connections to this port cannot be told from others: the entry has no address";
            let found = Diagnostic::new(&INEFFECTIVE_SERVICE_ENTRY, at_port.value(), message)
                .label("TCP without an address");
            out.push(
                found
                    .consequence(format!(
                        "connections to port {} of any unknown host are taken for this one's",
                        service_port.number
                    ))
                    .help("add `addresses`, or say what the port speaks"),
            );
        }
    }
}

/// Whether clients get a virtual address for the entry by themselves. Source: Istio, automatic allocation of addresses.
pub(crate) fn gets_address(resource: &Resource<ServiceEntry>) -> bool {
    let opted_out = resource.metadata.labels.get("networking.istio.io/enable-autoallocate-ip");
    resource.spec.resolution != Resolution::None
        && !opted_out.is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

/// What goes with each way to find endpoints.
fn check_resolution(resource: &Resource<ServiceEntry>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let spec = &resource.spec;
    let mut fault = |field: &str, message: &str, label: &str| {
        let found =
            Diagnostic::new(&INVALID_RESOLUTION, at.field(field).key(), message).label(label);
        out.push(found.also(at.field("resolution").value(), "as this says"));
    };
    if spec.workload_selector.is_some() && !spec.endpoints.is_empty() {
        fault("endpoints", "`workloadSelector` and `endpoints` are both set", "one of them");
    }
    let has_block = spec.addresses.iter().any(|address| address.contains('/'));
    if has_block && !matches!(spec.resolution, Resolution::None | Resolution::Static) {
        fault(
            "addresses",
            "a name resolves to addresses, not to blocks of them",
            "a block needs `NONE` or `STATIC`",
        );
    }
    match spec.resolution {
        Resolution::None => {
            if !spec.endpoints.is_empty() {
                fault(
                    "endpoints",
                    "connections go where the client says, so there are no endpoints",
                    "never used",
                );
            }
            if spec.workload_selector.is_some() {
                let message = "connections go where the client says, so no workloads are selected";
                let found = Diagnostic::new(
                    &INEFFECTIVE_SERVICE_ENTRY,
                    at.field("workloadSelector").key(),
                    message,
                );
                let found = found.label("has no effect").help("set `resolution: STATIC`");
                out.push(found.supposing(at.field("workloadSelector").value()));
            }
        }
        Resolution::Static => {}
        Resolution::Dns | Resolution::DnsRoundRobin => {
            if spec.resolution == Resolution::DnsRoundRobin && spec.endpoints.len() > 1 {
                fault(
                    "endpoints",
                    "with `DNS_ROUND_ROBIN` there is one name to resolve",
                    "at most one endpoint",
                );
            }
            check_names(spec, at, out);
        }
        Resolution::DynamicDns => check_dynamic(resource, at, out),
    }
}

/// Without endpoints the hosts are resolved, so they must be names.
fn check_names(spec: &ServiceEntry, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let hosts = at.field("hosts");
    let wildcard = spec.hosts.iter().position(|name| name.contains('*'));
    if let Some(index) = wildcard.filter(|_| spec.endpoints.is_empty()) {
        let name = spec.hosts.get(index).map_or("", String::as_str);
        let found = Diagnostic::new(
            &INVALID_RESOLUTION,
            hosts.index(index).value(),
            format!("`{name}` cannot be resolved"),
        );
        let found = found
            .label("no name that DNS knows")
            .also(at.field("resolution").value(), "asked for here");
        out.push(found.help("set `resolution: NONE`, or give `endpoints` with names"));
    }
}

fn check_dynamic(resource: &Resource<ServiceEntry>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let spec = &resource.spec;
    let mut fault = |place: crate::diagnostic::Place, message: &str, label: &str| {
        out.push(Diagnostic::new(&INVALID_RESOLUTION, place, message).label(label));
    };
    let hosts = at.field("hosts");
    for (index, _) in spec.hosts.iter().enumerate().filter(|(_, name)| !name.starts_with('*')) {
        fault(hosts.index(index).value(), "`DYNAMIC_DNS` is for wildcards", "a name without `*`");
    }
    if !spec.addresses.is_empty() {
        fault(at.field("addresses").key(), "`DYNAMIC_DNS` takes no addresses", "remove this");
    }
    if !spec.endpoints.is_empty() {
        fault(at.field("endpoints").key(), "`DYNAMIC_DNS` takes no endpoints", "remove this");
    }
    let ports = at.field("ports");
    for (index, port) in spec.ports.iter().enumerate() {
        let protocol = Protocol::parse(&port.protocol);
        if !matches!(
            protocol,
            Some(Protocol::Http | Protocol::Http2 | Protocol::Grpc | Protocol::Tls)
        ) {
            let place = ports.index(index).field("protocol").value();
            fault(
                place,
                "`DYNAMIC_DNS` needs a protocol that says which host is meant",
                "HTTP, HTTP2, GRPC or TLS",
            );
        }
    }
    let waypoint = resource.metadata.labels.get("istio.io/use-waypoint");
    let has_waypoint =
        waypoint.is_some_and(|name| !name.is_empty() && !name.eq_ignore_ascii_case("none"));
    if spec.location == Location::MeshInternal && has_waypoint {
        fault(
            at.field("location").value(),
            "`DYNAMIC_DNS` behind a waypoint is for hosts outside of the mesh",
            "`MESH_EXTERNAL`",
        );
    }
}

fn check_endpoint(
    endpoint: &WorkloadEntry,
    of: &ServiceEntry,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let address_at = at.field("address");
    let mut fault = |message: String, label: &str| {
        out.push(Diagnostic::new(&INVALID_ENDPOINT, address_at.value(), message).label(label));
    };
    let is_static = of.resolution == Resolution::Static;
    let is_resolved = matches!(of.resolution, Resolution::Dns | Resolution::DnsRoundRobin);
    let text = endpoint.address.as_str();
    match text.strip_prefix(address::UNIX) {
        Some(path) if is_static => {
            if let Some(reason) = address::socket_path_fault(path) {
                fault(format!("`{text}` is no socket"), reason);
            }
            if !endpoint.ports.is_empty() {
                fault("a socket has no ports".into(), "remove `ports`");
            }
            if of.ports.len() != 1 {
                fault("a socket serves one port".into(), "the entry must have exactly one port");
            }
        }
        // What is to be resolved must be a name, whatever the network.
        _ if !is_resolved && text.is_empty() && !endpoint.network.is_empty() => {
            let message =
                format!("an endpoint of network `{}` without an address", endpoint.network);
            out.push(
                Diagnostic::new(&INEFFECTIVE_SERVICE_ENTRY, address_at.value(), message)
                    .label("needs `address`"),
            );
        }
        _ if text.is_empty() => fault("an endpoint without an address".into(), "needs `address`"),
        _ if address::is_address(text) => {}
        _ if is_static => {
            fault(format!("`{text}` is no address"), "`STATIC` needs addresses; `DNS` takes names");
        }
        _ if host::fqdn(text).is_err() => {
            fault(format!("`{text}` is neither a name nor an address"), "cannot be resolved");
        }
        _ => {}
    }
    label::check(&endpoint.labels, &at.field("labels"), out);
    let ports = at.field("ports");
    for (name, number) in &endpoint.ports {
        let at = ports.field(name);
        if !of.ports.iter().any(|port| port.name == *name) {
            let found = Diagnostic::new(
                &INVALID_ENDPOINT,
                at.key(),
                format!("the entry has no port named `{name}`"),
            );
            let spec = At::root(at.document());
            let spec = spec.field("spec");
            out.push(found.label("no such port").also(spec.field("ports").key(), "its ports"));
        }
        port::check_number(*number, &at, out);
    }
}

/// Bytes do not say which of several hosts they are for.
fn check_many_hosts(spec: &ServiceEntry, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if spec.hosts.len() < 2 {
        return;
    }
    let ports = at.field("ports");
    let protocol = |port: &crate::api::istio::ServicePort| Protocol::parse(&port.protocol);
    let opaque = spec.ports.iter().position(|port| {
        !protocol(port).is_some_and(|protocol| protocol.is_http() || protocol.is_tls())
    });
    if spec.resolution != Resolution::None
        && let Some(index) = opaque
    {
        let message =
            "several hosts share a port whose connections do not say which of them is meant";
        let found = Diagnostic::new(&INVALID_RESOLUTION, ports.index(index).value(), message)
            .label("neither HTTP nor TLS");
        out.push(
            found
                .also(at.field("hosts").key(), "several hosts")
                .help("write an entry for each host"),
        );
    }
    let by_name = matches!(spec.resolution, Resolution::Dns | Resolution::DnsRoundRobin);
    let tcp = spec.ports.iter().position(|port| protocol(port).is_some_and(Protocol::is_tcp));
    if by_name
        && !spec.addresses.is_empty()
        && let Some(index) = tcp
    {
        let message = "several hosts share an address and a port for TCP";
        let found =
            Diagnostic::new(&INEFFECTIVE_SERVICE_ENTRY, ports.index(index).value(), message)
                .label("for which host?");
        out.push(
            found
                .also(at.field("hosts").key(), "several hosts")
                .consequence("all connections go to one of the hosts"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{INEFFECTIVE_SERVICE_ENTRY, INVALID_ENDPOINT};
    use crate::testing::{Folder, findings};

    #[test]
    fn what_is_resolved_has_a_name_whatever_its_network() {
        for (resolution, expected) in
            [("DNS", &INVALID_ENDPOINT), ("STATIC", &INEFFECTIVE_SERVICE_ENTRY)]
        {
            let folder = Folder::new();
            folder.write(
                "a.yaml",
                format!(
                    "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: a, namespace: shop}}\nspec: {{hosts: [db.example], resolution: {resolution}, ports: [{{number: 80, name: http, protocol: HTTP}}], endpoints: [{{network: west}}]}}\n"
                ),
            );
            let found = findings(folder.path());
            let of_entry = found
                .iter()
                .filter(|it| [&INVALID_ENDPOINT, &INEFFECTIVE_SERVICE_ENTRY].contains(&it.check));
            let names: Vec<_> = of_entry.map(|it| it.check.name).collect();
            assert_eq!(names, [expected.name], "{resolution}");
        }
    }
}
