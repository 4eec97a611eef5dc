//! What runs, against what is said of it.

mod alias_port_without_protocol;
mod double_tls;
pub(super) mod entry_without_endpoints;
mod entry_without_ports;
mod http_route_on_tcp_port;
pub(super) mod missing_entry_addresses;
pub(super) mod mtls_conflict;
mod plaintext_to_tls_port;
mod port_with_two_protocols;
mod selector_in_root_namespace;
pub(super) mod selector_without_workload;
mod shared_target_port;
pub(super) mod subset_without_instances;
mod tls_to_plaintext_port;
mod undeclared_protocol;
mod unknown_target_port;
mod unverified_server;
mod unverified_server_on_port;

use super::Rule;

pub(super) static RULES: &[Rule] = &[
    (&selector_in_root_namespace::CHECK, selector_in_root_namespace::run),
    (&selector_without_workload::CHECK, selector_without_workload::run),
    (&subset_without_instances::CHECK, subset_without_instances::run),
    (&mtls_conflict::CHECK, mtls_conflict::run),
    (&http_route_on_tcp_port::CHECK, http_route_on_tcp_port::run),
    (&undeclared_protocol::CHECK, undeclared_protocol::run),
    (&alias_port_without_protocol::CHECK, alias_port_without_protocol::run),
    (&entry_without_endpoints::CHECK, entry_without_endpoints::run),
    (&entry_without_ports::CHECK, entry_without_ports::run),
    (&unknown_target_port::CHECK, unknown_target_port::run),
    (&missing_entry_addresses::CHECK, missing_entry_addresses::run),
    (&port_with_two_protocols::CHECK, port_with_two_protocols::run),
    (&shared_target_port::CHECK, shared_target_port::run),
    (&double_tls::CHECK, double_tls::run),
    (&plaintext_to_tls_port::CHECK, plaintext_to_tls_port::run),
    (&tls_to_plaintext_port::CHECK, tls_to_plaintext_port::run),
    (&unverified_server::CHECK, unverified_server::run),
    (&unverified_server_on_port::CHECK, unverified_server_on_port::run),
];
