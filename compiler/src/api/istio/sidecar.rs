//! `Sidecar`: what the sidecars of some workloads see, open and let through.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ConnectionPoolSettings, Destination, LabelSelector, ServerTlsSettings};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_optional};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sidecar {
    /// The workloads that it is for. Absent: all of the namespace, and those of the root namespace for all.
    pub workload_selector: Option<LabelSelector>,
    /// Empty: as the Services of the workload say.
    #[serde(default)]
    pub ingress: Vec<IngressListener>,
    /// Empty: everything that is exported to the namespace.
    #[serde(default)]
    pub egress: Vec<EgressListener>,
    /// For connections to the workload, of listeners that say nothing.
    pub inbound_connection_pool: Option<ConnectionPoolSettings>,
    /// Absent: the mesh's.
    pub outbound_traffic_policy: Option<SidecarOutboundPolicy>,
}

/// A port at which the workload is reached.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IngressListener {
    pub port: SidecarPort,
    /// Empty: the workload's own address.
    #[serde(default)]
    pub bind: String,
    #[serde(default)]
    pub capture_mode: CaptureMode,
    /// Where the application listens: `127.0.0.1:port`, `[::1]:port`, `0.0.0.0:port`, `[::]:port`, `:port`, or `unix://` and
    /// a path. Empty: the address that the client was going to.
    #[serde(default)]
    pub default_endpoint: String,
    /// For clients outside of the mesh.
    pub tls: Option<ServerTlsSettings>,
    pub connection_pool: Option<ConnectionPoolSettings>,
}

/// Hosts that the workload sees, perhaps at one port alone.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EgressListener {
    /// Absent: all ports of the hosts that no other listener has.
    pub port: Option<SidecarPort>,
    /// An IP address, or `unix://` and a path. Empty: the addresses of the hosts.
    #[serde(default)]
    pub bind: String,
    #[serde(default)]
    pub capture_mode: CaptureMode,
    /// `namespace/host`, where the namespace may be `.` or `*` and the host `*` or `*.name`. With `~` in front, what is
    /// not seen although another entry says so; `~/host` is of any namespace.
    pub hosts: Vec<String>,
}

/// A port of a listener.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SidecarPort {
    /// Zero only for a listener at a Unix domain socket.
    #[serde(default)]
    pub number: u32,
    /// Empty: detected.
    #[serde(default)]
    pub protocol: String,
    #[serde(default)]
    pub name: String,
    /// Without meaning here.
    #[serde(default)]
    pub target_port: u32,
}

/// How traffic comes to a listener.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaptureMode {
    /// As the proxy was set up.
    #[default]
    Default,
    Iptables,
    /// The application connects to the listener itself.
    None,
}

/// What becomes of requests to hosts that the workload does not see.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SidecarOutboundPolicy {
    #[serde(default)]
    pub mode: SidecarOutboundMode,
    /// A host through which they go.
    pub egress_proxy: Option<Destination>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SidecarOutboundMode {
    /// They are refused.
    #[default]
    RegistryOnly,
    /// They pass, to where the client wanted to go.
    AllowAny,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("sidecar.fields")));

impl Read for Sidecar {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.sidecars
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::sidecar::check(resource, at, out);
    }
}
