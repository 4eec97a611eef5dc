//! What becomes of a request: which route takes it, and what that route does.
//!
//! A table is compiled for one workload and one port; everything in it is parsed, looked up and hashed then. What
//! is left for a request is to find the entry, and to do what it says.

mod condition;
mod index;
mod table;
mod text;

mod compile;
mod cors;
mod fault;
mod headers;
mod redirect;
mod retry;
mod rewrite;
mod split;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use http::header::HeaderValue;
use mesh_snapshot::Key;
use mesh_snapshot::object::PartsPerMillion;

pub(crate) use compile::{Context, VirtualHostRoutes};
pub use cors::{Cors, CorsAnswer};
pub use fault::{Faults, Injected};
pub use headers::{Edits, HeaderPlan, Value};
pub use redirect::{Redirect, write_https_location};
pub use retry::{Failure, Retry};
pub use rewrite::{Rewrite, Substitution};
pub use split::{Backend, Split, Target, Upstream};
pub use stream::StreamRoute;
pub(crate) use stream::{StreamFacts, StreamTable};

/// One route, with its place in the policy repository: `key` and `item` lead to it in a
/// [`mesh_snapshot::SourceMap`].
#[derive(Clone, Debug)]
pub struct Route {
    pub key: Arc<Key>,
    /// `http[2]`; empty for the route that a service has when nobody wrote one.
    pub item: Box<str>,
    /// What access logs call it; may be empty.
    pub name: Box<str>,
    pub action: Action,
    pub headers: HeaderPlan,
    pub cors: Option<Cors>,
    pub faults: Faults,
}

#[derive(Clone, Debug)]
pub enum Action {
    Forward(Box<Forward>),
    Redirect(Redirect),
    /// An answer of the proxy's own.
    Respond {
        status: u16,
        body: Box<[u8]>,
    },
}

#[derive(Clone, Debug)]
pub struct Forward {
    pub backends: Split,
    pub rewrite: Option<Rewrite>,
    /// As the route rewrites it: see [`Forward::authority`].
    pub rewritten_authority: Option<HeaderValue>,
    /// Of the whole answer, all tries included; absent: none.
    pub timeout: Option<Duration>,
    /// Of each try; absent: what is left of `timeout`.
    pub try_timeout: Option<Duration>,
    pub retry: Arc<Retry>,
    pub mirrors: Box<[Mirror]>,
}

impl Forward {
    /// The authority that the upstream sees; `None`: the one that the request has. The route's goes before the
    /// backend's, other than with headers. Source: Istio, `processDestination`; Envoy writes that of a weighted cluster
    /// first, and the route's over it.
    #[must_use]
    pub fn authority<'p>(
        &'p self,
        route: &'p HeaderPlan,
        backend: &'p HeaderPlan,
    ) -> Option<&'p HeaderValue> {
        let plans = route.authority.as_ref().or(backend.authority.as_ref());
        self.rewritten_authority.as_ref().or(plans)
    }
}

#[derive(Clone, Debug)]
pub struct Mirror {
    pub upstream: Upstream,
    pub share: PartsPerMillion,
}

/// A route, and the request that it takes.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'p> {
    pub route: &'p Route,
    /// `reviews.shop.svc.cluster.local:9080`.
    pub virtual_host: &'p str,
    /// Which of the route's matches held; `None`: it has none.
    pub matching: Option<usize>,
    /// How many bytes of the path that match covers: for [`Rewrite::write`] and [`Redirect::write_location`].
    pub covered: usize,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'p> {
    Route(Selected<'p>),
    /// To where the client was going (`PassthroughCluster`).
    Passthrough,
    /// Answer 502 (`BlackHoleCluster`): the workload may call registered hosts only.
    Blackhole,
    /// Answer 404: no virtual host is for this authority.
    NoHost,
    /// Answer 404: no route of the virtual host of this name takes the request.
    NoRoute(&'p str),
    /// Answer 301 with [`write_https_location`].
    HttpsRedirect,
}
