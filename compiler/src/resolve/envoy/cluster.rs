//! `CLUSTER`: how a service is reached.

use super::{Change, Effect, Loss};
use crate::api::istio::PatchOperation;

pub(super) fn effect(change: &Change<'_>) -> Effect {
    Effect::Lost(match change.operation {
        PatchOperation::Remove => {
            Loss::new("the cluster is not taken away", "requests may still be sent to it")
        }
        PatchOperation::Merge => settings(change),
        _ => {
            let name = change.value.text("name").unwrap_or("?");
            Loss::new(
                format!("the cluster `{name}` is not added"),
                "what is sent to it by other patches is not sent",
            )
            .help("name what is reached with a ServiceEntry")
            .below(&["name"])
        }
    })
}

fn settings(change: &Change<'_>) -> Loss {
    let value = change.value;
    let matched = change.config.r#match.as_ref().and_then(|it| it.cluster.as_ref());
    let whom = matched.map_or("", |it| if it.service.is_empty() { &it.name } else { &it.service });
    let whom = if whom.is_empty() { "every service".to_owned() } else { format!("`{whom}`") };
    let first = value.field_names().next().unwrap_or_default();
    let told = TOLD.iter().find(|(name, ..)| value.get(name).is_some());
    let (consequence, help) = told
        .map_or(("connections are made as the policy says", ""), |(_, consequence, help)| {
            (*consequence, *help)
        });
    let loss =
        Loss::new(format!("{} towards {whom} {} not set", value.names(), value.be()), consequence)
            .below(&[&first]);
    if help.is_empty() { loss } else { loss.help(help) }
}

/// A field, what becomes of requests without it, and what to write instead.
const TOLD: &[(&str, &str, &str)] = &[
    (
        "connect_timeout",
        "connecting may take as long as the policy says",
        "set `connectionPool.tcp.connectTimeout` in a DestinationRule",
    ),
    (
        "circuit_breakers",
        "connections, requests and retries are bounded as the policy says",
        "set `connectionPool` in a DestinationRule; a budget of retries has no other place",
    ),
    (
        "outlier_detection",
        "instances that fail are ejected as the policy says",
        "set `outlierDetection` in a DestinationRule",
    ),
    (
        "upstream_connection_options",
        "idle connections are probed as the policy says",
        "set `connectionPool.tcp.tcpKeepalive` in a DestinationRule",
    ),
    (
        "lb_policy",
        "instances are chosen as the policy says",
        "set `loadBalancer` in a DestinationRule",
    ),
    ("health_checks", "instances are not probed", "set `outlierDetection` in a DestinationRule"),
    (
        "transport_socket",
        "connections are secured as the policy says",
        "set `tls` in a DestinationRule",
    ),
    (
        "max_requests_per_connection",
        "connections carry as many requests as the policy says",
        "set `connectionPool.http.maxRequestsPerConnection` in a DestinationRule",
    ),
    (
        "typed_extension_protocol_options",
        "HTTP is spoken as the policy says",
        "set `connectionPool.http` in a DestinationRule",
    ),
    (
        "http2_protocol_options",
        "HTTP is spoken as the policy says",
        "set `connectionPool.http.h2UpgradePolicy` in a DestinationRule",
    ),
    ("dns_refresh_rate", "names are resolved once a minute", ""),
    ("dns_lookup_family", "names are resolved to addresses of both families", ""),
    (
        "per_connection_buffer_limit_bytes",
        "buffers keep the bounds that proxies have by themselves",
        "",
    ),
];
