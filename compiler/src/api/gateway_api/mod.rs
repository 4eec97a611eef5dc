//! The Gateway API: `gateway.networking.k8s.io`.

mod backend;
mod backend_reference;
mod backend_tls_policy;
mod backend_traffic_policy;
mod gateway;
mod gateway_class;
mod grpc_route;
mod http_filter;
mod http_route;
mod listener_set;
mod mesh_class;
mod reference;
mod reference_grant;
mod stream_route;

pub use backend::{
    Backend, BackendPort, BackendProtocol, BackendTls, BackendTlsMode, BackendType,
    ExternalHostname,
};
pub use backend_reference::{BackendObjectReference, BackendReference};
pub use backend_tls_policy::{
    BackendTlsPolicy, BackendTlsValidation, SubjectAltName, SubjectAltNameType,
};
pub use backend_traffic_policy::{BackendTrafficPolicy, RequestRate, RetryBudget, RetryConstraint};
pub use gateway::{
    Address, AllowedListeners, AllowedRoutes, CIPHER_SUITES, DefaultScope, FrontendMode,
    FrontendPort, FrontendTls, FrontendValidation, Gateway, GatewayTls, Listener,
    ListenerNamespacesFrom, ListenerTls, NamespacesFrom, PortTls, RouteGroupKind, RouteNamespaces,
    TlsMode,
};
pub use gateway_class::GatewayClass;
pub use grpc_route::{GrpcMethodMatch, GrpcRoute, GrpcRouteMatch};
pub use http_filter::{
    Cors, ExternalAuth, ExternalAuthProtocol, ForwardBody, Fraction, GrpcExternalAuth,
    HeaderFilter, HttpExternalAuth, HttpHeader, HttpRouteFilter, HttpRouteFilterType, PathModifier,
    PathModifierType, RequestMirror, RequestRedirect, UrlRewrite,
};
pub use http_route::{
    CookieLifetime, HttpBackendRef, HttpHeaderMatch, HttpMethod, HttpPathMatch,
    HttpQueryParamMatch, HttpRoute, HttpRouteMatch, HttpRouteRetry, HttpRouteRule,
    HttpRouteTimeouts, MatchType, PathMatchType, RequestRouteKind, SessionPersistence,
    SessionPersistenceType,
};
pub use listener_set::{ListenerSet, ParentGateway};
pub use mesh_class::MeshClass;
pub use reference::{
    LocalReference, ObjectReference, ParentReference, PolicyTarget, SecretReference,
};
pub use reference_grant::{GrantFrom, GrantTo, ReferenceGrant};
pub use stream_route::{
    StreamBackendRef, StreamRoute, StreamRouteKind, StreamRouteRule, TcpRoute, TlsRoute, UdpRoute,
};
