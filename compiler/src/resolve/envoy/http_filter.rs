//! `HTTP_FILTER`: what is put into the path of requests.

use mesh_snapshot::object::{FilterPlace, FilterStep, HeaderEdit, RequestFilter, Traffic};

use super::message::Message;
use super::{
    Change, Effect, HeaderEdits, Loss, Servable, header_mutation, local_rate_limit, lua, place,
};
use crate::api::istio::PatchOperation;

pub(super) fn effect(change: &Change<'_>) -> Effect {
    if change.operation == PatchOperation::Remove {
        return removal(change);
    }
    let name = change.value.text("name").or_else(|| change.wanted());
    let (kind, config) = change.value.typed_config();
    match filter(name, kind).as_str() {
        "lua" => match lua::asked(config) {
            Some(asked) => headers(change, asked, "the script does nothing"),
            None => Effect::Lost(script_loss().below(&["name"])),
        },
        "header_mutation" => match header_mutation::of_filter(config) {
            // The route was found before, and is not looked for again.
            Some(edits) => headers(change, (edits, false), "the filter edits nothing by itself"),
            None => lost("header_mutation", name, config),
        },
        "local_ratelimit" => rate_limit(change, config),
        "stats" | "istio_stats" | "metadata_exchange" | "peer_metadata" | "grpc_stats" => {
            Effect::Native("Istio's metrics are kept by every proxy")
        }
        "wasm" if is_own_statistics(config) => {
            Effect::Native("Istio's metrics are kept by every proxy")
        }
        kind => lost(kind, name, config),
    }
}

fn rate_limit(change: &Change<'_>, config: Message<'_>) -> Effect {
    let asked = match local_rate_limit::asked(config) {
        Ok(asked) => asked,
        Err(loss) => return Effect::Lost(loss.below(&["name"])),
    };
    let told = asked.told.map(|loss| loss.below(&["name"]));
    step(change, FilterStep::RateLimit(asked.limit), local_rate_limit::unmade(config), told)
}

fn headers(
    change: &Change<'_>,
    (edits, reroute): (HeaderEdits, bool),
    nothing: &'static str,
) -> Effect {
    if edits.is_empty() {
        return Effect::Native(nothing);
    }
    let unmade = edits.unmade();
    let HeaderEdits { request, response } = edits;
    step(change, FilterStep::HeaderEdits { request, response, reroute }, unmade, None)
}

/// A step where the patch wants it; what it does is lost where no proxy here has such a place.
fn step(change: &Change<'_>, step: FilterStep, unmade: Loss, told: Option<Loss>) -> Effect {
    let unmade = unmade.below(&["name"]);
    let placed = place::of(change).and_then(|stand| {
        let filter = RequestFilter {
            name: own_name(change)?,
            traffic: stand.traffic,
            port: stand.port,
            place: stand.place,
            step,
        };
        check_edits(&filter).map(|()| filter)
    });
    match placed {
        Ok(served) => Effect::Step(Box::new(Servable { served, unmade, told })),
        Err(reason) => Effect::Lost(unmade.because(&reason)),
    }
}

/// A filter that says nothing of itself but its name and what it does.
fn own_name(change: &Change<'_>) -> Result<String, String> {
    let is_known = |name: &String| ["name", "typed_config", "is_optional"].contains(&&**name);
    if let Some(field) = change.value.field_names().find(|name| !is_known(name)) {
        return Err(format!("`{field}` says what becomes of it"));
    }
    let name = change.value.text("name").ok_or("Envoy refuses a filter without a name")?;
    Ok(name.to_owned())
}

/// What proxies here do in another order than Envoy cannot be edited in the same place.
fn check_edits(filter: &RequestFilter) -> Result<(), String> {
    let FilterStep::HeaderEdits { request, reroute, .. } = &filter.step else { return Ok(()) };
    if filter.place != FilterPlace::First {
        return Ok(());
    }
    if let Some(name) = request.iter().map(HeaderEdit::name).find(|name| *name == CERTIFICATE) {
        return Err(format!(
            "`{name}` is written behind the first place (the last one is behind it)"
        ));
    }
    if !request.is_empty() && !reroute && filter.traffic.contains(&Traffic::Gateway) {
        return Err("a gateway finds the route behind the first place, and Envoy before it (the last one is behind both)".to_owned());
    }
    Ok(())
}

const CERTIFICATE: &str = "x-forwarded-client-cert";

