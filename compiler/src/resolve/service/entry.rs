//! The hosts of a `ServiceEntry`. Source: Istio, `ServiceEntry`; `pilot/pkg/serviceregistry/serviceentry`.

use std::collections::BTreeSet;
use std::sync::Arc;

use ipnet::IpNet;
use mesh_snapshot::object::{
    Discovery, EndpointSet, Protocol, Service as Object, ServicePort, TargetPort,
};

use super::machine::endpoint;
use super::{Instances, Origin, Service, protocol};
use crate::api::Resource;
use crate::api::istio::{Location, Resolution, ServiceEntry};
use crate::resolve::host::lower;
use crate::resolve::{Age, Settings, Visibility};

/// One service a host. An entry whose endpoints are found by the name in the request opens nothing, as its field table
/// says.
pub(super) fn services<'a>(
    resource: &'a Resource<ServiceEntry>,
    settings: &Settings<'a>,
    instances: Instances<'_, 'a>,
) -> Vec<Service<'a>> {
    let spec = &resource.spec;
    if spec.resolution == Resolution::DynamicDns {
        return Vec::new();
    }
    let namespace = resource.namespace.as_str();
    let visibility = Visibility::of(
        spec.export_to.iter().map(String::as_str),
        namespace,
        settings.service_export_to,
    );
    let ports = ports(spec);
    let discovery = discovery(resource, &ports, instances);
    let addresses: BTreeSet<_> = spec.addresses.iter().map(|text| address(text)).collect();
    let mut met = BTreeSet::new();
    let hosts = spec.hosts.iter().enumerate().map(|(index, host)| (index, lower(host)));
    let hosts: Vec<_> = hosts.filter(|(_, host)| met.insert(Arc::clone(host))).collect();
    let service = |(index, host): (usize, Arc<str>)| Service {
        namespace,
        origin: Origin::Entry(resource, index),
        visibility: visibility.clone(),
        age: Age::of(resource),
        object: Arc::new(Object {
            host: host.to_string(),
            namespace: namespace.to_owned(),
            name: host.to_string(),
            external: spec.location == Location::MeshExternal,
            addresses: addresses.clone(),
            ports: ports.clone(),
            discovery: discovery.clone(),
            subject_alt_names: spec.subject_alt_names.iter().cloned().collect(),
        }),
        host,
        alias: None,
    };
    hosts.into_iter().map(service).collect()
}

/// By number; of two with the same number the first.
fn ports(spec: &ServiceEntry) -> Vec<ServicePort> {
    let number = |number: u32| u16::try_from(number).ok().filter(|number| *number != 0);
    let mut ports: Vec<_> = spec
        .ports
        .iter()
        .filter_map(|port| {
            let own = number(port.number)?;
            Some(ServicePort {
                number: own,
                name: port.name.clone(),
                protocol: protocol::parse(&port.protocol).unwrap_or(Protocol::Detect),
                target: TargetPort::Number(port.target_port.and_then(number).unwrap_or(own)),
            })
        })
        .collect();
    ports.sort_by_key(|port| port.number);
    ports.dedup_by_key(|port| port.number);
    ports
}

fn discovery(
    resource: &Resource<ServiceEntry>,
    ports: &[ServicePort],
    instances: Instances<'_, '_>,
) -> Discovery {
    let (spec, namespace) = (&resource.spec, resource.namespace.as_str());
    let selector = spec.workload_selector.as_ref().filter(|it| !it.labels.is_empty());
    let endpoints = match selector {
        Some(selector) => instances.declared(namespace, &selector.labels, ports),
        None => Some(spec.endpoints.iter().map(|it| endpoint(it, &it.labels, ports)).collect()),
    };
    match (spec.resolution, endpoints) {
        (Resolution::None | Resolution::DynamicDns, _) => Discovery::OriginalDestination,
        (_, None) => Discovery::World {
            set: EndpointSet::Selected {
                namespace: namespace.to_owned(),
                labels: selector.map(|it| it.labels.clone()).unwrap_or_default(),
            },
            headless: false,
        },
        (Resolution::Static, Some(endpoints)) => Discovery::Declared { endpoints },
        (Resolution::Dns, Some(endpoints)) => Discovery::Dns { endpoints, round_robin: false },
        (Resolution::DnsRoundRobin, Some(endpoints)) => {
            Discovery::Dns { endpoints, round_robin: true }
        }
    }
}

/// A block of one address is that address.
fn address(text: &str) -> String {
    match text.parse::<IpNet>() {
        Ok(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
        _ => text.to_owned(),
    }
}
