//! What is wrong with where a route leads to. Source: Istio, `convertHTTPRoute`, `convertGRPCRoute`, `buildDestination`.

use super::condition::Fault;
use crate::api::gateway_api::{
    BackendObjectReference, HttpRouteFilter, HttpRouteRule, RequestRouteKind,
};
use crate::resolve::route::{Backend, HttpRoute, InvalidBackend, Leave, StreamRoute};

/// A fault, and whether nothing else of the route counts beside it.
struct Found {
    fault: Fault,
    is_last: bool,
}

/// What is wrong with the route's rules: of several faults the last, unless one ends the search.
pub(super) fn of_http(route: &HttpRoute<'_>, leave: Leave) -> Option<Fault> {
    let spec = &route.resource.spec;
    let from = (spec.kind.name(), route.resource.namespace.as_str());
    let mut last = None;
    for (rule, resolved) in spec.rules.iter().zip(&route.rules) {
        let mirrors = resolved.mirrors.iter().filter_map(|(place, it)| {
            let mirror = rule.filters.get(*place)?.request_mirror.as_ref()?;
            fault(it, mirror.backend_ref.object(), from, leave)
        });
        let mut mirror = None;
        for found in mirrors {
            if spec.kind == RequestRouteKind::Grpc {
                return Some(found.fault);
            }
            mirror = Some(found.fault);
        }
        if let Some(found) = unknown_filter(&rule.filters) {
            return Some(found);
        }
        let backend = match of_backends(rule, &resolved.backends, from, leave) {
            Some(found) if found.is_last => return Some(found.fault),
            found => found.map(|it| it.fault),
        };
        last = match (backend, mirror) {
            (Some(backend), Some(mirror)) => Some(backend.and(&mirror)),
            (None, None) => last,
            (one, other) => one.or(other),
        };
    }
    last
}

pub(super) fn of_stream(route: &StreamRoute<'_>, leave: Leave) -> Option<Fault> {
    let spec = &route.resource.spec;
    let from = (spec.kind.name(), route.resource.namespace.as_str());
    let mut last = None;
    for (rule, backends) in spec.rules.iter().zip(&route.rules) {
        let used = rule.backend_refs.iter().zip(backends).filter(|(it, _)| it.weight != Some(0));
        for (written, backend) in used {
            let Some(found) = fault(backend, written.object(), from, leave) else { continue };
            if found.is_last {
                return Some(found.fault);
            }
            last = Some(found.fault);
        }
    }
    last
}

/// Those without a share of the requests are not looked at.
fn of_backends(
    rule: &HttpRouteRule,
    backends: &[Backend],
    from: (&str, &str),
    leave: Leave,
) -> Option<Found> {
    let used = rule.backend_refs.iter().zip(backends).filter(|(it, _)| it.weight != Some(0));
    let mut last = None;
    for (written, backend) in used {
        if let Some(fault) = unknown_filter(&written.filters) {
            return Some(Found { fault, is_last: true });
        }
        match fault(backend, written.object(), from, leave) {
            Some(found) if found.is_last => return Some(found),
            Some(found) => last = Some(found),
            None => {}
        }
    }
    last
}

fn unknown_filter(filters: &[HttpRouteFilter]) -> Option<Fault> {
    let filter = filters.iter().find(|it| it.is_unknown())?;
    let name = if filter.extension_ref.is_some() { "ExtensionRef" } else { "ExternalAuth" };
    Some(Fault::new("InvalidFilter", format!("unsupported filter type {name:?}")))
}

fn fault(
    backend: &Backend,
    written: BackendObjectReference<'_>,
    (route, namespace): (&str, &str),
    leave: Leave,
) -> Option<Found> {
    let BackendObjectReference { group, kind, name, namespace: target, .. } = written;
    let mild = |reason, message: String| {
        Some(Found { fault: Fault::new(reason, message), is_last: false })
    };
    let hard = |message: &str| {
        Some(Found { fault: Fault::new("InvalidDestination", message), is_last: true })
    };
    if backend.lacks_grant && leave == Leave::Needed {
        let target = target.unwrap_or(namespace);
        let message = format!(
            "backendRef {name}/{target} not accessible to a {route} in namespace {namespace:?} (missing a ReferenceGrant?)"
        );
        return mild("RefNotPermitted", message);
    }
    match backend.fault? {
        InvalidBackend::Kind => {
            let message =
                format!("referencing unsupported backendRef: group {group:?} kind {kind:?}");
            mild("InvalidKind", message)
        }
        InvalidBackend::NotFound => {
            mild("BackendNotFound", format!("backend({}) not found", backend.host))
        }
        InvalidBackend::NoPort => hard("port is required in backendRef"),
        InvalidBackend::DottedName => {
            hard("service name invalid; the name of the Service must be used, not the hostname.")
        }
        InvalidBackend::NamespacedHost => hard("namespace may not be set with Hostname type"),
    }
}
