//! Requests of the Gateway API's conformance tests, and how they are to be answered.
//!
//! A test has its objects and the requests that are sent through its Gateway, or inside of the mesh. Through which Gateway
//! and listener a request goes is not recorded where there are several: it is met where one of them answers as expected, and
//! the one that a client takes by default is told of where none does. Of gRPC the metadata is recorded, and goes to the
//! method that the tests call unless they say otherwise; where two calls are recorded alike and answered otherwise, to
//! another of the service's methods. A backend waits as long as it is asked to (`?delay=1s`). Bytes need a wire, and are
//! listed with that reason.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use mesh_engine::gateway::{Handler, HttpServer};
use mesh_engine::path::normalize_path;
use mesh_engine::policy::Claims;
use mesh_engine::request::split_target;
use mesh_engine::route::{Action, Forward, Outcome, Selected, Target};
use mesh_engine::{Program, Request};
use mesh_snapshot::object::{Labels, Role, Workload};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Case, Mismatch, Verdict};
use crate::corpus::{self, CorpusError};
use crate::headers::{self, Facts};
use crate::served::{Once, Served, once};
use crate::subject::Files;
use crate::yaml;

/// An element of `responses.json`
#[derive(Deserialize)]
struct Test {
    name: String,
    manifests: Vec<String>,
    objects: BTreeMap<String, Value>,
    responses: Vec<Value>,
}

/// A request and its answer; a missing status is 200.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exchange {
    #[serde(rename = "proto")]
    protocol: String,
    request: Option<Asked>,
    /// Of gRPC.
    request_metadata: Option<Metadata>,
    expected_request: Option<ExpectedRequest>,
    redirect_request: Option<Redirected>,
    #[serde(default)]
    response: Response,
    /// That the backend answers with.
    #[serde(default)]
    backend_set_response_headers: BTreeMap<String, String>,
    /// The Service's name.
    backend: Option<String>,
    #[serde(default)]
    namespace: String,
}

#[derive(Deserialize)]
struct ExpectedRequest {
    #[serde(rename = "Request")]
    request: Option<Asked>,
    /// Headers that the backend does not see.
    #[serde(rename = "AbsentHeaders", default)]
    absent: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    host: Option<String>,
    path: Option<String>,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(rename = "SNI")]
    sni: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Redirected {
    scheme: Option<String>,
    host: Option<String>,
    port: Option<String>,
    path: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    /// Of gRPC, by name.
    code: Option<String>,
    status_code: Option<u16>,
    #[serde(default)]
    status_codes: Vec<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    absent_headers: Vec<String>,
}

/// Through what a test's requests go.
#[derive(Clone, Eq, PartialEq)]
enum Way {
    Gateway { namespace: String, name: String },
    Mesh,
}

/// A server of a gateway, as a client reaches it.
#[derive(Clone, Copy)]
struct Place<'p> {
    server: &'p HttpServer,
    is_tls: bool,
}

struct Built {
    /// Of each Gateway that a request may go through, the one that the test names first.
    programs: Vec<Program>,
    note: String,
}

/// What the engine says.
#[derive(Default)]
struct Got {
    status: u16,
    /// Hosts; empty: the proxy answers by itself.
    backends: Vec<String>,
    path: String,
    authority: String,
    upstream: HeaderMap,
    location: String,
    response: HeaderMap,
}

pub(super) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for test in corpus::json::<Vec<Test>>(&folder.join("responses.json"))? {
        let ways = test.ways(folder);
        let way = ways.first().cloned();
        let files = test.files(folder);
        let workloads: Vec<_> = ways.iter().map(Way::workload).collect();
        let built = Arc::new(once(move || {
            if workloads.is_empty() {
                return Err("through which Gateway is not recorded".to_owned());
            }
            let served = Served::compile(&files?)?;
            let programs = workloads.iter().map(|workload| served.program(workload));
            Ok(Built { programs: programs.collect::<Result<_, _>>()?, note: served.note() })
        }));
        let rewrites = test.rewrites(folder);
        for (index, exchange) in test.responses.iter().enumerate() {
            let before = test.responses.iter().take(index);
            let recurs =
                before.filter(|it| is_asked_alike(it, exchange) && *it != exchange).count();
            let exchange = exchange.clone();
            let name = format!("conformance/{}/{index}", test.name);
            if exchange.get("unresolved").is_some_and(|unresolved| unresolved == true) {
                let got = "what is asked or expected is known at run time alone";
                let reason = "the corpus does not have what is asked or expected";
                cases.push(Case::new(name, move || {
                    Err(Mismatch::new("an answer", got).because(reason))
                }));
                continue;
            }
            let exchange: Exchange = serde_json::from_value(exchange).map_err(|error| {
                CorpusError::Form { path: folder.join("responses.json"), error }
            })?;
            let (built, way) = (Arc::clone(&built), way.clone());
            let method = METHODS.get(recurs).copied().unwrap_or(ECHO);
            cases.push(Case::new(name, move || {
                let verdict = exchange.judge(&built, way.as_ref(), method);
                verdict.map_err(|it| excused(it, recurs > 0, rewrites))
            }));
        }
    }
    Ok(cases)
}

