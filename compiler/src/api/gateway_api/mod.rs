//! The Gateway API: `gateway.networking.k8s.io`.

mod gateway;
mod gateway_class;
mod grpc_route;
mod http_filter;
mod http_route;
mod reference;
mod reference_grant;

pub use gateway::{
    AllowedRoutes, Gateway, GatewayTls, Listener, ListenerTls, NamespacesFrom, RouteGroupKind,
    RouteNamespaces, TlsMode,
};
pub use gateway_class::GatewayClass;
pub use grpc_route::{GrpcMethodMatch, GrpcRoute, GrpcRouteMatch};
pub use http_filter::{
    Cors, ExternalAuth, Fraction, HeaderFilter, HttpHeader, HttpRouteFilter, HttpRouteFilterType,
    PathModifier, PathModifierType, RequestMirror, RequestRedirect, UrlRewrite,
};
pub use http_route::{
    CookieLifetime, HttpBackendRef, HttpHeaderMatch, HttpMethod, HttpPathMatch,
    HttpQueryParamMatch, HttpRoute, HttpRouteMatch, HttpRouteRetry, HttpRouteRule,
    HttpRouteTimeouts, MatchType, PathMatchType, RequestRouteKind, SessionPersistence,
    SessionPersistenceType,
};
pub use reference::{
    BackendReference, LocalReference, ObjectReference, ParentReference, SecretReference,
};
pub use reference_grant::{GrantFrom, GrantTo, ReferenceGrant};
