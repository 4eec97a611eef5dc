//! The host of a Kubernetes Service.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_snapshot::object::{Discovery, EndpointSet, Service as Object, ServicePort, TargetPort};

use super::{Instances, Origin, Service, protocol};
use crate::api::scalar::IntOrString;
use crate::api::{Resource, kubernetes};
use crate::resolve::host::{lower, of_service};
use crate::resolve::{Age, Settings, Visibility};

/// By which a Service says who sees it. Source: Istio, annotation `networking.istio.io/exportTo`.
const EXPORT_TO: &str = "networking.istio.io/exportTo";

pub(super) fn service<'a>(
    resource: &'a Resource<kubernetes::Service>,
    settings: &Settings<'a>,
    instances: Instances<'_, 'a>,
) -> Service<'a> {
    let spec = &resource.spec;
    let namespace = resource.namespace.as_str();
    let host = of_service(resource.name(), namespace, settings.cluster_domain);
    let is_alias = spec.r#type.as_deref() == Some("ExternalName");
    let ports = ports(&spec.ports);
    let object = Object {
        host: host.to_string(),
        namespace: namespace.to_owned(),
        name: resource.name().to_owned(),
        external: false,
        addresses: BTreeSet::new(),
        discovery: discovery(resource, &ports, instances),
        ports,
        subject_alt_names: BTreeSet::new(),
    };
    Service {
        host,
        namespace,
        origin: Origin::Kubernetes(resource),
        visibility: Visibility::of(export_to(resource), namespace, settings.service_export_to),
        age: Age::of(resource),
        object: Arc::new(object),
        alias: is_alias.then(|| lower(spec.external_name.as_deref().unwrap_or_default())),
    }
}

/// Whom a Service is for, as its annotation says.
pub(crate) fn export_to(resource: &Resource<kubernetes::Service>) -> impl Iterator<Item = &str> {
    let written = resource.metadata.annotations.get(EXPORT_TO).map_or("", String::as_str);
    written.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// A service may be backed by machines alone, whose addresses their authors know.
fn discovery(
    resource: &Resource<kubernetes::Service>,
    ports: &[ServicePort],
    instances: Instances<'_, '_>,
) -> Discovery {
    let (spec, namespace) = (&resource.spec, resource.namespace.clone());
    let headless = spec.cluster_ip.as_deref() == Some("None");
    if spec.selector.is_empty() {
        let set = EndpointSet::Listed { namespace, service: resource.name().to_owned() };
        return Discovery::World { set, headless };
    }
    if let Some(endpoints) = instances.declared(&namespace, &spec.selector, ports) {
        return Discovery::Declared { endpoints };
    }
    let set = EndpointSet::Selected { namespace, labels: spec.selector.clone() };
    Discovery::World { set, headless }
}

/// By number; of two with the same number the first. The proxy carries no SCTP.
fn ports(ports: &[kubernetes::ServicePort]) -> Vec<ServicePort> {
    let mut lowered: Vec<ServicePort> = Vec::with_capacity(ports.len());
    for port in ports.iter().filter(|port| port.protocol.as_deref() != Some("SCTP")) {
        let Ok(number) = u16::try_from(port.port) else { continue };
        let target = match &port.target_port {
            Some(IntOrString::Int(target)) => u16::try_from(*target).unwrap_or(0),
            Some(IntOrString::String(name)) => {
                let target = TargetPort::Name(name.clone());
                lowered.push(lower_port(port, number, target));
                continue;
            }
            None => 0,
        };
        let target = TargetPort::Number(if target == 0 { number } else { target });
        lowered.push(lower_port(port, number, target));
    }
    // Over UDP and TCP a number may stand twice; the proxy carries only TCP.
    lowered
        .sort_by_key(|port| (port.number, port.protocol == mesh_snapshot::object::Protocol::Udp));
    lowered.dedup_by_key(|port| port.number);
    lowered
}

fn lower_port(port: &kubernetes::ServicePort, number: u16, target: TargetPort) -> ServicePort {
    ServicePort { number, name: port.name.clone(), protocol: protocol::of_port(port), target }
}
