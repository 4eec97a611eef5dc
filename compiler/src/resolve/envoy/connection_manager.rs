//! How requests are read from connections, and what is noted of them.
//!
//! Source: Envoy, `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`.

use mesh_snapshot::object::Traffic;
use serde_json::Value;

use super::message::Message;
use super::{Change, Effect, Loss, Servable, place};
use crate::api::istio::{FilterChainMatch, ListenerMatch, PatchOperation};

pub(super) fn effect(change: &Change<'_>, config: Message<'_>) -> Effect {
    let asked: Vec<_> = config.field_names().filter(|name| !is_native(config, name)).collect();
    if asked.is_empty() {
        return Effect::Native("proxies of this mesh behave so without it");
    }
    let unmade = unmade(config, &asked);
    if !asked.iter().all(|name| ADDRESS.contains(&&**name)) {
        return Effect::Lost(unmade);
    }
    match (client_address(change, config), config.get(HOPS)) {
        (Err(reason), _) => Effect::Lost(unmade.because(&reason)),
        (Ok(_), None) => Effect::Native("gateways take the client's address from the connection"),
        (Ok(served), Some(_)) => {
            Effect::TrustedProxies(Box::new(Servable { served, unmade, told: None }))
        }
    }
}

const HOPS: &str = "xff_num_trusted_hops";
const ADDRESS: &[&str] = &[HOPS, "use_remote_address"];

/// How many proxies a gateway is to trust, at all of its ports; else why that is not served.
fn client_address(change: &Change<'_>, config: Message<'_>) -> Result<u32, String> {
    if change.operation != PatchOperation::Merge {
        return Err("it is no `MERGE` into what is there".to_owned());
    }
    if place::traffic(change.config)? != [Traffic::Gateway].into() {
        return Err("it is served for gateways alone (`context: GATEWAY`)".to_owned());
    }
    let listener = change.config.r#match.as_ref().and_then(|it| it.listener.as_ref());
    if listener.is_some_and(|listener| *listener != everywhere(listener)) {
        return Err(
            "it is for some of a gateway's ports or names, and served for all of them alone"
                .to_owned(),
        );
    }
    if config.flag("use_remote_address") == Some(false) {
        return Err("gateways take the client's address from the connection".to_owned());
    }
    let hops = config.get(HOPS).map_or(Some(0), |_| config.number(HOPS));
    let hops = hops.and_then(|hops| u32::try_from(hops).ok());
    hops.ok_or_else(|| format!("`{HOPS}` is no number of proxies"))
}

/// The same match without anything but the filter that it looks for.
fn everywhere(listener: &ListenerMatch) -> ListenerMatch {
    let filter = listener.filter_chain.as_ref().and_then(|chain| chain.filter.clone());
    let chain = FilterChainMatch { filter, ..FilterChainMatch::default() };
    ListenerMatch {
        filter_chain: listener.filter_chain.as_ref().map(|_| chain),
        ..ListenerMatch::default()
    }
}

fn unmade(config: Message<'_>, asked: &[String]) -> Loss {
    let first = asked.first().map(String::as_str).unwrap_or_default();
    let settings: Vec<_> = asked.iter().map(|name| setting(config, name)).collect();
    let are = if settings.len() == 1 { "is" } else { "are" };
    let what = format!("{} {are} not set for requests that come in", settings.join(", "));
    let told = asked.iter().find_map(|name| TOLD.iter().find(|(known, ..)| known == name));
    let (consequence, help) =
        told.map_or(("they are read as this mesh reads them", ""), |it| (it.1, it.2));
    let loss = Loss::new(what, consequence);
    let loss = if help.is_empty() { loss } else { loss.help(help) };
    loss.below(&["typed_config", first])
}

/// `stream_idle_timeout: 10s`, as far as it can be said in a word.
fn setting(config: Message<'_>, name: &str) -> String {
    match config.get(name) {
        Some(Value::String(text)) if text.len() <= 40 => format!("`{name}: {text}`"),
        Some(value @ (Value::Bool(_) | Value::Number(_))) => format!("`{name}: {value}`"),
        _ => format!("`{name}`"),
    }
}

