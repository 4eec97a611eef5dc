//! Connections to a proxy: which cluster takes them, or why none does.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use http::HeaderMap;
use mesh_engine::gateway::{Handler, Listener};
use mesh_engine::outbound::{Addresses, StreamOutcome};
use mesh_engine::policy::Claims;
use mesh_engine::request::split_target;
use mesh_engine::route::{Action, Outcome, Target};
use mesh_engine::{Program, Request};
use mesh_snapshot::object::{
    ClientCertificate, Labels, MtlsMode, Protocol, Role, ServerTls, Workload,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};
use crate::served::{Served, once};
use crate::subject::Files;
use crate::yaml;

/// `case.json`
#[derive(Deserialize)]
struct Description {
    proxy: Proxy,
    mesh_config: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Proxy {
    #[serde(rename = "type")]
    kind: String,
    namespace: String,
    #[serde(default)]
    labels: Labels,
    ip: IpAddr,
}

/// An element of `calls.json`
#[derive(Deserialize)]
struct Row {
    name: String,
    call: Call,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    address: Option<IpAddr>,
    port: u16,
    #[serde(default)]
    protocol: String,
    #[serde(default)]
    tls: String,
    alpn: Option<String>,
    sni: Option<String>,
    #[serde(default)]
    host_header: String,
    path: Option<String>,
    #[serde(rename = "callMode")]
    mode: Option<String>,
}

/// What is absent is not asserted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expected {
    cluster_matched: Option<String>,
    virtual_host_matched: Option<String>,
    error: Option<String>,
}

/// Whose the addresses of endpoints are: clients of a headless Service go to them by themselves.
#[derive(Default)]
struct Endpoints(BTreeMap<IpAddr, String>);

impl Endpoints {
    fn read(&mut self, text: &str) {
        let documents = yaml::documents(text).unwrap_or_default();
        for slice in documents.iter().filter(|it| it["kind"] == "EndpointSlice") {
            let metadata = &slice["metadata"];
            let service = metadata.pointer("/labels/kubernetes.io~1service-name");
            let service = service.and_then(Value::as_str);
            let (Some(service), Some(namespace)) = (service, metadata["namespace"].as_str()) else {
                continue;
            };
            let endpoints = slice["endpoints"].as_array().into_iter().flatten();
            let addresses = endpoints.filter_map(|it| it["addresses"].as_array()).flatten();
            let addresses = addresses.filter_map(|it| it.as_str()?.parse().ok());
            let host = format!("{service}.{namespace}.svc.cluster.local");
            self.0.extend(addresses.map(|address: IpAddr| (address, host.clone())));
        }
    }
}

impl Addresses for Endpoints {
    fn host_of(&self, address: IpAddr) -> Option<&str> {
        self.0.get(&address).map(String::as_str)
    }
}

/// What the engine says.
#[derive(Debug, Default)]
struct Got {
    cluster: Option<String>,
    virtual_host: Option<String>,
    error: Option<&'static str>,
}

pub(super) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for path in corpus::folders(folder)? {
        let description: Description = corpus::json(&path.join("case.json"))?;
        let mut files = Files::default().lenient();
        let mut endpoints = Endpoints::default();
        let mut is_internal = false;
        for name in ["config.yaml", "kube.yaml"] {
            if path.join(name).exists() {
                files.read(&path, name)?;
                let text = corpus::text(&path.join(name))?;
                is_internal |= text.contains("internal.istio.io/gateway-service");
                endpoints.read(&text);
            }
        }
        if let Some(config) = &description.mesh_config {
            files.mesh_config(&format!("{}\n", Value::Object(config.clone())));
        }
        let (workload, ip) = (description.proxy.workload(), description.proxy.ip);
        let built = Arc::new(once(move || {
            let served = Served::compile(&files)?;
            Ok((served.program(&workload)?, served.note(), endpoints))
        }));
        for (index, Row { name, call, expect }) in
            corpus::json::<Vec<Row>>(&path.join("calls.json"))?.into_iter().enumerate()
        {
            let built = Arc::clone(&built);
            let name = format!("calls/{}/{index} {name}", corpus::name(&path));
            cases.push(Case::new(name, move || match &**built {
                Err(error) => Err(Mismatch::new(expect.shown(), error)),
                Ok((program, note, endpoints)) => {
                    let got = call.run(program, ip, endpoints);
                    let differs = || {
                        let found = Mismatch::new(expect.shown(), format!("{}{note}", got.shown()));
                        match expect.reason(&call, is_internal) {
                            Some(reason) => found.because(reason),
                            None => found,
                        }
                    };
                    if expect.is_met(&got) { Ok(()) } else { Err(differs()) }
                }
            }));
        }
    }
    Ok(cases)
}

