//! Policies of a small mesh, and what became of requests through it.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use mesh_engine::gateway::Handler;
use mesh_engine::identity::SpiffeId;
use mesh_engine::path::normalize_path;
use mesh_engine::policy::{Claims, KeySet, KeySets};
use mesh_engine::request::split_target;
use mesh_engine::route::Outcome;
use mesh_engine::{Connection, Program, Request};
use mesh_snapshot::object::{Labels, Role, Workload};
use serde::Deserialize;

use super::world::{Member, World};
use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};
use crate::served::{Once, Served, once};
use crate::subject::Files;

/// An element of `requests.json`
#[derive(Clone, Deserialize)]
struct Asked {
    id: String,
    /// A workload of the world, the ingress gateway, or somebody outside.
    from: String,
    /// A workload of the world, or `gateway-api:namespace/name`.
    to: String,
    to_labels: Option<Labels>,
    port: String,
    #[serde(default)]
    path: String,
    host: Option<String>,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    token: Option<String>,
    x_forwarded_for: Option<String>,
    sni: Option<String>,
    mtls: Option<bool>,
    expect: String,
    /// Empty: the upstream does not get it.
    #[serde(default)]
    upstream_headers: BTreeMap<String, String>,
}

/// What all folders share.
struct Shared {
    world: World,
    tokens: HashMap<String, String>,
    keys: KeySet,
}

/// The corpus has one set of keys.
struct Keys<'a>(&'a KeySet);

impl KeySets for Keys<'_> {
    fn keys(&self, _: &str) -> Option<&KeySet> {
        Some(self.0)
    }
}

#[derive(Deserialize)]
struct Token {
    jwt: String,
}

pub(super) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let tokens: HashMap<String, Token> = corpus::json(&folder.join("jwt-tokens.json"))?;
    let keys = corpus::text(&folder.join("jwks.json"))?;
    let world = corpus::json(&folder.join("world.json"))?;
    let keys = KeySet::parse(&keys).map_err(|error| CorpusError::Unusable {
        path: folder.join("jwks.json"),
        reason: error.to_string(),
    })?;
    let tokens = tokens.into_iter().map(|(name, token)| (name, token.jwt)).collect();
    let shared = Arc::new(Shared { world, tokens, keys });
    let mut cases = Vec::new();
    for path in corpus::folders(folder)? {
        let mut files = Files::default().lenient();
        files.read(&path, "config.yaml")?;
        files.add("world.yaml", shared.world.inventory());
        let served = Arc::new(once(move || Served::compile(&files)));
        for asked in corpus::json::<Vec<Asked>>(&path.join("requests.json"))? {
            let (shared, served) = (Arc::clone(&shared), Arc::clone(&served));
            let name = format!("integration/{}/{}", corpus::name(&path), asked.id);
            cases.push(Case::new(name, move || {
                let got = shared.answer(&asked, &served);
                let is_met = match (&got, asked.expect.as_str()) {
                    (Err(_), _) => false,
                    (Ok(answer), "allow") => answer.status == 200,
                    (Ok(answer), "deny") => matches!(answer.status, 401 | 403),
                    (Ok(answer), status) => answer.status.to_string() == status,
                };
                let differs = got.as_ref().ok().and_then(|answer| answer.differs(&asked));
                match (is_met, differs) {
                    (true, None) => Ok(()),
                    (true, Some((expected, got))) => Err(Mismatch::new(expected, got)),
                    (false, _) => Err(Mismatch::new(
                        &asked.expect,
                        got.map_or_else(|error| error, |answer| answer.status.to_string())
                            + &served.as_ref().as_ref().map(Served::note).unwrap_or_default(),
                    )),
                }
            }));
        }
    }
    Ok(cases)
}

/// The status, and for an allowed request the headers that go on.
struct Answer {
    status: u16,
    upstream: HeaderMap,
}

impl Answer {
    fn refused(status: u16) -> Self {
        Self { status, upstream: HeaderMap::new() }
    }

    fn differs(&self, asked: &Asked) -> Option<(String, String)> {
        asked.upstream_headers.iter().find_map(|(name, expected)| {
            let got =
                self.upstream.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            (got != expected).then(|| (format!("{name}: {expected}"), format!("{name}: {got}")))
        })
    }
}

/// Who is asked.
struct Server {
    workload: Workload,
    address: SocketAddr,
    /// That the client means.
    host: String,
    service_port: u16,
}

impl Shared {
    fn answer(&self, asked: &Asked, mesh: &Once<Served>) -> Result<Answer, String> {
        let mesh = mesh.as_ref().map_err(Clone::clone)?;
        let server = self.server(asked)?;
        let program = mesh.program(&server.workload)?;
        let client = match asked.from.as_str() {
            "ingress" => {
                self.world.workloads.values().find(|member| member.role() == Role::Gateway)
            }
            from => self.world.workloads.get(from),
        };
        self.judge(asked, &server, &program, client)
    }