/// Why a difference tells nothing.
fn excused(mismatch: Mismatch, recurs: bool, rewrites: bool) -> Mismatch {
    if recurs && mismatch.reason.is_none() {
        return mismatch.because(
            "the test asks the same before and is answered otherwise: what it changes in between is not recorded",
        );
    }
    let is_path = mismatch.got.starts_with("upstream's path is ") && !mismatch.got.contains(';');
    if is_path && !rewrites {
        return mismatch.because(
            "the test expects another path at the backend, and none of its objects rewrites paths",
        );
    }
    mismatch
}

/// Whether what is recorded of two requests is the same.
fn is_asked_alike(a: &Value, b: &Value) -> bool {
    ["proto", "Request", "RequestMetadata"].iter().all(|part| a.get(part) == b.get(part))
}

/// With the name of a class of ours.
fn rendered(manifest: &str) -> String {
    manifest.replace("{GATEWAY_CLASS_NAME}", "istio")
}

impl Test {
    /// A corpus may lack a file that it lists, which costs the test that needs it.
    fn files(&self, folder: &Path) -> Result<Files, String> {
        let mut files = Files::default().lenient();
        let bases = ["base-manifests.yaml", "mesh-manifests.yaml"].map(|base| folder.join(base));
        let own = self.manifests.iter().map(|manifest| {
            folder.join("manifests").join(manifest.strip_prefix("tests/").unwrap_or(manifest))
        });
        for path in bases.into_iter().chain(own) {
            let text = corpus::text(&path).map_err(|error| error.to_string())?;
            files.add(path.to_string_lossy(), rendered(&text));
        }
        Ok(files)
    }

    /// Whether any of its own objects rewrites paths.
    fn rewrites(&self, folder: &Path) -> bool {
        self.manifests.iter().any(|manifest| {
            let name = manifest.strip_prefix("tests/").unwrap_or(manifest);
            let text = corpus::text(&folder.join("manifests").join(name));
            text.is_ok_and(|text| text.contains("URLRewrite"))
        })
    }

    /// The Gateway that the test names, then those of its own manifests, then those that all tests share.
    fn ways(&self, folder: &Path) -> Vec<Way> {
        if self.name.starts_with("Mesh") {
            return vec![Way::Mesh];
        }
        let named = self.objects.iter().filter(|(name, _)| name.to_lowercase().starts_with("gw"));
        let named = named.filter_map(|(_, gateway)| {
            let text = |name| Some(gateway.get(name)?.as_str()?.to_owned());
            Some(Way::Gateway { namespace: text("Namespace")?, name: text("Name")? })
        });
        let mut ways: Vec<_> = named.collect();
        let own = self.manifests.iter().map(|manifest| {
            folder.join("manifests").join(manifest.strip_prefix("tests/").unwrap_or(manifest))
        });
        for path in own.chain([folder.join("base-manifests.yaml")]) {
            let text = corpus::text(&path).unwrap_or_default();
            let documents = yaml::documents(&rendered(&text)).unwrap_or_default();
            ways.extend(documents.iter().filter_map(Way::of));
        }
        let mut met = Vec::new();
        ways.retain(|way| {
            !met.contains(way) && {
                met.push(way.clone());
                true
            }
        });
        ways
    }
}

impl Way {
    /// Through a document, if it is a Gateway.
    fn of(document: &Value) -> Option<Self> {
        (document.get("kind")? == "Gateway").then_some(())?;
        let metadata = document.get("metadata")?;
        let text = |name| Some(metadata.get(name)?.as_str()?.to_owned());
        Some(Self::Gateway { namespace: text("namespace")?, name: text("name")? })
    }

