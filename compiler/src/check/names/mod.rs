//! Names that lead nowhere.

mod assumed_inventory;
pub(super) mod expired_certificate;
mod foreign_key;
mod hidden_from_proxy;
mod host_within_wildcard;
pub(super) mod import_of_nothing;
mod missing_port;
pub(super) mod missing_reference_grant;
mod secret_without_certificate;
mod uncertified_host;
pub(super) mod undefined_alias;
pub(super) mod unknown_export_namespace;
pub(super) mod unknown_gateway;
pub(super) mod unknown_gateway_class;
pub(super) mod unknown_grant_namespace;
pub(super) mod unknown_host;
pub(super) mod unknown_policy_namespace;
pub(super) mod unknown_policy_port;
pub(super) mod unknown_port;
pub(super) mod unknown_provider;
pub(super) mod unknown_route_host;
pub(super) mod unknown_rule_host;
pub(super) mod unknown_secret;
pub(super) mod unknown_service_account;
pub(super) mod unknown_source_namespace;
pub(super) mod unknown_subset;
mod unreadable_certificate;
mod unseen_egress_proxy;
mod unserved_reference_grant;

use super::Rule;

pub(super) static RULES: &[Rule] = &[
    (&unknown_host::CHECK, unknown_host::run),
    (&host_within_wildcard::CHECK, host_within_wildcard::run),
    (&hidden_from_proxy::CHECK, hidden_from_proxy::run),
    (&undefined_alias::CHECK, undefined_alias::run),
    (&unknown_subset::CHECK, unknown_subset::run),
    (&unknown_port::CHECK, unknown_port::run),
    (&missing_port::CHECK, missing_port::run),
    (&unknown_provider::CHECK, unknown_provider::run),
    (&unknown_rule_host::CHECK, unknown_rule_host::run),
    (&unknown_route_host::CHECK, unknown_route_host::run),
    (&unknown_gateway::CHECK, unknown_gateway::run),
    (&unknown_gateway_class::CHECK, unknown_gateway_class::run),
    (&unknown_secret::CHECK, unknown_secret::run),
    (&unreadable_certificate::CHECK, unreadable_certificate::run),
    (&foreign_key::CHECK, foreign_key::run),
    (&uncertified_host::CHECK, uncertified_host::run),
    (&unknown_service_account::CHECK, unknown_service_account::run),
    (&missing_reference_grant::CHECK, missing_reference_grant::run),
    (&unserved_reference_grant::CHECK, unserved_reference_grant::run),
    (&assumed_inventory::CHECK, assumed_inventory::run),
    (&unknown_export_namespace::CHECK, unknown_export_namespace::run),
    (&unknown_grant_namespace::CHECK, unknown_grant_namespace::run),
    (&unknown_policy_namespace::CHECK, unknown_policy_namespace::run),
    (&unknown_policy_port::CHECK, unknown_policy_port::run),
    (&unknown_source_namespace::CHECK, unknown_source_namespace::run),
    (&import_of_nothing::CHECK, import_of_nothing::run),
    (&unseen_egress_proxy::CHECK, unseen_egress_proxy::run),
    (&secret_without_certificate::CHECK, secret_without_certificate::run),
];
