//! The routes that Istio makes of a Gateway API's, and the engine's answer to a request for each of them.
//!
//! Istio writes them as `Gateway`s and `VirtualService`s of its own. Each route is asked for by a request that takes it
//! there: where ours leads to the same backends in the same proportions, or answers alike, the route is met. What only an
//! expression describes, and what a `DestinationRule` says, is not asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use http::{HeaderMap, HeaderName};
use mesh_engine::gateway::Handler;
use mesh_engine::outbound::StreamOutcome;
use mesh_engine::policy::Claims;
use mesh_engine::route::{Action, Outcome, Target};
use mesh_engine::{Program, Request};
use mesh_snapshot::object::{Role, Workload};
use serde_json::{Value, json};

use super::opened;
use super::world::{self, DOMAIN};
use crate::case::{Mismatch, Verdict};
use crate::corpus;
use crate::served::Served;
use crate::yaml;

const EXPECTED: &str = "expected-istio.yaml";
/// What answers in place of a backend that is none.
const INVALID: &str = "500";
const ROLL: u32 = u32::MAX / 2;

/// Where requests go, and in which shares of a million.
type Shares = BTreeMap<String, u64>;

/// What becomes of a request.
#[derive(Debug, Eq, PartialEq)]
enum Fate {
    To(Shares),
    Answered(u64),
}

pub(super) fn judge(folder: &Path) -> Verdict {
    let fails = |got: String| Err(Mismatch::new(EXPECTED, got));
    let read = |name: &str| {
        let text = corpus::text(&folder.join(name)).map_err(|error| error.to_string())?;
        yaml::documents(&text)
    };
    let (input, expected) = match (read("input.yaml"), read(EXPECTED)) {
        (Ok(input), Ok(expected)) => (input, expected),
        (Err(error), _) | (_, Err(error)) => return fails(error),
    };
    let (listeners, gateways) = (listeners(&expected), Gateways::of(&input));
    let services: Vec<_> = of_kind(&expected, "VirtualService").collect();
    if services.is_empty() && of_kind(&input, "Gateway").next().is_none() {
        let reason = "Istio makes no route of it, so there is no request to ask";
        return Err(Mismatch::new(EXPECTED, "nothing is judged").because(reason));
    }
    let statuses = read("expected-status.yaml").unwrap_or_default();
    let served = world::files(folder, &input, &statuses, &expected)
        .and_then(|files| Served::compile(&files));
    let served = match served {
        Ok(served) => served,
        Err(error) => return fails(error),
    };
    let mut differences = Vec::new();
    // Where there is no request to ask, what is opened is all that there is.
    if services.is_empty() {
        for gateway in of_kind(&input, "Gateway") {
            opened::check(gateway, &input, &expected, &served, &mut differences);
        }
    }
    let absent = world::absent(&statuses);
    for service in services {
        let (routes, gateways) = (without(service, &absent), (&listeners, &gateways));
        if let Err(error) = check(&routes, gateways, &served, &mut differences) {
            differences.push(format!("{}: {error}", text(service, "/metadata/name")));
        }
    }
    if differences.is_empty() {
        Ok(())
    } else {
        fails(format!("{}{}", differences.join("; "), served.note()))
    }
}

pub(super) fn of_kind<'v>(
    documents: &'v [Value],
    kind: &'static str,
) -> impl Iterator<Item = &'v Value> {
    documents.iter().filter(move |document| text(document, "/kind") == kind)
}

pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn list<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// A port of a gateway, and a host that it is for.
type Listener = (u16, String);

