//! One request and its answer: what is known of them so far, told when both have ended.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use mesh_engine::policy::Decision;
use mesh_engine::program::AccessLog;

use super::downstream::Downstream;
use super::local_reply::{LocalReply, is_grpc};
use super::metadata;
use super::serving::Serving;
use super::target;
use super::upgrade::Switch;
use crate::cluster::{Cause, Endpoint, Security};
use crate::http::{Body, BodyError, Held};
use crate::live::Pinned;
use crate::observe::{self, Decided, Denial, Direction, Flags, PeerId, Record, ServiceId};
use crate::program::Program;
use crate::stream::Meter;

/// A request under way. Whoever drops it has ended it: then it is told.
pub(crate) struct Exchange {
    pub(crate) serving: Rc<Serving>,
    pub(crate) downstream: Rc<Downstream>,
    /// What the request is judged by, from its beginning to its end.
    pub(crate) live: Pinned<Program>,
    pub(crate) scheme: &'static str,
    /// The original client.
    pub(crate) remote: IpAddr,
    pub(crate) is_grpc: bool,
    direction: Direction,
    start: SystemTime,
    began: Instant,
    asked: Asked,
    received: Rc<Received>,
    pub(crate) outcome: Outcome,
    /// What the client would like to switch to.
    pub(crate) switch: Option<Switch>,
    told: bool,
}

/// As the client sent it.
struct Asked {
    version: Version,
    method: Method,
    uri: Uri,
    authority: Box<str>,
    /// All of them only where they are logged.
    headers: HeaderMap,
}

/// What became of it.
pub(crate) struct Outcome {
    pub(crate) flags: Flags,
    pub(crate) details: &'static str,
    pub(crate) service: ServiceId,
    /// Of the other party.
    pub(crate) peer: PeerId,
    /// The upstream's name.
    pub(crate) cluster: Option<Arc<str>>,
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    pub(crate) failure: Option<Cause>,
    pub(crate) attempts: u32,
    route: Box<str>,
    virtual_host: Box<str>,
    status: Option<u16>,
    response_headers: HeaderMap,
    response_trailers: Option<HeaderMap>,
    answered_after: Option<Duration>,
    sent: u64,
    is_whole: bool,
    /// Of what was said after the protocols were switched.
    pub(crate) tunnel: Option<Rc<Meter>>,
}

/// What has come of the request's body.
#[derive(Default)]
struct Received {
    bytes: Cell<u64>,
    whole_at: Cell<Option<Instant>>,
}

impl Exchange {
    pub(crate) fn begin(
        direction: Direction,
        request: &mut Request<Body>,
        serving: &Rc<Serving>,
        downstream: &Rc<Downstream>,
        live: Pinned<Program>,
    ) -> Self {
        let began = Instant::now();
        let received = Rc::<Received>::default();
        if http_body::Body::is_end_stream(request.body()) {
            received.whole_at.set(Some(began));
        } else {
            let counted = Receiving { received: Rc::clone(&received), began };
            let body = std::mem::take(request.body_mut());
            *request.body_mut() = body.holding(counted);
        }
        let is_grpc = is_grpc(request.headers());
        let is_logged = !matches!(live.program.engine().access_log(), AccessLog::Off);
        let asked = Asked {
            version: request.version(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            authority: target::authority(request).into(),
            headers: kept(request.headers(), is_logged, is_grpc),
        };
        let source = downstream.source.ip().to_canonical();
        let remote = live.program.engine().remote_address(source, request.headers());
        Self {
            serving: Rc::clone(serving),
            downstream: Rc::clone(downstream),
            live,
            scheme: "http",
            remote,
            is_grpc,
            direction,
            start: now(),
            began,
            asked,
            received,
            outcome: Outcome::new(),
            switch: None,
            told: false,
        }
    }

    pub(crate) fn program(&self) -> &Program {
        &self.live.program
    }

    pub(crate) fn is_logged(&self) -> bool {
        !matches!(self.live.program.engine().access_log(), AccessLog::Off)
    }

    /// The route that takes the request: names that only logs tell.
    pub(crate) fn routed(&mut self, route: &str, virtual_host: &str) {
        if self.is_logged() {
            self.outcome.route = route.into();
            self.outcome.virtual_host = virtual_host.into();
        }
    }

    /// What an answer's headers are made of is kept until there is one.
    pub(crate) fn keep(&mut self, headers: &HeaderMap) {
        if !self.is_logged() {
            self.asked.headers = headers.clone();
        }
    }

    /// Answers with what an upstream has said. It has ended when the body has.
    pub(crate) fn answer(mut self, response: Response<Body>) -> Response<Body> {
        if !Switch::allows(self.switch.as_ref(), &response) {
            let reply = LocalReply::new(StatusCode::BAD_GATEWAY, "upgrade_failed");
            return self.reply(reply.flagged(Flags::UPSTREAM_PROTOCOL_ERROR));
        }
        self.note(&response);
        if self.outcome.details.is_empty() {
            self.outcome.details = "via_upstream";
        }
        match self.switch.take() {
            Some(switch) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let meter = Rc::<Meter>::default();
                self.outcome.tunnel = Some(Rc::clone(&meter));
                let mut response = self.passing(response);
                switch.begin(&mut response, &meter);
                response
            }
            _ => self.passing(response),
        }
    }

