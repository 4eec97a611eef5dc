//! Which virtual hosts a sidecar has on a port, and where they lead.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mesh_engine::Program;
use mesh_engine::route::{Action, Route, Target};
use mesh_snapshot::object::Workload;
use serde::Deserialize;

use crate::case::{Case, Mismatch};
use crate::corpus::{self, CorpusError};
use crate::served::{Served, once};
use crate::subject::Files;

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

fn shown(clusters: Option<&Vec<String>>) -> String {
    clusters.map_or_else(|| "no virtual host".to_owned(), |clusters| clusters.join(", "))
}

fn clusters_of(program: &Program, name: &str) -> Option<Vec<String>> {
    let mut hosts = program.outbound()?.virtual_hosts();
    let (_, routes) = hosts.find(|(known, _)| *known == name)?;
    Some(routes.iter().flat_map(clusters).collect())
}

fn clusters(route: &Route) -> Vec<String> {
    let Action::Forward(forward) = &route.action else { return Vec::new() };
    let name = |target: &Target| match target {
        Target::Cluster(upstream) => upstream.name.to_string(),
        Target::Status(status) => status.to_string(),
    };
    forward.backends.backends().map(|(_, backend)| name(&backend.target)).collect()
}