/// What is so without being asked for.
fn is_native(config: Message<'_>, name: &str) -> bool {
    match name {
        // Names of the message, of its statistics, and of what is patched by other means.
        "@type" | "stat_prefix" => true,
        // Answers have the `server` that the application gives them, and proxies give none.
        "server_header_transformation" => config.text(name) == Some("PASS_THROUGH"),
        // The default, here as there: five minutes.
        "stream_idle_timeout" => config.text(name) == Some("300s"),
        // A path is normalised by the mesh's one rule, which does so by default.
        "normalize_path" => config.flag(name) == Some(true),
        // WebSocket is upgraded without being asked.
        "upgrade_configs" => config.messages(name).all(|upgrade| {
            upgrade.text("upgrade_type").is_some_and(|kind| kind.eq_ignore_ascii_case("websocket"))
                && upgrade.flag("enabled") != Some(false)
        }),
        _ => false,
    }
}

/// A field, what becomes of requests without it, and what to write instead.
const TOLD: &[(&str, &str, &str)] = &[
    (
        "access_log",
        "requests are logged as the mesh configuration says, and nowhere else",
        "set `accessLogFile` and `accessLogFormat` of the mesh configuration",
    ),
    (
        "xff_num_trusted_hops",
        "the address of the client is taken from `x-forwarded-for` as the mesh configuration says",
        "set `defaultConfig.gatewayTopology.numTrustedProxies` of the mesh configuration",
    ),
    (
        "use_remote_address",
        "gateways take the client's address from the connection, sidecars from `x-forwarded-for`",
        "set `defaultConfig.gatewayTopology.numTrustedProxies` of the mesh configuration",
    ),
    (
        "original_ip_detection_extensions",
        "the client's address is not read from another header",
        "set `defaultConfig.gatewayTopology.numTrustedProxies` of the mesh configuration",
    ),
    (
        "merge_slashes",
        "slashes are merged as the mesh configuration says, so policies for paths see them otherwise",
        "set `pathNormalization.normalization: MERGE_SLASHES` of the mesh configuration",
    ),
    (
        "path_with_escaped_slashes_action",
        "escaped slashes are treated as the mesh configuration says, so policies for paths see them otherwise",
        "set `pathNormalization.normalization: DECODE_AND_MERGE_SLASHES` of the mesh configuration",
    ),
    (
        "normalize_path",
        "paths are normalised as the mesh configuration says",
        "set `pathNormalization` of the mesh configuration",
    ),
    ("local_reply_config", "clients get the proxies' own answers as they are", ""),
    (
        "stream_idle_timeout",
        "a client that takes nothing of its answer is given up after five minutes",
        "bound the whole answer with `timeout` of a VirtualService",
    ),
    (
        "request_timeout",
        "a request that comes slowly is waited for",
        "bound the answer with `timeout` of a VirtualService",
    ),
    (
        "request_headers_timeout",
        "a head that comes slowly is waited for as long as proxies do by themselves",
        "",
    ),
    (
        "common_http_protocol_options",
        "connections and headers keep the bounds that proxies have by themselves",
        "bounds towards a service can be set by `connectionPool` of a DestinationRule",
    ),
    ("max_request_headers_kb", "heads keep the bound that proxies have by themselves", ""),
    (
        "http_protocol_options",
        "names of headers are sent in lower case, and HTTP/1 is read as proxies do by themselves",
        "",
    ),
    (
        "http2_protocol_options",
        "streams and windows keep the bounds that proxies have by themselves",
        "",
    ),
    (
        "server_header_transformation",
        "answers have the `server` that the application gives them",
        "",
    ),
    ("server_name", "answers have the `server` that the application gives them", ""),
    (
        "forward_client_cert_details",
        "`x-forwarded-client-cert` tells of the caller as Istio has it by default",
        "",
    ),
    (
        "set_current_client_cert_details",
        "`x-forwarded-client-cert` tells of the caller as Istio has it by default",
        "",
    ),
    ("strip_matching_host_port", "hosts keep their port where the application sees them", ""),
    ("strip_any_host_port", "hosts keep their port where the application sees them", ""),
    ("upgrade_configs", "only WebSocket is upgraded", ""),
    ("tracing", "no spans are sent", ""),
    ("preserve_external_request_id", "ids of requests are kept or made as by default", ""),
    ("generate_request_id", "ids of requests are kept or made as by default", ""),
    ("always_set_request_id_in_response", "answers do not tell the id of their request", ""),
    ("delayed_close_timeout", "connections are closed as proxies do by themselves", ""),
    ("drain_timeout", "connections are drained as proxies do by themselves", ""),
    (
        "add_user_agent",
        "requests have the `user-agent` that the client gives them",
        "set the header with `headers` of a VirtualService",
    ),
    ("via", "no `via` is added", "set the header with `headers` of a VirtualService"),
    ("http_filters", "filters are not put into the path of requests by this patch", ""),
    ("route_config", "routes are those of the policy", "write a VirtualService"),
];
