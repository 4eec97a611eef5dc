//! Which virtual hosts a sidecar has on a port, and where they lead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use http::HeaderMap;
use mesh_engine::outbound::Outbound;
use mesh_engine::route::{Action, Outcome, Route, Target};
use mesh_engine::{Program, Request};
use mesh_snapshot::object::Workload;
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};
use crate::served::{Served, once};
use crate::subject::Files;
use crate::yaml;

/// `expected.json`
#[derive(Deserialize)]
struct Expected {
    proxy_namespace: String,
    /// The port, as Istio names a sidecar's route configurations.
    route_config: String,
    /// By host; absent: there is no such virtual host.
    virtual_hosts: BTreeMap<String, Option<Vec<Cluster>>>,
}

#[derive(Deserialize)]
struct Cluster {
    raw: String,
}

pub(super) fn cases(folder: &Path) -> Result<Vec<Case>, CorpusError> {
    let mut cases = Vec::new();
    for path in corpus::folders(folder)? {
        let expected: Expected = corpus::json(&path.join("expected.json"))?;
        let mut files = Files::default().lenient();
        files.read(&path, "config.yaml")?;
        files.add("hosts.yaml", hosts(&path)?);
        let namespace = expected.proxy_namespace;
        let account = "default".to_owned();
        let workload = Workload {
            namespace,
            name: "subject".into(),
            service_account: account,
            ..Workload::default()
        };
        let built = Arc::new(once(move || {
            let served = Served::compile(&files)?;
            Ok((served.program(&workload)?, served.note()))
        }));
        for (host, clusters) in expected.virtual_hosts {
            let built = Arc::clone(&built);
            let wanted = clusters.map(|all| all.into_iter().map(|it| it.raw).collect::<Vec<_>>());
            let name = format!("{host}:{}", expected.route_config);
            cases.push(Case::new(
                format!("sidecar-routes/{}/{name}", corpus::name(&path)),
                move || {
                    let expected = shown(wanted.as_ref());
                    match &**built {
                        Err(error) => Err(Mismatch::new(expected, error)),
                        Ok((program, note)) => {
                            let got = clusters_of(program, &name);
                            let differs = || {
                                Mismatch::new(expected, format!("{}{note}", shown(got.as_ref())))
                            };
                            if got == wanted { Ok(()) } else { Err(differs()) }
                        }
                    }
                },
            ));
        }
    }
    Ok(cases)
}

/// The hosts that `HTTPRoute`s lead to by name: the simulation does not ask whether there are any.
fn hosts(folder: &Path) -> Result<String, CorpusError> {
    let text = corpus::text(&folder.join("config.yaml"))?;
    let kind = |document: &&Value| document["kind"] == "HTTPRoute";
    let documents = yaml::documents(&text).unwrap_or_default();
    let mut found = BTreeSet::new();
    for route in documents.iter().filter(kind) {
        let rules = route.pointer("/spec/rules").and_then(Value::as_array).into_iter().flatten();
        let backends = rules.filter_map(|rule| rule["backendRefs"].as_array()).flatten();
        let named = backends.filter(|backend| backend["kind"] == "Hostname");
        found.extend(named.filter_map(|backend| backend["name"].as_str().map(str::to_owned)));
    }
    Ok(found.iter().map(|name| entry(name)).collect())
}

fn entry(host: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: {host}, namespace: hosts}}\nspec: {{hosts: [{host}], ports: [{{number: 80, name: http, protocol: HTTP}}], resolution: DNS}}\n"
    )
}

fn shown(clusters: Option<&Vec<String>>) -> String {
    clusters.map_or_else(|| "no virtual host".to_owned(), |clusters| clusters.join(", "))
}

fn clusters_of(program: &Program, name: &str) -> Option<Vec<String>> {
    let outbound = program.outbound()?;
    let mut hosts = outbound.virtual_hosts();
    let (_, routes) = hosts.find(|(known, _)| *known == name)?;
    Some(routes.iter().take(reached(outbound, name, routes)).flat_map(clusters).collect())
}

/// How many routes there are up to the first that takes every request: those after it Istio does not build.
fn reached(outbound: &Outbound, name: &str, routes: &[Route]) -> usize {
    let (authority, port) = name.rsplit_once(':').unwrap_or((name, ""));
    let (path, headers) = ("/a-path-that-nobody-names", HeaderMap::new());
    let port = port.parse().unwrap_or(0);
    let request = Request {
        method: "GET",
        scheme: "http",
        authority,
        path,
        query: None,
        headers: &headers,
        port,
    };
    let taken = match outbound.route(&request, &()) {
        Outcome::Route(selected) => {
            routes.iter().position(|route| std::ptr::eq(route, selected.route))
        }
        _ => None,
    };
    taken.map_or(routes.len(), |index| index + 1)
}

fn clusters(route: &Route) -> Vec<String> {
    let Action::Forward(forward) = &route.action else { return Vec::new() };
    let name = |target: &Target| match target {
        Target::Cluster(upstream) => upstream.name.to_string(),
        Target::Status(status) => status.to_string(),
    };
    forward.backends.backends().map(|(_, backend)| name(&backend.target)).collect()
}
