//! The files that the programs of the mesh are started with.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::instance::{HTTP, Instance, TCP};
use super::publisher::MESH;
use super::{Frailty, Options};

/// Whose snapshots are taken: [`super::Publisher`]'s.
const BOTH_KEYS: &[&str] = &["key.pub.pem", "other.pub.pem"];
const FIRST_KEY: &[&str] = &["key.pub.pem"];

pub(super) fn control(
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

pub(super) fn proxy(
    folder: &Path,
    instance: &Instance,
    distribution: SocketAddr,
    frail: Option<Frailty>,
) -> io::Result<PathBuf> {
    let name = instance.name;
    let (trust, policy_bytes) = match frail {
        Some(Frailty::Distrust) => (FIRST_KEY, None),
        Some(Frailty::Memory(bytes)) => (BOTH_KEYS, Some(bytes)),
        None => (BOTH_KEYS, None),
    };
    let settings = json!({
        "name": name,
        "workload": instance.workload(),
        "mesh": MESH,
        "trust": trust,
        "state": format!("proxy-{name}"),
        "control": {
            "address": distribution.to_string(),
            "roots": "control/authority/roots.pem",
            "token": format!("control/bootstrap/suite/{name}/token"),
        },
        "inbound": [
            {"at": instance.inbound_http, "port": HTTP, "application": instance.application.http},
            {"at": instance.inbound_tcp, "port": TCP, "application": instance.application.tcp},
        ],
        "outbound": instance.outbound,
        "policyBytes": policy_bytes,
        "threads": 1,
    });
    write(folder.join(format!("{name}.json")), &settings)
}

fn write(path: PathBuf, settings: &Value) -> io::Result<PathBuf> {
    std::fs::write(&path, format!("{settings:#}"))?;
    Ok(path)
}
