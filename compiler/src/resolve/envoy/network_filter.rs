//! `NETWORK_FILTER`: what is put into the path of connections, and how requests are read from them.

use super::{Change, Effect, Loss, connection_manager, local_rate_limit};
use crate::api::istio::PatchOperation;

pub(super) fn effect(change: &Change<'_>) -> Effect {
    let name = change.value.text("name").or_else(|| change.wanted()).unwrap_or("?");
    if change.operation == PatchOperation::Remove {
        return Effect::Lost(Loss::new(
            format!("the filter `{name}` is not taken away"),
            format!("what this mesh does in place of `{name}` is still done"),
        ));
    }
    let (kind, config) = change.value.typed_config();
    let kind = kind.unwrap_or_default();
    if kind.ends_with("HttpConnectionManager") || is(name, "http_connection_manager") {
        return connection_manager::effect(change, config);
    }
    let (what, consequence) = if kind.ends_with("LocalRateLimit") || is(name, "local_ratelimit") {
        let limit = local_rate_limit::unmade(config);
        (limit.what, "connections beyond it are served")
    } else if is(name, "metadata_exchange") || is(name, "stats") || kind.starts_with("stats.") {
        return Effect::Native("Istio's metrics are kept by every proxy");
    } else if is(name, "tcp_proxy") {
        (
            format!("{} of the TCP proxy {} not set", config.names(), config.be()),
            "streams are carried as this mesh carries them",
        )
    } else if is(name, "ext_authz") {
        (
            "the external authorizer is not asked".to_owned(),
            "connections that it would refuse are served",
        )
    } else if is(name, "rbac") {
        (
            "the rules of this patch are not applied".to_owned(),
            "connections that they would refuse are served",
        )
    } else if is(name, "ratelimit") {
        (
            "the rate limit service is not asked".to_owned(),
            "connections beyond its limits are served",
        )
    } else if is(name, "connection_limit") {
        (connection_limit(config.number("max_connections")), "connections beyond it are served")
    } else if [
        "mysql_proxy",
        "mongo_proxy",
        "redis_proxy",
        "postgres_proxy",
        "kafka_broker",
        "thrift_proxy",
        "zookeeper_proxy",
    ]
    .into_iter()
    .any(|known| is(name, known))
    {
        (
            format!("the filter `{name}` does not run"),
            "its protocol is not looked into: bytes are carried as they come, and no statistics of it are kept",
        )
    } else {
        (format!("the filter `{name}` does not run"), "what it checks or changes does not happen")
    };
    Effect::Lost(Loss::new(what, consequence).below(&["name"]))
}

fn connection_limit(most: Option<u64>) -> String {
    most.map_or_else(
        || "the number of connections is not limited".to_owned(),
        |most| format!("the limit of {most} connections is not applied"),
    )
}

/// `envoy.filters.network.tcp_proxy`, or as it was called before.
fn is(name: &str, filter: &str) -> bool {
    name.rsplit('.').next() == Some(filter)
}
