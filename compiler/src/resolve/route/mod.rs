//! Where requests for a host go, as authors wrote it: `VirtualService`s with their delegates in place, and routes of the Gateway
//! API with their parents and backends looked up.

mod backend;
mod delegate;
mod http_route;
mod parent;
mod stream_route;
mod virtual_service;

pub(super) use backend::Backends;
pub use backend::{Backend, InvalidBackend, Leave};
pub use delegate::{DropReason, DroppedDelegate};
pub use http_route::{Attached, HttpRoute, HttpRouteId, HttpRoutes};
pub use parent::{MeshParent, Parent, Refusals, RefusedParent};
pub use stream_route::{StreamRoute, StreamRoutes};
pub use virtual_service::{
    Destination, DestinationAt, GatewayName, Merged, MergedHttp, VirtualService, VirtualServiceId,
    VirtualServices, gateway_name,
};
