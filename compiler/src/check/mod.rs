//! Rules that hold between resources: what each of them says may be in order, and all of them together are not.
//!
//! One file a rule, named as the rule is, with its page beside it. A rule takes the resolved mesh and says what it finds,
//! with labels in every file that has a part in it. It reports what it can prove and nothing that may be right. It stays on
//! its thread: what it looks at elsewhere is not noted ([`crate::parts`]), and `--watch` would keep what it found for ever.
//!
//! What a repository does not hold may exist all the same. [`inventory`] decides what is known well enough that an
//! unknown name is a mistake; what is taken on trust instead is said once, by `assumed-inventory`.

mod apart;
mod asked;
mod asked_texts;
mod credential;
mod in_force;
mod inventory;
mod operation;
mod possible;
mod suggestion;
mod witness;

// Names that lead nowhere.
mod assumed_inventory;
mod expired_certificate;
mod foreign_key;
mod import_of_nothing;
mod missing_port;
mod missing_reference_grant;
mod secret_without_certificate;
mod uncertified_host;
mod unknown_export_namespace;
mod unknown_gateway;
mod unknown_grant_namespace;
mod unknown_host;
mod unknown_policy_port;
mod unknown_port;
mod unknown_provider;
mod unknown_route_host;
mod unknown_rule_host;
mod unknown_secret;
mod unknown_service_account;
mod unknown_source_namespace;
mod unknown_subset;
mod unreadable_certificate;
mod unseen_egress_proxy;

// Routes, hosts and servers in each other's way.
mod closed_gateway_port;
mod conflicting_entry_protocols;
mod conflicting_hosts;
mod conflicting_route_kinds;
mod conflicting_servers;
mod cover;
mod duplicate_certificate;
mod duplicate_ingress_path;
mod generated_gateway;
mod host_not_on_gateway;
mod http_places;
mod http_route_on_tcp_server;
mod ignored_ingress_part;
mod ignored_source_match;
mod ineffective_mesh_parent;
mod match_never_holds;
mod merged_routes;
mod misjoined_rewrite;
mod overruled_destination_rule;
mod overruled_service_entry;
mod repeated_match;
mod retries_past_timeout;
mod rival_service_entry;
mod shadowed_destination_rule;
mod shadowed_route;
mod shadowed_stream_route;
mod shared_entry_address;
mod subset_bypassed_at_gateway;
mod texts;
mod together;
mod tried;
mod unattached_route;
mod undeployed_gateway;
mod uneven_weights;
mod unreachable_route;
mod unrouted_ingress_tls;
mod unserved_backend_policy;
mod unserved_gateway_host;
mod unserved_ingress;
mod unserved_listener;
mod unserved_listener_set;
mod unserved_stream_route;
mod unserved_target;
mod unserved_waypoint;
mod unused_delegate;
mod unused_stream_route;

// What runs, against what is said of it.
mod alias_port_without_protocol;
mod http_route_on_tcp_port;
mod missing_entry_addresses;
mod mtls;
mod mtls_conflict;
mod port_with_two_protocols;
mod selection;
mod selector_in_root_namespace;
mod selector_without_workload;
mod shared_target_port;
mod subset_without_instances;
mod undeclared_protocol;
mod unverified_server;
mod unverified_server_on_port;

// How proxies are set up.
mod conflicting_sidecars;
mod deprecated_egress_proxy;
mod envoy_patch;
mod ignored_add;
mod ignored_remove;
mod ineffective_ingress_tls;
mod ineffective_sidecar;
mod overlap;
mod several_default_sidecars;
mod unknown_registry;
mod unmatched_patch;
mod unordered_patch;
mod unordered_patch_of_version;
mod unserved_extension;
mod unserved_patch;
mod unsupported_replace;

// Who gets a proxy, and from whom.
mod auto_image_without_injection;
mod conflicting_injection_labels;
mod control_plane_address;
mod injected_by_default;
mod injection;
mod invalid_control_plane_address;
mod namespace_not_injected;
mod numeric_control_plane_address;
mod outdated_gateway_api;
mod outdated_proxy_image;
mod overlapping_webhooks;
mod pod_without_proxy;
mod removed_definition;
mod unknown_webhook_service;
mod webhook;