    fn workload(&self) -> Workload {
        let (namespace, name, labels, role) = match self {
            Self::Gateway { namespace, name } => {
                let label = ("gateway.networking.k8s.io/gateway-name".to_owned(), name.clone());
                (namespace.clone(), format!("{name}-istio"), Labels::from([label]), Role::Gateway)
            }
            Self::Mesh => {
                let labels = [("app", "echo"), ("version", "v1")];
                let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
                ("gateway-conformance-mesh".into(), "echo-v1".into(), labels.into(), Role::Sidecar)
            }
        };
        let service_account = name.clone();
        Workload { namespace, name, labels, service_account, role, ..Workload::default() }
    }
}

impl Exchange {
    fn judge(&self, built: &Once<Built>, way: Option<&Way>, method: &str) -> Verdict {
        let fails = |got: String| Err(Mismatch::new(self.shown(), got));
        let grpc;
        let asked = match self.protocol.as_str() {
            "http" => self.request.as_ref(),
            "grpc" => {
                grpc = Asked::of_grpc(self.request_metadata.as_ref(), method);
                Some(&grpc)
            }
            other => {
                let reason = "what the bytes of a connection tell is for a proxy to answer";
                let mismatch = Mismatch::new(self.shown(), format!("{other} needs a wire"));
                return Err(mismatch.because(reason));
            }
        };
        if self.expects_nothing() {
            let reason = "the corpus does not have what is asked or expected";
            let mismatch = Mismatch::new("an answer", "what is expected is not recorded");
            return Err(mismatch.because(reason));
        }
        let (Some(asked), Some(way)) = (asked, way) else {
            return fails("what is asked of whom is not recorded".into());
        };
        let built = match &**built {
            Ok(built) => built,
            Err(error) => return fails(error.clone()),
        };
        let mut first = None;
        for program in &built.programs {
            for place in asked.places(program, way) {
                let got = place.and_then(|place| {
                    asked.answer(program, place, &self.backend_set_response_headers)
                });
                let differs = got.map(|got| self.differences(asked, &got).join("; "));
                match differs {
                    Ok(differs) if differs.is_empty() => return Ok(()),
                    Ok(differs) => first.get_or_insert(differs),
                    Err(error) => first.get_or_insert(error),
                };
            }
        }
        fails(format!("{}{}", first.unwrap_or_default(), built.note))
    }

    fn expects_nothing(&self) -> bool {
        let Response { code, status_code, status_codes, headers, absent_headers } = &self.response;
        let answer = code.is_none() && status_code.is_none() && status_codes.is_empty();
        answer
            && headers.is_empty()
            && absent_headers.is_empty()
            && self.backend.is_none()
            && self.redirect_request.is_none()
    }

    fn shown(&self) -> String {
        let asked = self.request.as_ref();
        let path = asked.and_then(|asked| asked.path.as_deref()).unwrap_or("/");
        let backend = self.backend.as_deref().unwrap_or("the proxy");
        format!(
            "{path}: {} by {backend}",
            self.response.statuses().iter().map(u16::to_string).collect::<Vec<_>>().join(" or ")
        )
    }

    fn differences(&self, asked: &Asked, got: &Got) -> Vec<String> {
        let mut found = Vec::new();
        let statuses = match &self.redirect_request {
            Some(_) if self.response.status_code.is_none() => vec![302],
            _ => self.response.statuses(),
        };
        if !statuses.contains(&got.status) {
            found.push(format!("status is {}", got.status));
        }
        if let Some(backend) = &self.backend {
            // Inside of the mesh the namespace goes without saying.
            let host = match self.namespace.as_str() {
                "" => format!("{backend}."),
                namespace => format!("{backend}.{namespace}.svc.cluster.local"),
            };
            if !got.backends.iter().any(|got| got.starts_with(&host)) {
                found.push(format!("backend is {}", got.backends.join(" or ")));
            }
        }
        if let Some(redirected) = &self.redirect_request {
            found.extend(redirected.differs(&got.location));
        }
        if self.backend.is_some() && self.redirect_request.is_none() {
            found.extend(self.upstream_differs(asked, got));
        }
        found.extend(header_differs(
            &self.response.headers,
            &self.response.absent_headers,
            &got.response,
        ));
        found
    }

    fn upstream_differs(&self, asked: &Asked, got: &Got) -> Vec<String> {
        let mut found = Vec::new();
        let expected =
            self.expected_request.as_ref().and_then(|expected| expected.request.as_ref());
        let path = expected.or(Some(asked)).and_then(|request| request.path.as_deref());
        if path.is_some_and(|path| path != got.path) {
            found.push(format!("upstream's path is {}", got.path));
        }
        if let Some(host) = expected.and_then(|expected| expected.host.as_deref())
            && host != got.authority
        {
            found.push(format!("upstream's authority is {}", got.authority));
        }
        let absent = self.expected_request.as_ref().map(|expected| expected.absent.as_slice());
        let headers = &expected.unwrap_or(asked).headers;
        found.extend(header_differs(headers, absent.unwrap_or_default(), &got.upstream));
        found
    }
}