    /// Answers in the proxy's own name.
    pub(crate) fn reply(mut self, reply: LocalReply) -> Response<Body> {
        self.outcome.flags |= reply.flags;
        self.outcome.details = reply.details;
        let response = reply.into_response(self.is_grpc);
        self.note(&response);
        self.passing(response)
    }

    /// Answers as [`Exchange::reply`], for that reason.
    pub(crate) fn deny(mut self, decision: Decision<'_>, reply: LocalReply) -> Response<Body> {
        self.outcome.details = reply.details;
        let response = reply.into_response(self.is_grpc);
        self.note(&response);
        self.outcome.sent = http_body::Body::size_hint(response.body()).lower();
        self.outcome.is_whole = true;
        // Told at once: the rule is the program's, and cannot be kept beside it.
        self.told = true;
        self.tell(Some(Denial { rule: decision.rule() }));
        response
    }

    fn note(&mut self, response: &Response<Body>) {
        self.outcome.status = Some(response.status().as_u16());
        self.outcome.answered_after = Some(self.began.elapsed());
        let is_logged = self.is_logged();
        self.outcome.response_headers = kept(response.headers(), is_logged, self.is_grpc);
    }

    fn passing(mut self, response: Response<Body>) -> Response<Body> {
        self.outcome.is_whole = http_body::Body::is_end_stream(response.body())
            || self.asked.method == Method::HEAD
            || response.status() == StatusCode::SWITCHING_PROTOCOLS;
        response.map(|body| body.holding(Answering(self)))
    }

    /// What the proxy has said of the request by itself: logs have it as the upstream hears it. Source: Envoy, `%REQ(…)%`.
    pub(crate) fn told_upstream(&mut self, headers: &HeaderMap) {
        if matches!(self.live.program.engine().access_log(), AccessLog::Off) {
            return;
        }
        for name in metadata::TOLD {
            if let Some(value) = headers.get(name) {
                self.asked.headers.insert(name.clone(), value.clone());
            }
        }
    }

    /// Tells the client how long the upstream took, if there was one.
    pub(crate) fn tell_time(&self, response: &mut Response<Body>, took: Duration) {
        if self.outcome.attempts > 0 {
            metadata::tell_time(response, took);
        }
    }