// Policies that do something else than they say.
mod allow_by_exclusion;
mod allow_only_for_monitoring;
mod allow_opens_everything;
mod behind_gateway;
mod caller;
mod claim_route_without_authentication;
mod closed_gateway;
mod conflicting_peer_authentications;
mod conflicting_telemetries;
mod deny_closes_tcp;
mod deny_overrules_allow;
mod deny_without_waypoint;
mod deprecated_provider;
mod http_rule_on_tcp_port;
mod ineffective_selector;
mod literal_star;
mod moot_allow;
mod peer_address_behind_gateway;
mod policy_never_matches;
mod policy_without_proxy;
mod refused_probe;
mod repeated_issuer;
mod service_port_in_policy;
mod several_default_telemetries;
mod split_rule;
mod telemetry_without_provider;
mod unlisted_gateway;
mod unrestricted_jwks_fetch;

// What lets somebody in, or takes what is others'.
mod foreign_host;
mod greedy_service_entry;
mod inward_endpoint;
mod lost_port_settings;
mod lost_root_headers;
mod open_authorizer;
mod open_auto_passthrough;
mod open_credentials;
mod open_listener;
mod open_path_prefix;
mod optional_token;
mod retried_write;
mod selector_behind_waypoint;
mod tokenless_match;
mod uncaptured_port;
mod unnormalized_path;
mod untrusted_client_address;

mod unrendered;

#[cfg(test)]
mod tests;

pub use injection::{WithoutProxy, without_proxy};
pub(crate) use unrendered::hold_back;

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use self::apart::Walk;
use crate::diagnostic::{Check, Date, Diagnostic, Place};
use crate::parts::{Parts, reading};
use crate::resolve::Mesh;

/// A rule: what is known of it, and what looks for it.
type Rule = (&'static Check, fn(&Mesh<'_>, &mut Vec<Diagnostic>));

