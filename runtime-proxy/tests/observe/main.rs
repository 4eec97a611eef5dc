//! What is told of the traffic, as those see it who ask: Prometheus, readers of logs, the admin port.

#![deny(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod counter;
mod prometheus;
mod sample;

mod metrics;

mod log;

mod admin;

mod allocation;
