//! What a Gateway opens: the servers that Istio makes of its listeners, and the engine's.

use std::collections::BTreeSet;

use mesh_engine::gateway::Listener;
use mesh_snapshot::object::{ClientCertificate, ServerTls};
use serde_json::Value;

use super::effective::{Gateways, concrete, list, of_kind, text};
use crate::served::Served;

/// Asks for every server that Istio makes of a Gateway and its `ListenerSet`s, and for none besides.
pub(super) fn check(
    gateway: &Value,
    input: &[Value],
    expected: &[Value],
    served: &Served,
    differences: &mut Vec<String>,
) {
    let (namespace, name) = (text(gateway, "/metadata/namespace"), text(gateway, "/metadata/name"));
    let gateways = Gateways::of(input);
    let program = match served.program(&gateways.proxy(namespace, name)) {
        Ok(program) => program,
        Err(error) => return differences.push(format!("{namespace}/{name}: {error}")),
    };
    let listeners = program.gateway().map(mesh_engine::gateway::Gateway::listeners);
    let listeners = listeners.unwrap_or_default();
    let is_its = |it: &&Value| {
        let of = text(it, "/metadata/name").split('~').next().unwrap_or_default();
        let owner = gateways.owner(text(it, "/metadata/namespace"), of);
        (owner.0.as_str(), owner.1.as_str()) == (namespace, name)
    };
    let own: Vec<_> = of_kind(expected, "Gateway").filter(is_its).collect();
    let servers: Vec<_> = own.iter().flat_map(|it| list(it, "/spec/servers")).collect();
    for server in &servers {
        differences.extend(differs(server, listeners));
    }
    let port = |server: &&Value| server.pointer("/port/number").and_then(Value::as_u64);
    let ports: BTreeSet<_> = servers.iter().filter_map(port).collect();
    let more = listeners.iter().filter(|it| !ports.contains(&u64::from(it.port)));
    differences.extend(more.map(|it| format!("{namespace}/{name}: port {} is open", it.port)));
}

fn differs(server: &Value, listeners: &[Listener]) -> Vec<String> {
    let port = server.pointer("/port/number").and_then(Value::as_u64).unwrap_or_default();
    let mode = text(server, "/tls/mode");
    let mut found = Vec::new();
    for host in list(server, "/hosts").filter_map(Value::as_str) {
        let host = host.split_once('/').map_or(host, |(_, host)| host);
        let name = concrete(host);
        let listener = listeners.iter().find(|it| u64::from(it.port) == port);
        let chain = listener.and_then(|it| it.chain(Some(&name)));
        let got = chain.map_or("nothing", |chain| shown(&chain.tls));
        let wanted = if mode.is_empty() { "NONE" } else { mode };
        if got != wanted {
            found.push(format!("{port} {host}: {got} for {wanted}"));
        }
    }
    found
}

/// As Istio calls it.
fn shown(tls: &ServerTls) -> &'static str {
    match tls {
        ServerTls::Off | ServerTls::Redirect => "NONE",
        ServerTls::Passthrough => "PASSTHROUGH",
        ServerTls::Terminate(it) => match it.client {
            ClientCertificate::Unasked => "SIMPLE",
            ClientCertificate::Required(_) => "MUTUAL",
            ClientCertificate::Optional(_) => "OPTIONAL_MUTUAL",
            ClientCertificate::Mesh => "ISTIO_MUTUAL",
        },
    }
}
