//! What a route does with a request, and what its backend then sees.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::LOCATION;
use mesh_engine::cluster::Cluster;
use mesh_engine::outbound::StreamOutcome;
use mesh_engine::route::{
    Action, CorsAnswer, Forward, HeaderPlan, Outcome, Selected, Target, Upstream,
    write_https_location,
};
use mesh_engine::{Program, Request};
use mesh_snapshot::object::{AbortStatus, Discovery, EndpointSet, Labels, TargetPort};

use crate::headers::{self, Facts};

use super::asked::{Asked, Mirror};
use super::connection::ROLL;
use super::got::{Got, Sent};
use super::tries::Limits;
use super::world::World;

pub(super) struct Exchange<'a> {
    pub program: &'a Program,
    pub world: &'a World,
    pub asked: &'a Asked,
    pub original: Original,
}

/// Where the client was going.
#[derive(Clone, Copy)]
pub(super) enum Original {
    Address(SocketAddr),
    /// To the proxy itself.
    None,
}

/// Who is behind a cluster.
struct Behind {
    /// By name; those that listen.
    listening: Vec<String>,
    /// How many there are in all.
    count: usize,
}

impl Exchange<'_> {
    pub(super) fn carry_out(&self, request: &Request<'_>, outcome: Outcome<'_>) -> Got {
        match outcome {
            Outcome::Route(selected) => self.take(request, &selected),
            Outcome::Passthrough => {
                let sent = sent(request, request.path, request.authority, request.headers);
                self.pass(&sent).through("PassthroughCluster")
            }
            Outcome::Blackhole => Got::answered(502),
            Outcome::NoHost | Outcome::NoRoute(_) => Got::answered(404).because("route_not_found"),
            Outcome::HttpsRedirect => {
                let mut location = String::new();
                write_https_location(request, &mut location);
                let headers = vec![("location".to_owned(), location)];
                Got { response_headers: Some(headers), ..Got::answered(301) }
            }
        }
    }

    /// Each of a route's steps passes the request on, or answers it.
    fn take(&self, request: &Request<'_>, selected: &Selected<'_>) -> Got {
        let route = selected.route;
        let mut granted = HeaderMap::new();
        if let Some(cors) = &route.cors {
            match cors.judge(request) {
                CorsAnswer::Pass => {}
                CorsAnswer::Decorate { origin } => {
                    cors.write_response(origin, |name, value| drop(granted.insert(name, value)));
                }
                CorsAnswer::Answer { origin } => {
                    cors.write_preflight(request, origin, |name, value| {
                        drop(granted.insert(name, value));
                    });
                    return Got { response_headers: Some(pairs(&granted)), ..Got::answered(200) };
                }
            }
        }
        let injected = route.faults.roll(ROLL, ROLL);
        if let Some(abort) = injected.abort {
            let status = match abort {
                AbortStatus::Http(status) => status,
                AbortStatus::Grpc(_) => 200,
            };
            return Got::answered(status).saying("fault filter abort");
        }
        self.act(request, selected, &granted)
    }

    fn act(&self, request: &Request<'_>, selected: &Selected<'_>, granted: &HeaderMap) -> Got {
        let plan = &selected.route.headers;
        match &selected.route.action {
            Action::Forward(forward) => self.forward(request, selected, forward, granted),
            Action::Redirect(redirect) => {
                let mut location = String::new();
                redirect.write_location(request, selected.covered, &mut location);
                let mut headers = granted.clone();
                if let Ok(location) = location.parse() {
                    headers.insert(LOCATION, location);
                }
                Self::respond(
                    &self.facts(request, request.headers),
                    redirect.status,
                    &headers,
                    &[plan],
                )
            }
            Action::Respond { status, body } => {
                let facts = self.facts(request, request.headers);
                let got = Self::respond(&facts, *status, granted, &[plan]);
                if body.is_empty() { got } else { got.saying(String::from_utf8_lossy(body)) }
            }
        }
    }

    fn forward(
        &self,
        request: &Request<'_>,
        selected: &Selected<'_>,
        forward: &Forward,
        granted: &HeaderMap,
    ) -> Got {
        let backend = forward.backends.pick(ROLL);
        let plans = [&backend.headers, &selected.route.headers];
        let Upstream { name, cluster } = match &backend.target {
            Target::Status(status) => return Got::answered(*status),
            Target::Cluster(upstream) => upstream,
        };
        let cluster = cluster.and_then(|id| self.program.cluster(id));
        let Some(cluster) = cluster else {
            return Got::answered(503).because("cluster_not_found");
        };
        let (sent, headers) = self.rewritten(request, selected, forward, plans);
        let limits = Limits::of(forward);
        let behind = self.behind(cluster);
        if behind.count == 0 || behind.listening.is_empty() {
            let ended = limits.unconnected();
            return Got { attempts: ended.attempts, ..Got::answered(ended.status).through(name) };
        }
        let ended = limits.run(self.asked.backend);
        // Envoy rewrites the request in its place: the answer's headers are made of what was sent.
        let facts = self.facts(request, &headers);
        let facts = Facts { authority: &sent.authority, path: &sent.path, ..facts };
        let mut got = Self::respond(&facts, ended.status, granted, &plans).through(name);
        got.attempts = ended.attempts;
        got.backends = behind.listening;
        got.mirrors = self.mirrors(forward, &sent);
        got.upstream = Some(sent);
        got
    }

    /// Headers first, which may ask for what was; then authority and path. What is sent, and its headers.
    fn rewritten(
        &self,
        request: &Request<'_>,
        selected: &Selected<'_>,
        forward: &Forward,
        plans @ [backend, route]: [&HeaderPlan; 2],
    ) -> (Sent, HeaderMap) {
        let mut headers = request.headers.clone();
        for plan in plans {
            let before = headers.clone();
            headers::apply(&plan.request, &mut headers, &self.facts(request, &before));
        }
        let mut authority = request.authority.to_owned();
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        if let Some(other) = forward.authority(route, backend) {
            authority = text(other);
        }
        let mut path = request.path.to_owned();
        if let Some(rewrite) = &forward.rewrite {
            path.clear();
            rewrite.write(request.path, selected.covered, &mut path);
        }
        (sent(request, &path, &authority, &headers), headers)
    }

    fn facts<'f>(&self, request: &'f Request<'_>, headers: &'f HeaderMap) -> Facts<'f> {
        let is_http2 = self.asked.protocol.as_deref() == Some("h2");
        Facts {
            method: request.method,
            authority: request.authority,
            path: request.path,
            headers,
            is_http2,
            status: None,
            response: None,
        }
    }

    /// An answer of which policy decides these headers; `asked` is what they are made of.
    fn respond(asked: &Facts<'_>, status: u16, granted: &HeaderMap, plans: &[&HeaderPlan]) -> Got {
        let mut headers = HeaderMap::new();
        if let Some(location) = granted.get(LOCATION) {
            headers.insert(LOCATION, location.clone());
        }
        for plan in plans {
            let before = headers.clone();
            let facts = Facts { status: Some(status), response: Some(&before), ..*asked };
            headers::apply(&plan.response, &mut headers, &facts);
        }
        for (name, value) in granted.iter().filter(|(name, _)| *name != LOCATION) {
            headers.insert(name, value.clone());
        }
        Got { response_headers: Some(pairs(&headers)), ..Got::answered(status) }
    }

    fn mirrors(&self, forward: &Forward, sent: &Sent) -> Vec<Mirror> {
        let chosen = forward.mirrors.iter().filter(|mirror| mirror.share.includes(ROLL));
        let clusters = chosen.filter_map(|mirror| self.program.cluster(mirror.upstream.cluster?));
        let one = |cluster: &Cluster| {
            let Sent { method, path, authority, .. } = sent.clone();
            let backend = self.behind(cluster).listening.into_iter().next()?;
            Some(Mirror { backend, method, path, authority })
        };
        clusters.filter_map(one).collect()
    }

    /// Bytes: the backend sees the request as it was sent.
    pub(super) fn stream(&self, outcome: StreamOutcome<'_>) -> Got {
        match outcome {
            StreamOutcome::Forward { name, cluster, .. } => {
                let cluster = cluster.and_then(|id| self.program.cluster(id));
                let backends = cluster.map(|cluster| self.behind(cluster).listening);
                self.untouched(backends.unwrap_or_default(), name)
            }
            StreamOutcome::Closed(_) => Got::ended("closed"),
            StreamOutcome::Passthrough => {
                let backend = self.at_original();
                self.untouched(backend.into_iter().collect(), "PassthroughCluster")
            }
            StreamOutcome::Blackhole => Got::ended("closed").through("BlackHoleCluster"),
        }
    }

    pub(super) fn bytes_to(&self, backend: Option<String>, cluster: &str) -> Got {
        self.untouched(backend.into_iter().collect(), cluster)
    }

    fn untouched(&self, backends: Vec<String>, cluster: &str) -> Got {
        if backends.is_empty() {
            return Got::ended("closed").through(cluster);
        }
        let status = self.asked.backend.status.unwrap_or(200);
        let headers =
            self.asked.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone()));
        let Asked { method, path, authority, .. } = self.asked;
        let sent = Sent {
            method: method.clone(),
            path: path.clone(),
            authority: authority.clone(),
            headers: headers.collect(),
        };
        Got {
            backends,
            attempts: 1,
            upstream: Some(sent),
            ..Got::answered(status).through(cluster)
        }
    }

    /// To the application behind a sidecar.
    pub(super) fn hand_over(
        &self,
        backend: Option<String>,
        cluster: &str,
        (path, query): (&str, Option<&str>),
        headers: &HeaderMap,
    ) -> Got {
        let Some(backend) = backend else {
            return Got::answered(503).through(cluster);
        };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let Asked { method, authority, .. } = self.asked;
        let sent = Sent {
            method: method.clone(),
            path: format!("{path}{query}"),
            authority: authority.clone(),
            headers: pairs(headers),
        };
        let status = self.asked.backend.status.unwrap_or(200);
        Got {
            backends: vec![backend],
            attempts: 1,
            upstream: Some(sent),
            ..Got::answered(status).through(cluster)
        }
    }

    fn pass(&self, sent: &Sent) -> Got {
        match self.at_original() {
            None => Got::answered(503),
            Some(backend) => {
                let status = self.asked.backend.status.unwrap_or(200);
                Got {
                    backends: vec![backend],
                    attempts: 1,
                    upstream: Some(sent.clone()),
                    ..Got::answered(status)
                }
            }
        }
    }

    fn at_original(&self) -> Option<String> {
        let Original::Address(address) = self.original else { return None };
        self.world.at(address.ip(), address.port()).map(|member| member.name.clone())
    }

    fn behind(&self, cluster: &Cluster) -> Behind {
        let port = cluster.port();
        let target = match &port.target {
            TargetPort::Number(number) => *number,
            TargetPort::Name(_) => port.number,
        };
        let in_subset = |labels: &Labels| cluster.labels().is_none_or(|subset| has(labels, subset));
        let addresses: Vec<(IpAddr, u16)> = match cluster.discovery() {
            Discovery::Declared { endpoints } | Discovery::Dns { endpoints, .. } => endpoints
                .iter()
                .filter(|endpoint| in_subset(&endpoint.labels))
                .filter_map(|endpoint| {
                    let port = endpoint.ports.get(&port.number).copied().unwrap_or(target);
                    Some((endpoint.address.parse().ok()?, port))
                })
                .collect(),
            Discovery::World { set: EndpointSet::Selected { namespace, labels }, .. } => {
                let members = self.world.selected(namespace, labels);
                members
                    .filter(|member| in_subset(&member.labels))
                    .map(|member| (member.ip, target))
                    .collect()
            }
            Discovery::World { .. } => Vec::new(),
            Discovery::OriginalDestination => {
                let listening: Vec<_> = self.at_original().into_iter().collect();
                return Behind { count: 1, listening };
            }
        };
        let name = |(ip, port): &(IpAddr, u16)| Some(self.world.at(*ip, *port)?.name.clone());
        Behind { listening: addresses.iter().filter_map(name).collect(), count: addresses.len() }
    }
}

fn has(labels: &Labels, subset: &Labels) -> bool {
    subset.iter().all(|(name, value)| labels.get(name) == Some(value))
}

fn sent(request: &Request<'_>, path: &str, authority: &str, headers: &HeaderMap) -> Sent {
    let query = request.query.map(|query| format!("?{query}")).unwrap_or_default();
    Sent {
        method: request.method.to_owned(),
        path: format!("{path}{query}"),
        authority: authority.to_owned(),
        headers: pairs(headers),
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    headers.iter().map(pair).collect()
}
