//! Whole proxies in one process, over real sockets: what clients see.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail the test")]

#[path = "../transport/credulous.rs"]
mod credulous;
#[path = "../transport/pki.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod pki;
#[path = "../transport/wire.rs"]
mod wire;

mod support;

mod end_to_end;
mod telemetry;

mod capture;
mod edge;
mod edge_bind;
mod edge_terms;
mod http1;
mod own_ports;
mod policy;
mod resilience;
mod routing;
mod steps;

mod alone;
mod drain;
