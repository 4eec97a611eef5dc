//! `HTTPRoute`s and `GRPCRoute`s: each match becomes a route of its own, and all are sorted together. Source: Gateway API, `HTTPRouteRule`;
//! Istio, `pilot/pkg/config/kube/gateway`.

use mesh_snapshot::object::{
    Backend as ObjectBackend, Bytes, Destination, Fault, HeaderMatch, HttpAction, HttpMatch,
    HttpRoute, QueryMatch, RetryPolicy, RouteTable, StringMatch, Target, ValueMatch,
};

use super::filter::Filters;
use super::unit::micros;
use super::{Routing, precedence};
use crate::api::gateway_api::{
    GrpcMethodMatch, HttpBackendRef, HttpMethod, HttpPathMatch, HttpRouteMatch, HttpRouteRetry,
    HttpRouteRule, MatchType, PathMatchType, RequestRouteKind,
};
use crate::api::scalar::GatewayDuration;
use crate::diagnostic::{FieldPath, Part, Place};
use crate::lower::Written;
use crate::resolve::route::{Backend, HttpRouteId, Leave};

/// What a request is answered with that leads to nothing. Source: Gateway API, `HTTPRouteRule.backendRefs`.
pub(super) const INVALID_BACKEND: u16 = 500;

impl Routing<'_, '_, '_> {
    /// The routes of a namespace that are attached to a host of the mesh.
    pub(super) fn on_mesh(&mut self, namespace: &str, host: &str, table: &mut Written<RouteTable>) {
        let mut found = Vec::new();
        let of_host = self.mesh.http_routes.of_mesh_host(host);
        for (_, attached) in of_host.filter(|(of, _)| *of == namespace) {
            for &(id, port) in attached {
                self.rules(id, port, Leave::Needless, &mut found);
            }
        }
        fill(table, found);
    }

    /// The routes of a host at a gateway, from the oldest to the youngest.
    pub(super) fn at_gateway(&mut self, routes: &[HttpRouteId]) -> Written<RouteTable> {
        let mut found = Vec::new();
        for id in routes {
            self.rules(*id, None, Leave::Needed, &mut found);
        }
        let mut table = Written::default();
        fill(&mut table, found);
        table
    }

    fn rules(
        &self,
        id: HttpRouteId,
        port: Option<u16>,
        leave: Leave,
        found: &mut Vec<(HttpRoute, Place)>,
    ) {
        let route = self.mesh.http_routes.get(id);
        let rules = route.resource.spec.rules.iter().zip(&route.rules).enumerate();
        for (index, (rule, resolved)) in rules {
            let mut filters = Filters::of(&rule.filters, &resolved.mirrors, leave == Leave::Needed);
            if let [only] = rule.backend_refs.as_slice() {
                filters.take_routing(Filters::of(&only.filters, &[], false));
            }
            let action = action(rule, &resolved.backends, leave, &filters);
            let kind = route.resource.spec.kind;
            let path = FieldPath::default().field("spec").field("rules").index(index);
            let all = [HttpRouteMatch::default()];
            let matches = if rule.matches.is_empty() { &all[..] } else { &rule.matches };
            for (place, test) in matches.iter().enumerate() {
                let path = if rule.matches.is_empty() {
                    path.clone()
                } else {
                    path.clone().field("matches").index(place)
                };
                let place = Place::Field { document: route.resource.id, path, part: Part::Value };
                let lowered = HttpRoute {
                    name: rule.name.clone().unwrap_or_default(),
                    matches: vec![HttpMatch { port, ..matching(test, kind) }],
                    action: action.clone(),
                    headers: filters.headers.clone(),
                    cors: filters.cors.clone(),
                    fault: Fault::default(),
                };
                found.push((lowered, place));
            }
        }
    }
}

fn fill(table: &mut Written<RouteTable>, mut found: Vec<(HttpRoute, Place)>) {
    // Equal ones stay in the order of their age.
    found.sort_by_cached_key(|(route, _)| precedence::of(route));
    if let Some(document) = found.first().and_then(|(_, place)| place.document()) {
        table.places.push((String::new(), Place::resource(document)));
    }
    for (index, (route, place)) in found.into_iter().enumerate() {
        table.places.push((format!("http[{index}]"), place));
        table.object.http.push(route);
    }
}

