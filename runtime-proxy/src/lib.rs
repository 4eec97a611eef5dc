//! The data plane: sidecar, ingress and egress gateway.
//!
//! ```text
//!  bytes ─▶ listener/ ─▶ tls/ ─▶ http/ ─▶ filter/ ─▶ cluster/ ─▶ bytes      one thread a core, nothing shared but
//!                                            │           │                  what is immutable or atomic
//!                                     engine::Program    │
//!                                            ▲           ▼
//!             control ─▶ agent/ ─▶ live.rs ──┘        world/                 one thread of their own
//! ```
//! - `drain.rs`: the order to end gracefully, which all threads share.
//! - `stream/`: a connection as bytes, plain or TLS; copies one to another.
//! - `listener/`: accepts, finds where a connection was going, sniffs what it speaks.
//! - `tls/`: the mesh's identities (SPIFFE), gateways' certificates, TLS towards the outside.
//! - `http/`: hyper's codecs, driven so that one poll of a connection is one write.
//! - `filter/`: what happens to a request, in order; decisions are the engine's.
//! - `limit/`: what limits of rates have counted.
//! - `cluster/`: which endpoint, over which connection: balancing, pools, limits, outlier detection.
//! - `agent/`: the stream to the control runtime, the store on disk, the trial of a snapshot.
//! - `live.rs`: the program in force, swapped whole.
//! - `world/`: endpoints, credentials, key sets: what streams in beside policy.
//! - `program/`: what a snapshot becomes here: the engine's program, clusters, gateways' certificates, key sets.
//! - `config.rs`, `proxy/`: how a proxy is set up, and the proxy as a whole: the threads, and how they end.
//! - `observe/`: metrics, access log, the admin port.

#![forbid(unsafe_code)]

// What tests share names the crate as they do that stand outside of it.
#[cfg(test)]
extern crate self as mesh_proxy;

pub mod drain;

pub mod listener;
pub mod stream;
pub mod tls;

pub mod http;

pub mod cluster;

mod filter;
mod limit;

/// What a proxy does to the headers of a request before anybody judges it.
pub mod entry {
    pub use crate::filter::metadata::{Origin, enter_edge, enter_inbound, enter_outbound};
    pub use crate::filter::target::{edge_scheme, mesh_scheme};
}

pub mod agent;
pub mod config;
pub mod live;
pub mod program;
pub mod proxy;
pub mod world;

pub mod observe;
