//! The workloads of [`crate::repository`], and how a registry is told of their instances.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Its service account is named like the label `app`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    name: &'static str,
    app: &'static str,
    version: &'static str,
}

pub(crate) const CLIENT: Workload = Workload { name: "client", app: "client", version: "client" };
pub(crate) const V1: Workload = Workload { name: "server-v1", app: "server", version: "v1" };
pub(crate) const V2: Workload = Workload { name: "server-v2", app: "server", version: "v2" };

/// The ports that their containers open.
pub(crate) const HTTP: u16 = 8080;
pub(crate) const TCP: u16 = 9000;

impl Workload {
    /// As policy sees it.
    pub(super) fn to_json(self) -> Value {
        json!({
            "namespace": "suite",
            "name": self.name,
            "serviceAccount": self.app,
            "labels": {"app": self.app, "version": self.version},
        })
    }
}

/// An instance, where it is reached.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) workload: Workload,
    pub(crate) address: IpAddr,
    /// Other ports than the workload's own.
    pub(crate) reached_at: BTreeMap<u16, u16>,
}

impl Place {
    pub(crate) fn register(&self, registry: &Path) -> io::Result<()> {
        self.write(registry, true)
    }

    /// Traffic goes to others while it is not healthy.
    pub(crate) fn write(&self, registry: &Path, is_healthy: bool) -> io::Result<()> {
        std::fs::create_dir_all(registry)?;
        let document = json!({
            "kind": "instance",
            "name": self.name,
            "address": self.address,
            "reachedAt": self.reached_at,
            "workload": self.workload.to_json(),
            "healthy": is_healthy,
        });
        let new = registry.join(format!(".{}.new", self.name));
        std::fs::write(&new, document.to_string())?;
        std::fs::rename(new, self.file(registry))
    }

    fn file(&self, registry: &Path) -> PathBuf {
        registry.join(format!("{}.json", self.name))
    }
}
