//! What a proxy is started with.
//!
//! ```json
//! {"name": "reviews-v1-0", "workload": {"namespace": "shop", "name": "reviews-v1", "serviceAccount": "reviews"},
//!  "state": "state", "trust": ["release-key.pem"], "mesh": "shop",
//!  "control": {"address": "127.0.0.1:15012", "identity": "spiffe://cluster.local/ns/istio-system/sa/mesh-control",
//!              "trustDomain": "cluster.local", "roots": "roots.pem", "token": "token"},
//!  "outbound": "127.0.0.1:15001", "inboundCaptured": "0.0.0.0:15006"}
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_proxy::agent::config::{self as agent, Control, Limits, Signing, Token};
use mesh_proxy::config::{AccessLogTarget, Config, GatewayListeners, Inbound, Listeners};
use mesh_snapshot::object::Workload;
use mesh_snapshot::signature::TrustedKeys;
use serde::Deserialize;

use super::control::public_key;
use super::{CLUSTER, SettingsError, Span};

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Settings {
    /// Of the instance: unique in its namespace, and the same after a restart.
    name: String,
    workload: Workload,
    /// For this proxy alone; best in memory, since its private key is in it.
    state: PathBuf,
    /// Public keys of those whose snapshots are served.
    #[serde(default)]
    trust: Vec<PathBuf>,
    /// Whatever the control runtime offers is served.
    #[serde(default)]
    unsigned: bool,
    /// The name of the mesh, which signatures must be for.
    #[serde(default)]
    mesh: String,
    control: ControlSettings,
    /// Absent: one a core.
    #[serde(default)]
    threads: usize,
    #[serde(default)]
    inbound: Vec<InboundSettings>,
    inbound_captured: Option<SocketAddr>,
    outbound: Option<SocketAddr>,
    gateway: Option<GatewaySettings>,
    connections_max: Option<u32>,
    drain: Option<Span>,
    admin: Option<SocketAddr>,
    /// What policy may take, in bytes.
    policy_bytes: Option<u64>,
    /// Absent: standard output.
    access_log: Option<PathBuf>,
    /// As the control runtime calls it.
    cluster: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ControlSettings {
    /// `host:port`.
    address: String,
    /// The only SPIFFE ID it may prove.
    identity: String,
    trust_domain: String,
    /// PEM.
    roots: PathBuf,
    /// Of the one-time token; not needed once there is a certificate.
    token: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InboundSettings {
    at: SocketAddr,
    port: u16,
    application: SocketAddr,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GatewaySettings {
    address: IpAddr,
    /// By the port that the gateway would open, another to open in its place.
    #[serde(default)]
    ports: BTreeMap<u16, u16>,
}

const CONNECTIONS_MAX: u32 = 100_000;
/// Source: Istio, `terminationDrainDuration`.
const DRAIN: Duration = Duration::from_secs(5);

impl Settings {
    /// Reads a file; its paths are relative to it.
    pub(crate) fn read(path: &Path) -> Result<Self, SettingsError> {
        let mut settings: Self = super::read(path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut paths = vec![&mut settings.state, &mut settings.control.roots];
        paths.extend(&mut settings.trust);
        paths.extend(&mut settings.control.token);
        paths.extend(&mut settings.access_log);
        for path in paths {
            *path = folder.join(&*path);
        }
        Ok(settings)
    }

    pub(crate) fn config(self) -> Result<Config, SettingsError> {
        let signing = self.signing()?;
        let mut limits = Limits::default();
        limits.policy_bytes = self.policy_bytes.unwrap_or(limits.policy_bytes);
        let features: BTreeSet<_> =
            mesh_proxy::proxy::FEATURES.iter().map(|feature| (*feature).to_owned()).collect();
        let inbound = self.inbound.into_iter().map(|inbound| {
            let InboundSettings { at, port, application } = inbound;
            Inbound { at, port, application }
        });
        Ok(Config {
            agent: agent::Config {
                proxy: self.name,
                workload: self.workload,
                version: concat!("mesh ", env!("CARGO_PKG_VERSION")).to_owned(),
                mesh: self.mesh,
                signing,
                features,
                state: self.state,
                control: Control {
                    address: self.control.address,
                    identity: self.control.identity,
                    trust_domain: self.control.trust_domain,
                    roots: self.control.roots,
                    token: self.control.token.map(Token::File),
                },
                limits,
            },
            threads: self.threads,
            listeners: Listeners {
                inbound: inbound.collect(),
                inbound_captured: self.inbound_captured,
                outbound: self.outbound,
                gateway: self.gateway.map(|gateway| GatewayListeners {
                    address: gateway.address,
                    ports: gateway.ports,
                }),
            },
            connections_max: self.connections_max.unwrap_or(CONNECTIONS_MAX),
            drain: self.drain.map_or(DRAIN, |span| span.0),
            admin: self.admin,
            access_log: self.access_log.map_or(AccessLogTarget::Stdout, AccessLogTarget::File),
            cluster: self.cluster.unwrap_or_else(|| CLUSTER.to_owned()),
        })
    }

    fn signing(&self) -> Result<Signing, SettingsError> {
        match (self.unsigned, self.trust.is_empty()) {
            (true, true) => Ok(Signing::Unsigned),
            (false, false) => {
                let keys = self.trust.iter().map(|path| public_key(path));
                Ok(Signing::Required(keys.collect::<Result<TrustedKeys, _>>()?))
            }
            (true, false) | (false, true) => Err(SettingsError::Signers),
        }
    }
}