/// By the full name of a `Gateway`, what its servers are for.
fn listeners(expected: &[Value]) -> BTreeMap<String, Vec<Listener>> {
    let mut all: BTreeMap<String, Vec<Listener>> = BTreeMap::new();
    for gateway in of_kind(expected, "Gateway") {
        let name = text(gateway, "/metadata/name");
        let own =
            all.entry(format!("{}/{name}", text(gateway, "/metadata/namespace"))).or_default();
        for server in list(gateway, "/spec/servers") {
            let port = server.pointer("/port/number").and_then(Value::as_u64);
            let Some(port) = port.and_then(|port| u16::try_from(port).ok()) else { continue };
            let hosts = list(server, "/hosts").filter_map(Value::as_str);
            own.extend(hosts.map(|host| {
                let name = host.split_once('/').map_or(host, |(_, name)| name);
                (port, name.to_owned())
            }));
        }
    }
    all
}

/// The narrower of two host patterns, if one covers the other.
fn narrower<'h>(a: &'h str, b: &'h str) -> Option<&'h str> {
    let covers = |outer: &str, inner: &str| {
        outer == inner || outer.strip_prefix('*').is_some_and(|suffix| inner.ends_with(suffix))
    };
    if covers(a, b) { Some(b) } else { covers(b, a).then_some(a) }
}

/// Name and namespace of a Service, by its host.
pub(super) fn kubernetes(host: &str) -> Option<(&str, &str)> {
    host.strip_suffix(DOMAIN)?.strip_suffix(".svc.")?.split_once('.')
}

/// Asks for every route of a `VirtualService` that Istio made.
fn check(
    service: &Value,
    (listeners, gateways): (&BTreeMap<String, Vec<Listener>>, &Gateways),
    served: &Served,
    differences: &mut Vec<String>,
) -> Result<(), String> {
    for gateway in list(service, "/spec/gateways").filter_map(Value::as_str) {
        let is_mesh = gateway == "mesh";
        let program = served.program(&gateways.workload(service, gateway))?;
        let anywhere = vec![(80, "*".to_owned())];
        let open = if is_mesh { Some(&anywhere) } else { listeners.get(gateway) };
        let routes: Vec<_> = list(service, "/spec/http").collect();
        for (port, open) in open.into_iter().flatten() {
            let hosts = list(service, "/spec/hosts").filter_map(Value::as_str);
            for host in hosts.filter_map(|host| narrower(host, open)) {
                for (index, route) in routes.iter().enumerate() {
                    for asked in witnesses(&routes, index, host, *port) {
                        let (expected, got) = (fate(route), asked.fate(&program, is_mesh));
                        if expected.as_ref() != Some(&got) {
                            let name = text(service, "/metadata/name");
                            differences.push(format!("{name} {host}{}: {got:?}", asked.path));
                        }
                    }
                }
            }
            let bytes = list(service, "/spec/tcp").chain(list(service, "/spec/tls"));
            for route in bytes.filter(|_| !is_mesh) {
                let sni = list(route, "/match").flat_map(|it| list(it, "/sniHosts")).next();
                let sni = sni.and_then(Value::as_str).map(concrete);
                let got = stream(&program, *port, sni.as_deref());
                let is_met = match fate(route) {
                    Some(Fate::To(shares)) => {
                        got.as_ref().is_some_and(|it| shares.contains_key(it))
                    }
                    _ => got.is_none(),
                };
                if !is_met {
                    differences.push(format!("{}: {got:?}", text(service, "/metadata/name")));
                }
            }
        }
    }
    Ok(())
}

/// Istio leads to the cluster of a Service that there is not, which Envoy answers as if the destination had no host.
fn without(service: &Value, absent: &BTreeSet<&str>) -> Value {
    let mut service = service.clone();
    for kind in ["http", "tcp", "tls"] {
        let routes = service.pointer_mut(&format!("/spec/{kind}")).and_then(Value::as_array_mut);
        let routes = routes.into_iter().flatten().filter_map(|it| it.get_mut("route"));
        for destination in routes.filter_map(Value::as_array_mut).flatten() {
            let host = destination.pointer_mut("/destination/host");
            if let Some(host) = host.filter(|it| it.as_str().is_some_and(|it| absent.contains(it)))
            {
                *host = json!("");
            }
        }
    }
    service
}

