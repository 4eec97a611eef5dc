//! Whole proxies in one process, over real sockets: what clients see.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

#[path = "../transport/pki.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod pki;
#[path = "../transport/wire.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod wire;

mod support;

mod end_to_end;