    fn server(&self, asked: &Asked) -> Result<Server, String> {
        let port = self.world.ports.get(&asked.port).ok_or("no such port")?;
        if let Some(gateway) = asked.to.strip_prefix("gateway-api:") {
            let (namespace, name) = gateway.split_once('/').ok_or("no name of a Gateway")?;
            let label = ("gateway.networking.k8s.io/gateway-name".to_owned(), name.to_owned());
            let workload = Workload {
                namespace: namespace.to_owned(),
                name: format!("{name}-istio"),
                labels: Labels::from([label]),
                service_account: format!("{name}-istio"),
                role: Role::Gateway,
                ..Workload::default()
            };
            let address = SocketAddr::new([10, 0, 9, 9].into(), port.service);
            let host = format!("{name}-istio.{namespace}.svc.cluster.local");
            return Ok(Server { workload, address, host, service_port: port.service });
        }
        let member = self.world.workloads.get(&asked.to).ok_or("no such workload")?;
        let mut workload = member.workload();
        if let Some(labels) = &asked.to_labels {
            workload.labels.clone_from(labels);
        }
        let own = if member.role() == Role::Gateway { port.service } else { port.workload };
        let address = SocketAddr::new(member.ip, own);
        Ok(Server { workload, address, host: member.host(), service_port: port.service })
    }

    fn judge(
        &self,
        asked: &Asked,
        server: &Server,
        program: &Program,
        client: Option<&Member>,
    ) -> Result<Answer, String> {
        let headers = self.headers(asked)?;
        // A gateway's plain port is no part of the mesh.
        let is_mutual = match (client, program.gateway()) {
            (None, _) => false,
            (Some(_), Some(_)) => asked.port == "https",
            (Some(_), None) => asked.mtls.unwrap_or(true),
        };
        let principal = client.map(|client| self.world.principal(client)).filter(|_| is_mutual);
        let peer = principal.as_deref().map(SpiffeId::from_text).transpose();
        let source = client.map_or(IpAddr::from([172, 17, 72, 46]), |client| client.ip);
        let sni = format!("outbound_.{}_._.{}", server.service_port, server.host);
        let connection = Connection {
            source,
            remote: program.remote_address(source, &headers),
            destination: server.address,
            peer: peer.map_err(|error| error.to_string())?,
            sni: is_mutual.then_some(asked.sni.as_deref().unwrap_or(&sni)),
            mutual_tls: is_mutual,
        };
        if asked.port == "tcp" {
            let verdict = program.policy().authorize_connection(&connection);
            return Ok(Answer::refused(if verdict.is_allowed() { 200 } else { 403 }));
        }
        self.request(asked, server, program, &connection, headers)
    }

    fn request(
        &self,
        asked: &Asked,
        server: &Server,
        program: &Program,
        connection: &Connection<'_>,
        headers: HeaderMap,
    ) -> Result<Answer, String> {
        let is_grpc = asked.port == "grpc";
        let method = asked.method.as_deref().unwrap_or(if is_grpc { "POST" } else { "GET" });
        let target = if is_grpc { "/proto.EchoTestService/Echo" } else { asked.path.as_str() };
        let (path, query) = split_target(target);
        let Ok(path) = normalize_path(path, program.path_normalization()) else {
            return Ok(Answer::refused(400));
        };
        let request = Request {
            method,
            scheme: if asked.port == "https" { "https" } else { "http" },
            authority: asked.host.as_deref().unwrap_or(&server.host),
            path: &path,
            query,
            headers: &headers,
            port: connection.destination.port(),
        };
        let claims = match program.policy().authenticate(&request, &Keys(&self.keys), NOW) {
            Ok(claims) => claims,
            Err(error) => return Ok(Answer::refused(error.status())),
        };
        if !program.policy().authorize(&request, connection, &claims).is_allowed() {
            return Ok(Answer::refused(403));
        }
        let status = routed(program, &request, connection, &claims)?;
        Ok(Answer { status, upstream: upstream(headers, &claims) })
    }

    fn headers(&self, asked: &Asked) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &asked.headers {
            let name: HeaderName = name.parse().map_err(|_| "no header")?;
            headers.append(name, value.parse().map_err(|_| "no header's value")?);
        }
        if let Some(list) = &asked.x_forwarded_for {
            headers.insert("x-forwarded-for", list.parse().map_err(|_| "no addresses")?);
        }
        if let Some(token) = &asked.token {
            // A token may be written out, too.
            let token = self.tokens.get(token).unwrap_or(token);
            headers
                .insert(AUTHORIZATION, format!("Bearer {token}").parse().map_err(|_| "no token")?);
        }
        Ok(headers)
    }
}

/// In seconds since 1970, within the lives of the corpus's tokens and past those that have expired.
const NOW: u64 = 1_790_000_000;

/// What a gateway's routes make of it; at a sidecar it has arrived.
fn routed(
    program: &Program,
    request: &Request<'_>,
    connection: &Connection<'_>,
    claims: &Claims,
) -> Result<u16, String> {
    let Some(gateway) = program.gateway() else { return Ok(200) };
    let listener = gateway.listeners().iter().find(|listener| listener.port == request.port);
    let listener = listener.ok_or_else(|| format!("nothing listens on {}", request.port))?;
    let chain = listener.chain(connection.sni).ok_or("no server for the name")?;
    let Handler::Http(server) = &chain.handler else { return Err("the port carries bytes".into()) };
    Ok(match server.route(request, claims) {
        Outcome::Route(_) => 200,
        Outcome::HttpsRedirect => 301,
        Outcome::NoHost | Outcome::NoRoute(_) => 404,
        Outcome::Passthrough | Outcome::Blackhole => 502,
    })
}

fn upstream(mut headers: HeaderMap, claims: &Claims) -> HeaderMap {
    claims.write_headers(&mut headers);
    headers
}
