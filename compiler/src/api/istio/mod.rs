//! Istio's kinds, of all its groups.

mod authorization_policy;
mod destination_rule;
mod envoy_filter;
mod gateway;
mod istio_operator;
mod peer_authentication;
mod proxy_config;
mod request_authentication;
mod selector;
mod service_entry;
mod sidecar;
mod telemetry;
mod traffic_extension;
mod traffic_policy;
mod virtual_service;
mod wasm_plugin;
mod workload_entry;
mod workload_group;

pub use authorization_policy::{
    Action, AuthorizationPolicy, Condition, DRY_RUN, ExtensionProvider, From, Operation, Rule,
    Source, To,
};
pub use destination_rule::{DestinationRule, Subset};
pub use envoy_filter::{
    ApplyTo, ClusterMatch, ConfigMatch, ConfigPatch, EnvoyFilter, FilterChainMatch, FilterClass,
    FilterMatch, ListenerMatch, Patch, PatchContext, PatchOperation, ProxyMatch, RouteAction,
    RouteConfigurationMatch, RouteMatch, SubFilterMatch, VirtualHostMatch, WaypointMatch,
    WaypointRouteMatch,
};
pub use gateway::{
    Gateway, Port, Server, ServerTlsMode, ServerTlsSettings, TlsCertificate, TlsProtocol,
};
pub use istio_operator::IstioOperator;
pub use peer_authentication::{Mtls, MtlsMode, PeerAuthentication};
pub use proxy_config::ProxyConfig;
pub use request_authentication::{
    ClaimToHeader, JwtHeader, JwtRule, Presence, RequestAuthentication,
};
pub use selector::{Attached, Attachment, TargetReference, WorkloadSelector};
pub use service_entry::{LabelSelector, Location, Resolution, ServiceEntry, ServicePort};
pub use sidecar::{
    CaptureMode, EgressListener, IngressListener, Sidecar, SidecarOutboundMode,
    SidecarOutboundPolicy, SidecarPort,
};
pub use telemetry::{
    AccessLogFilter, AccessLogging, CustomTag, IstioMetric, MetricSelector, MetricsOverride,
    MetricsRule, ModeSelector, ProviderRef, TagOperation, TagOverride, TagSource, TagText,
    Telemetry, TracingRule, WorkloadMode,
};
pub use traffic_extension::{ExtensionPhase, LuaExtension, TrafficExtension, WasmExtension};
pub use traffic_policy::*;
pub use virtual_service::*;
pub use wasm_plugin::{
    EnvValueSource, EnvVar, FailStrategy, PluginPhase, PluginType, PortNumber, PullPolicy,
    TrafficMode, TrafficSelector, VmConfig, WasmPlugin,
};
pub use workload_entry::WorkloadEntry;
pub use workload_group::{
    ExecProbe, GroupMetadata, GrpcProbe, HttpProbe, ProbeHeader, ReadinessProbe, TcpProbe,
    WorkloadGroup,
};