fn lost(kind: &str, name: Option<&str>, config: Message<'_>) -> Effect {
    Effect::Lost(loss(kind, name, config).below(&["name"]))
}

/// `ext_authz`, by the type of its configuration, and else by its name, the new or an old one.
fn filter(name: Option<&str>, kind: Option<&str>) -> String {
    let of_kind = kind.and_then(|kind| {
        let (_, path) = kind.rsplit_once('/').unwrap_or(("", kind));
        if path.contains("PluginConfig") && path.starts_with("stats.") {
            return Some("stats");
        }
        let mut steps = path.rsplit('.').skip(1);
        steps.find(|step| !is_version(step))
    });
    let of_name = || name.map(|name| name.rsplit_once('.').map_or(name, |(_, last)| last));
    let found = of_kind.filter(|it| *it != "config").or_else(of_name).unwrap_or_default();
    match found {
        "http_dynamo_filter" => "dynamo",
        "rate_limit" => "ratelimit",
        found => found,
    }
    .to_owned()
}

fn is_version(step: &str) -> bool {
    let digits = step.strip_prefix('v').unwrap_or_default();
    digits.starts_with(|first: char| first.is_ascii_digit())
}

/// The programs that Istio itself once put there by such patches.
fn is_own_statistics(config: Message<'_>) -> bool {
    let root = config.message("config").text("root_id").unwrap_or_default();
    matches!(root, "stats_inbound" | "stats_outbound" | "metadata_exchange" | "")
        && config
            .message("config")
            .message("vm_config")
            .message("code")
            .message("local")
            .text("inline_string")
            .is_some_and(|program| {
                matches!(program, "envoy.wasm.stats" | "envoy.wasm.metadata_exchange")
            })
}

fn removal(change: &Change<'_>) -> Effect {
    let name = change.wanted().unwrap_or("?");
    Effect::Lost(Loss::new(
        format!("the filter `{name}` is not taken away"),
        format!("what this mesh does in place of `{name}` is still done"),
    ))
}

/// Of a script that does more than edit headers.
pub(crate) fn script_loss() -> Loss {
    Loss::new(
        "the Lua script does not run",
        "what it checks, changes or answers does not happen",
    )
    .help("edits of headers with written-out names and values can be made by `headers` of a VirtualService")
}

pub(super) fn of_extension(change: &Change<'_>) -> Loss {
    let name = change.value.text("name");
    let (kind, config) = change.value.typed_config();
    loss(&filter(name, kind), name, config)
}

/// What each of Envoy's filters does, told as what will not be done.
fn loss(filter: &str, name: Option<&str>, config: Message<'_>) -> Loss {
    match filter {
        "ext_authz" => external_authorizer(config),
        "ratelimit" => Loss::new(
            format!("the rate limit service is not asked{}", domain(config)),
            "requests beyond its limits are served",
        ),
        "wasm" => program(name, config),
        "buffer" => {
            let most = config.number("max_request_bytes");
            let most = most.map_or_else(String::new, |bytes| format!(" up to {bytes} bytes"));
            Loss::new(
                format!("requests are not held until they have come whole{most}"),
                "the application gets them as they come, and whatever their size",
            )
        }
        filter => match TOLD.iter().find(|(known, ..)| *known == filter) {
            Some((_, what, consequence, help)) => {
                let loss = Loss::new(*what, *consequence);
                if help.is_empty() { loss } else { loss.help(*help) }
            }
            None => Loss::new(
                format!("the filter `{}` does not run", name.unwrap_or(filter)),
                "what it checks or changes does not happen",
            ),
        },
    }
}

fn external_authorizer(config: Message<'_>) -> Loss {
    let grpc = config.message("grpc_service");
    let cluster = grpc.message("envoy_grpc").text("cluster_name");
    let server = config.message("http_service").message("server_uri");
    let whom = cluster
        .or_else(|| grpc.message("google_grpc").text("target_uri"))
        .or_else(|| server.text("uri"))
        .or_else(|| server.text("cluster"));
    let whom = whom.map_or_else(String::new, |whom| format!(" `{whom}`"));
    Loss::new(
        format!("the external authorizer{whom} is not asked"),
        "requests that it would refuse are served",
    )
    .help("decide with an AuthorizationPolicy, which can test identities and tokens, or let the application ask")
}

fn domain(config: Message<'_>) -> String {
    config.text("domain").map_or_else(String::new, |domain| format!(" (domain `{domain}`)"))
}