impl Proxy {
    fn workload(&self) -> Workload {
        Workload {
            namespace: self.namespace.clone(),
            name: "subject".into(),
            labels: self.labels.clone(),
            service_account: "default".into(),
            role: if self.kind == "router" { Role::Gateway } else { Role::Sidecar },
            addresses: [self.ip].into(),
            ..Workload::default()
        }
    }
}

impl Expected {
    fn is_met(&self, got: &Got) -> bool {
        // Where nobody serves a port, Istio puts a virtual host there that has no route.
        let is_nobodys =
            self.virtual_host_matched.as_deref().is_some_and(|name| name.starts_with("blackhole:"));
        if is_nobodys {
            return got.error == Some("ErrNoVirtualHost");
        }
        let is = |expected: &Option<String>, got: Option<&str>| {
            let expected = expected.as_deref().map(without_domain);
            expected.is_none_or(|expected| got == Some(expected))
        };
        // A call that is to come through must, whatever else is asserted of it.
        let fails = self.error.is_none() && got.error.is_some();
        !fails
            && is(&self.error, got.error)
            && is(&self.cluster_matched, got.cluster.as_deref().map(without_domain))
            && is(&self.virtual_host_matched, got.virtual_host.as_deref())
    }

    /// Why it stays otherwise here.
    fn reason(&self, call: &Call, is_internal: bool) -> Option<&'static str> {
        if is_internal && self.error.as_deref() == Some("ErrNoListener") {
            return Some(
                "which Service a Gateway is of is said by an annotation that Istio writes for itself; an author's Gateway opens what it says",
            );
        }
        if self.error.as_deref() == Some("ErrMultipleFilterChain") {
            return Some(
                "of two servers for one name the older is opened, and the compiler says so; Envoy refuses the listener",
            );
        }
        let is_closed = self.cluster_matched.as_deref() == Some("BlackHoleCluster");
        (is_closed && matches!(call.port, 15_001 | 15_006)).then_some(
            "a proxy closes what is addressed to its own listeners, which it knows by their sockets; the engine has none",
        )
    }

    fn shown(&self) -> String {
        let Self { cluster_matched, virtual_host_matched, error } = self;
        let all = [error, virtual_host_matched, cluster_matched];
        let all: Vec<_> = all.into_iter().flatten().map(String::as_str).collect();
        if all.is_empty() { "to come through".to_owned() } else { all.join(", ") }
    }
}

impl Got {
    fn failed(error: &'static str) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    fn cluster(name: impl Into<String>) -> Self {
        Self { cluster: Some(name.into()), ..Self::default() }
    }