/// Whose proxies serve what.
pub(super) struct Gateways {
    /// By the full name of a `ListenerSet`, the namespace and name of the Gateway that it is for.
    parents: BTreeMap<String, (String, String)>,
    /// By the full name of a Gateway, what the Service that it names selects by.
    fronts: BTreeMap<String, String>,
}

impl Gateways {
    pub(super) fn of(input: &[Value]) -> Self {
        let full =
            |it| format!("{}/{}", text(it, "/metadata/namespace"), text(it, "/metadata/name"));
        let parents = of_kind(input, "ListenerSet").map(|set| {
            let of = Some(text(set, "/spec/parentRef/namespace")).filter(|it| !it.is_empty());
            let namespace = of.unwrap_or(text(set, "/metadata/namespace")).to_owned();
            (full(set), (namespace, text(set, "/spec/parentRef/name").to_owned()))
        });
        let fronts = of_kind(input, "Gateway").filter_map(|gateway| {
            let mut named = list(gateway, "/spec/addresses");
            let host = text(named.find(|it| text(it, "/type") == "Hostname")?, "/value");
            Some((full(gateway), host.split('.').next()?.to_owned()))
        });
        Self { parents: parents.collect(), fronts: fronts.collect() }
    }

    /// The Gateway that the listeners of another resource are for; itself, if that is one.
    pub(super) fn owner(&self, namespace: &str, name: &str) -> (String, String) {
        let own = || (namespace.to_owned(), name.to_owned());
        self.parents.get(&format!("{namespace}/{name}")).cloned().unwrap_or_else(own)
    }

    /// Who serves a route: the proxy of a Gateway, or one beside a client in the route's own namespace.
    fn workload(&self, service: &Value, gateway: &str) -> Workload {
        let (name, account) = ("subject".to_owned(), "default".to_owned());
        let Some((namespace, gateway)) = gateway.split_once('/') else {
            let namespace = text(service, "/metadata/namespace").to_owned();
            return Workload { namespace, name, service_account: account, ..Workload::default() };
        };
        let gateway = gateway.split('~').next().unwrap_or_default();
        let (namespace, gateway) = self.owner(namespace, gateway);
        self.proxy(&namespace, &gateway)
    }

    /// Of a Gateway.
    pub(super) fn proxy(&self, namespace: &str, gateway: &str) -> Workload {
        let name = ("gateway.networking.k8s.io/gateway-name".to_owned(), gateway.to_owned());
        let front = self.fronts.get(&format!("{namespace}/{gateway}"));
        let front = front.map(|front| ("app".to_owned(), front.clone()));
        Workload {
            namespace: namespace.to_owned(),
            name: "subject".to_owned(),
            labels: [name].into_iter().chain(front).collect(),
            service_account: "default".to_owned(),
            role: Role::Gateway,
            ..Workload::default()
        }
    }
}

/// A name that a host pattern covers.
pub(super) fn concrete(host: &str) -> String {
    match host.strip_prefix('*') {
        Some("") => "any.test".to_owned(),
        Some(rest) => format!("any{rest}"),
        None => host.to_owned(),
    }
}

/// A request.
struct Asked {
    authority: String,
    port: u16,
    method: String,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
}

/// Requests that take the route at `index`, and none before it.
fn witnesses(routes: &[&Value], index: usize, host: &str, port: u16) -> Vec<Asked> {
    let Some(route) = routes.get(index) else { return Vec::new() };
    let matches: Vec<_> = list(route, "/match").collect();
    let any = json!({});
    let matches = if matches.is_empty() { vec![&any] } else { matches };
    let asked = matches.into_iter().filter_map(|it| Asked::for_match(it, host, port));
    let is_free = |asked: &Asked| {
        let earlier = routes.iter().take(index);
        let mut earlier = earlier.map(|route| (list(route, "/match").next().is_none(), route));
        !earlier.any(|(all, route)| all || list(route, "/match").any(|it| asked.may_be(it)))
    };
    asked.filter(is_free).collect()
}

