//! The settings that each process of a local mesh is started with.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::folders::{Folders, Reader, replace};
use super::publish::MESH;
use super::station::{Side, Station};

/// Where the control runtime listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ControlAt {
    pub distribution: SocketAddr,
    pub admin: SocketAddr,
}

/// The namespace of the control runtime's own identity.
const NAMESPACE: &str = "istio-system";

/// Writes the control runtime's settings; `rollout` is as in [`crate::settings::control`].
pub(super) fn control(
    folders: &Folders,
    at: ControlAt,
    trust_domain: &str,
    rollout: &Value,
) -> io::Result<PathBuf> {
    let settings = json!({
        "state": folders.control(),
        "registry": folders.registry(),
        "secrets": folders.secrets(),
        "releases": folders.releases(),
        "bootstrap": folders.bootstrap(),
        "trust": [folders.verifying_key()],
        "mesh": MESH,
        "trustDomain": trust_domain,
        "namespace": NAMESPACE,
        "distribution": at.distribution,
        "admin": at.admin,
        "rollout": rollout,
    });
    write(folders.settings().join("control.json"), &settings)
}

/// Writes a proxy's settings; returns where.
pub(super) fn proxy(
    folders: &Folders,
    at: ControlAt,
    trust_domain: &str,
    station: &Station,
) -> io::Result<PathBuf> {
    let namespace = &station.workload.namespace;
    let instance = &station.instance;
    let bootstrap = folders.bootstrap();
    let mut settings = json!({
        "name": instance,
        "workload": station.workload,
        "mesh": MESH,
        "trust": [folders.verifying_key()],
        "state": folders.proxy(namespace, instance),
        "control": {
            "address": at.distribution.to_string(),
            "identity": format!("spiffe://{trust_domain}/ns/{NAMESPACE}/sa/mesh-control"),
            "trustDomain": trust_domain,
            "roots": bootstrap.join("roots.pem"),
            "token": bootstrap.join(namespace).join(instance).join("token"),
        },
        // Many proxies share this machine.
        "threads": 1,
        "drain": "2s",
        "admin": station.admin,
        "accessLog": access_log(folders, station),
    });
    let side = match &station.side {
        Side::Sidecar { outbound, inbound } => {
            let inbound = inbound.iter().map(|inbound| {
                json!({ "at": inbound.at, "port": inbound.port, "application": inbound.application })
            });
            json!({ "outbound": outbound, "inbound": inbound.collect::<Vec<_>>() })
        }
        Side::Gateway { edges } => {
            let ports: serde_json::Map<_, _> =
                edges.iter().map(|edge| (edge.port.to_string(), json!(edge.at.port()))).collect();
            json!({ "gateway": { "address": "127.0.0.1", "ports": ports } })
        }
    };
    if let (Some(all), Value::Object(side)) = (settings.as_object_mut(), side) {
        all.extend(side);
    }
    write(folders.settings().join(format!("proxy.{namespace}.{instance}.json")), &settings)
}

/// Where a proxy's access log goes.
pub(crate) fn access_log(folders: &Folders, station: &Station) -> PathBuf {
    let Station { workload, instance, .. } = station;
    folders.logs().join(format!("{}.{instance}.access.log", workload.namespace))
}

fn write(path: PathBuf, settings: &Value) -> io::Result<PathBuf> {
    replace(&path, format!("{settings:#}\n").as_bytes(), Reader::Owner)?;
    Ok(path)
}
