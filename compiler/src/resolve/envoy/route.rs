//! `ROUTE_CONFIGURATION`, `VIRTUAL_HOST` and `HTTP_ROUTE`: what becomes of requests once their host is known.

use mesh_snapshot::object::{RouteHeaders, RouteSetting};

use super::message::Message;
use super::{
    Change, Effect, HeaderEdits, Loss, Servable, header_mutation, local_rate_limit, routes,
};
use crate::api::istio::{ApplyTo, PatchOperation};

pub(super) fn effect(change: &Change<'_>) -> Effect {
    let part = match change.config.apply_to {
        ApplyTo::RouteConfiguration => "routes",
        ApplyTo::VirtualHost => "virtual host",
        _ => "route",
    };
    match change.operation {
        PatchOperation::Remove => Effect::Lost(Loss::new(
            format!("the {part} is not taken away"),
            "requests that it takes are still served",
        )),
        PatchOperation::Merge => merged(change, part),
        _ => Effect::Lost(
            Loss::new(
                format!("the {part} is not added"),
                "requests for it go where the routes of the policy lead",
            )
            .help("write a VirtualService")
            .below(&["name"]),
        ),
    }
}

fn merged(change: &Change<'_>, part: &str) -> Effect {
    let value = change.value;
    if value.field_names().all(|name| header_mutation::ROUTE_FIELDS.contains(&&*name))
        && let Some(edits) = header_mutation::of_route(value)
    {
        return headers(change, edits);
    }
    of_filters(change).unwrap_or_else(|| {
        Effect::Lost(rate_limits(value).unwrap_or_else(|| {
            let loss = settings(value, part);
            let first = value.field_names().next().unwrap_or_default();
            loss.below(&[&first])
        }))
    })
}

fn headers(change: &Change<'_>, edits: HeaderEdits) -> Effect {
    let first = change.value.field_names().next().unwrap_or_default();
    let unmade = edits.unmade().below(&[&first]);
    let HeaderEdits { request, response } = edits;
    match routes::of(change) {
        Ok(routes) => {
            let served = RouteHeaders { routes, request, response };
            Effect::RouteHeaders(Box::new(Servable { served, unmade, told: None }))
        }
        Err(reason) => Effect::Lost(unmade.because(&reason)),
    }
}

/// Settings of filters for this route alone. Absent: there are none.
fn of_filters(change: &Change<'_>) -> Option<Effect> {
    let filters = change.value.message("typed_per_filter_config");
    let is_limit = |name: &String| {
        let kind = filters.message(name).unpacked().0;
        kind.is_some_and(|kind| kind.ends_with("LocalRateLimit"))
    };
    let first = filters.names_as_written().next()?;
    if filters.names_as_written().all(|name| is_limit(&name)) {
        return Some(limits(change, filters, &first));
    }
    Some(Effect::Lost(of_filter(filters, &first)))
}

/// Limits of rates, all of them or none.
fn limits(change: &Change<'_>, filters: Message<'_>, first: &str) -> Effect {
    let at = |loss: Loss, name: &str| loss.below(&["typed_per_filter_config", name]);
    let unmade = at(local_rate_limit::unmade(filters.message(first).unpacked().1), first);
    let routes = match routes::of(change) {
        Ok(routes) => routes,
        Err(reason) => return Effect::Lost(unmade.because(&reason)),
    };
    if let Some(field) = change.value.field_names().find(|name| name != "typed_per_filter_config") {
        let reason = format!("`{field}` of the same patch asks for more than can be served");
        return Effect::Lost(unmade.because(&reason));
    }
    let (mut served, mut told) = (Vec::new(), None);
    for filter in filters.names_as_written() {
        let (_, config) = filters.message(&filter).unpacked();
        let asked = match local_rate_limit::asked(config) {
            Ok(asked) => asked,
            Err(loss) => return Effect::Lost(at(loss, &filter)),
        };
        let Some(limit) = asked.limit else {
            let loss = local_rate_limit::unmade(config);
            let loss = loss.because("Envoy refuses a route whose limit has no bucket");
            return Effect::Lost(at(loss, &filter));
        };
        told = told.or(asked.told.map(|loss| at(loss, &filter)));
        served.push(RouteSetting { filter, routes: routes.clone(), limit });
    }
    Effect::Settings(Box::new(Servable { served, unmade, told }))
}