fn program(name: Option<&str>, config: Message<'_>) -> Loss {
    let config = config.message("config");
    let name = config.text("name").or_else(|| config.text("root_id")).or(name).unwrap_or("?");
    Loss::new(
        format!("the program `{name}` (Wasm) does not run"),
        "what it checks or changes does not happen",
    )
}

/// A filter, what will not happen, what becomes of requests, and what to write instead.
type Told = (&'static str, &'static str, &'static str, &'static str);

const TOLD: &[Told] = &[
    (
        "jwt_authn",
        "tokens are not verified by this patch",
        "requests with tokens that are not valid are served",
        "write a RequestAuthentication, and an AuthorizationPolicy that asks for `requestPrincipals`",
    ),
    (
        "rbac",
        "the rules of this patch are not applied",
        "requests that they would refuse are served",
        "write them as an AuthorizationPolicy",
    ),
    (
        "oauth2",
        "nobody is sent to log in",
        "requests without a session are served",
        "let the application do it, and accept its tokens with a RequestAuthentication",
    ),
    ("basic_auth", "names and passwords are not asked for", "requests without them are served", ""),
    ("api_key_auth", "keys are not asked for", "requests without a key are served", ""),
    (
        "csrf",
        "the origins of requests are not compared",
        "requests from other sites are served",
        "",
    ),
    (
        "cors",
        "the CORS policy of this patch is not applied",
        "answers have no CORS headers but the application's own",
        "write it as `corsPolicy` of a VirtualService",
    ),
    (
        "fault",
        "the faults of this patch are not injected",
        "requests are neither delayed nor aborted",
        "write them as `fault` of a VirtualService",
    ),
    ("gzip", "answers are not compressed", "they are sent as the application writes them", ""),
    (
        "compressor",
        "answers are not compressed",
        "they are sent as the application writes them",
        "",
    ),
    ("decompressor", "requests are not decompressed", "the application gets them as they come", ""),
    (
        "grpc_json_transcoder",
        "requests in JSON are not translated to gRPC",
        "the application gets them as they come",
        "",
    ),
    (
        "grpc_web",
        "gRPC-Web is not translated to gRPC",
        "the application gets requests as they come",
        "",
    ),
    (
        "grpc_http1_bridge",
        "gRPC over HTTP/1.1 is not translated",
        "the application gets requests as they come",
        "",
    ),
    (
        "ext_proc",
        "the external processor is not asked",
        "requests and answers pass unchanged, those too that it would refuse",
        "",
    ),
    (
        "adaptive_concurrency",
        "the number of requests under way is not adapted to latency",
        "requests beyond what the application can take are handed to it",
        "bound them with `connectionPool` of a DestinationRule",
    ),
    (
        "admission_control",
        "requests are not refused when many fail",
        "a workload that fails gets all requests",
        "bound them with `connectionPool` and `outlierDetection` of a DestinationRule",
    ),
    ("bandwidth_limit", "the bandwidth is not limited", "bodies are sent as fast as they come", ""),
    ("rate_limit_quota", "quotas are not asked for", "requests beyond them are served", ""),
    ("cache", "answers are not kept", "every request reaches the application", ""),
    (
        "custom_response",
        "answers are not replaced",
        "clients get the answers that proxies and applications give",
        "",
    ),
    (
        "health_check",
        "health checks are not answered by the proxy",
        "they reach the application",
        "",
    ),
    (
        "stateful_session",
        "sessions do not stick to an instance",
        "a client's next request may reach another one",
        "write `consistentHash` with a cookie in a DestinationRule",
    ),
    (
        "original_src",
        "the client's address is not used towards the application",
        "it sees the proxy's address; `x-forwarded-for` has the client's",
        "",
    ),
    (
        "aws_request_signing",
        "requests are not signed",
        "whoever checks the signature refuses them",
        "",
    ),
    (
        "credential_injector",
        "credentials are not added",
        "whoever asks for them refuses requests",
        "",
    ),
    ("aws_lambda", "functions are not called", "requests go where their route leads", ""),
    (
        "dynamic_forward_proxy",
        "hosts are not resolved as requests name them",
        "requests for hosts that the mesh does not know are treated by `outboundTrafficPolicy`",
        "write a ServiceEntry",
    ),
    ("tap", "requests are not recorded", "nothing else changes", ""),
    ("geoip", "the place of clients is not looked up", "headers that would tell it are absent", ""),
    (
        "ip_tagging",
        "requests are not tagged by address",
        "the header `x-envoy-ip-tags` is absent",
        "",
    ),
];
