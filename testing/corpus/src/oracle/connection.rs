//! Which side of the proxy a connection comes to, and what is made of it there.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};
use mesh_engine::gateway::{Handler, HttpServer, Listener};
use mesh_engine::identity::SpiffeId;
use mesh_engine::path::normalize_path;
use mesh_engine::policy::Claims;
use mesh_engine::request::split_target;
use mesh_engine::{Connection, Program, Request};
use mesh_snapshot::object::{Application, MtlsMode, Protocol, ServerTls};

use super::asked::{Asked, Direction};
use super::exchange::{Exchange, Original};
use super::got::Got;
use super::world::World;

/// In seconds since 1970: within the lives of the corpus's tokens.
const NOW: u64 = 1_790_000_000;

/// # Errors
/// When the request is none, or cannot be judged.
pub(super) fn answer(program: &Program, world: &World, asked: &Asked) -> Result<Got, String> {
    let arrived = Arrived { program, world, asked, headers: headers(asked)? };
    match asked.direction {
        Some(Direction::Inbound) => arrived.inbound(),
        Some(Direction::Outbound) => arrived.outbound(),
        None => arrived.gateway(),
    }
}

fn headers(asked: &Asked) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    // White space around a value is none of it (RFC 9110 §5.5).
    for (name, value) in &asked.headers {
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header"))?;
        let value =
            HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|error| error.to_string())?;
        headers.append(name, value);
    }
    Ok(headers)
}

struct Arrived<'a> {
    program: &'a Program,
    world: &'a World,
    asked: &'a Asked,
    headers: HeaderMap,
}

/// A request that policy let pass.
struct Admitted {
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    claims: Claims,
}

