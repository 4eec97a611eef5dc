//! Rules of the Gateway API. Source: its resource definitions, their patterns and CEL rules.

mod backend;
mod backend_policy;
mod filter;
mod gateway;
mod grpc_route;
mod http_route;
mod matching;
mod name;
mod reference;
mod session;
mod stream_route;

pub(in crate::api) use backend::check as check_backend;
pub(in crate::api) use backend_policy::check_tls as check_backend_tls_policy;
pub(in crate::api) use backend_policy::check_traffic as check_backend_traffic_policy;
pub(in crate::api) use gateway::check as check_gateway;
pub(in crate::api) use gateway::check_listener_set;
pub(in crate::api) use grpc_route::check as check_grpc_route;
pub(in crate::api) use http_route::check as check_http_route;
pub(super) use name::check_hostname;
pub(in crate::api) use stream_route::check as check_stream_route;
pub(in crate::api) use stream_route::check_tls as check_tls_route;

pub(crate) use matching::{is_field_value, refused_path};

use super::checks::{INVALID_HTTP_ROUTE, INVALID_REFERENCE};
use crate::api::Resource;
use crate::api::gateway_api::{GatewayClass, MeshClass, ObjectReference, ReferenceGrant};
use crate::diagnostic::{At, Check, Diagnostic};

/// Rules that go for several kinds are told under the name of one; here they are told under that of the kind at hand.
fn said_of(check: &'static Check, found: Vec<Diagnostic>) -> impl Iterator<Item = Diagnostic> {
    found.into_iter().map(move |mut diagnostic| {
        if diagnostic.check == &INVALID_HTTP_ROUTE {
            diagnostic.check = check;
        }
        diagnostic
    })
}

pub(in crate::api) fn check_gateway_class(
    resource: &Resource<GatewayClass>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let spec = &resource.spec;
    check_controller(&spec.controller_name, spec.description.as_deref(), root, out);
    check_parameters(spec.parameters_ref.as_ref(), root, out);
}

pub(in crate::api) fn check_mesh_class(
    resource: &Resource<MeshClass>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let spec = &resource.spec;
    check_controller(&spec.controller_name, spec.description.as_deref(), root, out);
    check_parameters(spec.parameters_ref.as_ref(), root, out);
}

fn check_parameters(reference: Option<&ObjectReference>, root: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(it) = reference else { return };
    let at = root.field("spec");
    let at = at.field("parametersRef");
    reference::check_group_kind(Some(&it.group), Some(&it.kind), &at, out);
    reference::check_name(&it.name, &at.field("name"), out);
    name::check_namespace(it.namespace.as_deref(), &at.field("namespace"), out);
}

/// `controllerName` is a domain, `/` and a path.
fn check_controller(
    controller: &str,
    description: Option<&str>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let at = root.field("spec");
    let is_path = |path: &str| {
        !path.is_empty()
            && path
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte))
    };
    let parts = controller.split_once('/').filter(|_| controller.len() <= 253);
    if !parts.is_some_and(|(domain, path)| name::is_subdomain(domain) && is_path(path)) {
        let message = format!("`{controller}` is no name of a controller");
        let found =
            Diagnostic::new(&INVALID_REFERENCE, at.field("controllerName").value(), message);
        out.push(found.label("a domain, `/` and a name, as in `istio.io/gateway-controller`"));
    }
    if let Some(description) = description.filter(|description| description.chars().count() > 64) {
        let message = format!("the description has {} characters", description.chars().count());
        out.push(
            Diagnostic::new(&INVALID_REFERENCE, at.field("description").value(), message)
                .label("at most 64"),
        );
    }
}

pub(in crate::api) fn check_reference_grant(
    resource: &Resource<ReferenceGrant>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let (spec, at) = (&resource.spec, root.field("spec"));
    for (field, count) in [("from", spec.from.len()), ("to", spec.to.len())] {
        if count == 0 {
            let found = Diagnostic::new(
                &INVALID_REFERENCE,
                at.field(field).value(),
                format!("the grant has no `{field}`"),
            );
            out.push(found.label("needs at least one"));
        }
    }
    let from = at.field("from");
    for (index, grant) in spec.from.iter().enumerate() {
        let at = from.index(index);
        reference::check_group_kind(Some(&grant.group), Some(&grant.kind), &at, out);
        name::check_namespace(Some(&grant.namespace), &at.field("namespace"), out);
    }
    let to = at.field("to");
    for (index, grant) in spec.to.iter().enumerate() {
        let at = to.index(index);
        reference::check_group_kind(Some(&grant.group), Some(&grant.kind), &at, out);
    }
}
