//! Routes, hosts and servers in each other's way.

mod closed_gateway_port;
mod conflicting_entry_protocols;
mod conflicting_hosts;
mod conflicting_route_kinds;
mod conflicting_servers;
mod duplicate_certificate;
mod duplicate_ingress_path;
mod endless_redirect;
pub(super) mod generated_gateway;
mod hidden_wildcard_route;
mod host_not_on_gateway;
mod http_route_on_tcp_server;
mod ignored_ingress_part;
mod ignored_source_match;
mod ineffective_mesh_parent;
mod match_never_holds;
mod misjoined_rewrite;
mod order_by_name;
mod overruled_destination_rule;
mod overruled_service_entry;
mod redirect_to_unserved_https;
mod repeated_match;
mod retries_past_timeout;
mod rival_service_entry;
mod shadowed_destination_rule;
pub(super) mod shadowed_route;
mod shadowed_stream_route;
mod shared_entry_address;
mod subset_bypassed_at_gateway;
pub(super) mod unattached_route;
pub(super) mod undeployed_gateway;
mod uneven_weights;
mod unreachable_route;
mod unrouted_ingress_tls;
mod unserved_backend;
mod unserved_backend_policy;
pub(super) mod unserved_gateway_host;
pub(super) mod unserved_ingress;
mod unserved_listener;
mod unserved_listener_set;
mod unserved_stream_route;
mod unserved_target;
pub(super) mod unserved_waypoint;
mod unused_delegate;
pub(super) mod unused_destination_rule;
mod unused_stream_route;

use super::Rule;

pub(super) static RULES: &[Rule] = &[
    (&unreachable_route::CHECK, unreachable_route::run),
    (&ineffective_mesh_parent::CHECK, ineffective_mesh_parent::run),
    (&match_never_holds::CHECK, match_never_holds::run),
    (&ignored_source_match::CHECK, ignored_source_match::run),
    (&unused_stream_route::CHECK, unused_stream_route::run),
    (&unused_delegate::CHECK, unused_delegate::run),
    (&shadowed_route::CHECK, shadowed_route::run),
    (&order_by_name::CHECK, order_by_name::run),
    (&repeated_match::CHECK, repeated_match::run),
    (&shadowed_stream_route::CHECK, shadowed_stream_route::run),
    (&overruled_destination_rule::CHECK, overruled_destination_rule::run),
    (&conflicting_hosts::CHECK, conflicting_hosts::run),
    (&conflicting_route_kinds::CHECK, conflicting_route_kinds::run),
    (&conflicting_servers::CHECK, conflicting_servers::run),
    (&host_not_on_gateway::CHECK, host_not_on_gateway::run),
    (&hidden_wildcard_route::CHECK, hidden_wildcard_route::run),
    (&http_route_on_tcp_server::CHECK, http_route_on_tcp_server::run),
    (&unserved_backend::CHECK, unserved_backend::run),
    (&unserved_backend_policy::CHECK, unserved_backend_policy::run),
    (&unserved_gateway_host::CHECK, unserved_gateway_host::run),
    (&unserved_listener::CHECK, unserved_listener::run),
    (&unserved_listener_set::CHECK, unserved_listener_set::run),
    (&unserved_stream_route::CHECK, unserved_stream_route::run),
    (&unserved_target::CHECK, unserved_target::run),
    (&unserved_waypoint::CHECK, unserved_waypoint::run),
    (&unattached_route::CHECK, unattached_route::run),
    (&undeployed_gateway::CHECK, undeployed_gateway::run),
    (&uneven_weights::CHECK, uneven_weights::run),
    (&closed_gateway_port::CHECK, closed_gateway_port::run),
    (&overruled_service_entry::CHECK, overruled_service_entry::run),
    (&rival_service_entry::CHECK, rival_service_entry::run),
    (&shared_entry_address::CHECK, shared_entry_address::run),
    (&conflicting_entry_protocols::CHECK, conflicting_entry_protocols::run),
    (&duplicate_certificate::CHECK, duplicate_certificate::run),
    (&unserved_ingress::CHECK, unserved_ingress::run),
    (&ignored_ingress_part::CHECK, ignored_ingress_part::run),
    (&duplicate_ingress_path::CHECK, duplicate_ingress_path::run),
    (&unrouted_ingress_tls::CHECK, unrouted_ingress_tls::run),
    (&generated_gateway::CHECK, generated_gateway::run),
    (&subset_bypassed_at_gateway::CHECK, subset_bypassed_at_gateway::run),
    (&misjoined_rewrite::CHECK, misjoined_rewrite::run),
    (&endless_redirect::CHECK, endless_redirect::run),
    (&redirect_to_unserved_https::CHECK, redirect_to_unserved_https::run),
    (&retries_past_timeout::CHECK, retries_past_timeout::run),
    (&shadowed_destination_rule::CHECK, shadowed_destination_rule::run),
    (&unused_destination_rule::CHECK, unused_destination_rule::run),
];
