//! The objects a snapshot is made of. Each is plain data: what a stage of the compiler has ruled out, it
//! cannot express, so neither the engine nor a proxy checks again.
//!
//! Encoding: every field that is empty or at its default is left out, and an unknown field is refused.
//! So a later version can add a field without changing the digest of any object that does not use it,
//! and an older proxy refuses what it does not wholly understand instead of ignoring it.

mod authorization_policy;
mod egress;
mod gateway;
mod inbound_ports;
mod mesh_defaults;
mod pattern;
mod peer_authentication;
mod request_authentication;
mod request_filters;
mod route_table;
mod service;
mod traffic_policy;
mod unit;
mod workload;

pub use authorization_policy::{
    Accepts, Action, AuthorizationPolicy, Rule, Subject, Test, TextPattern,
};
pub use egress::{Egress, EgressProxy, Host, HostSet, HostSets, Overlay, PlaintextEndpoints};
pub use gateway::{
    CertificateFiles, ClientCertificate, ClientIssuer, Credential, Gateway, Server, ServerProtocol,
    ServerTls, Termination, TlsVersion, VirtualHost,
};
pub use inbound_ports::{Application, InboundPort, InboundPorts};
pub use mesh_defaults::{AccessLog, MeshDefaults, OutboundPolicy, PathNormalization};
pub use pattern::StringMatch;
pub use peer_authentication::{MtlsMode, PeerAuthentication};
pub use request_authentication::{
    ClaimHeader, JwtKeys, JwtRule, RequestAuthentication, TokenHeader,
};
pub use request_filters::{
    FilterPlace, FilterStep, HeaderEdit, RateLimit, RequestFilter, RequestFilters, RouteAction,
    RouteHeaders, RouteLevel, RouteSelector, RouteSetting, TokenBucket, Traffic,
};
pub use route_table::{
    Abort, AbortStatus, Backend, ClaimMatch, Cors, Delay, Destination, Fault, HeaderMatch,
    HeaderOperations, HttpAction, HttpMatch, HttpRoute, Mirror, PathRewrite, QueryMatch, Redirect,
    RedirectPath, RedirectPort, RetryPolicy, RouteTable, StreamMatch, StreamRoute, Target,
    ValueMatch,
};
pub use service::{
    DeclaredEndpoint, Discovery, EndpointSet, Protocol, Service, ServicePort, TargetPort,
};
pub use traffic_policy::{
    ClientPolicy, ClientTls, ConnectionPool, Hash, HashTable, HttpVersion, LoadBalancer,
    OutlierDetection, PortPolicies, SimpleBalancer, Subset, TcpKeepalive, TrafficPolicy,
};
pub use unit::{Bytes, Microseconds, PartsPerMillion};
pub use workload::{Labels, Role, Workload};

use serde::{Deserialize, Serialize};

use crate::{Kind, Reference};

/// One object of a snapshot. In its canonical form, an object with one field, named for its kind.
#[expect(clippy::large_enum_variant, reason = "objects live behind an `Arc`, or for a moment")]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Object {
    MeshDefaults(MeshDefaults),
    Service(Service),
    ClientPolicy(ClientPolicy),
    RouteTable(RouteTable),
    HostSet(HostSet),
    HostSets(HostSets),
    Egress(Egress),
    Gateway(Gateway),
    InboundPorts(InboundPorts),
    RequestFilters(RequestFilters),
    PeerAuthentication(PeerAuthentication),
    RequestAuthentication(RequestAuthentication),
    AuthorizationPolicy(AuthorizationPolicy),
}

impl Object {
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::MeshDefaults(_) => Kind::MeshDefaults,
            Self::Service(_) => Kind::Service,
            Self::ClientPolicy(_) => Kind::ClientPolicy,
            Self::RouteTable(_) => Kind::RouteTable,
            Self::HostSet(_) => Kind::HostSet,
            Self::HostSets(_) => Kind::HostSets,
            Self::Egress(_) => Kind::Egress,
            Self::Gateway(_) => Kind::Gateway,
            Self::InboundPorts(_) => Kind::InboundPorts,
            Self::RequestFilters(_) => Kind::RequestFilters,
            Self::PeerAuthentication(_) => Kind::PeerAuthentication,
            Self::RequestAuthentication(_) => Kind::RequestAuthentication,
            Self::AuthorizationPolicy(_) => Kind::AuthorizationPolicy,
        }
    }

    /// The objects that this one holds on to, in the order of its canonical form.
    #[must_use]
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::HostSet(set) => set.references().collect(),
            Self::HostSets(bundle) => bundle.sets.iter().collect(),
            Self::Egress(egress) => egress.references().collect(),
            Self::Gateway(gateway) => gateway.references().collect(),
            Self::MeshDefaults(_)
            | Self::Service(_)
            | Self::ClientPolicy(_)
            | Self::RouteTable(_)
            | Self::InboundPorts(_)
            | Self::RequestFilters(_)
            | Self::PeerAuthentication(_)
            | Self::RequestAuthentication(_)
            | Self::AuthorizationPolicy(_) => Vec::new(),
        }
    }
}

/// For `skip_serializing_if`: a field at its default is not written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
