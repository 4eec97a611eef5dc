//! An endpoint that was picked, and what is sent to it.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use mesh_engine::host::without_brackets;

use super::connect;
use super::counters::Counters;
use super::endpoint::{Endpoint, Security};
use super::error::{Cause, SendError};
use super::limit::{Place, Resource};
use super::outlier::Outcome;
use super::pool::{Lane, Lease, Pool};
use super::underway::{Active, Underway};
use super::upstream::Target;
use super::view::Cluster;
use crate::http::grpc::is_grpc;
use crate::http::{Body, ExchangeError, Unanswered, Upgrade, Version};
use crate::stream::Stream;
use crate::tls::OutsideClient;
use crate::tls::alpn::Offer;

/// An endpoint for one request or connection, which counts as under way there from now on.
pub struct Picked {
    cluster: Rc<Cluster>,
    pool: Rc<Pool>,
    active: Active,
}

/// A connection of a TCP cluster.
#[derive(Debug)]
pub struct Connected {
    pub stream: Stream,
    /// To be kept as long as the connection.
    pub guard: Guard,
}

/// Counts a connection while it lasts.
#[derive(Debug)]
pub struct Guard {
    _place: Place,
    _active: Active,
}

impl Picked {
    pub(super) fn new(cluster: Rc<Cluster>, target: &Target) -> Self {
        Self { cluster, pool: Rc::clone(&target.pool), active: Active::new(&target.known) }
    }

    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        self.active.endpoint()
    }

    /// Sends a request of a client that speaks `client`. The body of the answer holds the connection, the places in limits
    /// and the accounting until it has ended; of a switch of protocols, [`crate::http::Tunnel`] does. What was not sent at all
    /// because a kept connection had ended is sent once more, over another one. An upgrade is asked for over HTTP/1.1, also
    /// of a server that is else spoken to over HTTP/2.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn send(
        self,
        request: Request<Body>,
        client: http::Version,
    ) -> Result<Response<Body>, SendError> {
        self.send_telling(request, client, &Cell::default()).await
    }

    /// The same. `from` becomes this end's address of the connection that it goes over, as soon as there is one.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn send_telling(
        self,
        mut request: Request<Body>,
        client: http::Version,
        from: &Cell<Option<SocketAddr>>,
    ) -> Result<Response<Body>, SendError> {
        let state = self.cluster.state();
        let Some(place) = state.usage.enter(Resource::Requests, &self.cluster.limits()) else {
            Counters::add(&state.counters.request_overflow);
            return Err(SendError::unsent(Cause::Overflow(Resource::Requests), Some(request)));
        };
        let is_connect = *request.method() == Method::CONNECT;
        let is_grpc = is_grpc(request.headers());
        let lane = self.lane(&request, client);
        loop {
            let lease = match lane.acquire().await {
                Ok(lease) => lease,
                Err(cause) => return Err(self.not_connected(cause, request)),
            };
            self.cluster.note(self.endpoint(), Outcome::Connected);
            from.set(lease.local());
            match lease.send(request).await {
                Ok(response) => {
                    let Self { cluster, active, .. } = self;
                    let mut underway = Underway {
                        _lease: lease,
                        _place: place,
                        active,
                        judge: cluster.judge(),
                        awaits_trailers: false,
                    };
                    underway.note_head(&response, is_grpc);
                    return Ok(holding(response, underway, is_connect));
                }
                Err(Unanswered { unsent: Some(unsent), .. }) if lease.was_reused() => {
                    request = *unsent;
                }
                Err(unanswered) => return Err(self.failed(unanswered, &lease)),
            }
        }
    }

    /// Whether the server may turn the request away without having looked at it, as only HTTP/2 can say.
    #[must_use]
    pub fn may_refuse(&self, request: &Request<Body>, client: http::Version) -> bool {
        matches!(self.offer(request, client), Offer::Http2 | Offer::Multiplex)
    }

    fn offer(&self, request: &Request<Body>, client: http::Version) -> Offer {
        let client = match client {
            http::Version::HTTP_2 => Version::Http2,
            _ => Version::Http1,
        };
        // What becomes a tunnel takes the whole connection, and the one version in which that can be asked for.
        let is_tunnel =
            *request.method() == Method::CONNECT || request.extensions().get::<Upgrade>().is_some();
        match (self.cluster.spec().version(client), &self.endpoint().security) {
            _ if is_tunnel => Offer::Http1,
            (Version::Http2, _) => Offer::Http2,
            (Version::Http1, Security::Mesh(_)) => Offer::Multiplex,
            (Version::Http1, _) => Offer::Http1,
        }
    }

    fn lane(&self, request: &Request<Body>, client: http::Version) -> Rc<Lane> {
        let offer = self.offer(request, client);
        let outside = self.cluster.state().outside.as_ref();
        let is_by_host = self.endpoint().security == Security::Outside
            && outside.is_some_and(OutsideClient::is_by_host);
        let authority = if is_by_host { authority(request) } else { None };
        let host = authority.as_ref().map_or("", |authority| without_brackets(authority.host()));
        self.pool.lane(offer, host)
    }

    fn not_connected(&self, cause: Cause, request: Request<Body>) -> SendError {
        if matches!(cause, Cause::Connect(_)) {
            self.cluster.note(self.endpoint(), Outcome::Failed);
        }
        SendError::unsent(cause, Some(request))
    }

    /// Opens a connection for whatever the client says.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn connect(self) -> Result<Connected, SendError> {
        let state = self.cluster.state();
        let Some(place) = state.usage.enter(Resource::Connections, &self.cluster.limits()) else {
            Counters::add(&state.counters.connection_overflow);
            return Err(SendError::unsent(Cause::Overflow(Resource::Connections), None));
        };
        let ends = self.pool.ends();
        // There is no host but the service's own.
        let host = &state.spec.host;
        let opened = connect::open(state, &ends.mesh, &ends.endpoint, Offer::Tcp, host).await;
        match opened {
            Ok((stream, _)) => {
                Counters::add(&state.counters.connections);
                self.cluster.note(self.endpoint(), Outcome::Served);
                Ok(Connected { stream, guard: Guard { _place: place, _active: self.active } })
            }
            Err(error) => {
                Counters::add(&state.counters.connect_failures);
                self.cluster.note(self.endpoint(), Outcome::Failed);
                Err(SendError::unsent(Cause::Connect(Arc::new(error)), None))
            }
        }
    }

    fn failed(&self, unanswered: Unanswered, lease: &Lease) -> SendError {
        let is_unprocessed = unanswered.is_unprocessed();
        let Unanswered { error, unsent } = unanswered;
        // Of what the client did wrong, the server knows nothing.
        if !matches!(error, ExchangeError::Request(_) | ExchangeError::NoAuthority) {
            self.cluster.note(self.endpoint(), Outcome::Failed);
        }
        let was_reused = lease.was_reused();
        SendError { cause: error.into(), unsent, is_unprocessed, was_reused }
    }
}

impl std::fmt::Debug for Picked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picked").field("endpoint", self.endpoint()).finish_non_exhaustive()
    }
}

fn holding(response: Response<Body>, underway: Underway, is_connect: bool) -> Response<Body> {
    let is_tunnel = response.status() == StatusCode::SWITCHING_PROTOCOLS
        || is_connect && response.status().is_success();
    if response.body().is_end_stream() && !is_tunnel {
        return response; // over already
    }
    response.map(|body| body.holding(underway))
}

fn authority(request: &Request<Body>) -> Option<Authority> {
    let told = || Authority::try_from(request.headers().get(header::HOST)?.as_bytes()).ok();
    request.uri().authority().cloned().or_else(told)
}