static RULES: &[Rule] = &[
    (&unknown_host::CHECK, unknown_host::run),
    (&unknown_subset::CHECK, unknown_subset::run),
    (&unknown_port::CHECK, unknown_port::run),
    (&missing_port::CHECK, missing_port::run),
    (&unknown_provider::CHECK, unknown_provider::run),
    (&unknown_rule_host::CHECK, unknown_rule_host::run),
    (&unknown_route_host::CHECK, unknown_route_host::run),
    (&unknown_gateway::CHECK, unknown_gateway::run),
    (&unknown_secret::CHECK, unknown_secret::run),
    (&unreadable_certificate::CHECK, unreadable_certificate::run),
    (&foreign_key::CHECK, foreign_key::run),
    (&open_listener::CHECK, open_listener::run),
    (&uncertified_host::CHECK, uncertified_host::run),
    (&unknown_service_account::CHECK, unknown_service_account::run),
    (&missing_reference_grant::CHECK, missing_reference_grant::run),
    (&assumed_inventory::CHECK, assumed_inventory::run),
    (&unreachable_route::CHECK, unreachable_route::run),
    (&unknown_export_namespace::CHECK, unknown_export_namespace::run),
    (&unknown_grant_namespace::CHECK, unknown_grant_namespace::run),
    (&unknown_policy_port::CHECK, unknown_policy_port::run),
    (&ineffective_mesh_parent::CHECK, ineffective_mesh_parent::run),
    (&match_never_holds::CHECK, match_never_holds::run),
    (&ignored_source_match::CHECK, ignored_source_match::run),
    (&unused_stream_route::CHECK, unused_stream_route::run),
    (&unused_delegate::CHECK, unused_delegate::run),
    (&shadowed_route::CHECK, shadowed_route::run),
    (&repeated_match::CHECK, repeated_match::run),
    (&shadowed_stream_route::CHECK, shadowed_stream_route::run),
    (&overruled_destination_rule::CHECK, overruled_destination_rule::run),
    (&conflicting_hosts::CHECK, conflicting_hosts::run),
    (&conflicting_route_kinds::CHECK, conflicting_route_kinds::run),
    (&conflicting_servers::CHECK, conflicting_servers::run),
    (&host_not_on_gateway::CHECK, host_not_on_gateway::run),
    (&http_route_on_tcp_server::CHECK, http_route_on_tcp_server::run),
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
    (&selector_in_root_namespace::CHECK, selector_in_root_namespace::run),
    (&selector_without_workload::CHECK, selector_without_workload::run),
    (&subset_without_instances::CHECK, subset_without_instances::run),
    (&mtls_conflict::CHECK, mtls_conflict::run),
    (&http_route_on_tcp_port::CHECK, http_route_on_tcp_port::run),
    (&undeclared_protocol::CHECK, undeclared_protocol::run),
    (&policy_never_matches::CHECK, policy_never_matches::run),
    (&allow_opens_everything::CHECK, allow_opens_everything::run),
    (&split_rule::CHECK, split_rule::run),
    (&conflicting_peer_authentications::CHECK, conflicting_peer_authentications::run),
    (&http_rule_on_tcp_port::CHECK, http_rule_on_tcp_port::run),
    (&deny_closes_tcp::CHECK, deny_closes_tcp::run),
    (&deny_overrules_allow::CHECK, deny_overrules_allow::run),
    (&deny_without_waypoint::CHECK, deny_without_waypoint::run),
    (&service_port_in_policy::CHECK, service_port_in_policy::run),
    (&unknown_source_namespace::CHECK, unknown_source_namespace::run),
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
    (&alias_port_without_protocol::CHECK, alias_port_without_protocol::run),
    (&missing_entry_addresses::CHECK, missing_entry_addresses::run),
    (&port_with_two_protocols::CHECK, port_with_two_protocols::run),
    (&shared_target_port::CHECK, shared_target_port::run),
    (&unverified_server::CHECK, unverified_server::run),
    (&unverified_server_on_port::CHECK, unverified_server_on_port::run),
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
    (&claim_route_without_authentication::CHECK, claim_route_without_authentication::run),
    (&repeated_issuer::CHECK, repeated_issuer::run),
    (&ineffective_selector::CHECK, ineffective_selector::run),
    (&unrestricted_jwks_fetch::CHECK, unrestricted_jwks_fetch::run),
    (&telemetry_without_provider::CHECK, telemetry_without_provider::run),
    (&conflicting_telemetries::CHECK, conflicting_telemetries::run),
    (&several_default_telemetries::CHECK, several_default_telemetries::run),
    (&conflicting_sidecars::CHECK, conflicting_sidecars::run),
    (&several_default_sidecars::CHECK, several_default_sidecars::run),
    (&ineffective_sidecar::CHECK, ineffective_sidecar::run),
    (&ineffective_ingress_tls::CHECK, ineffective_ingress_tls::run),
    (&unknown_registry::CHECK, unknown_registry::run),
    (&unmatched_patch::CHECK, unmatched_patch::run),
    (&unserved_patch::CHECK, unserved_patch::run),
    (&unserved_extension::CHECK, unserved_extension::run),
    (&ignored_add::CHECK, ignored_add::run),
    (&ignored_remove::CHECK, ignored_remove::run),
    (&unsupported_replace::CHECK, unsupported_replace::run),
    (&deprecated_egress_proxy::CHECK, deprecated_egress_proxy::run),
    (&deprecated_provider::CHECK, deprecated_provider::run),
    (&policy_without_proxy::CHECK, policy_without_proxy::run),
    (&unordered_patch::CHECK, unordered_patch::run),
    (&unordered_patch_of_version::CHECK, unordered_patch_of_version::run),
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
    (&inward_endpoint::CHECK, inward_endpoint::run),
    (&uncaptured_port::CHECK, uncaptured_port::run),
    (&selector_behind_waypoint::CHECK, selector_behind_waypoint::run),
    (&refused_probe::CHECK, refused_probe::run),
    (&import_of_nothing::CHECK, import_of_nothing::run),
    (&unseen_egress_proxy::CHECK, unseen_egress_proxy::run),
    (&secret_without_certificate::CHECK, secret_without_certificate::run),
    (&misjoined_rewrite::CHECK, misjoined_rewrite::run),
    (&retries_past_timeout::CHECK, retries_past_timeout::run),
    (&shadowed_destination_rule::CHECK, shadowed_destination_rule::run),
    (&allow_by_exclusion::CHECK, allow_by_exclusion::run),
    (&allow_only_for_monitoring::CHECK, allow_only_for_monitoring::run),
    (&closed_gateway::CHECK, closed_gateway::run),
    (&literal_star::CHECK, literal_star::run),
    (&moot_allow::CHECK, moot_allow::run),
    (&peer_address_behind_gateway::CHECK, peer_address_behind_gateway::run),
    (&unlisted_gateway::CHECK, unlisted_gateway::run),
];