impl Arrived<'_> {
    fn inbound(self) -> Result<Got, String> {
        let Self { program, world, asked, .. } = &self;
        let port = asked.to.port;
        let inbound = program.inbound().port(port);
        if asked.tls.is_none() && inbound.mtls == MtlsMode::Strict {
            return Ok(Got::ended("closed").because("filter_chain_not_found"));
        }
        let address = SocketAddr::new(world.proxy.ip, port);
        let cluster = if program.inbound().knows(port) {
            format!("inbound|{port}||")
        } else {
            "InboundPassthroughCluster".to_owned()
        };
        let (ip, listening) = match inbound.application {
            Application::Destination => (world.proxy.ip, port),
            Application::Port(port) => (world.proxy.ip, *port),
            Application::Address(at) => (at.ip(), at.port()),
            Application::Unix(path) => return Err(format!("nobody listens at `{path}`")),
        };
        let backend = world.at(ip, listening).map(|member| member.name.clone());
        // TLS that is not the mesh's to end is no HTTP, and proves nothing.
        let is_others = asked.tls.is_some() && inbound.mtls == MtlsMode::Disable;
        let is_http = inbound.protocol.is_http() || inbound.protocol == Protocol::Detect;
        if is_others || !is_http {
            let connection = self.connection(address, self.asked.source())?;
            let peer = connection.peer.filter(|_| !is_others);
            let connection = Connection { peer, mutual_tls: peer.is_some(), ..connection };
            if !program.policy().authorize_connection(&connection).is_allowed() {
                return Ok(Got::ended("closed").through(&cluster));
            }
            return Ok(self.exchange(Original::Address(address)).bytes_to(backend, &cluster));
        }
        let service_port = inbound.service.map_or(port, |(_, port)| port);
        Ok(match self.admit(address, "http", service_port)? {
            Err(refused) => refused.through(&cluster),
            Ok(admitted) => self.exchange(Original::Address(address)).hand_over(
                backend,
                &cluster,
                (&admitted.path, admitted.query.as_deref()),
                &admitted.headers,
            ),
        })
    }

    fn outbound(self) -> Result<Got, String> {
        let Self { program, asked, .. } = &self;
        let to = asked.to.ip.ok_or("no address to go to")?;
        let original = SocketAddr::new(to, asked.to.port);
        let outbound = program.outbound().ok_or("no outbound side")?;
        let arrival = outbound.arrival(original, &self.world.addresses);
        let exchange = self.exchange(Original::Address(original));
        let is_http = arrival.protocol.is_http() || arrival.protocol == Protocol::Detect;
        if !is_http || asked.tls.is_some() {
            let sni = asked.tls.as_ref().and_then(|tls| tls.sni.as_deref());
            let outcome = outbound.stream(&arrival, to, sni, ROLL);
            return Ok(exchange.stream(outcome));
        }
        let (path, query) = split_target(&asked.path);
        let Ok(path) = normalize_path(path, program.path_normalization()) else {
            return Ok(Got::answered(400));
        };
        let request = self.request("http", &path, query, &self.headers, asked.to.port);
        let outcome =
            outbound.route_traced(Some(&arrival), &request, &self.world.addresses, &mut ());
        Ok(exchange.carry_out(&request, outcome))
    }

    fn gateway(self) -> Result<Got, String> {
        let Self { program, world, asked, .. } = &self;
        let gateway = program.gateway().ok_or("no gateway")?;
        let is_there = |listener: &&Listener| listener.port == asked.to.port;
        let Some(listener) = gateway.listeners().iter().find(is_there) else {
            return Ok(Got::ended("refused"));
        };
        let sni = asked.tls.as_ref().and_then(|tls| tls.sni.as_deref());
        let Some(chain) = listener.chain(sni) else {
            return Ok(Got::ended("closed").because("filter_chain_not_found"));
        };
        if listener.tls && asked.tls.is_none() && chain.tls != ServerTls::Passthrough {
            return Ok(Got::ended("closed"));
        }
        let address = SocketAddr::new(world.proxy.ip, asked.to.port);
        match &chain.handler {
            Handler::Http(server) => {
                let is_tls = asked.tls.is_some() && chain.tls != ServerTls::Off;
                self.at_server(server, address, if is_tls { "https" } else { "http" })
            }
            Handler::Stream(server) => {
                let connection = self.connection(address, asked.source())?;
                if !program.policy().authorize_connection(&connection).is_allowed() {
                    return Ok(Got::ended("closed"));
                }
                let exchange = self.exchange(Original::None);
                Ok(match server.stream(address.ip(), sni, ROLL) {
                    Some(outcome) => exchange.stream(outcome),
                    None => Got::ended("closed").because("filter_chain_not_found"),
                })
            }
        }
    }

    fn at_server(&self, server: &HttpServer, at: SocketAddr, scheme: &str) -> Result<Got, String> {
        let admitted = match self.admit(at, scheme, server.port)? {
            Err(refused) => return Ok(refused),
            Ok(admitted) => admitted,
        };
        let Admitted { path, query, headers, claims } = &admitted;
        // Routes see what came, and the upstream gets what is left of it.
        let before = self.request(
            scheme,
            path,
            split_target(&self.asked.path).1,
            &self.headers,
            server.port,
        );
        let outcome = server.route(&before, claims);
        let after = self.request(scheme, path, query.as_deref(), headers, server.port);
        Ok(self.exchange(Original::None).carry_out(&after, outcome))
    }

    /// Who it is from, and whether it may.
    fn admit(
        &self,
        at: SocketAddr,
        scheme: &str,
        port: u16,
    ) -> Result<Result<Admitted, Got>, String> {
        let Self { program, asked, headers, .. } = self;
        let (path, query) = split_target(&asked.path);
        let Ok(path) = normalize_path(path, program.path_normalization()) else {
            return Ok(Err(Got::answered(400)));
        };
        // What claims become is taken from every request first.
        let mut headers = headers.clone();
        for name in program.policy().reserved_headers() {
            headers.remove(name);
        }
        let request = self.request(scheme, &path, query, &headers, port);
        let claims = match program.policy().authenticate(&request, &(), NOW) {
            Ok(claims) => claims,
            Err(error) => {
                let details =
                    format!("jwt_authn_access_denied{{{}}}", error.to_string().replace(' ', "_"));
                return Ok(Err(Got::answered(error.status())
                    .because(details)
                    .saying(error.to_string())));
            }
        };
        let remote = program.remote_address(asked.source(), &headers);
        let connection = self.connection(at, remote)?;
        let verdict = program.policy().authorize(&request, &connection, &claims);
        if let Some(details) = verdict.decision.details() {
            let denied = Got::answered(403).because(details.to_string());
            return Ok(Err(denied.saying("RBAC: access denied")));
        }
        let (query, path) = (query.map(str::to_owned), path.into_owned());
        Ok(Ok(apply(Admitted { path, query, headers, claims })))
    }

    fn connection(&self, at: SocketAddr, remote: IpAddr) -> Result<Connection<'_>, String> {
        let tls = self.asked.tls.as_ref();
        let identity = tls.and_then(|tls| tls.identity.as_deref());
        let peer = identity.map(SpiffeId::parse).transpose().map_err(|error| error.to_string())?;
        Ok(Connection {
            source: self.asked.source(),
            remote,
            destination: at,
            peer,
            sni: tls.and_then(|tls| tls.sni.as_deref()),
            mutual_tls: peer.is_some(),
        })
    }

    fn request<'r>(
        &'r self,
        scheme: &'r str,
        path: &'r str,
        query: Option<&'r str>,
        headers: &'r HeaderMap,
        port: u16,
    ) -> Request<'r> {
        let (method, authority) = (&*self.asked.method, &*self.asked.authority);
        Request { method, scheme, authority, path, query, headers, port }
    }

    fn exchange(&self, original: Original) -> Exchange<'_> {
        Exchange { program: self.program, world: self.world, asked: self.asked, original }
    }
}

/// Tokens go, and what claims become comes.
fn apply(mut admitted: Admitted) -> Admitted {
    admitted.claims.write_headers(&mut admitted.headers);
    let rest = |query: &String| Some(admitted.claims.rest_of_query(query)?.into_owned());
    admitted.query = admitted.query.as_ref().and_then(rest);
    admitted
}

/// In the middle: requests whose outcome hangs on chance are in no corpus.
pub(super) const ROLL: u32 = u32::MAX / 2;
