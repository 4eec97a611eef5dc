//! Where a Gateway can be reached. Source: Istio, `extractGatewayServices`, `ResolveGatewayInstances`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use mesh_snapshot::object::TargetPort;
use serde::Serialize;
use serde_json::Value;

use super::Facts;
use super::condition::Fault;
use crate::api::{Resource, gateway_api, kubernetes};
use crate::resolve::gateway::{Class, front, is_managed};
use crate::resolve::service::{Origin, Service};

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Address {
    pub r#type: AddressKind,
    pub value: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum AddressKind {
    #[serde(rename = "IPAddress")]
    Ip,
    Hostname,
}

impl From<String> for Address {
    fn from(value: String) -> Self {
        let is_ip = value.parse::<IpAddr>().is_ok();
        Self { r#type: if is_ip { AddressKind::Ip } else { AddressKind::Hostname }, value }
    }
}

/// The hosts of the Services in front of a Gateway's proxies, and what is wrong with how they are named.
pub(super) struct Fronts {
    pub(super) hosts: Vec<String>,
    pub(super) fault: Option<Fault>,
}

/// What becomes of a Gateway's ports at its Services.
#[derive(Default)]
pub(super) struct Instances {
    /// `host:port`, sorted.
    internal: BTreeSet<String>,
    internal_ips: BTreeSet<String>,
    external: BTreeSet<String>,
    /// Hosts whose address is still to be given.
    pending: BTreeSet<String>,
    warnings: BTreeSet<String>,
    is_unusable: bool,
}

const NAME_OVERRIDE: &str = "gateway.istio.io/name-override";
const SERVICE_TYPE: &str = "networking.istio.io/service-type";
const ADDRESS_TYPE: &str = "networking.istio.io/address-type";

impl Facts<'_, '_> {
    pub(super) fn fronts(&self, gateway: &Resource<gateway_api::Gateway>, class: Class) -> Fronts {
        let domain = self.mesh.settings.cluster_domain;
        let full = |name: &str| format!("{name}.{}.svc.{domain}", gateway.namespace);
        let annotations = &gateway.metadata.annotations;
        if is_managed(&gateway.spec) {
            let default = class.name_of_made(gateway);
            let name = annotations.get(NAME_OVERRIDE).unwrap_or(&default);
            return Fronts { hosts: vec![full(name)], fault: None };
        }
        let value = |it: &gateway_api::Address| it.value.clone().unwrap_or_default();
        let addresses = || gateway.spec.addresses.iter();
        let host = |it: &gateway_api::Address| front(it, &gateway.namespace, domain);
        let hosts = addresses().filter_map(host).collect();
        let skipped: Vec<_> = addresses().filter(|it| host(it).is_none()).map(value).collect();
        let fault = if !skipped.is_empty() {
            let message = format!("only Hostname is supported, ignoring [{}]", skipped.join(" "));
            Some(Fault::new("UnsupportedAddress", message))
        } else if annotations.contains_key(SERVICE_TYPE) {
            let message = format!(
                "annotation {SERVICE_TYPE} is deprecated, use Spec.Infrastructure.Routeability"
            );
            Some(Fault::new("DeprecatedField", message))
        } else {
            None
        };
        Fronts { hosts, fault }
    }

    pub(super) fn instances(
        &self,
        namespace: &str,
        hosts: &[String],
        ports: &BTreeSet<u16>,
    ) -> Instances {
        let mut found = Instances::default();
        for host in hosts {
            let ids = self.mesh.services.of_host(host);
            let services = || ids.iter().map(|id| self.mesh.services.get(*id));
            if let Some(service) = services().find(|it| it.namespace == namespace) {
                self.look(host, service, ports, &mut found);
                continue;
            }
            let elsewhere: BTreeSet<_> =
                services().map(|it| format!("{:?}", it.namespace)).collect();
            let elsewhere: Vec<_> = elsewhere.into_iter().collect();
            found.is_unusable = true;
            found.warnings.insert(if elsewhere.is_empty() {
                format!("hostname {host:?} not found")
            } else {
                format!(
                    "hostname {host:?} not found in namespace {namespace:?}, but it was found in namespace(s) {}",
                    elsewhere.join(", ")
                )
            });
        }
        found
    }

    fn look(&self, host: &str, service: &Service<'_>, ports: &BTreeSet<u16>, out: &mut Instances) {
        if !self.has_instances(service) {
            out.warnings.insert(format!("no instances found for hostname {host:?}"));
            return;
        }
        for port in ports {
            let own = &service.object.ports;
            if own.iter().any(|it| it.number == *port) {
                out.internal.insert(format!("{host}:{port}"));
                self.addresses(host, service, out);
                continue;
            }
            let leads_there = |target: &TargetPort| *target == TargetPort::Number(*port);
            let meant: Vec<_> = own.iter().filter(|it| leads_there(&it.target)).collect();
            let meant: Vec<_> = meant.iter().map(|it| it.number.to_string()).collect();
            let hint = if meant.is_empty() {
                String::new()
            } else {
                format!(
                    " (hint: the service port should be specified, not the workload port. Did you mean one of these ports: [{}]?)",
                    meant.join(" ")
                )
            };
            out.warnings.insert(format!("port {port} not found for hostname {host:?}{hint}"));
            out.is_unusable = true;
        }
    }

    /// Where the input shows no workloads at all, they are somewhere else.
    fn has_instances(&self, service: &Service<'_>) -> bool {
        let Some(labels) = service.origin.selector() else { return true };
        let workloads = &self.mesh.workloads;
        workloads.of_namespace(service.namespace).is_empty()
            || !workloads
                .possible(Some(service.namespace), labels, service.origin.viewer())
                .is_empty()
    }

    fn addresses(&self, host: &str, service: &Service<'_>, out: &mut Instances) {
        let Origin::Kubernetes(resource) = service.origin else { return };
        let ip = resource.spec.cluster_ip.as_deref().filter(|it| !matches!(*it, "" | "None"));
        out.internal_ips.extend(ip.map(str::to_owned));
        let external = self.external(resource);
        if !external.is_empty() {
            out.external.extend(external);
        } else if resource.spec.r#type.as_deref() == Some("LoadBalancer") {
            out.warnings.insert(format!("address pending for hostname {host:?}"));
            out.pending.insert(host.to_owned());
        }
    }

    fn external(&self, service: &Resource<kubernetes::Service>) -> BTreeSet<String> {
        let existing = self.existing(service.id);
        let ingress = existing.status.pointer("/loadBalancer/ingress").and_then(Value::as_array);
        let given = ingress.into_iter().flatten();
        let given = given.filter_map(|it| it.get("ip").or_else(|| it.get("hostname"))?.as_str());
        given.map(str::to_owned).chain(service.spec.external_i_ps.iter().cloned()).collect()
    }
}

impl Instances {
    /// Whether the Gateway is served, and why not. Source: Istio, `reportGatewayStatus`.
    pub(super) fn programmed(&self, hosts: &[String]) -> (String, Option<Fault>) {
        let internal: Vec<_> = self.internal.iter().map(String::as_str).collect();
        let message = match internal.as_slice() {
            [] => "Resource programmed".to_owned(),
            all => format!("Resource programmed, assigned to service(s) {}", joined(all)),
        };
        if hosts.is_empty() {
            let fault =
                Fault::new("UnsupportedAddress", "Failed to assign to any requested addresses");
            return (message, Some(fault));
        }
        if self.warnings.is_empty() {
            return (message, None);
        }
        let warnings = self.warnings.iter().cloned().collect::<Vec<_>>().join("; ");
        let said = if internal.is_empty() {
            format!("Failed to assign to any requested addresses: {warnings}")
        } else {
            let to = joined(&internal);
            format!(
                "Assigned to service(s) {to}, but failed to assign to all requested addresses: {warnings}"
            )
        };
        let reason = if self.is_unusable { "AddressNotUsable" } else { "AddressNotAssigned" };
        (message, Some(Fault::new(reason, said)))
    }

    /// What clients are told: addresses from outside, or else those of the mesh.
    pub(super) fn shown(
        &self,
        gateway: &Resource<gateway_api::Gateway>,
        class: Class,
    ) -> Vec<Address> {
        if !self.external.is_empty() {
            return self.external.iter().cloned().map(Address::from).collect();
        }
        let wanted = gateway.metadata.annotations.get(ADDRESS_TYPE).map(String::as_str);
        let wanted = wanted.unwrap_or(if class == Class::Mesh { "Hostname" } else { "" });
        let mut shown = Vec::new();
        if wanted != "Hostname" {
            shown.extend(self.internal_ips.iter().cloned());
        }
        if wanted != "IPAddress" {
            let hosts = self.internal.iter().filter_map(|it| it.rsplit_once(':'));
            let hosts: BTreeSet<_> = hosts.map(|(host, _)| host.to_owned()).collect();
            shown.extend(hosts.into_iter().filter(|host| !self.pending.contains(host)));
        }
        shown.into_iter().map(Address::from).collect()
    }
}

/// `a`, `a and b`, `a, b, and c`.
pub(super) fn joined(all: &[&str]) -> String {
    match all {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [init @ .., last] => format!("{}, and {last}", init.join(", ")),
    }
}
