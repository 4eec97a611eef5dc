//! Steps that an author puts into the path of a workload's requests, beside those that every proxy has.
//!
//! Source: Istio `EnvoyFilter`, the patches whose meaning is known; Envoy, "HTTP filters" and `typed_per_filter_config`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Microseconds, PartsPerMillion, is_default};

/// What one author asks for. A workload has all that select it: sorted by `priority`, and where that is the same, as the
/// slice has them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestFilters {
    /// The least is put in first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: i32,
    /// In order: each is put in front of, or behind, those that are there.
    #[serde(default, skip_serializing_if = "is_default")]
    pub filters: Vec<RequestFilter>,
    /// In order: of two for one route and one filter, the last counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub settings: Vec<RouteSetting>,
    /// In order.
    #[serde(default, skip_serializing_if = "is_default")]
    pub route_headers: Vec<RouteHeaders>,
    /// Of a gateway, in place of [`super::MeshDefaults::trusted_proxies`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_proxies: Option<u32>,
}

/// A step.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestFilter {
    /// What settings of routes call it; not unique.
    pub name: String,
    /// Whose requests; not empty.
    pub traffic: BTreeSet<Traffic>,
    /// Where they come in: of a sidecar the port that the client was going to, of a gateway that of the listener. Absent: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    pub place: FilterPlace,
    pub step: FilterStep,
}

/// Which way requests go.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Traffic {
    /// To the workload of a sidecar.
    Inbound,
    /// From it.
    Outbound,
    /// Through a gateway.
    Gateway,
}

/// Where a step stands. What is said of requests holds the other way round for answers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FilterPlace {
    /// Before all others: before tokens are verified and policies asked.
    First,
    /// After all others: after policies, CORS and faults, before the request goes where its route leads.
    Last,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FilterStep {
    /// So many requests in a time. Absent: none is limited, but where a route has a limit of its own.
    RateLimit(Option<RateLimit>),
    HeaderEdits {
        #[serde(default, skip_serializing_if = "is_default")]
        request: Vec<HeaderEdit>,
        /// Of every answer, those of the proxy's own too.
        #[serde(default, skip_serializing_if = "is_default")]
        response: Vec<HeaderEdit>,
        /// Whether a request of which headers were edited is routed by the new ones.
        #[serde(default, skip_serializing_if = "is_default")]
        reroute: bool,
    },
}

/// One edit of headers. Names are in lower case, values in Envoy's format language, as in
/// [`super::HeaderOperations`].
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum HeaderEdit {
    /// One more value, whatever is there.
    Add {
        name: String,
        value: String,
    },
    /// This value and no other.
    Set {
        name: String,
        value: String,
    },
    Remove {
        name: String,
    },
}

impl HeaderEdit {
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Add { name, .. } | Self::Set { name, .. } | Self::Remove { name } => name,
        }
    }
}

/// So many requests in a time, counted by each proxy for itself: one bucket each for what the limit is for (a place where
/// requests come in, a virtual host, a route).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    pub bucket: TokenBucket,
    /// The share of requests that take a token.
    pub enabled: PartsPerMillion,
    /// The share of those without a token that are refused; the others pass.
    pub enforced: PartsPerMillion,
    /// What a refused request is answered with, 400 to 599.
    pub status: u16,
    /// Of that answer.
    #[serde(default, skip_serializing_if = "is_default")]
    pub response: Vec<HeaderEdit>,
    /// Of requests without a token that pass.
    #[serde(default, skip_serializing_if = "is_default")]
    pub request: Vec<HeaderEdit>,
    /// A client that speaks gRPC hears `RESOURCE_EXHAUSTED` and not `UNAVAILABLE`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub resource_exhausted: bool,
}

/// Full at first. A request takes one token; they come back evenly.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenBucket {
    /// That it holds; not zero.
    pub tokens_max: u32,
    /// That come back in `fill_interval`; not zero.
    pub tokens_per_fill: u32,
    /// Not zero.
    pub fill_interval: Microseconds,
}

/// What a filter does to the requests of some routes, in place of what it does to others.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteSetting {
    /// The filter's name: of those of that name, all that limit rates have this limit.
    pub filter: String,
    pub routes: RouteSelector,
    pub limit: RateLimit,
}

/// Headers that are edited where a route leads somewhere: of each level what is removed first, then the rest in order. Those of a
/// route are edited together with what it says itself, those of the wider levels after that.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteHeaders {
    pub routes: RouteSelector,
    #[serde(default, skip_serializing_if = "is_default")]
    pub request: Vec<HeaderEdit>,
    /// Of answers that come from where the route leads, and of those that it gives itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub response: Vec<HeaderEdit>,
}

/// Some routes. What is absent or empty says nothing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteSelector {
    /// Not empty.
    pub traffic: BTreeSet<Traffic>,
    /// That the request was addressed to; of what arrives for a workload, its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `reviews.shop.svc.cluster.local:9080`, `inbound|http|9080`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub virtual_host: String,
    /// The narrowest counts: of a route, then of its virtual host, then of all of a port.
    pub level: RouteLevel,
    #[serde(default, skip_serializing_if = "is_default")]
    pub route: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<RouteAction>,
}

/// From the widest to the narrowest.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RouteLevel {
    /// All routes of a port together.
    Port,
    /// Those of each virtual host together.
    VirtualHost,
    /// Each route by itself.
    Route,
}

/// What a route does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RouteAction {
    Forward,
    Redirect,
    Respond,
}
