//! `LISTENER`, `FILTER_CHAIN` and `LISTENER_FILTER`: how connections come in.

use super::{Change, Effect, Loss};
use crate::api::istio::{ApplyTo, PatchOperation};

pub(super) fn effect(change: &Change<'_>) -> Effect {
    let part = match change.config.apply_to {
        ApplyTo::ListenerFilter => return listener_filter(change),
        ApplyTo::FilterChain => "chain of filters",
        _ => "listener",
    };
    Effect::Lost(match change.operation {
        PatchOperation::Remove => Loss::new(
            format!("the {part} is not taken away"),
            "connections that it takes are still served",
        ),
        PatchOperation::Merge => settings(change, part),
        _ => Loss::new(
            format!("the {part} is not added"),
            "nothing listens there: connections to it are refused",
        )
        .help("open ports at the edge with a Gateway, and name what is reached with a ServiceEntry")
        .below(&["name"]),
    })
}

fn settings(change: &Change<'_>, part: &str) -> Loss {
    let value = change.value;
    let what = |name: &str| value.get(name).is_some();
    let bytes = value.number("per_connection_buffer_limit_bytes");
    if let Some(bytes) = bytes.filter(|_| value.field_names().count() == 1) {
        return Loss::new(
            format!("the buffers of a connection are not limited to {bytes} bytes"),
            "they keep the bounds that proxies have by themselves",
        )
        .below(&["per_connection_buffer_limit_bytes"]);
    }
    let consequence = if what("transport_socket") {
        "clients are asked for what the policy says, and for nothing more"
    } else if what("access_log") {
        "connections are logged as the mesh configuration says, and nowhere else"
    } else if what("listener_filters") {
        "connections are looked into as this mesh does"
    } else {
        "connections come in as this mesh lets them"
    };
    let first = value.field_names().next().unwrap_or_default();
    Loss::new(format!("{} of the {part} {} not set", value.names(), value.be()), consequence)
        .below(&[&first])
}

fn listener_filter(change: &Change<'_>) -> Effect {
    let name = change.value.text("name").or_else(|| {
        let listener = change.config.r#match.as_ref()?.listener.as_ref()?;
        Some(&*listener.listener_filter)
    });
    let name = name.unwrap_or("?");
    if change.operation == PatchOperation::Remove {
        return Effect::Lost(Loss::new(
            format!("the filter `{name}` is not taken away"),
            "connections are looked into as this mesh does",
        ));
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    let loss = match last {
        "tls_inspector" | "http_inspector" | "original_dst" => {
            return Effect::Native(
                "proxies tell TLS, HTTP and where a client was going by themselves",
            );
        }
        "proxy_protocol" => Loss::new(
            "the PROXY protocol is not read",
            "connections that begin with it are refused, or their client's address is that of the balancer in front",
        ),
        "local_ratelimit" => Loss::new(
            "connections are not limited in a time",
            "connections beyond the limit are served",
        ),
        _ => Loss::new(
            format!("the filter `{name}` does not run"),
            "what it checks or changes does not happen",
        ),
    };
    Effect::Lost(loss.below(&["name"]))
}
