//! Who reaches whom under `PeerAuthentication` and `DestinationRule`, and whether by mutual TLS. A peer has a sidecar, or is naked.
//!
//! The configuration names the server that a row goes to, whether or not that one has a sidecar: a naked server is the same
//! one without.

use std::path::Path;
use std::sync::Arc;

use mesh_engine::Program;
use mesh_engine::cluster::{Endpoint, Security};
use mesh_snapshot::object::MtlsMode;
use serde::Deserialize;

use super::world::{Member, Port, World};
use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};
use crate::served::{Served, once};
use crate::subject::Files;

/// An element of `expected.json`
#[derive(Clone, Copy, Deserialize)]
struct Row {
    from: Peer,
    to: Peer,
    mtls: bool,
    success: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Peer {
    Sidecar,
    Naked,
}

/// The client's program, the server's, and their mesh.
struct Pair {
    client: Program,
    server: Program,
    world: World,
}

/// How a connection is tried, and whether the server takes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Tried {
    mtls: bool,
    success: bool,
}

const CLIENT: &str = "echo1/a";
const SERVER: &str = "echo1/b";

pub(super) fn cases(group: &Path) -> Result<Vec<Case>, CorpusError> {
    let world: World = corpus::json(&group.join("integration").join("world.json"))?;
    let mut cases = Vec::new();
    for folder in corpus::folders(&group.join("reachability"))? {
        let rows: Vec<Row> = corpus::json(&folder.join("expected.json"))?;
        let mut files = Files::default().lenient();
        files.read(&folder, "config.yaml")?;
        let world = world.clone();
        let pair = Arc::new(once(move || Pair::of(files, world)));
        for row in rows {
            let pair = Arc::clone(&pair);
            let name =
                format!("reachability/{}/{:?} to {:?}", corpus::name(&folder), row.from, row.to);
            cases.push(Case::new(name, move || {
                let fails = |got: String| Err(Mismatch::new(row.expected().shown(), got));
                match pair.as_ref().as_ref().map(|pair| pair.differences(row)) {
                    Err(error) => fails(error.clone()),
                    Ok(differences) if differences.is_empty() => Ok(()),
                    Ok(differences) => fails(differences.join("; ")),
                }
            }));
        }
    }
    Ok(cases)
}

impl Row {
    const fn expected(self) -> Tried {
        Tried { mtls: self.mtls, success: self.success }
    }
}

impl Tried {
    fn shown(self) -> String {
        let Self { mtls, success } = self;
        let how = if mtls { "by mutual TLS" } else { "in plain text" };
        if success { how.to_owned() } else { "refused".to_owned() }
    }

    /// How a connection was tried that did not come about is nobody's business.
    fn is(self, other: Self) -> bool {
        self.success == other.success && (!self.success || self.mtls == other.mtls)
    }
}

impl Pair {
    fn of(mut files: Files, world: World) -> Result<Self, String> {
        let member = |world: &World, name: &str| {
            world.workloads.get(name).cloned().ok_or_else(|| format!("the world has no {name}"))
        };
        let (client, server) = (member(&world, CLIENT)?, member(&world, SERVER)?);
        files.add("world.yaml", world.inventory());
        let mesh = Served::compile(&files)?;
        let program = |member: &Member| mesh.program(&member.workload());
        Ok(Self { client: program(&client)?, server: program(&server)?, world })
    }

    /// On which ports it is otherwise than the row says.
    fn differences(&self, row: Row) -> Vec<String> {
        let tried = self.world.ports.iter().map(|(name, port)| (name, self.tried(row, *port)));
        tried
            .filter(|(_, tried)| !tried.as_ref().is_ok_and(|tried| tried.is(row.expected())))
            .map(|(name, tried)| {
                format!("{name}: {}", tried.map_or_else(|error| error, Tried::shown))
            })
            .collect()
    }

    fn tried(&self, row: Row, port: Port) -> Result<Tried, String> {
        let mtls = row.from == Peer::Sidecar && self.is_mutual(row.to, port)?;
        let takes = match (row.to, self.server.inbound().port(port.workload).mtls) {
            (Peer::Naked, _) | (_, MtlsMode::Disable) => !mtls,
            (Peer::Sidecar, MtlsMode::Permissive) => true,
            (Peer::Sidecar, MtlsMode::Strict) => mtls,
        };
        Ok(Tried { mtls, success: takes })
    }

    /// What the client's proxy does.
    fn is_mutual(&self, to: Peer, port: Port) -> Result<bool, String> {
        let server = self.world.workloads.get(SERVER).ok_or("no server")?;
        let name = format!("outbound|{}||{}", port.service, server.host());
        let cluster =
            self.client.cluster_by_name(&name).ok_or_else(|| format!("no cluster {name}"))?;
        let endpoint = Endpoint {
            labels: &server.labels,
            workload_port: port.workload,
            meshed: to == Peer::Sidecar,
        };
        Ok(matches!(cluster.security(&endpoint), Security::Mutual { .. }))
    }
}
