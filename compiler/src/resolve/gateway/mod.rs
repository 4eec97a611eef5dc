//! Listeners at the edge: Istio's `Gateway`s and those of the Gateway API.

mod api;
mod istio;

pub use api::{ApiGateway, ApiGateways, Certificate, Class, Listener, SetState};
pub use istio::{IstioGateway, IstioGateways, Server, ServerHost};
