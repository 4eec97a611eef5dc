//! The transport over real loopback sockets: TLS, HTTP, pools, limits, drain.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod credulous;
mod pki;
mod wire;

mod mesh_tls;

mod edge_tls;

mod http;
mod http_limits;
mod http_raw;
mod late_reader;
mod stalled;
mod upgrade;

mod cluster;