fn action(
    rule: &HttpRouteRule,
    backends: &[Backend],
    leave: Leave,
    filters: &Filters,
) -> HttpAction {
    if filters.is_unknown {
        return HttpAction::Respond { status: INVALID_BACKEND, body: Bytes::default() };
    }
    if let Some(redirect) = &filters.redirect {
        return HttpAction::Redirect(redirect.clone());
    }
    let weight = |of: &HttpBackendRef| of.weight.map_or(1, |it| u32::try_from(it).unwrap_or(0));
    if rule.backend_refs.iter().map(|of| u64::from(weight(of))).sum::<u64>() == 0 {
        return HttpAction::Respond { status: INVALID_BACKEND, body: Bytes::default() };
    }
    let backends = rule.backend_refs.iter().zip(backends).map(|(of, found)| {
        let filters = Filters::of(&of.filters, &[], false);
        let target =
            if filters.is_unknown { Target::Status(INVALID_BACKEND) } else { target(found, leave) };
        ObjectBackend { target, weight: weight(of), headers: filters.headers }
    });
    let request = rule.timeouts.request.map(GatewayDuration::duration);
    let backend = rule.timeouts.backend_request.map(GatewayDuration::duration);
    HttpAction::Forward {
        backends: backends.collect(),
        path_rewrite: filters.path_rewrite.clone(),
        authority_rewrite: filters.authority_rewrite.clone(),
        // Zero is none.
        timeout: micros(request).filter(|timeout| !timeout.is_zero()),
        try_timeout: micros(backend).filter(|timeout| !timeout.is_zero()),
        retry: rule.retry.as_ref().map(retry),
        mirrors: filters.mirrors.clone(),
    }
}

fn target(backend: &Backend, leave: Leave) -> Target {
    let is_forbidden = backend.lacks_grant && leave == Leave::Needed;
    if backend.fault.is_some() || is_forbidden {
        return Target::Status(INVALID_BACKEND);
    }
    Target::Cluster(destination(backend))
}

pub(super) fn destination(backend: &Backend) -> Destination {
    Destination { host: backend.host.to_string(), port: Some(backend.port), subset: String::new() }
}

/// Source: Istio, `convertHTTPRoute`.
fn retry(retry: &HttpRouteRetry) -> RetryPolicy {
    let attempts = retry.attempts.map_or(2, |attempts| u32::try_from(attempts).unwrap_or(0));
    if attempts == 0 {
        return RetryPolicy::default();
    }
    let statuses: std::collections::BTreeSet<u16> =
        retry.codes.iter().filter_map(|code| u16::try_from(*code).ok()).collect();
    let mut conditions: std::collections::BTreeSet<String> =
        ["cancelled", "connect-failure", "refused-stream", "unavailable"].map(Into::into).into();
    if !statuses.is_empty() {
        conditions.insert("retriable-status-codes".to_owned());
    }
    RetryPolicy {
        retries_max: attempts,
        conditions,
        statuses,
        backoff: micros(retry.backoff.map(GatewayDuration::duration)),
        avoid_previous_endpoints: true,
    }
}

fn matching(test: &HttpRouteMatch, kind: RequestRouteKind) -> HttpMatch {
    let is_regex = |of: Option<MatchType>| of == Some(MatchType::RegularExpression);
    let value = |is_regex, text: &String| {
        let matching = if is_regex { StringMatch::Regex } else { StringMatch::Exact };
        ValueMatch::Is(matching(text.clone()))
    };
    let mut met = std::collections::BTreeSet::new();
    let mut headers = Vec::new();
    for header in &test.headers {
        let name = header.name.to_ascii_lowercase();
        // Of equal names the first stands.
        if met.insert(name.clone()) {
            let value = value(is_regex(header.r#type), &header.value);
            headers.push(HeaderMatch { name, value, inverted: false });
        }
    }
    let mut met = std::collections::BTreeSet::new();
    let query = test.query_params.iter().filter(|it| met.insert(&it.name));
    HttpMatch {
        path: match kind {
            RequestRouteKind::Http => Some(path(test.path.as_ref())),
            RequestRouteKind::Grpc => test.grpc.as_ref().map(method),
        },
        method: test.method.map(|method| StringMatch::Exact(name(method).to_owned())),
        headers,
        query: query
            .map(|it| QueryMatch {
                name: it.name.clone(),
                value: value(is_regex(it.r#type), &it.value),
            })
            .collect(),
        ..HttpMatch::default()
    }
}

/// Absent: every path.
fn path(path: Option<&HttpPathMatch>) -> StringMatch {
    let value = path.and_then(|path| path.value.as_deref()).unwrap_or("/");
    match path.and_then(|path| path.r#type).unwrap_or(PathMatchType::PathPrefix) {
        PathMatchType::Exact => StringMatch::Exact(value.to_owned()),
        PathMatchType::PathPrefix => {
            StringMatch::PathPrefix(value.trim_end_matches('/').to_owned())
        }
        PathMatchType::RegularExpression => StringMatch::Regex(value.to_owned()),
    }
}

/// A call of gRPC goes to `/service/method`. Source: Istio, `createGRPCURIMatch`.
fn method(test: &GrpcMethodMatch) -> StringMatch {
    match (test.expression(), &test.service, &test.method) {
        (Some(expression), ..) => StringMatch::Regex(expression),
        (None, service, Some(method)) => {
            StringMatch::Exact(format!("/{}/{method}", service.as_deref().unwrap_or_default()))
        }
        (None, service, None) => {
            StringMatch::Prefix(format!("/{}/", service.as_deref().unwrap_or_default()))
        }
    }
}

const fn name(method: HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Head => "HEAD",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Connect => "CONNECT",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Trace => "TRACE",
        HttpMethod::Patch => "PATCH",
    }
}
