//! The files that the programs of the mesh are started with.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::publisher::MESH;
use super::workload::Place;
use super::{Frailty, Options, access_log};

/// Whose snapshots are taken: [`super::Publisher`]'s.
const BOTH_KEYS: &[&str] = &["key.pub.pem", "other.pub.pem"];
const FIRST_KEY: &[&str] = &["key.pub.pem"];

pub(crate) fn control(
    folder: &Path,
    distribution: SocketAddr,
    admin: SocketAddr,
    options: &Options,
) -> io::Result<PathBuf> {
    let settings = json!({
        "state": "control",
        "trust": BOTH_KEYS,
        "mesh": MESH,
        "certificateLifetime": options.certificate_lifetime,
        "distribution": distribution,
        "admin": admin,
        "rollout": options.rollout,
    });
    write(folder.join("control.json"), &settings)
}

/// What of a proxy's settings differs.
pub(crate) struct Proxy<'a> {
    pub(crate) place: &'a Place,
    pub(crate) distribution: SocketAddr,
    /// Where it listens, as the settings have it.
    pub(crate) listeners: Value,
    pub(crate) frail: Option<Frailty>,
}

pub(crate) fn proxy(folder: &Path, proxy: Proxy<'_>) -> io::Result<PathBuf> {
    let name = proxy.place.name;
    let (trust, policy_bytes) = match proxy.frail {
        Some(Frailty::Distrust) => (FIRST_KEY, None),
        Some(Frailty::Memory(bytes)) => (BOTH_KEYS, Some(bytes)),
        None => (BOTH_KEYS, None),
    };
    let mut settings = json!({
        "name": name,
        "workload": proxy.place.workload.to_json(),
        "mesh": MESH,
        "trust": trust,
        "state": format!("proxy-{name}"),
        "control": {
            "address": proxy.distribution.to_string(),
            "identity": "spiffe://cluster.local/ns/istio-system/sa/mesh-control",
            "trustDomain": "cluster.local",
            "roots": "control/bootstrap/roots.pem",
            "token": format!("control/bootstrap/suite/{name}/token"),
        },
        "policyBytes": policy_bytes,
        "accessLog": access_log::file(name),
        "threads": 1,
    });
    if let (Value::Object(settings), Value::Object(mut listeners)) =
        (&mut settings, proxy.listeners)
    {
        settings.append(&mut listeners);
    }
    write(folder.join(format!("{name}.json")), &settings)
}

fn write(path: PathBuf, settings: &Value) -> io::Result<PathBuf> {
    std::fs::write(&path, format!("{settings:#}"))?;
    Ok(path)
}
