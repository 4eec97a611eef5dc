//! Listeners at the edge: Istio's `Gateway`s and those of the Gateway API.

mod api;
mod certificate;
mod class;
mod deployed;
mod front;
mod istio;
mod listener;

pub use api::{ApiGateway, ApiGateways, SetState};
pub use certificate::{Authority, Certificate, ClientCheck, MaterialFault};
pub use class::Class;
pub use deployed::DeployedGateways;
pub use front::{front, front_service, is_managed, proxies, served_by};
pub use istio::{IstioGateway, IstioGateways, Server, ServerHost};
pub use listener::{Listener, ListenerConflict, Refusal, TerminateMode, TlsFault};
