//! What the patches of an `EnvoyFilter` ask for, in the words of a mesh and not of Envoy's configuration.
//!
//! Nothing here runs Envoy, so no patch is applied as it stands. A patch that asks for what a mesh has is recognised, exactly or
//! not at all; of every other one it is told by name what will not happen. One file a part of Envoy's configuration:
//!
//! | patched | file |
//! |---|---|
//! | `HTTP_FILTER` | `http_filter.rs`, with `lua.rs`, `header_mutation.rs`, `local_rate_limit.rs`; `place.rs` |
//! | `NETWORK_FILTER` | `network_filter.rs`, with `connection_manager.rs` |
//! | `LISTENER`, `FILTER_CHAIN`, `LISTENER_FILTER` | `listener.rs` |
//! | `ROUTE_CONFIGURATION`, `VIRTUAL_HOST`, `HTTP_ROUTE` | `route.rs`, `routes.rs` |
//! | `CLUSTER` | `cluster.rs` |
//! | `EXTENSION_CONFIG`, `BOOTSTRAP` | here |
//!
//! `filters.rs` is about all of them together.

mod header_edits;
mod loss;
mod message;

mod header_mutation;
mod local_rate_limit;
mod lua;

mod place;
mod routes;

mod http_filter;

mod connection_manager;
mod network_filter;

mod cluster;
mod listener;
mod route;

mod filters;

#[cfg(test)]
mod tests;

use mesh_snapshot::object::{RequestFilter, RouteHeaders, RouteSetting};
use serde_json::Value;

use self::message::Message;
use crate::api::istio::{ApplyTo, ConfigPatch, FilterMatch, PatchOperation};

pub use filters::{EnvoyFilters, Patch, Resolved, Served};
pub use header_edits::HeaderEdits;
pub(crate) use http_filter::script_loss;
pub use loss::Loss;
pub use lua::header_edits as lua_header_edits;
pub(crate) use message::written;

/// What becomes of a patch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// What it asks for is so without it, for this reason.
    Native(&'static str),
    /// A step in the path of requests.
    Step(Box<Servable<RequestFilter>>),
    /// What a step does to some routes.
    Settings(Box<Servable<Vec<RouteSetting>>>),
    /// Headers that are edited where some routes lead.
    RouteHeaders(Box<Servable<RouteHeaders>>),
    /// How many proxies in front of gateways are trusted.
    TrustedProxies(Box<Servable<u32>>),
    /// What will not happen.
    Lost(Loss),
}

/// What can be served, where there is somebody to serve it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Servable<T> {
    pub served: T,
    /// What will not happen where it is not.
    pub unmade: Loss,
    /// What is told of it all the same.
    pub told: Option<Loss>,
}

/// What becomes of a patch that says what it does. Absent: it is no patch, which its rules refuse.
#[must_use]
pub fn effect(config: &ConfigPatch) -> Option<Effect> {
    let patch = config.patch.as_ref()?;
    let nothing = Value::Null;
    let value = Message::of(patch.value.as_ref().map_or(&nothing, |value| &value.0));
    let change = Change { config, operation: patch.operation, value };
    match config.apply_to {
        ApplyTo::Invalid => None,
        _ if patch.operation == PatchOperation::Invalid => None,
        ApplyTo::HttpFilter => Some(http_filter::effect(&change)),
        ApplyTo::NetworkFilter => Some(network_filter::effect(&change)),
        ApplyTo::Listener | ApplyTo::FilterChain | ApplyTo::ListenerFilter => {
            Some(listener::effect(&change))
        }
        ApplyTo::RouteConfiguration | ApplyTo::VirtualHost | ApplyTo::HttpRoute => {
            Some(route::effect(&change))
        }
        ApplyTo::Cluster => Some(cluster::effect(&change)),
        ApplyTo::ExtensionConfig => {
            Some(Effect::Lost(http_filter::of_extension(&change).below(&["name"])))
        }
        ApplyTo::Bootstrap => Some(Effect::Lost(Loss::new(
            format!("the start configuration of proxies is not changed ({})", value.names()),
            "proxies start as this mesh starts them",
        ))),
    }
}

/// A patch under its match.
#[derive(Clone, Copy, Debug)]
struct Change<'a> {
    config: &'a ConfigPatch,
    operation: PatchOperation,
    value: Message<'a>,
}

impl<'a> Change<'a> {
    /// The filter that is looked for: the one inside of another, where there is one.
    fn wanted(&self) -> Option<&'a str> {
        let name = self.inner().or_else(|| Some(&*self.filter()?.name));
        name.filter(|name| !name.is_empty())
    }

    /// The filter of requests that is looked for.
    fn inner(&self) -> Option<&'a str> {
        let inner = self.filter()?.sub_filter.as_ref()?;
        Some(&*inner.name).filter(|name| !name.is_empty())
    }

    fn filter(&self) -> Option<&'a FilterMatch> {
        let listener = self.config.r#match.as_ref()?.listener.as_ref()?;
        listener.filter_chain.as_ref()?.filter.as_ref()
    }
}
