//! What lets somebody in, or takes what is others'.

mod foreign_host;
mod greedy_service_entry;
mod host_without_port;
mod inward_endpoint;
mod lost_port_settings;
mod lost_root_headers;
mod open_authorizer;
mod open_auto_passthrough;
mod open_credentials;
mod open_listener;
mod open_path_prefix;
mod open_principal;
pub(super) mod optional_certificate;
pub(super) mod optional_token;
mod plaintext_twin;
mod retried_write;
mod selector_behind_waypoint;
mod tokenless_match;
mod uncaptured_port;
pub(super) mod unnormalized_path;
pub(super) mod untrusted_client_address;

use super::Rule;

pub(super) static RULES: &[Rule] = &[
    (&open_listener::CHECK, open_listener::run),
    (&unnormalized_path::CHECK, unnormalized_path::run),
    (&open_path_prefix::CHECK, open_path_prefix::run),
    (&untrusted_client_address::CHECK, untrusted_client_address::run),
    (&tokenless_match::CHECK, tokenless_match::run),
    (&open_authorizer::CHECK, open_authorizer::run),
    (&optional_token::CHECK, optional_token::run),
    (&lost_port_settings::CHECK, lost_port_settings::run),
    (&lost_root_headers::CHECK, lost_root_headers::run),
    (&open_auto_passthrough::CHECK, open_auto_passthrough::run),
    (&foreign_host::CHECK, foreign_host::run),
    (&open_credentials::CHECK, open_credentials::run),
    (&retried_write::CHECK, retried_write::run),
    (&greedy_service_entry::CHECK, greedy_service_entry::run),
    (&host_without_port::CHECK, host_without_port::run),
    (&inward_endpoint::CHECK, inward_endpoint::run),
    (&uncaptured_port::CHECK, uncaptured_port::run),
    (&selector_behind_waypoint::CHECK, selector_behind_waypoint::run),
    (&open_principal::CHECK, open_principal::run),
    (&optional_certificate::CHECK, optional_certificate::run),
    (&plaintext_twin::CHECK, plaintext_twin::run),
];
