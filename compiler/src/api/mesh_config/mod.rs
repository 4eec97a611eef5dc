//! `MeshConfig`: what holds for the mesh as a whole. It is no Kubernetes resource but a text in one, the `ConfigMap`
//! named `istio`, or a part of `mesh.yaml`.

mod connection;
mod extension;
mod networks;
mod proxy;
mod security;
mod tracing;
mod traffic;

pub use connection::{ConnectionSettings, KeyAccelerator, PrivateKeyProvider};
pub use extension::*;
pub use networks::{MeshNetworks, Network, NetworkEndpoints, NetworkGateway};
pub use proxy::{ForwardClientCertDetails, GatewayTopology, ProxyConfig, ProxyImage};
pub use security::{
    CertificateAuthority, CertificateData, NormalizationType, PathNormalization, TlsConfig,
};
pub use tracing::*;
pub use traffic::{
    DefaultTrafficPolicy, InboundMode, InboundTrafficPolicy, OutboundMode, OutboundTrafficPolicy,
    ServiceScopeConfig, ServiceSetting,
};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::FieldTable;
use crate::api::istio::{
    H2UpgradePolicy, HttpRetry, LocalityLbSetting, TcpKeepalive, ZoneAwareLbSetting,
};
use crate::api::kubernetes::LabelSelector;
use crate::api::metadata::Metadata;
use crate::api::read::{Fields, Read, bare_fields};
use crate::api::scalar::{Duration, Opaque};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeshConfig {
    /// Of the sidecar, for connections that leave.
    pub proxy_listen_port: Option<i32>,
    /// Of the sidecar, for connections that arrive.
    pub proxy_inbound_listen_port: Option<i32>,
    /// Of the sidecar, for clients that know it as an HTTP proxy.
    pub proxy_http_port: Option<i32>,
    /// To upstreams. Absent: 10 s.
    pub connect_timeout: Option<Duration>,
    /// After which a silent tunnel is closed.
    pub hbone_idle_timeout: Option<Duration>,
    /// How long a port of unknown protocol waits for the client's first bytes. Zero: for ever.
    pub protocol_detection_timeout: Option<Duration>,
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// Which Ingress resources are for the mesh.
    pub ingress_class: Option<String>,
    pub ingress_service: Option<String>,
    pub ingress_controller_mode: Option<IngressControllerMode>,
    pub ingress_selector: Option<String>,
    pub enable_tracing: Option<bool>,
    /// Where requests are logged, `/dev/stdout`. Empty: nowhere.
    #[serde(default)]
    pub access_log_file: String,
    /// Envoy's format language, or an object of it for JSON. Empty: Istio's own.
    #[serde(default)]
    pub access_log_format: String,
    #[serde(default)]
    pub access_log_encoding: AccessLogEncoding,
    #[serde(default)]
    pub enable_envoy_access_log_service: bool,
    #[serde(default)]
    pub disable_envoy_listener_log: bool,
    /// For proxies that nothing else configures.
    #[serde(default)]
    pub default_config: ProxyConfig,
    /// What becomes of requests to hosts that the mesh does not know.
    #[serde(default)]
    pub outbound_traffic_policy: OutboundTrafficPolicy,
    #[serde(default)]
    pub inbound_traffic_policy: InboundTrafficPolicy,
    /// Where Istio reads its resources from.
    #[serde(default)]
    pub config_sources: Opaque,
    /// Whether clients use mutual TLS towards meshed endpoints when nobody says how to. Absent: they do.
    pub enable_auto_mtls: Option<bool>,
    /// The SPIFFE trust domain. Empty: `cluster.local`.
    #[serde(default)]
    pub trust_domain: String,
    /// Domains whose identities count as the mesh's own.
    #[serde(default)]
    pub trust_domain_aliases: Vec<String>,
    /// Further authorities that are trusted.
    #[serde(default)]
    pub ca_certificates: Vec<CertificateData>,
    /// `export_to` of Services that say nothing. Empty: `*`.
    #[serde(default)]
    pub default_service_export_to: Vec<String>,
    #[serde(default)]
    pub default_virtual_service_export_to: Vec<String>,
    #[serde(default)]
    pub default_destination_rule_export_to: Vec<String>,
    /// The namespace whose policies hold for the whole mesh. Empty: `istio-system`.
    #[serde(default)]
    pub root_namespace: String,
    pub locality_lb_setting: Option<LocalityLbSetting>,
    pub zone_aware_lb_setting: Option<ZoneAwareLbSetting>,
    /// How often names are resolved. Absent: 60 s.
    pub dns_refresh_rate: Option<Duration>,
    #[serde(default)]
    pub h2_upgrade_policy: H2UpgradePolicy,
    #[serde(default)]
    pub inbound_cluster_stat_name: String,
    #[serde(default)]
    pub outbound_cluster_stat_name: String,
    #[serde(default)]
    pub certificates: Opaque,
    #[serde(default)]
    pub service_settings: Vec<ServiceSetting>,
    #[serde(default)]
    pub service_scope_configs: Vec<ServiceScopeConfig>,
    pub enable_prometheus_merge: Option<bool>,
    pub verify_certificate_at_client: Option<bool>,
    pub ca: Option<CertificateAuthority>,
    /// Tracers, loggers and authorizers, by name.
    #[serde(default)]
    pub extension_providers: Vec<ExtensionProvider>,
    #[serde(default)]
    pub default_providers: DefaultProviders,
    /// The namespaces that Istio looks at. Empty: all.
    #[serde(default)]
    pub discovery_selectors: Vec<LabelSelector>,
    #[serde(default)]
    pub path_normalization: PathNormalization,
    /// How requests are tried again where their route does not say.
    pub default_http_retry_policy: Option<HttpRetry>,
    /// The same, for what a sidecar hands to its workload.
    pub default_inbound_http_retry_policy: Option<HttpRetry>,
    /// For connections inside of the mesh.
    #[serde(default, rename = "meshMTLS")]
    pub mesh_mtls: TlsConfig,
    /// For all other connections.
    #[serde(default)]
    pub tls_defaults: TlsConfig,
    /// For hosts without a `DestinationRule`.
    #[serde(default)]
    pub default_traffic_policy: DefaultTrafficPolicy,
    /// Which proxies learn of which `ServiceEntry`s.
    #[serde(default)]
    pub service_entry_visibility: Opaque,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IngressControllerMode {
    #[default]
    Unspecified,
    Off,
    /// Resources without a class too.
    Default,
    Strict,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccessLogEncoding {
    #[default]
    Text,
    Json,
}

static FIELDS: Fields = Fields::new(|| bare_fields(&[include_str!("mesh_config.fields")]));

impl Read for MeshConfig {
    type Document = Self;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    /// It has no metadata: what it is called is the business of what it stands in.
    fn open(document: Self) -> (Metadata, Option<Self>) {
        (Metadata::default(), Some(document))
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.mesh_configs
    }

    fn has_metadata() -> bool {
        false
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::mesh_config::check(resource, at, out);
    }
}