    fn shown(&self) -> String {
        let error = self.error.map(str::to_owned);
        let all = [error, self.virtual_host.clone(), self.cluster.clone()];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The simulated mesh had no domain, so that a short name stayed one of two labels.
fn without_domain(cluster: &str) -> &str {
    cluster.strip_suffix(".svc.cluster.local").unwrap_or(cluster)
}

/// In the middle: no call hangs on chance.
const ROLL: u32 = u32::MAX / 2;

impl Call {
    fn run(&self, program: &Program, own: IpAddr, endpoints: &Endpoints) -> Got {
        match (program.gateway(), self.mode.as_deref()) {
            (Some(_), _) => self.at_gateway(program, own),
            (None, Some("inbound")) => self.inbound(program),
            (None, _) => self.outbound(program, endpoints),
        }
    }

    fn is_http(&self) -> bool {
        self.protocol.starts_with("HTTP")
    }

    fn is_tls(&self) -> bool {
        matches!(self.tls.as_str(), "TLS" | "MTLS")
    }

    /// A client names the host that it means.
    fn server_name(&self) -> Option<&str> {
        let host = Some(self.host_header.as_str()).filter(|host| self.is_tls() && !host.is_empty());
        self.sni.as_deref().or(host)
    }

    fn at_gateway(&self, program: &Program, own: IpAddr) -> Got {
        let listeners = program.gateway().map(mesh_engine::gateway::Gateway::listeners);
        let is_there = |listener: &&Listener| listener.port == self.port;
        let Some(listener) = listeners.into_iter().flatten().find(is_there) else {
            return Got::failed("ErrNoListener");
        };
        if listener.tls && !self.is_tls() {
            return Got::failed("ErrNoFilterChain");
        }
        let Some(chain) = listener.chain(self.server_name()) else {
            return Got::failed("ErrNoFilterChain");
        };
        if wants_certificate(&chain.tls) && self.tls != "MTLS" {
            return Got::failed("ErrMTLSError");
        }
        match &chain.handler {
            Handler::Stream(server) => match server.stream(own, self.server_name(), ROLL) {
                Some(outcome) => stream(outcome),
                None => Got::failed("ErrNoFilterChain"),
            },
            Handler::Http(_) if !self.is_http() || (self.is_tls() && !listener.tls) => {
                Got::failed("ErrProtocolError")
            }
            Handler::Http(server) => {
                let scheme = if listener.tls { "https" } else { "http" };
                let headers = HeaderMap::new();
                let request = self.request(scheme, server.port, &headers);
                routed(server.route(&request, &Claims::default()))
            }
        }
    }

    fn outbound(&self, program: &Program, endpoints: &Endpoints) -> Got {
        let Some(outbound) = program.outbound() else { return Got::failed("ErrNoListener") };
        // Some address that nobody has.
        let to = self.address.unwrap_or(IpAddr::V4(Ipv4Addr::new(1, 3, 3, 7)));
        let arrival = outbound.arrival(SocketAddr::new(to, self.port), endpoints);
        let is_opaque = matches!(
            arrival.protocol,
            Protocol::Tcp | Protocol::Udp | Protocol::Tls | Protocol::Https
        );
        if self.is_http() && !self.is_tls() && !is_opaque {
            let headers = HeaderMap::new();
            return routed(outbound.route(&self.request("http", self.port, &headers), endpoints));
        }
        stream(outbound.stream(&arrival, to, self.server_name(), ROLL))
    }

    fn inbound(&self, program: &Program) -> Got {
        let inbound = program.inbound().port(self.port);
        let is_known = program.inbound().knows(self.port);
        let cluster = if is_known {
            format!("inbound|{}||", self.port)
        } else {
            "InboundPassthroughCluster".to_owned()
        };
        let offers_mesh = self.alpn.as_deref().is_some_and(|alpn| alpn.starts_with("istio"));
        let is_mesh = self.tls == "MTLS" || (self.tls == "TLS" && offers_mesh);
        let is_ended = match inbound.mtls {
            MtlsMode::Strict if !self.is_tls() => return Got::failed("ErrNoFilterChain"),
            MtlsMode::Strict => true,
            MtlsMode::Permissive => is_mesh,
            MtlsMode::Disable if inbound.tls.is_some() && !self.is_tls() => {
                return Got::failed("ErrNoFilterChain");
            }
            MtlsMode::Disable => inbound.tls.is_some(),
        };
        // A client that has a certificate to show expects to be asked for it, as Istio's own tests have it.
        let wants = inbound.tls.is_none_or(|tls| tls.client != ClientCertificate::Unasked);
        if is_ended && wants != (self.tls == "MTLS") {
            return Got::failed("ErrMTLSError");
        }
        // Whether a codec is left with bytes that are none of its own.
        let is_garbled = !self.is_http() || (self.is_tls() && !is_ended);
        if inbound.protocol.is_http() && is_garbled {
            return Got::failed("ErrProtocolError");
        }
        // Istio names the only virtual host of a port by the service's port.
        let number = inbound.service.map_or(self.port, |(_, port)| port);
        let is_named = is_known && self.is_http();
        let virtual_host = is_named.then(|| format!("inbound|http|{number}"));
        Got { virtual_host, ..Got::cluster(cluster) }
    }

    fn request<'r>(&'r self, scheme: &'r str, port: u16, headers: &'r HeaderMap) -> Request<'r> {
        let (path, query) = split_target(self.path.as_deref().unwrap_or("/"));
        let authority = &self.host_header;
        Request { method: "GET", scheme, authority, path, query, headers, port }
    }
}

fn wants_certificate(tls: &ServerTls) -> bool {
    let ServerTls::Terminate(termination) = tls else { return false };
    matches!(termination.client, ClientCertificate::Required(_) | ClientCertificate::Mesh)
}

fn routed(outcome: Outcome<'_>) -> Got {
    match outcome {
        Outcome::Route(selected) => {
            let virtual_host = Some(selected.virtual_host.to_owned());
            let Action::Forward(forward) = &selected.route.action else {
                return Got { virtual_host, ..Got::default() };
            };
            let cluster = match &forward.backends.pick(ROLL).target {
                Target::Cluster(upstream) => Some(upstream.name.to_string()),
                Target::Status(_) => None,
            };
            Got { cluster, virtual_host, error: None }
        }
        Outcome::Passthrough => {
            Got { virtual_host: Some("allow_any".into()), ..Got::cluster("PassthroughCluster") }
        }
        Outcome::Blackhole => {
            Got { virtual_host: Some("block_all".into()), ..Got::cluster("BlackHoleCluster") }
        }
        Outcome::NoHost => Got::failed("ErrNoVirtualHost"),
        Outcome::NoRoute(name) => {
            Got { virtual_host: Some(name.to_owned()), ..Got::failed("ErrNoRoute") }
        }
        Outcome::HttpsRedirect => Got::failed("ErrTLSRedirect"),
    }
}

fn stream(outcome: StreamOutcome<'_>) -> Got {
    match outcome {
        StreamOutcome::Forward { name, .. } => Got::cluster(name),
        StreamOutcome::Closed(_) => Got::failed("ErrNoRoute"),
        StreamOutcome::Passthrough => Got::cluster("PassthroughCluster"),
        StreamOutcome::Blackhole => Got::cluster("BlackHoleCluster"),
    }
}
