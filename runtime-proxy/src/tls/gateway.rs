//! Ends TLS at the mesh's edge: several servers on one port, told apart by the name that a client asks for (SNI).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use mesh_snapshot::object::{Server, ServerProtocol, ServerTls};

use super::handshake::{self, HandshakeError, Secured};
use super::identity::Identity;
use super::mesh_server::MeshServer;
use super::termination::Terminating;
use crate::listener::host;
use crate::stream::Stream;
use crate::world::{Watched, World};

/// The servers of one port that speak TLS. Shared by the threads of a process.
pub struct Gateway {
    names: Names,
    ends: Vec<Ends>,
    mesh: MeshServer,
}

/// Where the TLS of a server's clients ends.
enum Ends {
    /// Not here.
    Elsewhere,
    Here(Box<Terminating>),
    /// Here, under the mesh's own identity.
    InMesh,
}

impl Gateway {
    /// `servers` are those of one port, in their order: where two have the same host, the first has it. Secrets without a
    /// namespace are in `namespace`, the proxy's own.
    #[must_use]
    pub fn new(
        servers: &[Server],
        namespace: &str,
        world: &World,
        identity: Arc<Watched<Identity>>,
    ) -> Self {
        let mut names = Names::default();
        let ends = servers.iter().enumerate().map(|(index, server)| {
            if matches!(server.tls, ServerTls::Passthrough | ServerTls::Terminate(_)) {
                server.hosts.iter().for_each(|host| names.add(host, index));
            }
            ends(server, namespace, world)
        });
        let ends = ends.collect();
        Self { names, ends, mesh: MeshServer::new(identity) }
    }

    /// The server, by its index, that a client asks for. `None`: there is none; a client that asks for nothing gets
    /// only a server for every host.
    #[must_use]
    pub fn server(&self, name: Option<&str>) -> Option<usize> {
        self.names.find(name)
    }

    /// Whether a server's TLS is not for the gateway to end.
    #[must_use]
    pub fn is_passthrough(&self, server: usize) -> bool {
        matches!(self.ends.get(server), Some(Ends::Elsewhere))
    }

    /// Makes the handshake as the server that the client asks for, and says which.
    ///
    /// # Errors
    ///
    /// When the handshake fails, no server that ends TLS here has the name, or the one that does lacks its certificate.
    pub async fn accept(&self, stream: Stream) -> Result<(usize, Secured), HandshakeError> {
        let start = handshake::hello(stream).await?;
        let name = start.client_hello().server_name().and_then(|name| host(name.as_bytes()));
        let server = self.server(name.as_deref());
        let found = server.and_then(|server| Some((server, self.ends.get(server)?)));
        let (server, secured) = match found {
            Some((server, Ends::Here(here))) => {
                (server, handshake::accept(start, here.config()?).await?)
            }
            Some((server, Ends::InMesh)) => (server, self.mesh.go_on(start).await?),
            Some((_, Ends::Elsewhere)) | None => return Err(HandshakeError::UnknownName(name)),
        };
        Ok((server, secured))
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("names", &self.names).finish_non_exhaustive()
    }
}

fn ends(server: &Server, namespace: &str, world: &World) -> Ends {
    let ServerTls::Terminate(termination) = &server.tls else { return Ends::Elsewhere };
    let is_http = server.protocol == ServerProtocol::Https;
    match Terminating::new(termination, is_http, namespace, world) {
        Some(here) => Ends::Here(Box::new(here)),
        None => Ends::InMesh,
    }
}

/// Host patterns, the most exact of which wins: a name, then `*.` and the longest suffix, then `*`.
#[derive(Debug, Default)]
struct Names {
    exact: HashMap<String, usize>,
    /// By what follows `*.`.
    suffixes: HashMap<String, usize>,
    any: Option<usize>,
}

impl Names {
    fn add(&mut self, host: &str, server: usize) {
        let host = host.to_ascii_lowercase();
        if host == "*" {
            self.any.get_or_insert(server);
        } else if let Some(suffix) = host.strip_prefix("*.") {
            self.suffixes.entry(suffix.to_owned()).or_insert(server);
        } else {
            self.exact.entry(host).or_insert(server);
        }
    }

    fn find(&self, name: Option<&str>) -> Option<usize> {
        let Some(name) = name else { return self.any };
        if let Some(server) = self.exact.get(name) {
            return Some(*server);
        }
        let mut rest = name;
        while let Some((_, suffix)) = rest.split_once('.') {
            if let Some(server) = self.suffixes.get(suffix) {
                return Some(*server);
            }
            rest = suffix;
        }
        self.any
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn the_most_exact_pattern_wins() {
        let mut names = Names::default();
        let hosts = ["*", "*.example.com", "*.shop.example.com", "Shop.example.com", "*"];
        hosts.iter().enumerate().for_each(|(index, host)| names.add(host, index));
        assert_eq!(names.find(Some("shop.example.com")), Some(3));
        assert_eq!(names.find(Some("a.b.shop.example.com")), Some(2));
        assert_eq!(names.find(Some("www.example.com")), Some(1));
        assert_eq!(names.find(Some("example.com")), Some(0), "a wildcard needs a label");
        assert_eq!(names.find(None), Some(0));
        assert_eq!(Names::default().find(None), None);
    }
}
