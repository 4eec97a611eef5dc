//! Where requests for a host go, as authors wrote it: `VirtualService`s with their delegates in place, and `HTTPRoute`s with
//! their parents and backends looked up.

mod backend;
mod delegate;
mod http_route;
mod virtual_service;

pub(super) use backend::Backends;
pub use backend::{Backend, InvalidBackend};
pub use delegate::{DropReason, DroppedDelegate};
pub use http_route::{
    Attached, HttpRoute, HttpRouteId, HttpRoutes, MeshParent, Parent, RefusedParent,
};
pub use virtual_service::{
    Destination, DestinationAt, GatewayName, MergedHttp, VirtualService, VirtualServiceId,
    VirtualServices, gateway_name,
};
