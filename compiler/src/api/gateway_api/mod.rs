//! The Gateway API: `gateway.networking.k8s.io`.

mod gateway;
mod gateway_class;
mod http_filter;
mod http_route;
mod reference;
mod reference_grant;

pub use gateway::{
    AllowedRoutes, Gateway, GatewayTls, Listener, ListenerTls, NamespacesFrom, RouteGroupKind,
    RouteNamespaces, TlsMode,
};
pub use gateway_class::GatewayClass;
pub use http_filter::{
    Cors, ExternalAuth, Fraction, HeaderFilter, HttpHeader, HttpRouteFilter, HttpRouteFilterType,
    PathModifier, PathModifierType, RequestMirror, RequestRedirect, UrlRewrite,
};
pub use http_route::{
    HttpBackendRef, HttpHeaderMatch, HttpMethod, HttpPathMatch, HttpQueryParamMatch, HttpRoute,
    HttpRouteMatch, HttpRouteRetry, HttpRouteRule, HttpRouteTimeouts, MatchType, PathMatchType,
    SessionPersistence,
};
pub use reference::{
    BackendReference, LocalReference, ObjectReference, ParentReference, SecretReference,
};
pub use reference_grant::{GrantFrom, GrantTo, ReferenceGrant};
