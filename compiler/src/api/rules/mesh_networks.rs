//! Rules of `MeshNetworks`.

use super::checks::INVALID_MESH_NETWORKS;
use super::label::is_dns_label;
use super::{address, host, port};
use crate::api::Resource;
use crate::api::mesh_config::{MeshNetworks, NetworkEndpoints, NetworkGateway};
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<MeshNetworks>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let at = at.field("networks");
    for (name, network) in &resource.spec.networks {
        let at = at.field(name);
        let endpoints = at.field("endpoints");
        for (index, source) in network.endpoints.iter().enumerate() {
            check_endpoints(source, &endpoints.index(index), out);
        }
        let gateways = at.field("gateways");
        for (index, gateway) in network.gateways.iter().enumerate() {
            check_gateway(gateway, &gateways.index(index), out);
        }
    }
}

fn check_endpoints(source: &NetworkEndpoints, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    one_of(
        [
            ("fromCidr", source.from_cidr.is_some()),
            ("fromRegistry", source.from_registry.is_some()),
        ],
        at,
        out,
    );
    if let Some(block) = &source.from_cidr {
        address::check(block, &at.field("fromCidr"), out);
    }
    if let Some(registry) = source.from_registry.as_ref().filter(|name| !is_dns_label(name)) {
        let place = at.field("fromRegistry").value();
        let message = format!("`{registry}` is no name of a registry");
        let found = Diagnostic::new(&INVALID_MESH_NETWORKS, place, message);
        out.push(found.label("letters, digits and `-`: the name of a cluster"));
    }
}

fn check_gateway(gateway: &NetworkGateway, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let names = [
        ("registryServiceName", gateway.registry_service_name.is_some()),
        ("address", gateway.address.is_some()),
    ];
    one_of(names, at, out);
    let report = |name: &str, field: &str, out: &mut Vec<Diagnostic>| {
        if let Err(fault) = host::fqdn(name) {
            host::report(name, &fault, &at.field(field), out);
        }
    };
    if let Some(name) = &gateway.registry_service_name {
        report(name, "registryServiceName", out);
    }
    if let Some(name) = gateway.address.as_ref().filter(|text| !address::is_address(text)) {
        report(name, "address", out);
    }
    port::check_number(gateway.port, &at.field("port"), out);
}

fn one_of(fields: [(&str, bool); 2], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let [(first, is_first), (second, is_second)] = fields;
    if is_first == is_second {
        let message = format!("exactly one of `{first}` and `{second}` must be set");
        out.push(
            Diagnostic::new(&INVALID_MESH_NETWORKS, at.value(), message).label("one of the two"),
        );
    }
}
