//! Rules that a resource breaks by itself: what Istio's webhook and the Gateway API's schemas refuse or warn about.
//!
//! One file a subject that several kinds share (hosts, ports, labels, expressions), and one file or folder a kind.
//! Every function takes a part of a typed resource and the [`At`](crate::diagnostic::At) that leads to it, and says what it finds at the smallest
//! token. A rule is here if one resource is enough to see that it is broken; the others are in `check`.
//!
//! Source: Istio, `pkg/config/validation`; Gateway API, the CEL rules of its resource definitions.

pub(super) mod address;
mod annotation;
mod cel;
mod checks;
#[cfg(test)]
mod definitions;
mod duration;
mod export_to;
mod expression;
pub(super) mod host;
mod label;
mod port;
mod selector;
mod share;

pub(super) mod authorization_policy;
pub(super) mod destination_rule;
pub(super) mod envoy_filter;
pub(super) mod gateway;
pub(super) mod gateway_api;
pub(super) mod header;
pub(super) mod kubernetes;
pub(super) mod mesh_config;
pub(super) mod mesh_networks;
pub(super) mod peer_authentication;
pub(super) mod project;
pub(super) mod proxy_config;
pub(super) mod request_authentication;
pub(super) mod service_entry;
pub(super) mod sidecar;
pub(super) mod status;
pub(super) mod telemetry;
pub(super) mod traffic_extension;
pub(super) mod virtual_service;
pub(super) mod wasm_plugin;
pub(super) mod workload_entry;
pub(super) mod workload_group;

/// What follows from a form that has a successor.
const DEPRECATED: &str =
    "it means the same as long as the old form is read, and nothing after that";

#[cfg(test)]
pub(super) use annotation::{ANNOTATIONS, LABELS, Line};
pub(super) use annotation::{is_read as is_read_annotation, is_tried};
pub use checks::CHECKS;
pub(super) use checks::DEPRECATED_FIELD;