    /// Hands a record of what is known to whoever needs it.
    pub(crate) fn record<T>(
        &self,
        denial: Option<Denial<'_>>,
        with: impl FnOnce(&Record<'_>) -> T,
    ) -> T {
        let (asked, outcome) = (&self.asked, &self.outcome);
        let path = asked.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        let address = outcome.endpoint.as_ref().map(|endpoint| &endpoint.address);
        let tunnel = outcome.tunnel.as_deref();
        let principal = self.serving.principal();
        let record = Record {
            decided: Some(decided(&self.live)),
            received: self.received.bytes.get() + tunnel.map_or(0, Meter::to_upstream),
            sent: outcome.sent + tunnel.map_or(0, Meter::to_downstream),
            flags: self.flags(),
            details: outcome.details,
            denial,
            peer: self.peer(),
            service: outcome.service,
            security: self.security(),
            route: &outcome.route,
            upstream: observe::Upstream {
                cluster: outcome.cluster.as_deref().unwrap_or_default(),
                address: address.map(|address| address as &dyn fmt::Display),
                failure: outcome.failure.as_ref().map(|cause| cause as &dyn fmt::Display),
                attempts: outcome.attempts,
                ..observe::Upstream::default()
            },
            downstream: observe::Downstream {
                remote: Some(self.remote),
                ..self.downstream.told(&principal)
            },
            http: Some(observe::Http {
                scheme: self.scheme,
                status: outcome.status,
                response_headers: Some(&outcome.response_headers),
                response_trailers: outcome.response_trailers.as_ref(),
                virtual_host: &outcome.virtual_host,
                request_took: self.received.whole_at.get().map(|at| at - self.began),
                answered_after: outcome.answered_after,
                ..observe::Http::new(
                    asked.version,
                    asked.method.as_str(),
                    path.unwrap_or("/"),
                    &asked.authority,
                    &asked.headers,
                )
            }),
            ..Record::new(self.direction, self.start, self.began.elapsed())
        };
        with(&record)
    }

    fn flags(&self) -> Flags {
        if self.outcome.is_whole {
            self.outcome.flags
        } else {
            self.outcome.flags | Flags::DOWNSTREAM_TERMINATION
        }
    }

    fn peer(&self) -> PeerId {
        match self.direction {
            Direction::Inbound => self.downstream.peer,
            Direction::Outbound | Direction::Gateway => self.outcome.peer,
        }
    }

    fn security(&self) -> observe::Security {
        match (self.direction, &self.outcome.endpoint) {
            (Direction::Inbound, _) => self.downstream.security(),
            (_, None) => observe::Security::Unknown,
            (_, Some(endpoint)) => match endpoint.security {
                Security::Mesh(_) => observe::Security::Mutual,
                Security::Plain | Security::Outside => observe::Security::Plain,
            },
        }
    }

    fn tell(&self, denial: Option<Denial<'_>>) {
        self.record(denial, |record| self.serving.observer.request(record));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.told {
            self.tell(None);
        }
    }
}

impl Outcome {
    fn new() -> Self {
        Self {
            flags: Flags::NONE,
            details: "",
            service: ServiceId::UNKNOWN,
            peer: PeerId::UNKNOWN,
            cluster: None,
            endpoint: None,
            failure: None,
            attempts: 0,
            route: Box::default(),
            virtual_host: Box::default(),
            status: None,
            response_headers: HeaderMap::new(),
            response_trailers: None,
            answered_after: None,
            sent: 0,
            is_whole: false,
            tunnel: None,
        }
    }
}

/// What a request was judged by, for those who are told of it.
pub(crate) fn decided(live: &Pinned<Program>) -> Decided<'_> {
    Decided {
        epoch: live.epoch,
        access_log: live.program.engine().access_log(),
        sources: &live.sources,
        health: &live.health,
    }
}

/// Headers that somebody may ask for: all where they are logged, else what tells gRPC from other HTTP.
fn kept(headers: &HeaderMap, is_logged: bool, is_grpc: bool) -> HeaderMap {
    if is_logged {
        return headers.clone();
    }
    let mut kept = HeaderMap::new();
    if is_grpc {
        for name in [&CONTENT_TYPE, &super::local_reply::GRPC_STATUS] {
            kept.extend(headers.get(name).map(|value| (name.clone(), value.clone())));
        }
    }
    kept
}

#[expect(clippy::disallowed_methods, reason = "the shell reads the clock, once a request")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Counts the body of the request.
struct Receiving {
    received: Rc<Received>,
    began: Instant,
}

impl Held for Receiving {
    fn data(&mut self, data: &Bytes) {
        self.received.bytes.set(self.received.bytes.get() + data.len() as u64);
    }

    fn ended(&mut self, end: Result<(), &BodyError>) {
        if end.is_ok() {
            self.received.whole_at.set(Some(self.began.max(Instant::now())));
        }
    }
}

/// Lives as long as the body of the answer.
struct Answering(Exchange);

impl Held for Answering {
    fn data(&mut self, data: &Bytes) {
        self.0.outcome.sent += data.len() as u64;
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        self.0.outcome.response_trailers = Some(trailers.clone());
    }

    fn ended(&mut self, end: Result<(), &BodyError>) {
        let outcome = &mut self.0.outcome;
        outcome.is_whole = true;
        match end {
            Ok(()) => {}
            Err(BodyError::GivenUp(details)) => {
                outcome.flags |= Flags::UPSTREAM_TIMEOUT;
                outcome.details = details;
            }
            Err(_) => {
                outcome.flags |= Flags::UPSTREAM_CONNECTION_TERMINATION;
                outcome.details = "upstream_reset_after_response_started";
            }
        }
    }
}
