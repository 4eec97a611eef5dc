//! Policies of one workload, and requests that they allow or deny.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use mesh_engine::identity::SpiffeId;
use mesh_engine::path::normalize_path;
use mesh_engine::policy::Claims;
use mesh_engine::request::split_target;
use mesh_engine::{Connection, Program, Request};
use mesh_snapshot::object::{Labels, Workload};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::effect;
use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};
use crate::served::{Served, once};
use crate::subject::Files;

/// `case.json`
#[derive(Deserialize)]
pub(super) struct Description {
    workload: Selected,
    root_namespace: String,
    mesh_config: Option<String>,
    pub expected_filters: Vec<String>,
}

#[derive(Clone, Deserialize)]
struct Selected {
    namespace: String,
    labels: Labels,
}

/// An element of `vectors.json`
#[derive(Deserialize)]
struct Vector {
    id: String,
    request: Asked,
    expect: String,
}

#[derive(Clone, Deserialize)]
pub(super) struct Asked {
    pub source: Source,
    pub remote_ip: IpAddr,
    pub destination: Destination,
    pub sni: Option<String>,
    /// Absent: the connection carries something else than HTTP.
    pub method: Option<String>,
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub host: String,
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// The payload of a token that has been verified.
    pub jwt: Option<Map<String, Value>>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Source {
    pub principal: Option<String>,
    pub ip: IpAddr,
}

#[derive(Clone, Deserialize)]
pub(super) struct Destination {
    pub ip: IpAddr,
    pub port: u16,
}

/// What a workload's policies say of a request.
pub(super) struct Said {
    pub allowed: bool,
    /// Who is asked beside them.
    pub provider: Option<String>,
}

pub(super) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let description: Description = corpus::json(&folder.join("case.json"))?;
    let mut files = Files::default().lenient();
    files.read(folder, "policy.yaml")?;
    if let Some(name) = &description.mesh_config {
        files.mesh_config(&corpus::text(&folder.join(name))?);
    }
    files.mesh_config(&format!("rootNamespace: {}\n", description.root_namespace));
    let Selected { namespace, labels } = description.workload.clone();
    let account = "default".to_owned();
    let workload = Workload {
        namespace,
        labels,
        name: "subject".into(),
        service_account: account,
        ..Workload::default()
    };
    let program = Arc::new(once(move || Served::compile(&files)?.program(&workload)));
    let name = corpus::name(folder);
    let vectors = folder.join("vectors.json");
    if !vectors.exists() {
        return effect::cases(folder, &name, &description, &program);
    }
    let vectors: Vec<Vector> = corpus::json(&vectors)?;
    let case = |vector: Vector| {
        let program = Arc::clone(&program);
        Case::new(format!("builder/{name}/{}", vector.id), move || {
            let fails = |got: &str| Err(Mismatch::new(&vector.expect, got));
            match program.as_ref().as_ref().map(|program| vector.request.ask(program)) {
                Err(error) => fails(error),
                Ok(Err(error)) if vector.request.has_no_identity() => {
                    Err(Mismatch::new(&vector.expect, error).because(
                        "a certificate whose name is no SPIFFE ID (SPIFFE-ID §2) proves nothing",
                    ))
                }
                Ok(Err(error)) => fails(&error),
                Ok(Ok(said)) => {
                    let got = if said.allowed { "allow" } else { "deny" };
                    if got == vector.expect { Ok(()) } else { fails(got) }
                }
            }
        })
    };
    Ok(vectors.into_iter().map(case).collect())
}

impl Asked {
    /// Whether it is from somebody whose name is of no form that an identity may have.
    fn has_no_identity(&self) -> bool {
        self.source.principal.as_deref().is_some_and(|name| SpiffeId::parse(name).is_err())
    }

    pub(super) fn ask(&self, program: &Program) -> Result<Said, String> {
        let peer = self.source.principal.as_deref().map(SpiffeId::parse).transpose();
        let peer = peer.map_err(|error| format!("no identity of a peer: {error}"))?;
        let connection = Connection {
            source: self.source.ip,
            remote: self.remote_ip,
            destination: SocketAddr::new(self.destination.ip, self.destination.port),
            peer,
            sni: self.sni.as_deref(),
            mutual_tls: peer.is_some(),
        };
        let policy = program.policy();
        let Some(method) = &self.method else {
            let verdict = policy.authorize_connection(&connection);
            let provider = verdict.ask.map(|ask| ask.provider.to_owned());
            return Ok(Said { allowed: verdict.decision.is_allowed(), provider });
        };
        let (path, query) = split_target(&self.path);
        let Ok(path) = normalize_path(path, program.path_normalization()) else {
            return Ok(Said { allowed: false, provider: None });
        };
        let headers = headers(&self.headers)?;
        let request = Request {
            method,
            scheme: "http",
            authority: &self.host,
            path: &path,
            query,
            headers: &headers,
            port: self.destination.port,
        };
        let claims = self.jwt.clone().map(Claims::of_verified).unwrap_or_default();
        let verdict = policy.authorize(&request, &connection, &claims);
        let provider = verdict.ask.map(|ask| ask.provider.to_owned());
        Ok(Said { allowed: verdict.decision.is_allowed(), provider })
    }
}

/// Headers by name, with a text or a list of texts.
fn headers(by_name: &Map<String, Value>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in by_name {
        let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no header"))?;
        let values = value.as_array().map_or_else(|| vec![value], |all| all.iter().collect());
        for value in values.into_iter().filter_map(Value::as_str) {
            let value = value.parse().map_err(|_| format!("`{value}` is no header's value"))?;
            headers.append(name.clone(), value);
        }
    }
    Ok(headers)
}
