//! Policies that do something else than they say.

mod allow_by_exclusion;
pub(super) mod allow_only_for_monitoring;
mod allow_opens_everything;
pub(super) mod claim_route_without_authentication;
pub(super) mod closed_gateway;
mod conflicting_peer_authentications;
mod conflicting_telemetries;
mod covering;
pub(super) mod deny_by_identity;
mod deny_closes_tcp;
mod deny_overrules_allow;
pub(super) mod deny_without_authentication;
pub(super) mod deny_without_waypoint;
mod deprecated_provider;
pub(super) mod http_rule_on_tcp_port;
mod ineffective_selector;
mod literal_star;
mod moot_allow;
mod peer_address_behind_gateway;
pub(super) mod peer_authentication_at_gateway;
pub(super) mod policy_never_matches;
mod policy_without_proxy;
pub(super) mod refused_preflight;
pub(super) mod refused_probe;
mod repeated_issuer;
mod service_port_in_policy;
mod several_default_telemetries;
mod split_rule;
pub(super) mod telemetry_without_provider;
pub(super) mod unlisted_gateway;
mod unrestricted_jwks_fetch;

use super::Rule;

pub(super) static RULES: &[Rule] = &[
    (&policy_never_matches::CHECK, policy_never_matches::run),
    (&allow_opens_everything::CHECK, allow_opens_everything::run),
    (&split_rule::CHECK, split_rule::run),
    (&conflicting_peer_authentications::CHECK, conflicting_peer_authentications::run),
    (&http_rule_on_tcp_port::CHECK, http_rule_on_tcp_port::run),
    (&deny_by_identity::CHECK, deny_by_identity::run),
    (&deny_closes_tcp::CHECK, deny_closes_tcp::run),
    (&deny_overrules_allow::CHECK, deny_overrules_allow::run),
    (&deny_without_authentication::CHECK, deny_without_authentication::run),
    (&deny_without_waypoint::CHECK, deny_without_waypoint::run),
    (&service_port_in_policy::CHECK, service_port_in_policy::run),
    (&claim_route_without_authentication::CHECK, claim_route_without_authentication::run),
    (&repeated_issuer::CHECK, repeated_issuer::run),
    (&ineffective_selector::CHECK, ineffective_selector::run),
    (&unrestricted_jwks_fetch::CHECK, unrestricted_jwks_fetch::run),
    (&telemetry_without_provider::CHECK, telemetry_without_provider::run),
    (&conflicting_telemetries::CHECK, conflicting_telemetries::run),
    (&several_default_telemetries::CHECK, several_default_telemetries::run),
    (&deprecated_provider::CHECK, deprecated_provider::run),
    (&policy_without_proxy::CHECK, policy_without_proxy::run),
    (&refused_preflight::CHECK, refused_preflight::run),
    (&refused_probe::CHECK, refused_probe::run),
    (&allow_by_exclusion::CHECK, allow_by_exclusion::run),
    (&allow_only_for_monitoring::CHECK, allow_only_for_monitoring::run),
    (&closed_gateway::CHECK, closed_gateway::run),
    (&literal_star::CHECK, literal_star::run),
    (&moot_allow::CHECK, moot_allow::run),
    (&peer_address_behind_gateway::CHECK, peer_address_behind_gateway::run),
    (&peer_authentication_at_gateway::CHECK, peer_authentication_at_gateway::run),
    (&unlisted_gateway::CHECK, unlisted_gateway::run),
];
