//! Rules of `XBackend`. Source: its schema and CEL rules.

use super::super::checks::INVALID_BACKEND_POLICY;
use super::super::port;
use super::{backend_policy, name, reference};
use crate::api::Resource;
use crate::api::gateway_api::{Backend, BackendTlsMode, BackendType};
use crate::diagnostic::{At, Diagnostic, Place};

pub(in crate::api) fn check(
    resource: &Resource<Backend>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let (spec, at) = (&resource.spec, root.field("spec"));
    check_hostname(spec, &at, out);
    let at_port = at.field("port");
    port::check_number(spec.port.port, &at_port.field("port"), out);
    let port_name = &spec.port.name;
    if !port_name.is_empty() && (!name::is_label(port_name) || port_name.len() > 63) {
        let message = format!("`{port_name}` is no name of a port");
        let label = "at most 63 lower-case letters, digits and `-`";
        out.push(fault(at_port.field("name").value(), &message, label));
    }
    let Some(tls) = &spec.tls else { return };
    let at = at.field("tls");
    let is_mutual = tls.mode == BackendTlsMode::ClientAndServer;
    if is_mutual != tls.client_certificate_ref.is_some() {
        let message = "`clientCertificateRef` goes with `mode: ClientAndServer`, and only with it";
        let (place, label) = if is_mutual {
            (at.field("mode").value(), "needs `clientCertificateRef`")
        } else {
            (at.field("clientCertificateRef").key(), "not in this mode")
        };
        out.push(fault(place, message, label));
    }
    if let Some(secret) = &tls.client_certificate_ref {
        let at = at.field("clientCertificateRef");
        reference::check_group_kind(secret.group.as_deref(), secret.kind.as_deref(), &at, out);
        reference::check_name(&secret.name, &at.field("name"), out);
        name::check_namespace(secret.namespace.as_deref(), &at.field("namespace"), out);
    }
    if let Some(validation) = &tls.validation {
        backend_policy::check_validation(validation, &at.field("validation"), out);
    }
}

fn check_hostname(spec: &Backend, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let BackendType::ExternalHostname = spec.r#type;
    let Some(external) = &spec.external_hostname else {
        let message = "a backend of type `ExternalHostname` has no `externalHostname`";
        return out.push(fault(at.field("type").value(), message, "needs `externalHostname`"));
    };
    let at = at.field("externalHostname");
    let at = at.field("hostname");
    name::check_hostname(&external.hostname, false, &at, out);
    if external.hostname.ends_with(".cluster.local") {
        let message = format!("`{}` is a host of the cluster", external.hostname);
        out.push(fault(at.value(), &message, "a host outside of it"));
    }
}

fn fault(place: Place, message: &str, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_BACKEND_POLICY, place, message).label(label)
}
