//! Listeners at the edge: Istio's `Gateway`s and those of the Gateway API.

mod api;
mod certificate;
mod class;
mod istio;
mod listener;

pub use api::{ApiGateway, ApiGateways, SetState};
pub use certificate::{Authority, Certificate, ClientCheck, MaterialFault};
pub use class::Class;
pub use istio::{IstioGateway, IstioGateways, Server, ServerHost};
pub use listener::{Listener, ListenerConflict, Refusal, TerminateMode, TlsFault};