impl Response {
    fn statuses(&self) -> Vec<u16> {
        if let Some(code) = &self.code {
            // Source: gRPC, "HTTP to gRPC Status Code Mapping".
            return vec![if code == "UNIMPLEMENTED" { 404 } else { 200 }];
        }
        match self.status_code {
            Some(status) => vec![status],
            None if self.status_codes.is_empty() => vec![200],
            None => self.status_codes.clone(),
        }
    }
}

impl Redirected {
    /// What is absent is not asserted.
    fn differs(&self, location: &str) -> Option<String> {
        let (scheme, rest) = location.split_once("://").unwrap_or(("", location));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        let parts =
            [(&self.scheme, scheme), (&self.host, host), (&self.port, port), (&self.path, path)];
        let is_met = parts.iter().all(|(expected, got)| {
            expected.as_deref().is_none_or(|expected| expected.is_empty() || expected == *got)
        });
        (!is_met).then(|| format!("location is {location}"))
    }
}

fn header_differs(
    expected: &BTreeMap<String, String>,
    absent: &[String],
    got: &HeaderMap,
) -> Vec<String> {
    let text = |name: &String| {
        let values = got.get_all(name.to_lowercase().as_str()).iter();
        values.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",")
    };
    let wrong =
        expected.iter().filter(|(name, value)| name.as_str() != "Host" && text(name) != **value);
    let wrong = wrong.map(|(name, value)| format!("{name} is `{}`, not `{value}`", text(name)));
    let there = absent.iter().filter(|name| got.contains_key(name.to_lowercase().as_str()));
    wrong.chain(there.map(|name| format!("{name} is there"))).collect()
}

/// In the middle: chance decides nothing that is asserted.
const ROLL: u32 = u32::MAX / 2;

/// What a client of the tests calls by default.
const ECHO: &str = "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/Echo";
/// The methods of that service.
const METHODS: &[&str] = &[
    ECHO,
    "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/EchoTwo",
    "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/EchoThree",
];

impl Asked {
    fn of_grpc(metadata: Option<&Metadata>, method: &str) -> Self {
        Self {
            path: Some(method.to_owned()),
            method: Some("POST".to_owned()),
            headers: metadata.map(|it| it.metadata.clone()).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// `place`: of a gateway; absent: inside of the mesh.
    fn answer(
        &self,
        program: &Program,
        place: Option<Place<'_>>,
        of_backend: &BTreeMap<String, String>,
    ) -> Result<Got, String> {
        let headers = header_map(&self.headers)?;
        let default = if place.is_some() { "gateway.test" } else { "echo" };
        let (path, query) = split_target(self.path.as_deref().unwrap_or("/"));
        let path = normalize_path(path, program.path_normalization())
            .map_err(|error| error.to_string())?;
        let mut request = Request {
            method: self.method.as_deref().unwrap_or("GET"),
            scheme: "http",
            authority: self.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(default),
            path: &path,
            query,
            headers: &headers,
            port: 80,
        };
        if let Some((_, port)) = request.authority.rsplit_once(':') {
            request.port = port.parse().unwrap_or(80);
        }
        let outcome = match place {
            None => program.outbound().ok_or("no outbound side")?.route(&request, &()),
            Some(Place { server, is_tls }) => {
                request.port = server.port;
                request.scheme = if is_tls { "https" } else { "http" };
                server.route(&request, &Claims::default())
            }
        };
        Ok(carried_out(&request, outcome, header_map(of_backend)?))
    }

    /// The places that a request may reach, the usual one first; inside of the mesh there is none to choose.
    fn places<'p>(
        &self,
        program: &'p Program,
        way: &Way,
    ) -> Vec<Result<Option<Place<'p>>, String>> {
        if *way == Way::Mesh {
            return vec![Ok(None)];
        }
        let Some(gateway) = program.gateway() else { return vec![Err("no gateway".to_owned())] };
        let usual = if self.sni.is_some() { 443 } else { 80 };
        let mut listeners: Vec<_> = gateway.listeners().iter().collect();
        // Who sends a server name speaks TLS; who sends none may do so too, as its host is a name.
        // Where nothing speaks TLS, the name is what the backend is to be asked for.
        let is_backends = !listeners.iter().any(|listener| listener.tls);
        listeners.retain(|listener| self.sni.is_none() || listener.tls || is_backends);
        listeners.sort_by_key(|it| (it.tls != self.sni.is_some(), it.port != usual, it.port));
        if listeners.is_empty() {
            return vec![Err("nothing listens".to_owned())];
        }
        let name = self.sni.as_deref().or(self.host.as_deref());
        let server = |listener: &&'p mesh_engine::gateway::Listener| {
            let chain = listener.chain(name).ok_or("no server for the name")?;
            match &chain.handler {
                Handler::Http(server) => Ok(Some(Place { server, is_tls: listener.tls })),
                Handler::Stream(_) => Err("the listener carries bytes".to_owned()),
            }
        };
        listeners.iter().map(server).collect()
    }
}

