//! `unknown-target-port`: a Service leads to a port of its pods by a name that none of them has.
//!
//! Source: Kubernetes, `Service.spec.ports.targetPort`: a name is that of a container's port, pod by pod.

use mesh_snapshot::object::TargetPort;

use crate::api::kubernetes;
use crate::api::nearest;
use crate::api::scalar::IntOrString;
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::service::Origin;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("unknown-target-port", Severity::Warning, include_str!("unknown_target_port.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, service) in mesh.services.iter() {
        let Origin::Kubernetes(resource) = service.origin else { continue };
        let named = service.object.ports.iter().filter_map(|port| match &port.target {
            TargetPort::Name(name) if is_declared(name) => Some((port.number, name.as_str())),
            _ => None,
        });
        let mut named = named.peekable();
        if named.peek().is_none() {
            continue;
        }
        let workloads = selection::of_service(mesh, service);
        // Of what runs elsewhere nothing is known.
        if workloads.is_empty() || mesh.source.promised.has_pods_in(service.namespace) {
            continue;
        }
        for (number, name) in named {
            let has = |it: &&Workload<'_>| it.inventory.ports.contains_key(name);
            if workloads.iter().any(has) {
                continue;
            }
            let mut ports = resource.spec.ports.iter();
            // Over UDP the same number may be another port.
            let is_it = |it: &kubernetes::ServicePort| {
                u16::try_from(it.port) == Ok(number)
                    && matches!(&it.target_port, Some(IntOrString::String(own)) if own == name)
            };
            let Some(index) = ports.position(is_it) else { continue };
            let path = FieldPath::default().field("spec").field("ports").index(index);
            let known = workloads.iter().flat_map(|it| it.inventory.ports.keys());
            let near = nearest(name, known.map(String::as_str));
            let place = Place::value(resource.id, path.field("targetPort"));
            let message = format!("no pod of the Service has a port `{name}`");
            let found = Diagnostic::new(&CHECK, place, message).meant(near, "no such port");
            let found = match workloads.first() {
                Some(it) => found.also(Place::key(it.id, it.pod_path()), "these are its pods"),
                None => found,
            };
            out.push(found.consequence(format!("requests to port {number} are answered with 503")));
        }
    }
}

/// What the proxy brings with it no manifest declares, and a number in quotes is refused where it stands.
fn is_declared(name: &str) -> bool {
    name != PROXY_METRICS && !name.bytes().all(|it| it.is_ascii_digit())
}

/// Source: Istio, the template of the sidecar.
const PROXY_METRICS: &str = "http-envoy-prom";
