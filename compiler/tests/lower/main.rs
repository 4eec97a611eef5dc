//! What is compiled, built and decided: from YAML to the engine's answer.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says by panicking that something is wrong"
)]

mod support;

mod authorization;
mod bookinfo;
mod bundles;
mod egress;
mod envoy_filter;
mod gateway;
mod gateway_api;
mod ingress;
mod machine;
mod routing;
mod servable;
mod sidecar;
mod snapshot;
mod traffic_policy;
mod visibility;