fn header_map(by_name: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in by_name {
        let name: HeaderName = name.parse().map_err(|_| "no header")?;
        headers.append(name, value.parse().map_err(|_| "no header's value")?);
    }
    Ok(headers)
}

/// `answer` are the headers that a backend answers with.
fn carried_out(request: &Request<'_>, outcome: Outcome<'_>, answer: HeaderMap) -> Got {
    match outcome {
        Outcome::Route(selected) => taken(request, &selected, answer),
        Outcome::NoHost | Outcome::NoRoute(_) => Got { status: 404, ..Got::default() },
        Outcome::HttpsRedirect => Got { status: 301, ..Got::default() },
        Outcome::Passthrough | Outcome::Blackhole => Got { status: 502, ..Got::default() },
    }
}

fn taken(request: &Request<'_>, selected: &Selected<'_>, answer: HeaderMap) -> Got {
    let mut got = match &selected.route.action {
        Action::Forward(forward) => forwarded(request, selected, forward, answer),
        Action::Redirect(redirect) => {
            let mut location = String::new();
            redirect.write_location(request, selected.covered, &mut location);
            Got { status: redirect.status, location, ..Got::default() }
        }
        Action::Respond { status, .. } => Got { status: *status, ..Got::default() },
    };
    let response = got.response.clone();
    let facts = Facts { status: Some(got.status), response: Some(&response), ..Facts::of(request) };
    headers::apply(&selected.route.headers.response, &mut got.response, &facts);
    got
}

/// How long the tests' backend waits before it answers: `?delay=500ms`.
fn delay(query: Option<&str>) -> Duration {
    let mut asked = query.into_iter().flat_map(|query| query.split('&'));
    let asked = asked.find_map(|pair| pair.strip_prefix("delay=")).unwrap_or_default();
    let millis = match (asked.strip_suffix("ms"), asked.strip_suffix('s')) {
        (Some(millis), _) => millis.parse().ok(),
        (None, Some(seconds)) => seconds.parse().ok().map(|seconds: u64| seconds * 1000),
        (None, None) => None,
    };
    Duration::from_millis(millis.unwrap_or_default())
}

fn forwarded(
    request: &Request<'_>,
    selected: &Selected<'_>,
    forward: &Forward,
    answer: HeaderMap,
) -> Got {
    let picked = forward.backends.pick(ROLL);
    let mut got = Got { status: 200, response: answer, ..Got::default() };
    let timeout = [forward.timeout, forward.try_timeout].into_iter().flatten().min();
    if timeout.is_some_and(|timeout| timeout < delay(request.query)) {
        got.status = 504;
        return got;
    }
    for (weight, backend) in forward.backends.backends() {
        match &backend.target {
            Target::Status(status) if std::ptr::eq(backend, picked) => got.status = *status,
            Target::Cluster(upstream) if weight > 0 => {
                got.backends.extend(upstream.name.rsplit('|').next().map(str::to_owned));
            }
            _ => {}
        }
    }
    got.upstream = request.headers.clone();
    for plan in [&picked.headers, &selected.route.headers] {
        headers::apply(&plan.request, &mut got.upstream, &Facts::of(request));
    }
    // The route's own edits of responses are for every answer, this one and those without a backend.
    headers::apply(&picked.headers.response, &mut got.response, &Facts::of(request));
    let authority = forward.authority(&selected.route.headers, &picked.headers);
    let authority = authority.and_then(|authority| authority.to_str().ok());
    authority.unwrap_or(request.authority).clone_into(&mut got.authority);
    match &forward.rewrite {
        Some(rewrite) => rewrite.write(request.path, selected.covered, &mut got.path),
        None => request.path.clone_into(&mut got.path),
    }
    got.path.extend(request.query.into_iter().flat_map(|query| ["?", query]));
    got
}
