//! One request and its answer: what is known of them so far, told when both have ended.

mod bodies;
mod outcome;

use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use mesh_engine::policy::Decision;
use mesh_engine::program::AccessLog;
use tokio::time::Instant;

pub(crate) use bodies::Received;
use bodies::{Answering, Receiving};
use outcome::Outcome;

use super::downstream::Downstream;
use super::local_reply::LocalReply;
use super::messages::Messages;
use super::metadata;
use super::peers::OtherSide;
use super::serving::Serving;
use super::steps::{self, Entered};
use super::target;
use super::upgrade::Switch;
use crate::cluster::Endpoint;
use crate::http::Body;
use crate::http::grpc::is_grpc;
use crate::live::Pinned;
use crate::observe::{self, Decided, Denial, Direction, Flags, Record};
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
    pub(crate) received: Rc<Received>,
    pub(crate) outcome: Outcome,
    /// Absent until the request has come as far as the first step of an author's.
    pub(crate) entered: Option<Entered>,
    /// What the client would like to switch to.
    pub(crate) switch: Option<Switch>,
    told: bool,
}

/// As the client sent it, and once it has a route, as that has rewritten it.
struct Asked {
    version: Version,
    method: Method,
    uri: Uri,
    authority: Box<str>,
    /// Those that are logged; all of them where the answer's headers are made of them.
    headers: HeaderMap,
    /// Bytes of the head.
    head: u64,
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
        let is_grpc = is_grpc(request.headers());
        let messages = is_grpc.then(Messages::default);
        let received = Rc::new(Received::new(messages));
        if http_body::Body::is_end_stream(request.body()) {
            received.has_come();
        } else {
            let counted = Receiving { received: Rc::clone(&received) };
            let body = std::mem::take(request.body_mut());
            *request.body_mut() = body.holding(counted);
        }
        let asked = Asked {
            version: request.version(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            authority: target::authority(request).into(),
            headers: live.program.logged().request.of(request.headers(), false),
            head: observe::request_head(
                request.method().as_str(),
                request.uri().path_and_query().map_or("/", PathAndQuery::as_str),
                request.headers(),
            ),
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
            outcome: Outcome::new(OtherSide::at_first(direction, downstream)),
            entered: None,
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

    /// The request as its route has rewritten it: so do logs and the answer's headers have it. Source: Envoy,
    /// `finalizeRequestHeaders`, which changes the one map of headers that there is.
    pub(crate) fn rewritten(&mut self, request: &Request<Body>) {
        self.asked.uri = request.uri().clone();
        self.asked.authority = target::authority(request).into();
        self.asked.headers = self.program().logged().request.of(request.headers(), false);
    }

    /// What an answer's headers are made of is kept until there is one.
    pub(crate) fn keep(&mut self, headers: &HeaderMap) {
        self.asked.headers = headers.clone();
    }

    /// Answers with what an upstream has said. It has ended when the body has.
    pub(crate) fn answer(mut self, mut response: Response<Body>) -> Response<Body> {
        if !Switch::allows(self.switch.as_ref(), &response) {
            let reply = LocalReply::new(StatusCode::BAD_GATEWAY, "upgrade_failed");
            return self.reply(reply.flagged(Flags::UPSTREAM_PROTOCOL_ERROR));
        }
        steps::answer(&mut response, &self);
        self.note(&response);
        if self.outcome.details.is_empty() {
            self.outcome.details = "via_upstream".into();
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
    pub(crate) fn reply(mut self, mut reply: LocalReply) -> Response<Body> {
        self.outcome.flags |= reply.flags;
        self.outcome.details = std::mem::take(&mut reply.details);
        let is_heard = !reply.flags.contains(Flags::DOWNSTREAM_TERMINATION);
        let mut response = reply.into_response(self.is_grpc);
        steps::answer(&mut response, &self);
        self.note(&response);
        if !is_heard {
            // Nobody is there to get it.
            self.outcome.status = None;
        }
        self.passing(response)
    }

    /// Answers as [`Exchange::reply`], for that reason.
    pub(crate) fn deny(mut self, decision: Decision<'_>, mut reply: LocalReply) -> Response<Body> {
        self.outcome.details = std::mem::take(&mut reply.details);
        let mut response = reply.into_response(self.is_grpc);
        steps::answer(&mut response, &self);
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
        let headers = response.headers();
        self.outcome.head = observe::response_head(headers);
        self.outcome.is_grpc = self.is_grpc && is_grpc(headers);
        self.outcome.response_headers = self.program().logged().response.of(headers, self.is_grpc);
    }

    fn passing(mut self, response: Response<Body>) -> Response<Body> {
        self.outcome.is_whole = http_body::Body::is_end_stream(response.body())
            || self.asked.method == Method::HEAD
            || response.status() == StatusCode::SWITCHING_PROTOCOLS;
        response.map(|body| body.holding(Answering(self)))
    }

    /// What the proxy has said of the request by itself: logs have it as the upstream hears it. Source: Envoy, `%REQ(…)%`.
    pub(crate) fn told_upstream(&mut self, headers: &HeaderMap) {
        let logged = &self.live.program.logged().request;
        for name in metadata::TOLD {
            if logged.contains(name)
                && let Some(value) = headers.get(name)
            {
                self.asked.headers.insert(name.clone(), value.clone());
            }
        }
    }

    /// An endpoint is about to be asked.
    pub(crate) fn trying(&mut self, endpoint: &Arc<Endpoint>) {
        self.outcome.attempts += 1;
        self.outcome.failure = None;
        self.outcome.local = None;
        self.outcome.endpoint = Some(Arc::clone(endpoint));
        if self.direction != Direction::Inbound {
            self.outcome.other = self.serving.peers.of(endpoint);
        }
        self.count_messages();
    }

    pub(crate) fn is_inbound(&self) -> bool {
        self.direction == Direction::Inbound
    }

    /// There is no endpoint that could be asked.
    pub(crate) fn nobody_to_try(&mut self) {
        self.outcome.endpoint = None;
        self.outcome.other = OtherSide::at_first(self.direction, &self.downstream);
    }

    /// From now on under the labels of whoever is asked.
    fn count_messages(&self) {
        if let Some(messages) = &self.received.messages {
            messages.count_in(self.record(None, |record| self.serving.observer.messages(record)));
        }
    }

    /// Tells the client how long the upstream took, if there was one.
    pub(crate) fn tell_time(&self, response: &mut Response<Body>) {
        if self.outcome.attempts > 0 {
            metadata::tell_time(response, self.began.elapsed());
        }
    }

    /// Hands a record of what is known to whoever needs it.
    pub(crate) fn record<T>(
        &self,
        denial: Option<Denial<'_>>,
        with: impl FnOnce(&Record<'_>) -> T,
    ) -> T {
        let (asked, outcome) = (&self.asked, &self.outcome);
        let path = asked.uri.path_and_query().map(PathAndQuery::as_str);
        let address = outcome.endpoint.as_ref().map(|endpoint| &endpoint.address);
        let tunnel = outcome.tunnel.as_deref();
        let principal = self.serving.principal();
        let record = Record {
            decided: Some(decided(&self.live)),
            received: self.received.bytes.get() + tunnel.map_or(0, Meter::to_upstream),
            sent: outcome.sent + tunnel.map_or(0, Meter::to_downstream),
            flags: self.flags(),
            details: &outcome.details,
            denial,
            peer: outcome.other.peer,
            service: outcome.service,
            security: outcome.other.security,
            route: &outcome.route,
            upstream: observe::Upstream {
                cluster: outcome.cluster.as_deref().unwrap_or_default(),
                address: address.map(|address| address as &dyn fmt::Display),
                failure: outcome.failure.as_ref().map(|cause| cause as &dyn fmt::Display),
                local: outcome.local,
                attempts: outcome.attempts,
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
                request_took: self.received.whole_at().map(|at| at - self.began),
                answered_after: outcome.answered_after,
                is_grpc: self.is_grpc,
                request_head: asked.head,
                response_head: outcome.head,
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

    fn tell(&self, denial: Option<Denial<'_>>) {
        if self.received.messages.as_ref().is_some_and(Messages::are_untold) {
            self.count_messages(); // nobody was asked
        }
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

/// What a request was judged by, for those who are told of it.
pub(crate) fn decided(live: &Pinned<Program>) -> Decided<'_> {
    Decided {
        epoch: live.epoch,
        access_log: live.program.engine().access_log(),
        sources: &live.sources,
        health: &live.health,
    }
}

#[expect(clippy::disallowed_methods, reason = "the shell reads the clock, once a request")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