impl Asked {
    /// `None` where only an expression says what is meant.
    fn for_match(matching: &Value, host: &str, port: u16) -> Option<Self> {
        let value =
            |it: &Value| Some(it.get("exact").or_else(|| it.get("prefix"))?.as_str()?.to_owned());
        let object = |name: &str| matching.get(name).and_then(Value::as_object);
        let mut headers = HeaderMap::new();
        for (name, it) in object("headers").into_iter().flatten() {
            let name: HeaderName = name.parse().ok()?;
            headers.insert(name, value(it)?.parse().ok()?);
        }
        let mut query = Vec::new();
        for (name, it) in object("queryParams").into_iter().flatten() {
            query.push(format!("{name}={}", value(it)?));
        }
        let own = |name: &str, default: &str| match matching.get(name) {
            Some(it) => value(it),
            None => Some(default.to_owned()),
        };
        let own_port = matching.get("port").and_then(Value::as_u64);
        Some(Self {
            authority: concrete(host),
            port: own_port.and_then(|port| u16::try_from(port).ok()).unwrap_or(port),
            method: own("method", "GET")?,
            path: own("uri", "/")?,
            query: (!query.is_empty()).then(|| query.join("&")),
            headers,
        })
    }

    /// Whether it may take the match: what is hard to tell is taken for yes.
    fn may_be(&self, matching: &Value) -> bool {
        let is_path = |it: &Value| match (it.get("exact"), it.get("prefix")) {
            (Some(exact), _) => exact == &*self.path,
            (_, Some(prefix)) => self.path.starts_with(prefix.as_str().unwrap_or_default()),
            _ => true,
        };
        let is_header = |(name, it): (&String, &Value)| {
            let got = self.headers.get(name.to_lowercase().as_str());
            let got = got.and_then(|value| value.to_str().ok());
            got.is_some_and(|got| it.get("exact").is_none_or(|exact| exact == got))
        };
        let is_method =
            |it: &Value| it.get("exact").is_none_or(|exact| exact == self.method.as_str());
        let headers = matching.get("headers").and_then(Value::as_object);
        let has_query = matching.get("queryParams").is_none() || self.query.is_some();
        matching.get("uri").is_none_or(is_path)
            && matching.get("method").is_none_or(is_method)
            && headers.is_none_or(|headers| headers.iter().all(is_header))
            && has_query
    }

    fn fate(&self, program: &Program, is_mesh: bool) -> Fate {
        let request = Request {
            method: &self.method,
            scheme: "http",
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            port: self.port,
        };
        if is_mesh {
            let outcome = program.outbound().map(|outbound| outbound.route(&request, &()));
            return outcome.map_or(Fate::Answered(0), fate_of);
        }
        let listeners = program.gateway().map(mesh_engine::gateway::Gateway::listeners);
        let mut listeners = listeners.into_iter().flatten().filter(|it| it.port == self.port);
        let chain = listeners.find_map(|listener| listener.chain(Some(&self.authority)));
        match chain.map(|chain| &chain.handler) {
            Some(Handler::Http(server)) => {
                let request = Request { port: server.port, ..request };
                fate_of(server.route(&request, &Claims::default()))
            }
            Some(Handler::Stream(_)) | None => Fate::Answered(0),
        }
    }
}

/// Where bytes go that come to a port of a gateway.
fn stream(program: &Program, port: u16, sni: Option<&str>) -> Option<String> {
    let listeners = program.gateway()?.listeners();
    let listener = listeners.iter().find(|listener| listener.port == port)?;
    let Handler::Stream(server) = &listener.chain(sni)?.handler else { return None };
    match server.stream(IpAddr::V4(Ipv4Addr::LOCALHOST), sni, ROLL)? {
        StreamOutcome::Forward { name, .. } => Some(name.to_owned()),
        _ => None,
    }
}

