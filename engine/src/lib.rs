//! What a snapshot *means*: pure functions from a request to a decision.
//!
//! A [`Program`] is built once, from one slice, off the traffic's path; it never changes afterwards. All
//! that can be compiled, parsed, hashed or sorted is done then. Deciding a request allocates nothing, does
//! no I/O, reads no clock and rolls no dice: time and chance are arguments.
//!
//! The proxy on its hot path, `mesh request` and tests call the same functions, so what is shown is what is served.
//! Whoever wants to see why passes a [`Trace`].
//!
//! ```text
//!              connection            request
//! inbound   ─▶ Program::inbound   ─▶ Policy::authenticate ─▶ Policy::authorize ─▶ the workload
//! outbound  ─▶ Program::outbound  ─▶ Outbound::route ──────────────────────────▶ a Cluster
//! gateway   ─▶ Program::gateway   ─▶ authenticate ─▶ authorize ─▶ HttpServer::route ─▶ a Cluster
//! ```
//! Endpoints, certificates and pools are not here: a [`cluster::Cluster`] is where the engine ends and the world begins.

#![forbid(unsafe_code)]

pub mod program;

pub mod gateway;
pub mod inbound;
pub mod outbound;
pub mod policy;

pub mod filter;

pub mod cluster;
pub mod route;

pub mod byte;
pub mod client_address;
pub mod host;
pub mod identity;
pub mod path;
pub mod request;

mod address;
pub mod format;
pub mod pattern;

pub mod trace;

#[cfg(test)]
mod fixture;

pub use program::{BuildError, FEATURES, GATEWAY_ADDRESS, Limits, Program};
pub use request::{Connection, Request};
pub use trace::Trace;
