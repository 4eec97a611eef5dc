//! One instance of a workload on loopback: its application, and where its proxy listens.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::workload::{HTTP, Place, TCP, Workload};
use crate::application::{Application, Ports};

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) place: Place,
    application: Application,
    http: SocketAddr,
    tcp: SocketAddr,
    pub(crate) outbound: SocketAddr,
}

impl Instance {
    /// Starts the application. `at` is where its proxy will listen.
    pub(crate) async fn start(
        name: &'static str,
        workload: Workload,
        at: [SocketAddr; 3],
    ) -> io::Result<Self> {
        let application = Application::start(name, Ports::any()).await?;
        let [http, tcp, outbound] = at;
        let reached_at = BTreeMap::from([(HTTP, http.port()), (TCP, tcp.port())]);
        let place = Place { name, workload, address: http.ip(), reached_at };
        Ok(Self { place, application, http, tcp, outbound })
    }

    /// What its proxy's settings say of them.
    pub(super) fn listeners(&self) -> Value {
        json!({
            "inbound": [
                {"at": self.http, "port": HTTP, "application": self.application.http},
                {"at": self.tcp, "port": TCP, "application": self.application.tcp},
            ],
            "outbound": self.outbound,
        })
    }
}