/// What Istio's route says.
fn fate(route: &Value) -> Option<Fate> {
    if let Some(redirect) = route.get("redirect") {
        return Some(Fate::Answered(
            redirect.get("redirectCode").map_or(Some(301), Value::as_u64)?,
        ));
    }
    if let Some(status) = route.pointer("/directResponse/status") {
        return Some(Fate::Answered(status.as_u64()?));
    }
    let name = |destination: &Value| {
        let host = text(destination, "/destination/host");
        // A destination without a host stands for a backend that is none.
        if host.is_empty() {
            return INVALID.to_owned();
        }
        let port = destination.pointer("/destination/port/number").and_then(Value::as_u64);
        format!("outbound|{}||{host}", port.unwrap_or_default())
    };
    let destinations: Vec<_> = list(route, "/route").collect();
    let only = destinations.len() == 1;
    let weight = |it: &Value| it.get("weight").and_then(Value::as_u64).unwrap_or(u64::from(only));
    Some(Fate::of(shares(destinations.iter().map(|it| (name(it), weight(it))))))
}

impl Fate {
    fn of(shares: Shares) -> Self {
        match shares.keys().next() {
            Some(only) if shares.len() == 1 && only == INVALID => Self::Answered(500),
            _ => Self::To(shares),
        }
    }
}

fn fate_of(outcome: Outcome<'_>) -> Fate {
    let Outcome::Route(selected) = outcome else { return Fate::Answered(404) };
    match &selected.route.action {
        Action::Redirect(redirect) => Fate::Answered(redirect.status.into()),
        Action::Respond { status, .. } => Fate::Answered((*status).into()),
        Action::Forward(forward) => {
            let mut all = Vec::new();
            for (weight, backend) in forward.backends.backends() {
                match &backend.target {
                    Target::Cluster(upstream) => {
                        all.push((upstream.name.to_string(), weight));
                    }
                    Target::Status(status) => all.push((status.to_string(), weight)),
                }
            }
            Fate::of(shares(all))
        }
    }
}

fn shares(weights: impl IntoIterator<Item = (String, u64)>) -> Shares {
    let mut shares = Shares::new();
    for (name, weight) in weights.into_iter().filter(|(_, weight)| *weight > 0) {
        *shares.entry(name).or_default() += weight;
    }
    let sum = shares.values().sum::<u64>().max(1);
    for weight in shares.values_mut() {
        *weight = *weight * 1_000_000 / sum;
    }
    shares
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Fate, fate, shares, witnesses};

    #[test]
    fn proportions_count_and_not_weights() {
        let own = |weights: [u64; 2]| {
            shares([("a".to_owned(), weights[0]), ("b".to_owned(), weights[1])])
        };
        assert_eq!(own([1, 2]), own([50, 100]));
        assert_ne!(own([1, 2]), own([2, 1]));
        let route =
            json!({ "route": [{ "destination": { "host": "a", "port": { "number": 80 } } }] });
        assert_eq!(fate(&route), Some(Fate::To(shares([("outbound|80||a".to_owned(), 1)]))));
    }

    #[test]
    fn a_request_takes_its_route_and_none_before_it() {
        let first = json!({ "match": [{ "uri": { "prefix": "/a" } }] });
        let second =
            json!({ "match": [{ "uri": { "prefix": "/a/b" } }, { "uri": { "exact": "/c" } }] });
        let third = json!({});
        let routes = [&first, &second, &third];
        let paths = |index| {
            let found = witnesses(&routes, index, "*.test", 80);
            found.into_iter().map(|asked| asked.path).collect::<Vec<_>>()
        };
        assert_eq!((paths(0), paths(1)), (vec!["/a".to_owned()], vec!["/c".to_owned()]));
        assert_eq!(paths(2), ["/"]);
    }
}