fn of_filter(filters: Message<'_>, first: &str) -> Loss {
    let at = |loss: Loss| loss.below(&["typed_per_filter_config", first]);
    let what = |what: &str, consequence: &str| at(Loss::new(what, consequence));
    if filters.message(first).unpacked().0.is_some_and(|kind| kind.ends_with("LocalRateLimit")) {
        let loss = local_rate_limit::unmade(filters.message(first).unpacked().1);
        return at(loss.because("the patch sets other filters, too"));
    }
    if first.ends_with("lua") {
        return what(
            "the Lua script of the route is neither set nor switched off",
            "what it checks or changes does not happen",
        );
    }
    if first.ends_with("ext_authz") {
        return what(
            "what the external authorizer is told of the route is not set",
            "nobody is asked: requests that it would refuse are served",
        );
    }
    if first.ends_with("buffer") {
        return what(
            "requests of the route are not limited in size",
            "the application gets them whatever their size",
        );
    }
    what(
        &format!("the settings of `{first}` for the route are not applied"),
        "what the filter checks or changes does not happen",
    )
}

fn rate_limits(value: Message<'_>) -> Option<Loss> {
    let is_set = |message: Message<'_>| message.get("rate_limits").is_some();
    let path: &[&str] = match (is_set(value), is_set(value.message("route"))) {
        (true, _) => &["rate_limits"],
        (_, true) => &["route", "rate_limits"],
        _ => return None,
    };
    let what = "what limits of rates count requests by is not set";
    Some(Loss::new(what, "requests beyond the limits are served").below(path))
}

fn settings(value: Message<'_>, part: &str) -> Loss {
    let route = value.message("route");
    let told =
        TOLD.iter().find(|(name, ..)| route.get(name).is_some() || value.get(name).is_some());
    let set = if route.is_empty() { value } else { route };
    let (names, be) = (set.names(), set.be());
    let (consequence, help) = told.map_or(
        ("requests are treated as the routes of the policy say", ""),
        |(_, consequence, help)| (*consequence, *help),
    );
    let loss = Loss::new(format!("{names} of the {part} {be} not set"), consequence);
    if help.is_empty() { loss } else { loss.help(help) }
}

/// A field, what becomes of requests without it, and what to write instead.
const TOLD: &[(&str, &str, &str)] = &[
    ("timeout", "answers may take as long as the policy says", "set `timeout` in a VirtualService"),
    (
        "idle_timeout",
        "a silent answer is waited for as the policy says",
        "set `timeout` in a VirtualService",
    ),
    (
        "retry_policy",
        "requests are tried again as the policy says",
        "set `retries` in a VirtualService",
    ),
    ("hedge_policy", "a slow request is not sent a second time", ""),
    (
        "hash_policy",
        "requests of one client may reach different instances",
        "write `consistentHash` in a DestinationRule",
    ),
    (
        "cors",
        "answers have no CORS headers but the application's own",
        "set `corsPolicy` in a VirtualService",
    ),
    (
        "host_rewrite_literal",
        "the application sees the host of the request",
        "set `rewrite.authority` in a VirtualService",
    ),
    (
        "auto_host_rewrite",
        "the application sees the host of the request",
        "set `rewrite.authority` in a VirtualService",
    ),
    ("request_mirror_policies", "requests are not mirrored", "set `mirrors` in a VirtualService"),
    ("upgrade_configs", "only WebSocket is upgraded", ""),
    ("require_tls", "requests in plain text are served", "set `tls.httpsRedirect` in a Gateway"),
    (
        "response_headers_to_add",
        "headers pass as the application wrote them",
        "set `headers` in a VirtualService",
    ),
    (
        "request_headers_to_add",
        "headers pass as the client wrote them",
        "set `headers` in a VirtualService",
    ),
    ("redirect", "requests are not redirected", "set `redirect` in a VirtualService"),
    (
        "direct_response",
        "requests are not answered by the proxy",
        "set `directResponse` in a VirtualService",
    ),
];
