//! Who gets a proxy, and from whom.

pub(super) mod auto_image_without_injection;
mod conflicting_injection_labels;
pub(super) mod injected_by_default;
mod invalid_control_plane_address;
mod namespace_not_injected;
mod numeric_control_plane_address;
mod outdated_gateway_api;
mod outdated_proxy_image;
mod overlapping_webhooks;
pub(super) mod pod_without_proxy;
mod removed_definition;
pub(super) mod unknown_webhook_service;

use super::Rule;

pub(super) static RULES: &[Rule] = &[
    (&auto_image_without_injection::CHECK, auto_image_without_injection::run),
    (&conflicting_injection_labels::CHECK, conflicting_injection_labels::run),
    (&injected_by_default::CHECK, injected_by_default::run),
    (&invalid_control_plane_address::CHECK, invalid_control_plane_address::run),
    (&namespace_not_injected::CHECK, namespace_not_injected::run),
    (&numeric_control_plane_address::CHECK, numeric_control_plane_address::run),
    (&outdated_gateway_api::CHECK, outdated_gateway_api::run),
    (&outdated_proxy_image::CHECK, outdated_proxy_image::run),
    (&overlapping_webhooks::CHECK, overlapping_webhooks::run),
    (&pod_without_proxy::CHECK, pod_without_proxy::run),
    (&removed_definition::CHECK, removed_definition::run),
    (&unknown_webhook_service::CHECK, unknown_webhook_service::run),
];
