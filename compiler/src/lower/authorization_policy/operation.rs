//! What is asked for.

use mesh_snapshot::object::{Accepts, Subject, Test};

use super::pattern::{path, ports, tests, texts};
use crate::api::istio::Operation;

pub(super) fn lower(operation: &Operation) -> Vec<Test> {
    let it = operation;
    tests(&Subject::Host, &it.hosts, &it.not_hosts, texts)
        .chain(tests(&Subject::DestinationPort, &it.ports, &it.not_ports, ports))
        .chain(tests(&Subject::Method, &it.methods, &it.not_methods, texts))
        .chain(tests(&Subject::Path, &it.paths, &it.not_paths, paths))
        .collect()
}

fn paths(values: &[String]) -> Accepts {
    Accepts::Text(values.iter().map(|text| path(text)).collect())
}
