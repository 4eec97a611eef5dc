//! `unknown-webhook-service`: a webhook of Istio's asks a Service that there is not.
//!
//! Source: Istio, `webhook.Analyzer`.

use crate::api::nearest;
use crate::check::{inventory, webhook};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check = Check::lint(
    "unknown-webhook-service",
    Severity::Error,
    include_str!("unknown_webhook_service.md"),
)
.alias(&["IST0139"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !inventory::lists_services(mesh) {
        return;
    }
    for resource in webhook::injectors(mesh) {
        for (index, it) in resource.spec.0.iter().enumerate() {
            let Some(service) = &it.client_config.service else { continue };
            let (namespace, name) = (service.namespace.as_str(), service.name.as_str());
            let services = inventory::in_namespace(&mesh.source.services, namespace);
            let known: Vec<_> = services.iter().map(crate::api::Resource::name).collect();
            if known.contains(&name) || inventory::may_be_service(mesh, namespace, name) {
                continue;
            }
            let path = webhook::path(index).field("clientConfig").field("service").field("name");
            let near = nearest(name, known);
            let message = format!("there is no Service `{name}` in namespace `{namespace}`");
            out.push(
                Diagnostic::new(&CHECK, Place::value(resource.id, path), message)
                    .meant(near, "no such Service")
                    .consequence(
                        "pods that the webhook takes cannot be made, or are made without a proxy",
                    ),
            );
        }
    }
}