/// The checks of this stage.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    RULES.iter().map(|(check, _)| *check).chain([&expired_certificate::CHECK])
}

/// Looks at a mesh by every rule. Where nobody knows what day it is, nothing has expired.
pub fn all(mesh: &Mesh<'_>, today: Option<Date>, out: &mut Vec<Diagnostic>) {
    let mut kept = Kept::once();
    kept.forget(Parts::ALL, today);
    kept.look(mesh);
    let found = kept.rules.into_iter().filter_map(|rule| rule.found);
    out.extend(found.flat_map(|found| found.diagnostics));
}

/// What the rules have found, and of which parts of a mesh.
#[derive(Default)]
pub(crate) struct Kept {
    today: Option<Date>,
    /// By rule, and behind them what has expired.
    rules: Vec<Known>,
    /// Nobody asks again.
    is_once: bool,
}

/// What one rule has found.
#[derive(Default)]
struct Known {
    /// Absent: it is to be looked for.
    found: Option<Found>,
    walks: Vec<Walk>,
    /// To look for it the last time.
    took: Duration,
}

struct Found {
    diagnostics: Vec<Diagnostic>,
    of: Parts,
}

impl Kept {
    /// For one look.
    pub(crate) fn once() -> Self {
        Self { is_once: true, ..Self::default() }
    }

    /// Forgets what may be otherwise now that this has changed. Whether anything is to be looked for.
    pub(crate) fn forget(&mut self, changed: Parts, today: Option<Date>) -> bool {
        // Some rules look at what is no part.
        if changed == Parts::ALL || self.today != today || self.rules.is_empty() {
            self.today = today;
            self.rules = (0..=RULES.len()).map(|_| Known::default()).collect();
        }
        for rule in &mut self.rules {
            rule.found.take_if(|it| it.of == Parts::ALL || it.of.meet(changed));
        }
        self.rules.iter().any(|rule| rule.found.is_none())
    }

    /// Looks for what is not known.
    pub(crate) fn look(&mut self, mesh: &Mesh<'_>) {
        let (today, is_once) = (self.today, self.is_once);
        let rules = self.rules.iter_mut().enumerate();
        let mut rules: Vec<_> = rules.filter(|(_, rule)| rule.found.is_none()).collect();
        // Some take a hundred times as long as others: what took long is begun first, and nobody takes several at once.
        rules.sort_by_key(|(_, rule)| Reverse(rule.took));
        rules.into_iter().par_bridge().for_each(|(place, rule)| {
            let start = Instant::now();
            let walks = (!is_once).then_some(&mut rule.walks);
            rule.found = Some(look(place, mesh, today, walks));
            rule.took = start.elapsed();
        });
    }

    /// All that was found, by rule.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Diagnostic> {
        self.rules.iter().filter_map(|it| it.found.as_ref()).flat_map(|it| &it.diagnostics)
    }
}

/// What a rule finds; where its walks are kept, they are replaced.
fn look(
    place: usize,
    mesh: &Mesh<'_>,
    today: Option<Date>,
    mut walks: Option<&mut Vec<Walk>>,
) -> Found {
    let mut diagnostics = Vec::new();
    let mut run = || match (RULES.get(place), today) {
        (Some((_, run)), _) => run(mesh, &mut diagnostics),
        (None, Some(today)) => expired_certificate::run(mesh, today, &mut diagnostics),
        (None, None) => {}
    };
    let ((), mut of) = reading(|| match &mut walks {
        Some(walks) => **walks = apart::keeping(&mesh.source.changed, std::mem::take(*walks), run),
        None => run(),
    });
    for found in &mut diagnostics {
        // Bytes of a file move without a change of what it says.
        found.each_place(|place| {
            if !matches!(place, Place::Field { .. }) {
                of = Parts::ALL;
            }
        });
    }
    if let Some(walks) = walks.filter(|_| of == Parts::ALL) {
        walks.clear();
    }
    Found { diagnostics, of }
}
