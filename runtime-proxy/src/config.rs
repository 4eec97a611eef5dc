//! How a proxy is set up. All of it is given by whoever starts it; nothing is read from the environment here.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::agent;

/// Everything that a proxy is told at its start. What it serves, it is told later, by snapshots.
#[derive(Clone, Debug)]
pub struct Config {
    pub agent: agent::config::Config,
    /// Zero: one a core.
    pub threads: usize,
    pub listeners: Listeners,
    /// From clients, over all listeners but the admin port.
    pub connections_max: u32,
    /// How long what is under way at the end may take; then it is cut off.
    pub drain: Duration,
    /// Where `/stats/prometheus` and its like are served; none: nowhere.
    pub admin: Option<SocketAddr>,
    pub access_log: AccessLogTarget,
    /// What metrics call the cluster that the proxy runs in. The control runtime writes its own name of it into certificates, so the two
    /// should be one.
    pub cluster: String,
}

/// Where the lines go that a snapshot's access log asks for at `/dev/stdout`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum AccessLogTarget {
    #[default]
    Stdout,
    File(PathBuf),
}

/// Where connections come in.
#[derive(Clone, Debug, Default)]
pub struct Listeners {
    /// Explicit capture: each address stands for one port of the workload.
    pub inbound: Vec<Inbound>,
    /// Transparent capture of what arrives for the workload (`REDIRECT`): usually `0.0.0.0:15006`. Applications are reached where the client
    /// was going, from 127.0.0.6 or `::6`, which the kernel must not capture again. The latter has to be given to the loopback interface.
    pub inbound_captured: Option<SocketAddr>,
    /// What the workload sends: usually `127.0.0.1:15001`. Serves requests to an HTTP proxy (absolute form, `CONNECT`), and what the
    /// kernel redirected, by its original destination.
    pub outbound: Option<SocketAddr>,
    pub gateway: Option<GatewayListeners>,
}

/// What comes to `at` is for the workload's `port`; the application listens on `application`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Inbound {
    pub at: SocketAddr,
    pub port: u16,
    pub application: SocketAddr,
}

/// Where a gateway's servers are bound.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GatewayListeners {
    /// For servers that name no address of their own, or all of them.
    pub address: IpAddr,
    /// By the port that the program opens, another to bind in its place.
    pub ports: BTreeMap<u16, u16>,
}
