//! Where a step stands: whose requests pass it, and before what.
//!
//! Source: Istio, `patchHTTPFilters`, `listenerMatch`, `filterChainMatch`. What is matched by names of Envoy's configuration that
//! proxies here do not have is not guessed at: the reason is told.

use std::collections::BTreeSet;

use mesh_snapshot::object::{FilterPlace, Traffic};

use super::Change;
use crate::api::istio::{
    ConfigPatch, FilterChainMatch, FilterClass, ListenerMatch, PatchContext, PatchOperation,
};

/// See [`mesh_snapshot::object::RequestFilter`].
pub(super) struct Stand {
    pub(super) traffic: BTreeSet<Traffic>,
    pub(super) port: Option<u16>,
    pub(super) place: FilterPlace,
}

const CONNECTION_MANAGER: &[&str] =
    &["envoy.filters.network.http_connection_manager", "envoy.http_connection_manager"];
const ROUTER: &[&str] = &["envoy.filters.http.router", "envoy.router"];

/// Where the filter that a patch puts in stands; else why that cannot be said.
pub(super) fn of(change: &Change<'_>) -> Result<Stand, String> {
    let place = place(change)?;
    let mut traffic = traffic(change.config)?;
    let Some(listener) = change.config.r#match.as_ref().and_then(|it| it.listener.as_ref()) else {
        return Ok(Stand { traffic, port: None, place });
    };
    match listener.name.as_str() {
        "" => {}
        // Those of what arrives have one listener between them.
        "virtualInbound" => traffic.retain(|it| *it == Traffic::Inbound),
        name => {
            return Err(format!("it is for the listener `{name}`, which proxies here do not have"));
        }
    }
    let mut port = port(listener.port_number)?;
    if let Some(chain) = &listener.filter_chain {
        check_chain(chain)?;
        if chain.destination_port != 0 {
            // Only the chains of what arrives are told apart by port.
            traffic.retain(|it| *it == Traffic::Inbound);
            let own = self::port(chain.destination_port)?;
            if port.is_some_and(|port| Some(port) != own) {
                return Err("it is for two ports at once".to_owned());
            }
            port = own;
        }
    }
    check_rest(listener)?;
    if traffic.is_empty() {
        return Err("what it matches is there for no traffic".to_owned());
    }
    Ok(Stand { traffic, port, place })
}

/// What is put in front of nothing in particular is put in front of all.
fn place(change: &Change<'_>) -> Result<FilterPlace, String> {
    if change.config.patch.as_ref().is_some_and(|it| it.filter_class != FilterClass::Unspecified) {
        return Err("`filterClass` says where it stands".to_owned());
    }
    let filter = change.inner();
    match (change.operation, filter) {
        (PatchOperation::InsertFirst, _) | (PatchOperation::InsertBefore, None) => {
            Ok(FilterPlace::First)
        }
        (PatchOperation::InsertBefore, Some(name)) if ROUTER.contains(&name) => {
            Ok(FilterPlace::Last)
        }
        (PatchOperation::InsertBefore | PatchOperation::InsertAfter, Some(name)) => {
            Err(format!("it stands beside `{name}`, and a place is either the first or right before the router"))
        }
        (PatchOperation::InsertAfter | PatchOperation::Add, _) => Err(
            "it stands behind the router, where Envoy accepts no filter (`INSERT_BEFORE` stands in front)"
                .to_owned(),
        ),
        _ => Err("it changes a filter and puts in none".to_owned()),
    }
}

/// Whose requests a patch is for.
pub(super) fn traffic(config: &ConfigPatch) -> Result<BTreeSet<Traffic>, String> {
    let all = [Traffic::Inbound, Traffic::Outbound, Traffic::Gateway];
    let Some(matched) = &config.r#match else { return Ok(all.into()) };
    if let Some(proxy) = &matched.proxy {
        if !proxy.proxy_version.is_empty() {
            let version = &proxy.proxy_version;
            return Err(format!("it is for Istio's proxies of the version `{version}` alone"));
        }
        if !proxy.metadata.is_empty() {
            return Err("it is for Istio's proxies with some metadata alone".to_owned());
        }
    }
    if matched.waypoint.is_some() {
        return Err("it is for waypoints, and there are none".to_owned());
    }
    Ok(match matched.context {
        PatchContext::Any => all.into(),
        PatchContext::SidecarInbound => [Traffic::Inbound].into(),
        PatchContext::SidecarOutbound => [Traffic::Outbound].into(),
        PatchContext::Gateway => [Traffic::Gateway].into(),
        PatchContext::Waypoint => {
            return Err("it is for waypoints, and there are none".to_owned());
        }
    })
}

/// Zero: any.
pub(super) fn port(number: u32) -> Result<Option<u16>, String> {
    let port = u16::try_from(number).map_err(|_| format!("{number} is no port"))?;
    Ok((port != 0).then_some(port))
}

fn check_rest(listener: &ListenerMatch) -> Result<(), String> {
    for (name, text) in
        [("portName", &listener.port_name), ("listenerFilter", &listener.listener_filter)]
    {
        if !text.is_empty() {
            return Err(format!("`{name}` says nothing of it, in Istio neither"));
        }
    }
    Ok(())
}

fn check_chain(chain: &FilterChainMatch) -> Result<(), String> {
    for (name, text) in [
        ("name", &chain.name),
        ("sni", &chain.sni),
        ("transportProtocol", &chain.transport_protocol),
        ("applicationProtocols", &chain.application_protocols),
        ("transportSocket", &chain.transport_socket),
    ] {
        if !text.is_empty() {
            return Err(format!(
                "it is for chains of filters whose `{name}` is `{text}`, which proxies here do not have"
            ));
        }
    }
    let Some(filter) = chain.filter.as_ref().filter(|filter| !filter.name.is_empty()) else {
        return Ok(());
    };
    if CONNECTION_MANAGER.contains(&&*filter.name) {
        return Ok(());
    }
    Err(format!("it looks for `{}`, in which there are no filters of requests", filter.name))
}
