//! One instance of a workload: its application, where its proxy listens, and its document in the registry.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::application::{Application, Ports};

/// The ports that the workload's container would open.
pub(crate) const HTTP: u16 = 8080;
pub(crate) const TCP: u16 = 9000;

/// As [`crate::repository`] has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) app: &'static str,
    pub(crate) version: &'static str,
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: &'static str,
    /// The workload, and its labels `app` and `version`. Its service account is named like `app`.
    of: Workload,
    pub(crate) application: Application,
    /// Where its proxy listens.
    pub(crate) inbound_http: SocketAddr,
    pub(crate) inbound_tcp: SocketAddr,
    pub(crate) outbound: SocketAddr,
}

impl Instance {
    /// Starts the application. `at` is where its proxy will listen.
    pub(crate) async fn start(
        name: &'static str,
        of: Workload,
        at: [SocketAddr; 3],
    ) -> io::Result<Self> {
        let application = Application::start(name, Ports::any()).await?;
        let [inbound_http, inbound_tcp, outbound] = at;
        Ok(Self { name, of, application, inbound_http, inbound_tcp, outbound })
    }

    /// As policy sees it.
    pub(crate) fn workload(&self) -> Value {
        let Workload { name, app, version } = self.of;
        json!({
            "namespace": "suite",
            "name": name,
            "serviceAccount": app,
            "labels": {"app": app, "version": version},
        })
    }

    pub(crate) fn register(&self, registry: &Path) -> io::Result<()> {
        std::fs::create_dir_all(registry)?;
        let document = json!({
            "kind": "instance",
            "name": self.name,
            "address": "127.0.0.1",
            "reachedAt": {
                HTTP.to_string(): self.inbound_http.port(),
                TCP.to_string(): self.inbound_tcp.port(),
            },
            "workload": self.workload(),
        });
        let new = registry.join(format!(".{}.new", self.name));
        std::fs::write(&new, document.to_string())?;
        std::fs::rename(new, self.file(registry))
    }

    pub(crate) fn unregister(&self, registry: &Path) -> io::Result<()> {
        std::fs::remove_file(self.file(registry))
    }

    fn file(&self, registry: &Path) -> std::path::PathBuf {
        registry.join(format!("{}.json", self.name))
    }
}
